//! The blessed trace of every story under one seed: elections, commits and refusals. A change of
//! behaviour shows as a diff; read it, then bless it with `INSTA_UPDATE=always`.

use std::fs;
use std::path::Path;
use wavetank_scenarios::registry::{self, ALL, Play};
use wavetank_scenarios::{Scenario, TraceForm};
use wavetank_sim::observe::trace::WHEN_WIDTH;

const SEED: u64 = 1;

#[test]
fn every_story_is_as_it_was_blessed() {
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path("stories");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for scenario in stories() {
            let (report, story) = registry::run(scenario, SEED, TraceForm::Story);
            let (story, verdict) = (without_times(&story), format!("{:?}", report.verdict));
            insta::assert_snapshot!(
                scenario.name,
                format!("{}\n\n{story}\n{verdict}", wrapped(scenario.summary))
            );
        }
    });
}

#[test]
fn every_blessed_story_still_exists() {
    let blessed = fs::read_dir(here().join("it/stories")).expect("the folder of the stories exists");
    for file in blessed.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        let name = file.strip_suffix(".snap").unwrap_or_else(|| panic!("`{file}` is not a file of a story"));
        assert!(stories().any(|scenario| scenario.name == name), "the story `{name}` no longer exists");
    }
}

#[test]
fn names_are_unique() {
    let mut names: Vec<&str> = ALL.iter().map(|scenario| scenario.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
}

fn stories() -> impl Iterator<Item = &'static Scenario> {
    ALL.iter().filter(|scenario| matches!(scenario.play, Play::Story(_)))
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A blessed story has no steps and no times, because they change with every delay.
fn without_times(story: &str) -> String {
    story.lines().map(|line| format!("{}\n", &line[WHEN_WIDTH..])).collect()
}

fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("the text has a line");
        if !line.is_empty() && 90 < line.len() + word.len() {
            lines.push(word.to_owned());
        } else {
            let space = if line.is_empty() { "" } else { " " };
            *line += &format!("{space}{word}");
        }
    }
    lines.join("\n")
}
