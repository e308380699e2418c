//! `wavetank why --branch`: finds the first step of a run after which the run always fails in the same way.

use super::exit::Status;
use super::target::{Played, Target};
use super::{CliError, Streams};
use crate::trace::{Trace, TraceForm};
use wavetank_raft::Span;
use wavetank_sim::observe::report::Violation;
use wavetank_sim::observe::step_log::StepLog;
use wavetank_sim::schedule::EventOrder;
use wavetank_sim::{Plan, Verdict};

/// The number of futures that are tried after a step. A future is a run that repeats the run up to the step,
/// and then continues with other random numbers.
const FUTURES: u64 = 16;

/// The number of futures that are tried after a step if all of the first [`FUTURES`] futures fail. A few futures
/// may all fail by chance.
const FUTURES_MORE: u64 = 64;

/// The number of parts into which the search first divides the run.
const ROWS: usize = 8;

/// Tries futures after several steps of the run. For each future, repeats the run up to the step, and continues
/// with other random numbers. Prints the number of futures that fail in the same way, and the first step after
/// which all futures fail. A future that fails later than two election timeouts after the failure of the run
/// does not count as failed. Otherwise, for a bug that most storms find, all futures from the first step on
/// would fail.
///
/// Returns an error if the run violates no property, or if the run follows a schedule.
pub(crate) fn branch(target: &Target<'_>, streams: &mut Streams<'_>) -> Result<Status, CliError> {
    let (report, step_log) = target.step_log();
    let Verdict::Violated(violation) = &report.verdict else {
        return Err(CliError::new(format!(
            "{} violates no property, but --branch needs a run that violates a property",
            target.named
        )));
    };
    let Played::Plan(scenario, plan) = &target.played else {
        return Err(CliError::new(
            "--branch needs a run with random numbers from a seed, but this run is a schedule",
        ));
    };
    if plan.order != EventOrder::Drawn {
        return Err(CliError::new(
            "--branch needs a run with random numbers from a seed, but the plan of this run has a schedule",
        ));
    }
    // A server campaigns after at most two election timeouts, so a future may be late by an election.
    let late = Span(u64::try_from(2 * plan.config.election_timeout.as_micros()).unwrap_or(u64::MAX));
    let latest = violation.at + late;
    let fails = |step, future: u64| {
        let seed = plan.seed.wrapping_add(future.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let plan = Plan { order: EventOrder::Branched { step, seed }, ..plan.clone() };
        let run = crate::registry::run_plan(scenario, plan, Trace::new(TraceForm::None.text(0)));
        let is_same = |it: &Violation| it.check == violation.check && it.at <= latest;
        matches!(&run.report.verdict, Verdict::Violated(it) if is_same(it))
    };
    writeln!(
        streams.out,
        "for each step: the number of futures that violate {} until {}.{:03} ms, and the number of all futures:\n",
        violation.check,
        latest.0 / 1_000,
        latest.0 % 1_000,
    )?;
    writeln!(streams.out, "{:>8}  {:>6}", "step", "fail")?;
    let first = search(violation, &step_log, &fails, streams)?;
    conclude(first, violation, &step_log, streams)?;
    writeln!(streams.out, "run      {}", target.named)?;
    writeln!(streams.out, "verdict  {}", report.verdict)?;
    Ok(Status::of(&report.verdict))
}

/// Tries a few steps that are spread over the run, and then searches by bisection for the first step after
/// which all futures fail. Returns the last step after which some future does not fail. Returns `None` if there
/// is no such step.
fn search(
    violation: &Violation,
    step_log: &StepLog,
    fails: &dyn Fn(u64, u64) -> bool,
    streams: &mut Streams<'_>,
) -> Result<Option<u64>, CliError> {
    let steps: Vec<u64> = step_log
        .records()
        .iter()
        .map(|record| record.step)
        .take_while(|&step| step < violation.step)
        .collect();
    let mut attempt = |at: usize| -> Result<bool, CliError> {
        let failing = |futures: u64| (1..=futures).filter(|&future| fails(steps[at], future)).count() as u64;
        let (mut failed, mut tried) = (failing(FUTURES), FUTURES);
        if failed == FUTURES {
            (failed, tried) = (failing(FUTURES_MORE), FUTURES_MORE);
        }
        writeln!(streams.out, "{:>8}  {failed:>3}/{tried}", steps[at])?;
        Ok(failed == tried)
    };
    // As far as is known, after each of `steps[..low]` some future does not fail, and after each of
    // `steps[high..]` all futures fail.
    let (mut low, mut high) = (0, steps.len());
    for part in 1..ROWS {
        let at = steps.len() * part / ROWS;
        if low <= at && at < high {
            if attempt(at)? { high = at } else { low = at + 1 }
        }
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if attempt(middle)? { high = middle } else { low = middle + 1 }
    }
    Ok(low.checked_sub(1).and_then(|last| steps.get(last)).copied())
}

fn conclude(
    last_open: Option<u64>,
    violation: &Violation,
    step_log: &StepLog,
    streams: &mut Streams<'_>,
) -> Result<(), CliError> {
    if last_open.is_none() {
        writeln!(streams.out, "\ndecided  from the first step on: every future of the run fails")?;
        return Ok(());
    }
    let decided = step_log.records().iter().find(|record| last_open < Some(record.step));
    let Some(record) = decided.filter(|record| record.step < violation.step) else {
        writeln!(
            streams.out,
            "\ndecided  at step {}, which is the violation: after the previous step, some future does not fail",
            violation.step
        )?;
        return Ok(());
    };
    let ms = format!("{}.{:03}", record.at.0 / 1_000, record.at.0 % 1_000);
    writeln!(
        streams.out,
        "\ndecided  after step {} ({ms} ms, {}: {}) every future fails; {} is then {}",
        record.step,
        record.idx,
        record.event(),
        record.idx,
        record.state,
    )?;
    Ok(())
}
