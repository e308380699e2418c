//! `wavetank shrink`: finds a short schedule that fails in the same way as the given run, or a small plan if no
//! schedule fails.

use super::args::ShrinkArguments;
use super::exit::Status;
use super::progress_bar::Progress;
use super::target::{self, Played, Target};
use super::{CliError, Streams, format, inspect, write_message};
use crate::registry::{Play, Scenario, Suite};
use crate::trace::{Trace, TraceForm};
use std::cell::Cell;
use std::time::Instant;
use wavetank_sim::Plan;
use wavetank_sim::shrink::{self, Failure, Shrunk};

/// Shrinks the run, and prints the result. The search writes the capsule repeatedly, so that an interrupted
/// search has a result.
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
    let mut written = None;
    let mut run = |plan| run(plan, Trace::default()).without_trace();
    let shrunk = shrink::shrink(plan.clone(), &mut run, &mut |progress| {
        bar.tried(progress.tries, &progress.size.to_string());
        // An interrupted search has a result that is at most a ninth longer than the best one.
        let is_shorter = written.is_none_or(|steps| progress.size.steps * 10 <= steps * 9);
        if progress.is_new && is_shorter {
            written = Some(progress.size.steps);
            error = at(progress.best.clone()).keep(&arguments.output).err();
        }
        error.is_none() && progress.tries < arguments.tries && started.elapsed().as_secs() < arguments.time
    });
    bar.clear();
    if let Some(error) = error {
        return Err(error);
    }
    let Some(shrunk) = shrunk else {
        let why = target.without_failure().map_or_else(String::new, |why| format!(": {why}"));
        return Err(CliError::new(format!("{} does not fail{why}", target.named)));
    };
    let small = at(shrunk.plan.clone());
    small.keep(&arguments.output)?;
    write_result(&small, &shrunk, streams)
}

/// The smallest run that a search with a limit found.
pub(crate) struct Small<'a> {
    /// The smallest run. The name of the target is the path of the run's capsule.
    pub(crate) target: Target<'a>,
    shrunk: Shrunk,
}

/// Shrinks a run until all tries together have handled `events_max` events. The result does not depend on the
/// speed of the computer. Returns `None` if the run is not a storm, or if no smaller run was found.
pub(crate) fn within<'a>(target: &Target<'a>, events_max: u64, is_terminal: bool) -> Option<Small<'a>> {
    /// The number of events that count for a try in addition to the events of the try. The start of a try costs
    /// time even if the try has no event.
    const EVENTS_OF_A_TRY: u64 = 100;
    let Played::Plan(scenario, plan) = &target.played else { return None };
    let Play::Planned { run, .. } = scenario.play else { return None };
    let bar = Progress::of_plans(is_terminal);
    let events = Cell::new(0_u64);
    let mut run = |plan| {
        let run = run(plan, Trace::default()).without_trace();
        events.set(events.get() + run.report.events + EVENTS_OF_A_TRY);
        run
    };
    let shrunk = shrink::shrink(plan.clone(), &mut run, &mut |progress| {
        bar.tried(progress.tries, &progress.size.to_string());
        events.get() < events_max
    });
    bar.clear();
    let shrunk = shrunk.filter(|shrunk| shrunk.after < shrunk.before)?;
    let path = target::default_path(target.suite, scenario.name, plan.seed);
    let named = path.with_extension("small.json").display().to_string();
    let played = Played::Plan(scenario, shrunk.plan.clone());
    Some(Small { target: Target { suite: target.suite, played, kept: None, named }, shrunk })
}

impl Small<'_> {
    /// Returns a few lines that describe the schedule. Returns no line if the run follows no schedule.
    pub(crate) fn schedule(&self) -> Vec<String> {
        /// The maximum length of a schedule that is printed. A longer schedule is only in the capsule.
        const ELEMENTS: usize = 24;
        let elements = self.shrunk.plan.order.elements();
        let needed = if self.shrunk.is_minimal { ", each of them needed" } else { "" };
        let head = format!(
            "{}{needed}, in place of {}",
            format::many(elements.len() as u64, "element"),
            format::many(self.shrunk.before.steps, "event")
        );
        let text = match elements.len() {
            0 => return Vec::new(),
            1..=ELEMENTS => {
                let choices: Vec<_> = elements.iter().map(|element| element.choice.to_string()).collect();
                format!("{head}: {}", choices.join(", "))
            }
            _ => head,
        };
        format::paragraph("  schedule", &text).lines().map(str::to_owned).collect()
    }
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
    if let Some(window) = &shrunk.window {
        writeln!(streams.out, "\n{window}")?;
    }
    writeln!(streams.out, "verdict  {}", report.verdict)?;
    writeln!(streams.out, "replay   {}", small.replay_command())?;
    if let Played::Plan(scenario, plan) = &small.played {
        let source = test(small.suite, scenario, plan, &shrunk.failure);
        writeln!(streams.out, "\n{}", source.trim_end())?;
    }
    write_message(streams, &format!("the capsule is in {}", small.named));
    Ok(Status::of(&report.verdict))
}

/// Returns the Rust source of a test that runs the plan of a scenario with the servers of a suite.
fn test(suite: &Suite, scenario: &Scenario, plan: &Plan, failure: &Failure) -> String {
    let failure = match failure {
        Failure::Check(check) => check.as_str(),
        Failure::Panic(_) => "no_panic",
    };
    let name = format!("{failure}_in_{}_{}", scenario.name, plan.seed);
    let run = format!("wavetank_scenarios::stories::storms::{}::<{}>", scenario.name, suite.subject_type);
    let run = format!("{run}(plan, wavetank_scenarios::Trace::default())");
    shrink::test(&name, plan, &with_options(suite, &run))
}

/// Returns an expression that switches the options of the suite on, and has the value of the expression `run`.
fn with_options(suite: &Suite, run: &str) -> String {
    if suite.options.is_empty() {
        return run.to_owned();
    }
    let statements = suite.options.iter().map(|option| format!("        {}\n", option.statement));
    format!("{{\n{}        {run}\n    }}\n    ", statements.collect::<String>())
}
