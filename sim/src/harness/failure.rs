//! Reports a run that failed under `cargo test`, and writes the capsule of the run to a file.

use super::bounds::print;
use super::shrinking::{self, Smallest};
use super::{CapsuleFolder, RunnableStorm};
use crate::capsule::{Capsule, Content};
use crate::observe::report::{Report, Verdict};
use crate::observe::step_log::StepLog;
use crate::observe::trace::{Story, TextTrace, last_of_lines, violation};
use crate::plan::Plan;
use crate::runner::Run;
use crate::shrink::{self, Failure, Size};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, thread};

pub(super) fn is_failure(verdict: &Verdict) -> bool {
    Failure::of(verdict).is_some()
}

/// Returns the name of the test that runs in this thread, or `a_test` if the thread has no name.
pub(super) fn name() -> String {
    thread::current().name().unwrap_or("a_test").to_owned()
}

/// Returns the name of the test, the seed of the run, and the command that repeats the run.
pub(super) fn about(seed: u64) -> String {
    format!("{}, seed {seed}\n{}", name(), replay(seed))
}

/// Returns the name of the test, the seed of a plan, and the plan as Rust source. Use this function if the
/// seed alone does not determine the plan.
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

/// Prints the failure immediately, and then repeats the run. If the second run differs from the first run,
/// panics with both results. Otherwise shrinks the plan, writes the capsule to a file, and panics with the
/// violation, the shrunk plan and the replay command.
#[track_caller]
pub(super) fn report_failure(trial: &dyn RunnableStorm, seed: u64, first: &Report, failure: &Failure) -> ! {
    let verdict = &first.verdict;
    print(&format!("{verdict}\nfailed run: {}", about(seed)));
    let again = trial.run_watched(trial.plan().clone(), format!("the second run of {}", about(seed)));
    if (&again.report.verdict, again.report.digest) != (verdict, first.digest) {
        panic!("{}", not_repeated(seed, first, &again.report));
    }
    print("The second run is identical to the first run. The search for a smaller run begins now.");
    match shrinking::shrink(trial, seed, failure) {
        Ok(smallest) => {
            let before = Size::of(trial.plan(), &again);
            panic!("{}", kept(trial, seed, before, &smallest))
        }
        Err(other) => panic!("{}", not_deterministic(seed, &format!("{verdict}\nand then\n{other}"))),
    }
}

/// Returns the message about a run that gave another result in the repetition.
fn not_repeated(seed: u64, first: &Report, again: &Report) -> String {
    let text = |report: &Report| {
        let Report { verdict, digest, events, .. } = report;
        if first.verdict == again.verdict {
            format!("{verdict} ({events} events, digest {digest:016x})")
        } else {
            verdict.to_string()
        }
    };
    not_deterministic(seed, &format!("{}\nand then\n{}", text(first), text(again)))
}

fn not_deterministic(seed: u64, results: &str) -> String {
    format!(
        "The state machine or the clients are not deterministic: two runs of the same plan gave\n{results}\n\n\
         A run must depend on its seed alone. Look for a static variable, a clock, a random number, or the \
         order of a hash map. Such a run cannot be shrunk.\n{}",
        replay(seed),
    )
}

/// Writes the capsule of the smallest run to a file, and returns the message about the failure.
fn kept(trial: &dyn RunnableStorm, seed: u64, before: Size, smallest: &Smallest) -> String {
    let Smallest { shrunk, report, story, step_log, effort } = smallest;
    let content = Content::Plan { scenario: report.scenario.clone(), plan: shrunk.plan.clone() };
    let capsule = Capsule::of(content, report, step_log.clone());
    let mut text = report.verdict.to_string();
    let _ = write!(
        text,
        "\n\nfailed plan    seed {seed}: {before}\nshrunk to      {} ({effort})\n\n{story}\n",
        shrunk.after
    );
    let folder = trial.capsules();
    let path = match &folder {
        CapsuleFolder::Target(folder) => {
            let _ = writeln!(text, "{}", shrink::source(&shrunk.plan));
            folder.join(format!("{}-{seed}.json", file_name_of(&name())))
        }
        CapsuleFolder::Committed { folder, prefix } => folder.join(format!("{prefix}-{seed}.json")),
    };
    match keep(&capsule, &path) {
        Ok(()) => {
            if matches!(folder, CapsuleFolder::Committed { .. }) {
                text +=
                    "The capsule is in the file below. Commit this file: the test replays this file first.\n";
            }
            let _ = write!(text, "replay  WAVETANK_CAPSULE={} {}", path.display(), command());
        }
        Err(error) => {
            let _ = writeln!(text, "cannot write the capsule `{}`: {error}", path.display());
            text += &replay(seed);
        }
    }
    text
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

pub(super) fn rerun(trial: &dyn RunnableStorm, plan: &Plan) -> (Report, String, StepLog) {
    let trace = (Story::of_plan(plan).with_commands(trial.commands()), StepLog::default());
    let Run { report, trace, .. } = trial.run_traced(plan.clone(), trace, about_plan(plan));
    let lines = match trial.capsules() {
        CapsuleFolder::Target(_) => 60,
        // The whole report of a typed state machine fits on one screen.
        CapsuleFolder::Committed { .. } => 29,
    };
    let (mut story, step_log) =
        trace.map(|(mut story, step_log)| (end_of(&story.take(), lines), step_log)).unwrap_or_default();
    if let Some(line) = violation(&report.verdict) {
        story += &(line + "\n");
    }
    (report, story, step_log)
}

/// Returns the first line of a story (the names of the columns) and at most `most` of the last lines. If
/// other lines are left out, a line with the number of these lines comes before the last lines.
fn end_of(story: &str, most: usize) -> String {
    let (head, rest) = story.split_once('\n').unwrap_or((story, ""));
    let (left_out, lines) = last_of_lines(rest, most);
    let note = (0 < left_out).then(|| format!("... earlier lines left out: {left_out}"));
    let lines = note.iter().map(String::as_str).chain(lines);
    lines.fold(format!("{head}\n"), |text, line| text + line + "\n")
}

fn keep(capsule: &Capsule, path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, capsule.text())
}

/// Returns the `target` directory of cargo. If the test program is not in such a directory, returns the
/// relative path `target`.
pub(super) fn target() -> PathBuf {
    let exe = env::current_exe().unwrap_or_default();
    let target = exe.ancestors().find(|folder| folder.ends_with("target"));
    target.unwrap_or_else(|| Path::new("target")).to_owned()
}

/// Makes a part of a file name from a text. Every character except letters, digits and hyphens becomes an
/// underscore.
pub(super) fn file_name_of(text: &str) -> String {
    let part =
        |character: char| if character.is_alphanumeric() || character == '-' { character } else { '_' };
    text.chars().map(part).collect()
}

/// Returns the command that runs this test or this program again. If the name of the test is not known, the
/// command runs all tests.
fn command() -> String {
    match thread::current().name() {
        // This is the main thread of a program, not a test. The arguments of the program may select its runs.
        Some("main") => {
            let program = env::current_exe().unwrap_or_default().display().to_string();
            env::args_os().skip(1).fold(program, |line, argument| format!("{line} {}", argument.display()))
        }
        Some(name) => format!("cargo test {name} -- --exact"),
        // The test started this thread itself, so the name of the test is unknown.
        None => "cargo test".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_that_is_cut_says_so() {
        assert_eq!(end_of("head\na\nb\nc\n", 3), "head\na\nb\nc\n");
        assert_eq!(end_of("head\na\nb\nc\n", 2), "head\n... earlier lines left out: 1\nb\nc\n");
    }
}
