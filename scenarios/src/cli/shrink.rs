//! `wavetank shrink`: finds the shortest schedule, or the smallest plan, that fails in the same way as a run.

use super::args::ShrinkArguments;
use super::exit::Status;
use super::progress_bar::Progress;
use super::target::{Played, Target};
use super::{CliError, Streams, format, inspect, write_message};
use crate::registry::{Play, Suite};
use crate::trace::{Trace, TraceForm};
use std::time::Instant;
use wavetank_sim::runner::Run;
use wavetank_sim::shrink::{self, Shrunk};

/// Shrinks the run. It writes the capsule repeatedly during the search, so that an interrupted search
/// has a result.
pub(crate) fn shrink(
    suite: &Suite,
    arguments: &ShrinkArguments,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    let target = Target::find(suite, &arguments.run)?;
    let Played::Plan(scenario, plan) = &target.played else {
        return Err(CliError::new(
            "a schedule cannot be shrunk: an exploration always finds a shortest schedule",
        ));
    };
    let Play::Planned { run, .. } = scenario.play else {
        return Err(CliError::new(format!("{} is a story: only storms can be shrunk", scenario.name)));
    };
    let at = |plan| Target {
        suite,
        played: Played::Plan(scenario, plan),
        kept: None,
        named: arguments.output.display().to_string(),
    };
    let started = Instant::now();
    let bar = Progress::of_plans(streams.err_is_terminal);
    let mut error = None;
    let mut run = |plan| {
        let Run { report, fault_ids, schedule, .. } = run(plan, Trace::default());
        Run { report, fault_ids, schedule, trace: () }
    };
    let shrunk = shrink::shrink(plan.clone(), &mut run, &mut |progress| {
        bar.tried(progress.tries, &progress.size.to_string());
        if progress.is_new && progress.tries.is_power_of_two() {
            error = at(progress.best.clone()).keep(&arguments.output).err();
        }
        error.is_none() && progress.tries < arguments.tries && started.elapsed().as_secs() < arguments.time
    });
    bar.clear();
    if let Some(error) = error {
        return Err(error);
    }
    let Some(shrunk) = shrunk else {
        return Err(CliError::new(format!("{} does not fail", target.named)));
    };
    let small = at(shrunk.plan.clone());
    small.keep(&arguments.output)?;
    write_result(&small, &shrunk, streams)
}

fn write_result(small: &Target<'_>, shrunk: &Shrunk, streams: &mut Streams<'_>) -> Result<Status, CliError> {
    let (report, story) = small.run(TraceForm::Story);
    streams.out.write_all(story.as_bytes())?;
    if let Some(past) = inspect::past_of_failure(small, &report) {
        writeln!(streams.out, "\nwhy      {}", past.trim_end())?;
    }
    writeln!(streams.out, "\nfailure  {}", shrunk.failure)?;
    writeln!(streams.out, "before   {}", shrunk.before)?;
    writeln!(streams.out, "after    {}", shrunk.after)?;
    writeln!(streams.out, "tried    {}", format::many(shrunk.tries, "run"))?;
    if shrunk.is_minimal {
        writeln!(streams.out, "minimal  no single element of the schedule can be left out")?;
    }
    writeln!(streams.out, "verdict  {}", report.verdict)?;
    writeln!(streams.out, "replay   {}", small.replay_command())?;
    writeln!(streams.out, "\n{}", shrink::source(&shrunk.plan).trim_end())?;
    write_message(streams, &format!("the capsule is in {}", small.named));
    Ok(Status::of(&report.verdict))
}
