//! `wavetank run`: runs one scenario under one seed, and prints the trace and the verdict of the run.

use super::args::TraceArguments;
use super::exit::Status;
use super::target::Target;
use super::{CliError, Streams, format, write_message};
use crate::trace::TraceForm;
use std::io::{self, Write};
use wavetank_sim::Report;

/// Runs the scenario, and prints the trace and the verdict. With `--twice`, runs the scenario again, and prints
/// whether the two runs are the same.
pub(crate) fn run(
    target: &Target<'_>,
    tracing: TraceArguments,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    let play = || target.run(tracing.trace);
    let first = play();
    show(&first.0, &first.1, tracing.trace, &target.replay_command(), streams.out)?;
    let status = Status::of(&first.0.verdict);
    if !tracing.twice {
        return Ok(status);
    }
    streams.out.flush()?;
    let second = play();
    match first_difference(&first, &second) {
        None => {
            let length = format::many(first.1.len() as u64, "byte");
            write_message(
                streams,
                &format!("twice: both runs have the same report and the same trace of {length}"),
            );
            Ok(status)
        }
        Some(difference) => {
            write_message(streams, &format!("twice: the second run differs: {difference}"));
            Ok(status.max(Status::Safety))
        }
    }
}

fn show(report: &Report, trace: &str, form: TraceForm, replay: &str, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(trace.as_bytes())?;
    if form == TraceForm::Json {
        serde_json::to_writer(&mut *out, report)?;
        return writeln!(out);
    }
    if !trace.is_empty() {
        writeln!(out)?;
    }
    conclude(report, replay, out)
}

/// Prints the report as text.
fn conclude(report: &Report, replay: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "run      {}:{}", report.scenario, report.seed)?;
    writeln!(
        out,
        "length   {}, {}, {}",
        format::seconds(report.virtual_time),
        format::many(report.events, "event"),
        format::many(report.messages, "message"),
    )?;
    writeln!(
        out,
        "outcome  {}, {}",
        format::many(report.elections, "election"),
        format::many(report.commits, "commit")
    )?;
    writeln!(out, "faults   {}", format::counts(&report.faults))?;
    writeln!(out, "digest   {:016x}", report.digest)?;
    writeln!(out, "verdict  {}", report.verdict)?;
    if Status::of(&report.verdict).is_failure() {
        writeln!(out, "replay   {replay}")?;
    }
    Ok(())
}

/// Returns the first difference between two runs that should be identical. Returns `None` if the runs are
/// identical.
fn first_difference(first: &(Report, String), second: &(Report, String)) -> Option<String> {
    if first == second {
        return None;
    }
    let mut lines = first.1.lines().zip(second.1.lines()).enumerate();
    let trace = lines.find(|(_, (one, other))| one != other);
    Some(match trace {
        Some((at, (one, other))) => {
            format!("line {} of the trace is `{one}` in the first run and `{other}` in the second", at + 1)
        }
        None if first.1.len() != second.1.len() => {
            let (one, other) = (first.1.lines().count(), second.1.lines().count());
            format!("the trace has {one} lines in the first run and {other} in the second")
        }
        None => format!(
            "the digest is {:016x} in the first run and {:016x} in the second",
            first.0.digest, second.0.digest
        ),
    })
}
