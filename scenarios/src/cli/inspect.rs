//! The subcommands that examine a run: `diff`, `why` and `view`.

use super::exit::Status;
use super::file::AtomicFile;
use super::target::Target;
use super::{CliError, Streams, format, write_message};
use crate::registry::Suite;
use crate::trace::{Trace, TraceForm, TraceText};
use std::path::Path;
use wavetank_sim::clients::kv::wire::command_text;
use wavetank_sim::observe::step_log::StepLog;
use wavetank_sim::observe::trace::{Causes, Page};
use wavetank_sim::runner::Run;
use wavetank_sim::{Report, Verdict};

/// Prints the first step at which two runs differ. For a capsule, compares the recorded steps and does not
/// repeat the run.
pub(crate) fn diff(
    suite: &Suite,
    one: &str,
    other: &str,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    let (one, other) = (Target::find(suite, one)?, Target::find(suite, other)?);
    let step_log = |target: &Target<'_>| {
        target.kept.as_ref().map_or_else(|| target.step_log().1, |kept| kept.step_log.clone())
    };
    let (first, second) = (step_log(&one), step_log(&other));
    let lengths = |step_log: &StepLog| format::many(step_log.records().len() as u64, "server step");
    writeln!(streams.out, "one      {}, {}", one.named, lengths(&first))?;
    writeln!(streams.out, "other    {}, {}", other.named, lengths(&second))?;
    let Some(divergence) = first.divergence(&second) else {
        writeln!(streams.out, "identical, step by step")?;
        return Ok(Status::Held);
    };
    let same = first.records().iter().zip(second.records()).take_while(|(a, b)| a == b).count();
    writeln!(streams.out, "differ   after {}", format::many(same as u64, "equal server step"))?;
    writeln!(streams.out, "         {divergence}")?;
    Ok(Status::Held)
}

/// Prints the events that led to the step `step` of a run. `None` means the step at which the run failed.
/// Returns an error if `step` is `None` and the run did not fail, or if the run has no step with this number.
pub(crate) fn why(
    suite: &Suite,
    name: &str,
    step: Option<u64>,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    let target = Target::find(suite, name)?;
    let chosen = match step {
        Some(step) => step,
        None => failed_step(&target.run(TraceForm::None).0)
            .ok_or_else(|| CliError::new(format!("{name} did not fail; choose a step with --step")))?,
    };
    let Run { report, trace, .. } = target.trace(Trace::new(Some(causes(chosen))));
    if step.is_some_and(|step| trace.steps() < step) {
        let steps = trace.steps();
        return Err(CliError::new(format!(
            "{name} has no step {chosen}: the last step of the run is {steps}"
        )));
    }
    let text = trace.into_parts().0;
    if step.is_some() && !text.starts_with(&format!("step {chosen} ")) {
        writeln!(
            streams.err,
            "step {chosen} is not a step of a server: the text is about the last step of a server before step {chosen}"
        )?;
    }
    streams.out.write_all(text.as_bytes())?;
    writeln!(streams.out, "\nrun      {}", target.named)?;
    writeln!(streams.out, "verdict  {}", report.verdict)?;
    Ok(Status::of(&report.verdict))
}

/// Repeats a run, and returns the events that led to a step.
fn past(target: &Target<'_>, step: u64) -> String {
    target.run_with(Some(causes(step))).1
}

/// Returns a writer that describes only the events that led to a step.
fn causes(step: u64) -> TraceText {
    TraceText::Causes(Causes::of(step).with_commands(command_text))
}

/// Repeats a failed run, and returns the events that led to the failure; `None` if the run did not fail.
pub(crate) fn past_of_failure(target: &Target<'_>, report: &Report) -> Option<String> {
    failed_step(report).map(|step| past(target, step))
}

/// Returns the step at which a run failed. A panic counts as a step after all other steps. Returns `None` if the
/// run did not fail.
fn failed_step(report: &Report) -> Option<u64> {
    match &report.verdict {
        Verdict::Violated(violation) => Some(violation.step),
        Verdict::Panicked(_) => Some(u64::MAX),
        Verdict::Held | Verdict::Vacuous(_) => None,
    }
}

/// Repeats a run, and returns the report and the page of the run. The page is `None` if the run has no step.
pub(crate) fn page(target: &Target<'_>) -> (Report, Option<String>) {
    let (report, _) = target.run(TraceForm::None);
    let page = Page::new(target.servers()).with_commands(command_text).with_summary(target.summary());
    let page = match failed_step(&report) {
        Some(step) => page.with_causes_of(step),
        None => page,
    };
    let (report, data) = target.run_with(Some(TraceText::Page(Box::new(page))));
    // A run that panics before its first step has no data at all.
    let is_empty = data.is_empty() || data.contains("\"rows\":[]");
    let html = (!is_empty).then(|| Page::html(&data, &report, &target.named, &target.replay_command()));
    (report, html)
}

/// Writes a run as a page for a browser.
pub(crate) fn view(
    suite: &Suite,
    name: &str,
    path: &Path,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    let target = Target::find(suite, name)?;
    let mut file = AtomicFile::create_beside(path, Path::new(name))?;
    let (report, html) = page(&target);
    let html = html.ok_or_else(|| {
        CliError::new(format!("{name} has no step to show; the verdict of the run is: {}", report.verdict))
    })?;
    file.line(html.trim_end())?;
    file.finish()?;
    write_message(
        streams,
        &format!("the page of {} is the file {}: open this file in a browser", target.named, path.display()),
    );
    Ok(Status::of(&report.verdict))
}
