//! `cargo exam`: plants each known bug in a copy of the workspace and says how long the storms take
//! to find it, and which judge speaks.

mod arguments;
mod place;
mod show;

use arguments::Arguments;
use clap::Parser;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use wavetank_exam::{Bug, Hits, Kept, Outcome, Sitting, Smaller, Within, Workshop};

/// Ranges begin so far apart, and the first one that far from zero: no seed that a test or a sweep
/// is used to is among them.
const APART: u64 = 1_000_000;

/// Seeds of a story in each range: it does much the same under every seed.
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

/// Whether every bug was found.
fn exam(arguments: &Arguments) -> Result<bool, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().map_err(|error| format!("the workspace is gone: {error}"))?;
    let all = Bug::all_in(&root.join("tests/exam/patches"))?;
    let bugs = arguments.choose(all)?;
    let mut out = io::stdout().lock();
    if arguments.list {
        return show::list(&bugs, &mut out).map(|()| true).map_err(|error| error.to_string());
    }
    let outcomes = all_of(&bugs, arguments, &Workshop::new(&root, arguments.jobs))?;
    let shown = if arguments.json {
        serde_json::to_writer_pretty(&mut out, &outcomes).map_err(io::Error::other)
    } else {
        show::table(&bugs, &outcomes, &mut out)
    };
    shown.and_then(|()| writeln!(out)).map_err(|error| error.to_string())?;
    Ok(outcomes.iter().all(|outcome| outcome.passed))
}

/// Examines one bug after the other; what is known is written down at once.
fn all_of(bugs: &[Bug], arguments: &Arguments, workshop: &Workshop) -> Result<Vec<Outcome>, String> {
    let mut kept = Kept::open(workshop.outcomes(), arguments.resume)?;
    let sitting = arguments.sitting();
    let bar = bar(bugs.len() as u64, arguments.ranges);
    let mut outcomes = Vec::new();
    for bug in bugs {
        bar.set_message(bug.name.clone());
        let outcome = match kept.outcome(bug, &sitting) {
            Some(outcome) => {
                bar.inc(arguments.ranges);
                outcome
            }
            None => {
                let outcome = sit(bug, arguments, workshop, &bar)?;
                kept.keep(bug, &sitting, &outcome)?;
                outcome
            }
        };
        bar.suspend(|| writeln!(io::stderr(), "{}", show::line(&outcome)))
            .map_err(|error| error.to_string())?;
        outcomes.push(outcome);
        if let Some(file) = &arguments.markdown {
            write_down(file, &bugs[..outcomes.len()], &outcomes, arguments)?;
        }
    }
    bar.finish_and_clear();
    workshop.clean()?;
    Ok(outcomes)
}

fn write_down(file: &Path, bugs: &[Bug], outcomes: &[Outcome], arguments: &Arguments) -> Result<(), String> {
    let mut text = format!("{}\n\n", place::head(&arguments.sitting())).into_bytes();
    show::table(bugs, outcomes, &mut text)
        .and_then(|()| writeln!(text))
        .map_err(|error| error.to_string())?;
    fs::write(file, text).map_err(|error| format!("cannot write `{}`: {error}", file.display()))
}

/// Plants a bug and plays its ranges. A bug that cannot be planted or built is an outcome too: the
/// others are examined all the same.
fn sit(bug: &Bug, arguments: &Arguments, workshop: &Workshop, bar: &ProgressBar) -> Result<Outcome, String> {
    let begun = Instant::now();
    workshop.clean()?;
    let command = match workshop.plant(bug).and_then(|()| workshop.build()) {
        Ok(command) => command,
        Err(trouble) => {
            bar.inc(arguments.ranges);
            return Ok(Outcome::spoilt(bug, trouble));
        }
    };
    let build_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let seeds = match &bug.within {
        Within::Storms(_) => arguments.seeds,
        Within::Story(_) => arguments.seeds.min(SEEDS_OF_A_STORY),
    };
    let scenario = bug.within.scenario().to_owned();
    let mut sitting = Sitting { command, scenario, seeds, jobs: arguments.jobs, judges: "all" };
    let ranges = played(&sitting, arguments.ranges)?;
    bar.inc(arguments.ranges);
    let mut outcome = Outcome { build_ms, ..Outcome::of(bug, &ranges) };
    if arguments.more.columns {
        let mut hits = |judges| -> Result<Option<Hits>, String> {
            sitting.judges = judges;
            Ok(Some(Hits::of(&played(&sitting, arguments.ranges)?)))
        };
        (outcome.ghosts, outcome.outcomes) = (hits("ghosts")?, hits("outcomes")?);
    }
    if arguments.more.shrink && matches!(bug.within, Within::Storms(_)) {
        outcome.smaller =
            outcome.example.as_deref().map(|run| smaller(run, sitting.command, workshop)).transpose()?;
    }
    Ok(outcome)
}

fn played(sitting: &Sitting, ranges: u64) -> Result<Vec<wavetank_exam::Range>, String> {
    (1..=ranges).map(|number| sitting.play(number * APART)).collect()
}

/// Shrinks what was found, and replays that once the code has changed.
fn smaller(run: &str, command: PathBuf, workshop: &Workshop) -> Result<Smaller, String> {
    let capsule = command.with_file_name("small.json");
    let mut smaller = Smaller::of(&command, run, &capsule)?;
    workshop.disturb()?;
    smaller.replay(&workshop.build()?, &capsule)?;
    Ok(smaller)
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
