//! The patches of planted bugs. They apply, and their heads name judges and stories that exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use wavetank_exam::{Bug, Within};
use wavetank_scenarios::registry;
use wavetank_sim::clients::kv::judges::{ClientJudges, Promises};
use wavetank_sim::{Judges, Options};

/// Verdict names that are not checks.
const OTHERS: [&str; 5] = ["agreement", "panic", "hang", "story_goes_on", "story_is_true"];

#[test]
fn there_are_a_hundred_bugs_with_different_descriptions() {
    let bugs = bugs();
    assert!(100 <= bugs.len(), "there are only {} bugs", bugs.len());
    let descriptions: BTreeSet<&str> = bugs.iter().map(|bug| bug.plants.as_str()).collect();
    assert_eq!(descriptions.len(), bugs.len());
}

#[test]
fn every_bug_can_still_be_planted() {
    for bug in bugs() {
        let mut git = Command::new("git");
        let output = git.current_dir(root()).args(["apply", "--check"]).arg(&bug.file).output();
        let output = output.expect("the workspace is a git repository, so git is installed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} no longer applies:\n{said}", bug.name);
    }
}

#[test]
fn every_bug_names_judges_and_stories_that_exist() {
    let mut known: BTreeSet<String> =
        Judges::names(&Options::default()).into_iter().map(String::from).collect();
    known.extend(ClientJudges::new(Promises { leases_hold: true }).witnessed().into_keys());
    known.extend(OTHERS.map(String::from));
    for bug in bugs() {
        for judge in &bug.judges {
            assert!(known.contains(judge), "{}: there is no judge `{judge}`", bug.name);
        }
        if let Within::Story(story) = &bug.within {
            assert!(registry::ALL.iter().any(|known| known.name == story), "{}: no `{story}`", bug.name);
        }
    }
}

#[test]
fn bugs_of_other_libraries_are_planted_here() {
    let known: BTreeSet<String> = bugs().into_iter().map(|bug| bug.name).collect();
    let table = std::fs::read_to_string(root().join("tests/exam/UPSTREAM.md")).expect("the file exists");
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let planted: Vec<&str> = rows.filter_map(|row| row.split('|').nth(3)).map(str::trim).collect();
    assert!(25 <= planted.len(), "there are only {} bugs", planted.len());
    for name in planted {
        assert!(known.contains(name), "there is no bug `{name}`");
    }
}

fn bugs() -> Vec<Bug> {
    Bug::all_in(&root().join("tests/exam/patches")).unwrap_or_else(|why| panic!("{why}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
