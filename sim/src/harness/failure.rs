//! What is said and kept of a run that failed under `cargo test`.

use super::Trial;
use crate::capsule::Capsule;
use crate::plan::Plan;
use crate::report::{Report, Verdict};
use crate::runner::Run;
use crate::shrink::{self, Failure};
use crate::step_log::{StepLog, StepLogWriter};
use crate::trace::Story;
use crate::workload::TankFsm;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, thread};

/// How many plans are tried to find a smaller one.
const TRIES: u64 = 2_000;

/// How many lines of a story are told.
const LINES: usize = 60;

pub(super) fn is_one(verdict: &Verdict) -> bool {
    Failure::of(verdict).is_some()
}

/// The name of the test that is running.
pub(super) fn name() -> String {
    thread::current().name().unwrap_or("a_test").to_owned()
}

/// Makes the failure small, keeps it, and tells everything.
#[track_caller]
pub(super) fn tell<F: TankFsm + 'static>(trial: &Trial<F>, plan: Plan) -> ! {
    let seed = plan.seed;
    let mut run = |plan| trial.run(plan, ());
    let shrunk = shrink::shrink(plan, &mut run, &mut |progress| progress.tries < TRIES);
    let shrunk = shrunk.expect("it has failed, and does so again");
    let (report, story, step_log) = rerun(trial, &shrunk.plan);
    let capsule = Capsule::of(&report, shrunk.plan.clone(), step_log);
    let mut text = words(&report.verdict);
    let _ = write!(text, "\n\nfound under seed {seed}: {}\nshrunk to      {}\n", shrunk.before, shrunk.after);
    let _ = write!(text, "\n{story}\n{}\n", shrink::source(&shrunk.plan));
    let place = place(seed);
    match keep(&capsule, &place) {
        Ok(()) => {
            let _ = write!(text, "replay  WAVETANK_CAPSULE={} {}", place.display(), command());
        }
        Err(error) => {
            let _ = writeln!(text, "cannot write `{}`: {error}", place.display());
            let _ = write!(text, "replay  WAVETANK_SEED={seed} {}", command());
        }
    }
    panic!("{text}")
}

/// Runs what was kept, and tells how it goes now.
#[track_caller]
pub(super) fn repeat<F: TankFsm + 'static>(trial: &Trial<F>, capsule: &Capsule) {
    let (report, story, step_log) = rerun(trial, &capsule.plan);
    let difference = capsule.account().difference(&report, &step_log);
    let difference = difference.map_or_else(
        || "the run is the one that was kept".to_owned(),
        |what| format!("the run differs from the one that was kept: {what}"),
    );
    assert!(!is_one(&report.verdict), "{}\n\n{story}\n{difference}", words(&report.verdict));
}

fn rerun<F: TankFsm + 'static>(trial: &Trial<F>, plan: &Plan) -> (Report, String, StepLog) {
    let watch = (Story::new(plan.slots()), StepLogWriter::default());
    let Run { report, trace: (story, mut recorder), .. } = trial.run(plan.clone(), watch);
    (report, end_of(story.as_str()), recorder.take())
}

/// The first line, which names the columns, and as many of the last as may help.
fn end_of(story: &str) -> String {
    let lines: Vec<&str> = story.lines().collect();
    let left_out = lines.len().saturating_sub(LINES + 1);
    let (head, rest) = lines.split_at(1.min(lines.len()));
    let told = head.iter().chain(&rest[left_out.min(rest.len())..]);
    told.fold(String::new(), |text, line| text + line + "\n")
}

pub(super) fn words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Violated(violation) => violation.to_string(),
        Verdict::Panicked(words) => format!("panicked: {words}"),
        Verdict::Held => "held".to_owned(),
        Verdict::Vacuous(checks) => format!("vacuous: {}", checks.join(", ")),
    }
}

fn keep(capsule: &Capsule, place: &Path) -> std::io::Result<()> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(place, capsule.text())
}

/// Under the target directory that the test was built in.
fn place(seed: u64) -> PathBuf {
    let exe = env::current_exe().unwrap_or_default();
    let target =
        exe.ancestors().find(|folder| folder.ends_with("target")).unwrap_or_else(|| Path::new("target"));
    let name: String =
        name().chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).collect();
    target.join("wavetank").join(format!("{name}-{seed}.json"))
}

/// What runs this test alone.
fn command() -> String {
    match name().as_str() {
        // Not a test: a program of its own.
        "main" => env::current_exe().unwrap_or_default().display().to_string(),
        name => format!("cargo test {name}"),
    }
}
