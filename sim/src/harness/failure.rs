//! Reports and keeps a run that failed under `cargo test`.

use super::Trial;
use crate::capsule::{Capsule, Content};
use crate::engine::workload::TankFsm;
use crate::observe::report::{Report, Verdict};
use crate::observe::step_log::StepLog;
use crate::observe::trace::{Story, TextTrace, last_lines};
use crate::plan::Plan;
use crate::runner::Run;
use crate::shrink::{self, Failure};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, thread};

/// How many plans a shrink may try.
const TRIES: u64 = 2_000;

pub(super) fn is_failure(verdict: &Verdict) -> bool {
    Failure::of(verdict).is_some()
}

/// The name of the test that is running.
pub(super) fn name() -> String {
    thread::current().name().unwrap_or("a_test").to_owned()
}

/// Shrinks the failure, keeps it in a file, and panics with everything that is known about it.
#[track_caller]
pub(super) fn report_failure<F: TankFsm + 'static>(trial: &Trial<F>, plan: Plan) -> ! {
    let seed = plan.seed;
    let mut run = |plan| trial.run(plan, ());
    let shrunk = shrink::shrink(plan, &mut run, &mut |progress| progress.tries < TRIES);
    let shrunk = shrunk.expect("the run is deterministic, so it fails again");
    let (report, story, step_log) = rerun(trial, &shrunk.plan);
    let content = Content::Plan { scenario: report.scenario.clone(), plan: shrunk.plan.clone() };
    let capsule = Capsule::of(content, &report, step_log);
    let mut text = report.verdict.to_string();
    let _ = write!(text, "\n\nfound under seed {seed}: {}\nshrunk to      {}\n", shrunk.before, shrunk.after);
    let _ = write!(text, "\n{story}\n{}\n", shrink::source(&shrunk.plan));
    let path = path(seed);
    match keep(&capsule, &path) {
        Ok(()) => {
            let _ = write!(text, "replay  WAVETANK_CAPSULE={} {}", path.display(), command());
        }
        Err(error) => {
            let _ = writeln!(text, "cannot write `{}`: {error}", path.display());
            let _ = write!(text, "replay  WAVETANK_SEED={seed} {}", command());
        }
    }
    panic!("{text}")
}

/// Replays a kept run, and panics if it still fails.
#[track_caller]
pub(super) fn replay_capsule<F: TankFsm + 'static>(trial: &Trial<F>, plan: &Plan, capsule: &Capsule) {
    let (report, story, step_log) = rerun(trial, plan);
    let difference = capsule.difference(&report, &step_log);
    let difference = difference.map_or_else(
        || "the run is identical to the recorded one".to_owned(),
        |what| format!("the run differs from the recorded one: {what}"),
    );
    assert!(!is_failure(&report.verdict), "{}\n\n{story}\n{difference}", report.verdict);
}

fn rerun<F: TankFsm + 'static>(trial: &Trial<F>, plan: &Plan) -> (Report, String, StepLog) {
    let trace = (Story::new(plan.server_count()), StepLog::default());
    let Run { report, trace, .. } = trial.run(plan.clone(), Some(trace));
    let (story, step_log) =
        trace.map(|(mut story, step_log)| (end_of(&story.take()), step_log)).unwrap_or_default();
    (report, story, step_log)
}

/// The header line with the names of the columns, and the last lines of the story.
fn end_of(story: &str) -> String {
    let (left_out, lines) = last_lines(story);
    let head = story.lines().next().filter(|_| 0 < left_out);
    head.into_iter().chain(lines).fold(String::new(), |text, line| text + line + "\n")
}

fn keep(capsule: &Capsule, path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, capsule.text())
}

/// The path of the capsule, under the target directory of the test.
fn path(seed: u64) -> PathBuf {
    let exe = env::current_exe().unwrap_or_default();
    let target =
        exe.ancestors().find(|folder| folder.ends_with("target")).unwrap_or_else(|| Path::new("target"));
    let name: String =
        name().chars().map(|character| if character.is_alphanumeric() { character } else { '_' }).collect();
    target.join("wavetank").join(format!("{name}-{seed}.json"))
}

/// The command that runs this test alone.
fn command() -> String {
    match name().as_str() {
        // Not a test, but a program of its own.
        "main" => env::current_exe().unwrap_or_default().display().to_string(),
        name => format!("cargo test {name}"),
    }
}
