//! Reports a run that failed under `cargo test`, and writes the capsule of the run to a file.

use super::bounds::print;
use super::{CapsuleFolder, RunnableStorm};
use crate::capsule::{Capsule, Content};
use crate::observe::report::{Report, Verdict};
use crate::observe::step_log::StepLog;
use crate::observe::trace::{Story, TextTrace, last_of_lines};
use crate::plan::Plan;
use crate::runner::Run;
use crate::schedule::EventOrder;
use crate::shrink::{self, Failure, ShrinkProgress, Shrunk};
use std::cell::Cell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, thread};

/// The maximum number of plans that a shrink tries.
const TRIES_MAX: u64 = 2_000;

/// The maximum number of events in all runs of a shrink together.
const EVENTS_MAX: u64 = 50_000_000;

pub(super) fn is_failure(verdict: &Verdict) -> bool {
    Failure::of(verdict).is_some()
}

/// Returns the name of the test that is running.
pub(super) fn name() -> String {
    thread::current().name().unwrap_or("a_test").to_owned()
}

/// Returns the name of the test, the seed of the run, and the command that repeats the run.
pub(super) fn about(seed: u64) -> String {
    format!("{}, seed {seed}\n{}", name(), replay(seed))
}

/// Returns the name of the test, and a plan that is not the plan of a seed.
pub(super) fn about_plan(plan: &Plan) -> String {
    format!("{}, seed {}\n{}", name(), plan.seed, shrink::source(plan))
}

fn replay(seed: u64) -> String {
    format!("replay  WAVETANK_SEED={seed} {}", command())
}

/// Panics because the code that creates a storm panicked. `message` is the message of that panic.
#[track_caller]
pub(super) fn report_panic(seed: u64, message: &str) -> ! {
    let verdict = Verdict::Panicked(message.to_owned());
    panic!("{verdict}\n\nThe code that creates the storm of seed {seed} panicked.\n{}", replay(seed))
}

/// Prints the failure immediately. Then shrinks the plan, writes the capsule to a file, and panics with the
/// violation, the shrunk plan and the replay command.
#[track_caller]
pub(super) fn report_failure(trial: &dyn RunnableStorm, seed: u64, first: &Verdict) -> ! {
    print(&format!(
        "{first}\nfailed run: {}\nThe plan is being shrunk now, in up to {TRIES_MAX} runs.",
        about(seed)
    ));
    let Some((shrunk, report, story, step_log)) = shrink(trial, seed) else {
        panic!(
            "{first}\n\nThe first run of seed {seed} failed, but the second run did not fail: \
             the state machine or the clients do not depend on the seed alone.\n{}",
            replay(seed),
        )
    };
    let content = Content::Plan { scenario: report.scenario.clone(), plan: shrunk.plan.clone() };
    let capsule = Capsule::of(content, &report, step_log);
    let mut text = report.verdict.to_string();
    let _ =
        write!(text, "\n\nfailed plan    seed {seed}: {}\nshrunk to      {}\n", shrunk.before, shrunk.after);
    if Failure::of(first).as_ref() != Some(&shrunk.failure) {
        let _ = writeln!(text, "the first run of the seed failed in another way: {first}");
    }
    let folder = trial.capsules();
    let path = match &folder {
        CapsuleFolder::Target(folder) => {
            let _ = write!(text, "\n{story}\n{}\n", shrink::source(&shrunk.plan));
            folder.join(file_name(seed))
        }
        CapsuleFolder::Committed(folder) => {
            let _ = write!(text, "\n{story}\n");
            folder.join(file_name(seed))
        }
    };
    match keep(&capsule, &path) {
        Ok(()) => {
            if matches!(folder, CapsuleFolder::Committed(_)) {
                text += "The capsule is in the file below. Commit this file: the test replays it first.\n";
            }
            let _ = write!(text, "replay  WAVETANK_CAPSULE={} {}", path.display(), command());
        }
        Err(error) => {
            let _ = writeln!(text, "cannot write `{}`: {error}", path.display());
            text += &replay(seed);
        }
    }
    panic!("{text}")
}

