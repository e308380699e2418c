//! `wavetank replay`: repeats a run, and compares the repeated run with the recorded run of a capsule.

use super::args::ReplayArguments;
use super::exit::Status;
use super::format::one_line;
use super::target::Target;
use super::{CliError, Streams, run, write_message};
use crate::registry::Suite;
use crate::trace::{Trace, TraceForm};
use wavetank_sim::capsule::Capsule;
use wavetank_sim::runner::Run;

/// Repeats the run. For a capsule, also prints whether the run differs from the recorded run.
pub(crate) fn replay(
    suite: &Suite,
    arguments: &ReplayArguments,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    let target = Target::find(suite, &arguments.run)?;
    if let Some(step) = arguments.until {
        return show_until(&target, arguments.tracing.trace, step, streams);
    }
    let status = run::run(&target, arguments.tracing, streams)?;
    if let Some(kept) = &target.kept {
        let (lines, is_same) = comparison(&target, kept);
        for line in lines {
            // In JSON, every line of stdout is an object.
            match arguments.tracing.trace {
                TraceForm::Json => write_message(streams, &line),
                _ => writeln!(streams.out, "{line}")?,
            }
        }
        if !is_same && let Some(why) = target.without_failure() {
            write_message(streams, &why);
        }
    }
    Ok(status)
}

/// Compares a run with the recorded run. Returns lines that describe the result, and true if the runs are the
/// same.
fn comparison(target: &Target<'_>, kept: &Capsule) -> (Vec<String>, bool) {
    let (report, step_log) = target.step_log();
    let Some(what) = kept.difference(&report, &step_log) else {
        return (vec!["capsule  the same steps, digest and verdict".to_owned()], true);
    };
    let lines = vec![
        format!("capsule  differs: {what}"),
        format!("         the recorded verdict is: {}", one_line(&kept.verdict.to_string())),
        format!("         the capsule was written by build {}", kept.build),
    ];
    (lines, false)
}

/// Prints the run up to a step, and the state of every server at that step. With `--trace json`, prints only
/// the run.
fn show_until(
    target: &Target<'_>,
    form: TraceForm,
    step: u64,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    let trace = Trace::new(target.text(form)).up_to(step).with_step_log();
    let Run { report, trace, .. } = target.trace(trace);
    let (text, step_log) = trace.into_parts();
    streams.out.write_all(text.as_bytes())?;
    if form != TraceForm::Json {
        writeln!(streams.out, "\nrun      {}, up to step {step}", target.named)?;
        for (idx, standing) in step_log.states_at(step) {
            writeln!(streams.out, "{:<8} {standing}", idx.to_string())?;
        }
        writeln!(streams.out, "verdict  {}", report.verdict)?;
    }
    Ok(Status::of(&report.verdict))
}
