//! What one does with a run that went wrong: `diff`, `why`, `view`.

use super::exit::Status;
use super::file::Whole;
use super::subject::Subject;
use super::{Streams, Trouble, tell, words};
use crate::registry::{Play, Scenario, TraceForm};
use std::path::Path;
use wavetank_sim::Verdict;
use wavetank_sim::step_log::StepLog;
use wavetank_sim::trace::Page;

/// The first step at which two runs part, and in what. Of a capsule, the run that was kept is
/// compared, not its replay.
pub(crate) fn diff(
    scenarios: &[Scenario],
    names: (&str, &str),
    streams: &mut Streams<'_>,
) -> Result<Status, Trouble> {
    let [one, other] = [Subject::find(scenarios, names.0)?, Subject::find(scenarios, names.1)?];
    let step_log = |subject: &Subject<'_>| {
        subject.kept.as_ref().map_or_else(|| subject.step_log().1, |kept| kept.step_log.clone())
    };
    let (first, second) = (step_log(&one), step_log(&other));
    let lengths = |step_log: &StepLog| words::many(step_log.records().len() as u64, "server step");
    writeln!(streams.out, "one      {}, {}", one.named, lengths(&first))?;
    writeln!(streams.out, "other    {}, {}", other.named, lengths(&second))?;
    let Some(divergence) = first.divergence(&second) else {
        writeln!(streams.out, "the same, step by step")?;
        return Ok(Status::Held);
    };
    let same = first.records().iter().zip(second.records()).take_while(|(a, b)| a == b).count();
    writeln!(streams.out, "part     after {} alike", words::many(same as u64, "server step"))?;
    writeln!(streams.out, "         {divergence}")?;
    Ok(Status::Held)
}

/// What led to the step at which a run failed, or to another.
pub(crate) fn why(
    scenarios: &[Scenario],
    (name, step): (&str, Option<u64>),
    streams: &mut Streams<'_>,
) -> Result<Status, Trouble> {
    let subject = Subject::find(scenarios, name)?;
    let report = subject.run(TraceForm::None).report;
    let step = step.or(match &report.verdict {
        Verdict::Violated(violation) => Some(violation.step),
        Verdict::Panicked(_) => Some(u64::MAX),
        Verdict::Held | Verdict::Vacuous(_) => None,
    });
    let Some(step) = step else {
        return Err(Trouble::new(format!("nothing went wrong in {name}; ask about a step with --step")));
    };
    streams.out.write_all(subject.run(TraceForm::Past(step)).trace.as_bytes())?;
    writeln!(streams.out, "\nrun      {}", subject.named)?;
    writeln!(streams.out, "verdict  {}", words::verdict(&report.verdict))?;
    Ok(Status::of(&report.verdict))
}

/// A run as a page for a browser.
pub(crate) fn view(
    scenarios: &[Scenario],
    (name, place): (&str, &Path),
    streams: &mut Streams<'_>,
) -> Result<Status, Trouble> {
    let subject = Subject::find(scenarios, name)?;
    if let Play::Whole(_) = subject.scenario.play {
        return Err(Trouble::new(format!("{} has nothing to look at", subject.scenario.name)));
    }
    let mut file = Whole::create(place)?;
    let run = subject.run(TraceForm::Page);
    let mark = match &run.report.verdict {
        Verdict::Violated(violation) => Some(violation.at),
        Verdict::Panicked(_) => Some(run.report.virtual_time),
        Verdict::Held | Verdict::Vacuous(_) => None,
    };
    let verdict = words::verdict(&run.report.verdict);
    file.line(&Page::html(&run.trace, &subject.named, &verdict, mark))?;
    file.finish()?;
    tell(streams, &format!("{} is at {}: open it in a browser", subject.named, place.display()));
    Ok(Status::of(&run.report.verdict))
}
