//! `wavetank shrink`: the smallest plan found that fails as a run did.

use super::args::ShrinkArguments;
use super::bar::Search;
use super::exit::Status;
use super::subject::Subject;
use super::{Streams, Trouble, tell, words};
use crate::registry::{Play, Scenario, TraceForm};
use wavetank_sim::runner::Run;
use wavetank_sim::shrink::{self, Shrunk};

/// Shrinks the run. The capsule is written whenever a smaller plan is found, so that whoever ends
/// the search early has what it found.
pub(crate) fn shrink(
    scenarios: &[Scenario],
    arguments: &ShrinkArguments,
    streams: &mut Streams<'_>,
) -> Result<Status, Trouble> {
    let subject = Subject::find(scenarios, &arguments.run)?;
    if let Play::Explored = subject.scenario.play {
        return Err(Trouble::new("a schedule that was explored is the shortest there is".to_owned()));
    }
    let (Play::Planned { sail, .. }, Some(plan)) = (subject.scenario.play, subject.plan.clone()) else {
        return Err(Trouble::new(format!("{} is told by hand: only storms shrink", subject.scenario.name)));
    };
    let at = |plan| Subject {
        plan: Some(plan),
        named: arguments.output.display().to_string(),
        kept: None,
        ..Subject::of(subject.scenario, subject.seed)
    };
    let search = Search::of_plans(streams.err_is_terminal);
    let mut trouble = None;
    let mut run = |plan| {
        let Run { report, mishaps, .. } = sail(plan, TraceForm::None);
        Run { report, mishaps, trace: () }
    };
    let shrunk = shrink::shrink(plan, &mut run, &mut |progress| {
        search.step(progress.tries, &progress.size.to_string());
        if progress.is_new && progress.tries.is_power_of_two() {
            trouble = at(progress.best.clone()).keep(&arguments.output).err();
        }
        trouble.is_none() && progress.tries < arguments.tries
    });
    search.clear();
    if let Some(trouble) = trouble {
        return Err(trouble);
    }
    let Some(shrunk) = shrunk else {
        return Err(Trouble::new(format!("nothing goes wrong in {}", subject.named)));
    };
    let small = at(shrunk.plan.clone());
    small.keep(&arguments.output)?;
    say(&small, &shrunk, streams)
}

fn say(small: &Subject<'_>, shrunk: &Shrunk, streams: &mut Streams<'_>) -> Result<Status, Trouble> {
    let run = small.run(TraceForm::Story);
    streams.out.write_all(run.trace.as_bytes())?;
    writeln!(streams.out, "\nbroken   {}", shrunk.failure)?;
    writeln!(streams.out, "before   {}", shrunk.before)?;
    writeln!(streams.out, "after    {}", shrunk.after)?;
    writeln!(streams.out, "tried    {}", words::many(shrunk.tries, "plan"))?;
    writeln!(streams.out, "verdict  {}", words::verdict(&run.report.verdict))?;
    writeln!(streams.out, "replay   {}", small.command())?;
    writeln!(streams.out, "\n{}", shrink::source(&shrunk.plan).trim_end())?;
    tell(streams, &format!("the capsule is at {}", small.named));
    Ok(Status::of(&run.report.verdict))
}
