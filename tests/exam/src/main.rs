//! `cargo exam`: plants each known bug in a copy of the workspace, and measures how many seeds the
//! storms need to find it and which judge finds it.

mod arguments;
mod show;

use arguments::Arguments;
use clap::Parser;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use wavetank_exam::{Bug, Hits, Outcome, SavedOutcomes, Shrunk, Sweep, Within, WorkingCopy};

/// The distance between the first seeds of two ranges, and from zero to the first range. No range has a
/// seed that tests or sweeps use.
const APART: u64 = 1_000_000;

/// The number of seeds of a story in each range. A story does almost the same under every seed.
const SEEDS_OF_A_STORY: u64 = 32;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match exam(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(why) => {
            let _ = writeln!(io::stderr(), "exam: {why}");
            ExitCode::from(1)
        }
    }
}

/// Holds the exam. Returns true if every bug passed.
fn exam(arguments: &Arguments) -> Result<bool, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().map_err(|error| format!("cannot find the workspace: {error}"))?;
    let all = Bug::all_in(&root.join("tests/exam/patches"))?;
    let bugs = arguments.choose(all)?;
    let mut out = io::stdout().lock();
    if arguments.list {
        return show::list(&bugs, &mut out).map(|()| true).map_err(|error| error.to_string());
    }
    let outcomes = examine_all(&bugs, arguments, &WorkingCopy::new(&root, arguments.jobs))?;
    let shown = if arguments.json {
        serde_json::to_writer_pretty(&mut out, &outcomes).map_err(io::Error::other)
    } else {
        show::table(&bugs, &outcomes, &mut out)
    };
    shown.and_then(|()| writeln!(out)).map_err(|error| error.to_string())?;
    Ok(outcomes.iter().all(|outcome| outcome.passed))
}

/// Examines one bug after the other, and writes each outcome at once.
fn examine_all(bugs: &[Bug], arguments: &Arguments, copy: &WorkingCopy) -> Result<Vec<Outcome>, String> {
    let mut saved = SavedOutcomes::open(copy.outcomes(), arguments.resume)?;
    let setup = arguments.setup();
    let bar = bar(bugs.len() as u64, arguments.ranges);
    let mut outcomes = Vec::new();
    for bug in bugs {
        bar.set_message(bug.name.clone());
        let outcome = match saved.outcome(bug, &setup) {
            Some(outcome) => {
                bar.inc(arguments.ranges);
                outcome
            }
            None => {
                let outcome = examine(bug, arguments, copy, &bar)?;
                saved.save(bug, &setup, &outcome)?;
                outcome
            }
        };
        bar.suspend(|| writeln!(io::stderr(), "{}", show::line(&outcome)))
            .map_err(|error| error.to_string())?;
        outcomes.push(outcome);
        if let Some(file) = &arguments.markdown {
            write_table(file, &bugs[..outcomes.len()], &outcomes, arguments)?;
        }
    }
    bar.finish_and_clear();
    copy.clean()?;
    Ok(outcomes)
}

fn write_table(file: &Path, bugs: &[Bug], outcomes: &[Outcome], arguments: &Arguments) -> Result<(), String> {
    let mut text = format!("{}\n\n", show::heading(&arguments.setup())).into_bytes();
    show::table(bugs, outcomes, &mut text)
        .and_then(|()| writeln!(text))
        .map_err(|error| error.to_string())?;
    fs::write(file, text).map_err(|error| format!("cannot write `{}`: {error}", file.display()))
}

/// Plants a bug and sweeps its ranges. A bug that cannot be planted or built also has an outcome, so that
/// the other bugs are still examined.
fn examine(
    bug: &Bug,
    arguments: &Arguments,
    copy: &WorkingCopy,
    bar: &ProgressBar,
) -> Result<Outcome, String> {
    let begun = Instant::now();
    copy.clean()?;
    let command = match copy.plant(bug).and_then(|()| copy.build()) {
        Ok(command) => command,
        Err(error) => {
            bar.inc(arguments.ranges);
            return Ok(Outcome::failed(bug, error));
        }
    };
    let build_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let seeds = match &bug.within {
        Within::Storms(_) | Within::MixedStorms(_) => arguments.seeds,
        Within::Story(_) => arguments.seeds.min(SEEDS_OF_A_STORY),
    };
    let scenario = bug.within.scenario().to_owned();
    let mut sweep = Sweep { command, scenario, seeds, jobs: arguments.jobs, judges: "all" };
    let ranges = sweep_ranges(&sweep, arguments.ranges)?;
    bar.inc(arguments.ranges);
    let mut outcome = Outcome { build_ms, ..Outcome::of(bug, &ranges) };
    if arguments.more.levels {
        let mut hits = |judges| -> Result<Option<Hits>, String> {
            sweep.judges = judges;
            Ok(Some(Hits::of(&sweep_ranges(&sweep, arguments.ranges)?)))
        };
        (outcome.history, outcome.outcomes) = (hits("history")?, hits("outcomes")?);
    }
    if arguments.more.shrink && matches!(bug.within, Within::Storms(_)) {
        outcome.shrunk =
            outcome.example.as_deref().map(|run| shrink_and_replay(run, sweep.command, copy)).transpose()?;
    }
    Ok(outcome)
}

fn sweep_ranges(sweep: &Sweep, ranges: u64) -> Result<Vec<wavetank_exam::Range>, String> {
    (1..=ranges).map(|number| sweep.play(number * APART)).collect()
}

/// Shrinks a failing run, and replays it after a change of the code.
fn shrink_and_replay(run: &str, command: PathBuf, copy: &WorkingCopy) -> Result<Shrunk, String> {
    let capsule = command.with_file_name("small.json");
    let mut shrunk = Shrunk::of(&command, run, &capsule)?;
    copy.disturb()?;
    shrunk.replay(&copy.build()?, &capsule)?;
    Ok(shrunk)
}

fn bar(bugs: u64, ranges: u64) -> ProgressBar {
    let target =
        if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(bugs * ranges), target);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} ranges, {eta} left  {msg}");
    bar.set_style(style.expect("the template is a constant and is sound"));
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}