/// Shrinks the plan of a seed, and runs the smallest plan again for its trace. Returns `None` if the first
/// plan does not fail again, or if the smallest plan does not fail in the last run. The text is the end of
/// the story of the last run.
fn shrink(trial: &dyn RunnableStorm, seed: u64) -> Option<(Shrunk, Report, String, StepLog)> {
    let events = Cell::new(0);
    let mut run = |plan: Plan| {
        let about = match &plan.order {
            EventOrder::Scheduled(_, elements) | EventOrder::HealedAfter(_, elements) => {
                format!("a schedule of {} elements in the shrink of {}", elements.len(), about(seed))
            }
            EventOrder::Drawn | EventOrder::Recorded | EventOrder::Branched { .. } => {
                format!("a smaller plan in the shrink of {}\n{}", about(seed), shrink::source(&plan))
            }
        };
        let run = trial.run_watched(plan, about);
        events.set(events.get() + run.report.events);
        run
    };
    let mut go_on = |progress: &ShrinkProgress<'_>| progress.tries < TRIES_MAX && events.get() < EVENTS_MAX;
    let shrunk = shrink::shrink(trial.plan().clone(), &mut run, &mut go_on)?;
    let (report, story, step_log) = rerun(trial, &shrunk.plan);
    is_failure(&report.verdict).then_some((shrunk, report, story, step_log))
}

/// Replays a recorded run, and panics if the run still fails.
#[track_caller]
pub(super) fn replay_capsule(trial: &dyn RunnableStorm, plan: &Plan, capsule: &Capsule, path: &str) {
    let (report, story, step_log) = rerun(trial, plan);
    let difference = capsule.difference(&report, &step_log);
    let difference = difference.map_or_else(
        || "the run is identical to the recorded run".to_owned(),
        |what| format!("the run differs from the recorded run: {what}"),
    );
    assert!(
        !is_failure(&report.verdict),
        "{}\n\n{story}\n{difference}\nreplay  WAVETANK_CAPSULE={path} {}",
        report.verdict,
        command(),
    );
}

fn rerun(trial: &dyn RunnableStorm, plan: &Plan) -> (Report, String, StepLog) {
    let trace = (Story::new(plan.server_count()).with_commands(trial.commands()), StepLog::default());
    let Run { report, trace, .. } = trial.run_traced(plan.clone(), trace, about_plan(plan));
    let lines = match trial.capsules() {
        CapsuleFolder::Target(_) => 60,
        // The whole report of a typed state machine fits on one screen.
        CapsuleFolder::Committed(_) => 30,
    };
    let (story, step_log) =
        trace.map(|(mut story, step_log)| (end_of(&story.take(), lines), step_log)).unwrap_or_default();
    (report, story, step_log)
}

/// Returns at most `most` last lines of the story. If earlier lines are left out, the header line with the
/// names of the columns comes first.
fn end_of(story: &str, most: usize) -> String {
    let (left_out, lines) = last_of_lines(story, most);
    let head = story.lines().next().filter(|_| 0 < left_out);
    head.into_iter().chain(lines).fold(String::new(), |text, line| text + line + "\n")
}

fn keep(capsule: &Capsule, path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, capsule.text())
}

/// Returns the target directory.
pub(super) fn target() -> PathBuf {
    let exe = env::current_exe().unwrap_or_default();
    let target = exe.ancestors().find(|folder| folder.ends_with("target"));
    target.unwrap_or_else(|| Path::new("target")).to_owned()
}

/// Returns the beginning of the file names of this test's capsules.
pub(super) fn file_prefix() -> String {
    name().chars().map(|character| if character.is_alphanumeric() { character } else { '_' }).collect()
}

fn file_name(seed: u64) -> String {
    format!("{}-{seed}.json", file_prefix())
}

/// Returns the command that runs this test alone.
fn command() -> String {
    match thread::current().name() {
        // This is a program of its own, not a test. Its arguments may decide what it runs.
        Some("main") => {
            let program = env::current_exe().unwrap_or_default().display().to_string();
            env::args_os().skip(1).fold(program, |line, argument| format!("{line} {}", argument.display()))
        }
        Some(name) => format!("cargo test {name} -- --exact"),
        // The test started this thread itself, so the name of the test is unknown.
        None => "cargo test".to_owned(),
    }
}
