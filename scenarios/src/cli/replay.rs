//! `wavetank replay`: a run once more, and whether it is still the same.

use super::args::{Form, ReplayArguments};
use super::exit::Status;
use super::subject::Subject;
use super::{Streams, Trouble, run, words};
use crate::registry::{Scenario, TraceForm};
use std::io::{self, Write};

/// Plays the run again. Of a capsule it also says how the run differs from the one that was kept.
pub(crate) fn replay(
    scenarios: &[Scenario],
    arguments: &ReplayArguments,
    streams: &mut Streams<'_>,
) -> Result<Status, Trouble> {
    let subject = Subject::find(scenarios, &arguments.run)?;
    if let Some(step) = arguments.until {
        return show_until(&subject, arguments.showing.trace, step, streams);
    }
    let status = run::run(&subject, arguments.showing, streams)?;
    if let Some(kept) = &subject.kept {
        let (report, step_log) = subject.step_log();
        let same = "the same steps, digest and verdict".to_owned();
        let difference = kept.difference(&report, &step_log);
        writeln!(
            streams.out,
            "capsule  {}",
            difference.as_ref().map_or(same, |what| format!("differs: {what}"))
        )?;
        if difference.is_some() {
            writeln!(streams.out, "         it was {}", words::verdict(&kept.verdict))?;
            writeln!(streams.out, "         written by {}", kept.build)?;
        }
    }
    Ok(status)
}

/// The run up to a step, and what every server was then.
fn show_until(
    subject: &Subject<'_>,
    form: Form,
    step: u64,
    streams: &mut Streams<'_>,
) -> Result<Status, Trouble> {
    let cut = match form {
        Form::Story => TraceForm::Cut(&TraceForm::Story, step),
        Form::Full => TraceForm::Cut(&TraceForm::Full, step),
        Form::Json => TraceForm::Cut(&TraceForm::Json, step),
        Form::None => TraceForm::None,
    };
    let run = subject.run(cut);
    streams.out.write_all(run.trace.as_bytes())?;
    if form != Form::Json {
        stand(subject, step, streams.out)?;
    }
    Ok(Status::of(&run.report.verdict))
}

fn stand(subject: &Subject<'_>, step: u64, out: &mut dyn Write) -> io::Result<()> {
    let (report, step_log) = subject.step_log();
    writeln!(out, "\nrun      {}, up to step {step}", subject.named)?;
    for (slot, standing) in step_log.standings_at(step) {
        writeln!(out, "{:<8} {standing}", slot.to_string())?;
    }
    writeln!(out, "verdict  {}", words::verdict(&report.verdict))
}
