//! `cargo exam`: plants each known bug in a copy of the workspace and says how long the storms take
//! to find it, and which judge speaks.

mod arguments;
mod show;

use arguments::Arguments;
use clap::Parser;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use wavetank_exam::{Bug, Outcome, Sitting, Within, Workshop};

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
    let all = Bug::all_in(&root.join("tests/exam"))?;
    let bugs = arguments.choose(all)?;
    let mut out = io::stdout().lock();
    if arguments.list {
        return show::list(&bugs, &mut out).map(|()| true).map_err(|error| error.to_string());
    }
    let workshop = Workshop::new(&root, arguments.jobs);
    let bar = bar(bugs.len() as u64, arguments.ranges);
    let mut outcomes = Vec::new();
    for bug in &bugs {
        bar.set_message(bug.name.clone());
        let outcome = sit(bug, arguments, &workshop, &bar)?;
        bar.suspend(|| writeln!(io::stderr(), "{}", show::line(&outcome)))
            .map_err(|error| error.to_string())?;
        outcomes.push(outcome);
    }
    bar.finish_and_clear();
    workshop.clean()?;
    let shown = if arguments.json {
        serde_json::to_writer_pretty(&mut out, &outcomes).map_err(io::Error::other)
    } else {
        show::table(&outcomes, &mut out)
    };
    shown.and_then(|()| writeln!(out)).map_err(|error| error.to_string())?;
    Ok(outcomes.iter().all(|outcome| outcome.passed))
}

/// Plants a bug and plays its ranges. A bug that cannot be planted or built is an outcome too: the
/// others are examined all the same.
fn sit(bug: &Bug, arguments: &Arguments, workshop: &Workshop, bar: &ProgressBar) -> Result<Outcome, String> {
    workshop.clean()?;
    let command = match workshop.plant(bug).and_then(|()| workshop.build()) {
        Ok(command) => command,
        Err(trouble) => {
            bar.inc(arguments.ranges);
            return Ok(Outcome::spoilt(bug, trouble));
        }
    };
    let seeds = match &bug.within {
        Within::Storms(_) => arguments.seeds,
        Within::Story(_) => arguments.seeds.min(SEEDS_OF_A_STORY),
    };
    let scenario = bug.within.scenario().to_owned();
    let sitting = Sitting { command, scenario, seeds, jobs: arguments.jobs };
    let mut ranges = Vec::new();
    for number in 1..=arguments.ranges {
        ranges.push(sitting.play(number * APART)?);
        bar.inc(1);
    }
    Ok(Outcome::of(bug, &ranges))
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
