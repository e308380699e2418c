//! Shrinks the failed run of a test within a limit of wall time, and prints the progress to standard error.

use super::RunnableStorm;
use super::bounds::{Stopwatch, limit, print, seconds};
use super::failure::{about, rerun};
#[cfg(feature = "machine")]
use super::simplify;
use crate::observe::report::{Report, Verdict};
use crate::observe::step_log::StepLog;
use crate::plan::Plan;
use crate::runner::Run;
use crate::schedule::EventOrder;
use crate::shrink::{self, Failure, ShrinkProgress, Shrunk, Size};
use std::cell::Cell;
use std::time::Duration;

/// The maximum number of plans that a shrink tries.
const TRIES_MAX: u64 = 2_000;

/// The search stops when its runs together have handled this number of events.
const EVENTS_MAX: u64 = 50_000_000;

/// The wall time between two progress lines on standard error.
const NEWS: Duration = Duration::from_secs(5);

/// The smallest failing run that the search found, and the results of a repetition of this run.
pub(super) struct Smallest {
    pub(super) shrunk: Shrunk,
    pub(super) report: Report,
    pub(super) story: String,
    pub(super) step_log: StepLog,
    /// A text with the number of runs in the search. The text also says whether the time limit stopped the
    /// search.
    pub(super) effort: String,
}

/// Shrinks the plan of a seed, and runs the smallest plan again to record the trace of the run.
///
/// # Errors
/// Returns the verdict of a repetition that did not fail in the same way as the first run.
pub(super) fn shrink(trial: &dyn RunnableStorm, seed: u64, failure: &Failure) -> Result<Smallest, Verdict> {
    let work = ShrinkWork::start(seed, limit("WAVETANK_SHRINK_TIME", trial.shrink_time_max()));
    let Some(shrunk) = search(trial, &work, failure) else { return Err(Verdict::Held) };
    let (report, story, step_log) = rerun(trial, &shrunk.plan);
    if Failure::of(&report.verdict).as_ref() != Some(failure) {
        return Err(report.verdict);
    }
    let effort = work.effort(shrunk.tries);
    Ok(Smallest { shrunk, report, story, step_log, effort })
}

#[cfg(feature = "machine")]
fn search(trial: &dyn RunnableStorm, work: &ShrinkWork, failure: &Failure) -> Option<Shrunk> {
    let (plan, only) = simplify::only_command(trial, work, failure);
    let mut shrunk = search_from(plan, trial, work)?;
    simplify::simplify(trial, work, only, &mut shrunk);
    Some(shrunk)
}

#[cfg(not(feature = "machine"))]
fn search(trial: &dyn RunnableStorm, work: &ShrinkWork, _: &Failure) -> Option<Shrunk> {
    search_from(trial.plan().clone(), trial, work)
}

fn search_from(plan: Plan, trial: &dyn RunnableStorm, work: &ShrinkWork) -> Option<Shrunk> {
    shrink::shrink(plan, &mut |plan| work.run(trial, plan), &mut |progress| work.may_go_on(progress))
}

/// The work of a shrink so far.
pub(super) struct ShrinkWork {
    seed: u64,
    stopwatch: Stopwatch,
    limit: Duration,
    events: Cell<u64>,
    /// The wall time from the beginning of the shrink to the next progress line.
    news_at: Cell<Duration>,
    /// True if the limit ended the search for a smaller run.
    was_late: Cell<bool>,
}

impl ShrinkWork {
    fn start(seed: u64, limit: Duration) -> Self {
        let (stopwatch, news_at) = (Stopwatch::start(), Cell::new(NEWS));
        Self { seed, stopwatch, limit, events: Cell::new(0), news_at, was_late: Cell::new(false) }
    }

    /// Runs a plan, and counts the events of the run.
    fn run(&self, trial: &dyn RunnableStorm, plan: Plan) -> Run<()> {
        let of = about(self.seed);
        let about = match &plan.order {
            EventOrder::Scheduled(_, elements) | EventOrder::HealedAfter(_, elements) => {
                let elements = shrink::many(elements.len() as u64, "element");
                format!("a schedule of {elements}, tried in the shrink of {of}")
            }
            EventOrder::Drawn | EventOrder::Recorded | EventOrder::Branched { .. } => {
                format!("a smaller plan, tried in the shrink of {of}\n{}", shrink::source(&plan))
            }
        };
        let run = trial.run_watched(plan, about);
        self.events.set(self.events.get() + run.report.events);
        run
    }

    /// Runs a plan. Returns true if the run fails with this failure.
    #[cfg(feature = "machine")]
    pub(super) fn fails(&self, trial: &dyn RunnableStorm, plan: &Plan, failure: &Failure) -> bool {
        Failure::of(&self.run(trial, plan.clone()).report.verdict).as_ref() == Some(failure)
    }

    fn may_go_on(&self, progress: &ShrinkProgress<'_>) -> bool {
        self.tell(progress.tries, progress.size);
        let is_late = self.limit <= self.stopwatch.elapsed();
        self.was_late.set(self.was_late.get() || is_late);
        progress.tries < TRIES_MAX && self.events.get() < EVENTS_MAX && !is_late
    }

    /// True if no time is left to simplify commands. This time ends when five quarters of `limit` have passed
    /// since the beginning of the shrink.
    #[cfg(feature = "machine")]
    pub(super) fn is_over(&self) -> bool {
        self.limit + self.limit / 4 <= self.stopwatch.elapsed()
    }

    /// Prints the size of the smallest run, at most once in five seconds.
    pub(super) fn tell(&self, tries: u64, size: Size) {
        let elapsed = self.stopwatch.elapsed();
        if self.news_at.get() <= elapsed {
            self.news_at.set(elapsed + NEWS);
            print(&format!(
                "shrinking has taken {}: {tries} runs were tried, and the smallest run that fails has {size}",
                seconds(elapsed)
            ));
        }
    }

    fn effort(&self, tries: u64) -> String {
        if self.was_late.get() {
            let limit = self.limit.as_secs();
            return format!(
                "{tries} runs; the search stopped after {limit} s; WAVETANK_SHRINK_TIME=SECONDS changes the limit"
            );
        }
        format!("{tries} runs")
    }
}
