//! Runs in capsules: a capsule is written, replayed, compared and viewed, and a malformed one is refused.

use std::fs;
use std::path::{Path, PathBuf};
use wavetank_scenarios::cli::{Streams, main_with};
use wavetank_scenarios::registry::{self, ALL};
use wavetank_scenarios::{Trace, TraceForm};
use wavetank_sim::capsule::{Capsule, FORMAT};

#[test]
fn a_run_that_is_kept_is_repeated() {
    let file = kept("repeated.json", "storm --seed 3");
    let said = wavetank(&["replay", &name(&file), "--trace", "none"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.ends_with("capsule  the same steps, digest and verdict\n"), "{}", said.out);

    let story = kept("story.json", "figure_8 --seed 3");
    let said = wavetank(&["replay", &name(&story)]);
    assert!(said.out.ends_with("capsule  the same steps, digest and verdict\n"), "{}", said.out);
}

/// The steps come from the run itself, and not from the file that was written about it.
#[test]
fn a_run_that_is_kept_has_the_steps_that_were_recorded() {
    for (run, name) in [("storm --seed 3", "storm"), ("figure_8 --seed 3", "figure_8")] {
        let file = kept(&format!("steps-{name}.json"), run);
        let text = fs::read_to_string(&file).expect("the file was just written");
        let capsule = Capsule::parse(&text).expect("the file is a capsule");
        let scenario = ALL.iter().find(|scenario| scenario.name == name).expect("the scenario exists");
        let plan = registry::plan_of(scenario, 3);
        let trace = Trace::new(TraceForm::Story.text(plan.server_count())).with_step_log();
        let (story, step_log) = registry::run_plan(scenario, plan, trace).trace.into_parts();
        assert!(10 < story.lines().count() && 100 < step_log.records().len(), "{story}");
        assert_eq!(step_log, capsule.step_log);
    }
}

#[test]
fn a_replay_reports_its_first_difference_to_the_capsule() {
    let file = kept("parts.json", "storm --seed 4");
    let text = fs::read_to_string(&file).expect("the file was just written");
    let capsule = Capsule::parse(&text).expect("the file is a capsule");
    let record = capsule.step_log.records().iter().find(|record| record.state.term.0 == 3);
    let record = record.expect("a storm has a third term");
    // The file looks as if an older build had written it, in which that server came to another term.
    let step_log = text.lines().skip_while(|line| !line.trim().starts_with("\"a1+"));
    let mut words = step_log.flat_map(|line| line.trim().split(' '));
    let word =
        words.find(|word| word.contains('F') || word.contains('P')).expect("some step changes the role");
    let (event, standing) =
        word.split_at(word.find(['F', 'P', 'C', 'L']).expect("some step changes the role"));
    let other = format!("{event}{}9{}", &standing[..1], &standing[1..]);
    fs::write(&file, text.replacen(word, &other, 1)).expect("the file can be written");

    let said = wavetank(&["replay", &name(&file), "--trace", "none"]);
    assert!(said.out.contains("capsule  differs: step "), "{}", said.out);
    assert!(said.out.contains("term is t9"), "{}", said.out);
    assert!(said.out.contains("written by build 0."), "{}", said.out);

    let diff = wavetank(&["diff", &name(&file), "storm:4"]);
    assert!(diff.out.contains("differ ") && diff.out.contains("term is t9"), "{}", diff.out);
    let step = record.step.to_string();
    let until = wavetank(&["replay", "storm:4", "--until", &step, "--trace", "full"]);
    assert!(until.out.contains(&format!(", {}, commit", record.state.term)) || until.out.contains("t3"));
    assert!(until.out.contains(&format!("up to step {step}\n")), "{}", until.out);
}

#[test]
fn bad_capsules_get_one_line_and_status_1() {
    let file = kept("bad.json", "storm --seed 5");
    let text = fs::read_to_string(&file).expect("the file was just written");
    let edit = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let servers =
        text.lines().find(|line| line.contains("\"servers\"")).expect("the plan has the number of servers");
    for (text, hint) in [
        (text[..text.len() / 2].to_owned(), "truncated"),
        (String::new(), "truncated"),
        ("no capsule".to_owned(), "expected"),
        ("{}".to_owned(), "format"),
        (
            edit(&format!("\"format\": {FORMAT}"), "\"format\": 0"),
            "format is 0, but this build reads only format 2: make the capsule again with `run storm --seed 5 --capsule FILE`",
        ),
        (edit(&format!("\"format\": {FORMAT}"), "\"format\": 99"), "format is 99"),
        (edit("\"seed\": 5,\n  \"build\"", "\"build\""), "and not both groups"),
        (edit("\"scenario\": \"storm\"", "\"scenario\": \"strom\""), "the nearest name is `storm`"),
        (edit("\"seed\": 5", "\"seed\": 6"), "the field `seed` is 6"),
        (edit("\"scenario\": \"storm\"", "\"scenario\": \"figure_8\""), "but figure_8 has 5 and 0"),
        (edit(servers, "    \"servers\": 0,"), "servers must be at least 1"),
        (edit(servers, "    \"servers\": -3,"), "integer `-3`"),
        (edit(servers, "    \"servers\": 3, \"weather\": 1,"), "unknown field `weather`"),
        (edit("\"digest\": \"", "\"digest\": \"x"), "a hexadecimal number"),
        (edit("\"c1+", "\"?1+"), "is not a step"),
    ] {
        fs::write(&file, text).expect("the file can be written");
        for command in ["replay", "why"] {
            let said = wavetank(&[command, &name(&file)]);
            assert_eq!((said.code, said.out.as_str()), (1, ""), "{hint}: {}", said.err);
            assert_eq!(said.err.lines().count(), 1, "{hint}: {}", said.err);
            assert!(said.err.starts_with("error: ") && said.err.contains(hint), "{hint}: {}", said.err);
        }
    }
}

#[test]
fn a_run_that_held_neither_shrinks_nor_has_a_reason() {
    let file = scratch("small.json");
    let said = wavetank(&["shrink", "storm:1", "-o", &name(&file)]);
    assert_eq!((said.code, said.err.as_str()), (1, "error: storm:1 does not fail\n"));
    assert!(!file.exists());
    let said = wavetank(&["shrink", "figure_8:1", "-o", &name(&file)]);
    assert!(said.code == 1 && said.err.contains("only storms can be shrunk"), "{}", said.err);
    let said = wavetank(&["why", "storm:1"]);
    assert!(said.code == 1 && said.err.contains("--step"), "{}", said.err);
}

#[test]
fn a_diff_shows_the_first_difference_and_none_for_equal_runs() {
    let said = wavetank(&["diff", "storm:1", "storm:2"]);
    assert!(said.code == 0 && said.out.contains("differ   after "), "{}", said.out);
    let said = wavetank(&["diff", "storm:1", "storm:1"]);
    assert!(said.out.ends_with("identical, step by step\n"), "{}", said.out);
}

#[test]
fn why_prints_only_the_causes() {
    let said = wavetank(&["why", "storm:1", "--step", "900"]);
    assert!(said.out.contains(" earlier steps; "), "{}", said.out);
    let told = said.out.lines().filter(|line| line.contains(" n1 ") || line.contains(" n2 ")).count();
    assert!(3 < told && told < 200, "{}", said.out);
    let step =
        said.out.lines().find(|line| line.contains(" call     r")).expect("a client's request led here");
    let client =
        step.split_once(" of c").and_then(|(_, rest)| rest.split(' ').next()).expect("a client sent it");
    assert!(said.out.contains(&format!(" ask      c{client} #")), "{}", said.out);
}

#[test]
fn a_page_does_not_replace_its_input() {
    let file = scratch("input.json");
    let said = wavetank(&["run", "storm", "--seed", "3", "--trace", "none", "--capsule", &name(&file)]);
    assert_eq!(said.code, 0, "{}", said.err);
    let before = fs::read(&file).expect("the capsule was just written");
    let said = wavetank(&["view", &name(&file), "-o", &name(&file)]);
    assert!(
        said.code == 1 && said.err.ends_with("this file is the input of the command; choose another file\n"),
        "{}",
        said.err
    );
    assert!(fs::read(&file).expect("the capsule is still there") == before);
    fs::remove_file(&file).expect("the file exists");
}

#[test]
fn why_says_that_no_server_took_the_step() {
    let note = |step| {
        format!(
            "step {step} is not a step of a server: the text is about the last step of a server before step {step}\n"
        )
    };
    let is_noted =
        |step: u64| wavetank(&["why", "storm:1", "--step", &step.to_string()]).err.ends_with(&note(step));
    let said: Vec<_> = (100..200).map(is_noted).collect();
    assert!(said.contains(&true) && said.contains(&false), "{said:?}");
}

#[test]
fn a_page_is_whole() {
    let file = scratch("page.html");
    let said = wavetank(&["view", "figure_8:1", "-o", &name(&file)]);
    assert_eq!(said.code, 0, "{}", said.err);
    let page = fs::read_to_string(&file).expect("the file was just written");
    fs::remove_file(&file).expect("the file exists");
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    assert!(!page.contains("{{") && page.contains("\"servers\":5"));
    for outside in ["http://", "https://", "src=", "@import", "fetch("] {
        assert!(!page.contains(outside), "{outside}");
    }
}

struct Said {
    code: u8,
    out: String,
    err: String,
}

fn wavetank(words: &[&str]) -> Said {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once("wavetank").chain(words.iter().copied());
    let mut streams =
        Streams { out: &mut out, err: &mut err, out_is_terminal: false, err_is_terminal: false };
    let code = main_with(&ALL, args, &mut streams);
    let text = |bytes| String::from_utf8(bytes).expect("the command writes text");
    Said { code, out: text(out), err: text(err) }
}

/// Writes the capsule of a run to a file that only this test uses.
fn kept(file: &str, run: &str) -> PathBuf {
    let place = scratch(file);
    let file = name(&place);
    let words = ["run"].into_iter().chain(run.split(' ')).chain(["--trace", "none", "--capsule", &file]);
    let said = wavetank(&words.collect::<Vec<_>>());
    assert_eq!(said.code, 0, "{}", said.err);
    place
}

fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("wavetank-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("there is room for files");
    folder.join(name)
}

fn name(place: &Path) -> String {
    place.display().to_string()
}
