//! Executes many runs on several threads. The results have the same order as on a single thread.

use super::CliError;
use super::shares::{Jobs, Seeds, Shard};
use super::target::Target;
use crate::registry::{Scenario, Suite};
use crate::trace::TraceForm;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;
use wavetank_sim::{JudgeLevel, Report};

/// The runs of a sweep: the seeds of each row, limited to one share of all runs.
#[derive(Clone, Debug)]
pub(crate) struct Work<'a> {
    pub(crate) suite: &'a Suite,
    pub(crate) rows: Vec<(&'a Scenario, Seeds)>,
    pub(crate) shard: Shard,
    /// The level of the judges.
    pub(crate) judges: JudgeLevel,
    /// The number of runs that an interrupted sweep has already done. These runs are the first runs in the order.
    pub(crate) done: u64,
}

/// One run of a sweep.
#[derive(Clone, Copy, Debug)]
struct Item<'a> {
    row: usize,
    scenario: &'a Scenario,
    seed: u64,
}

/// A finished run.
#[derive(Debug)]
pub(crate) struct Done {
    /// The position of the run's row in [`Work::rows`], from 0 on.
    pub(crate) row: usize,
    /// The report of the run.
    pub(crate) report: Report,
    /// The wall time of the run, in microseconds.
    pub(crate) wall_us: u64,
}

impl<'a> Work<'a> {
    /// Returns the number of runs in the share, including the runs that are already done.
    pub(crate) fn runs(&self) -> u64 {
        let all = self.rows.iter().fold(0_u64, |sum, (_, seeds)| sum.saturating_add(seeds.count()));
        self.shard.count(all)
    }

    /// Returns the runs in order: the first seed of every row, then the second seed of every row, and so on.
    /// Therefore the first failure of each row appears early.
    fn items(&self) -> impl Iterator<Item = Item<'a>> + '_ {
        let longest = self.rows.iter().map(|(_, seeds)| seeds.count()).max().unwrap_or(0);
        let all = (0..longest).flat_map(move |at| {
            self.rows.iter().enumerate().filter_map(move |(row, &(scenario, seeds))| {
                seeds.nth(at).map(|seed| Item { row, scenario, seed })
            })
        });
        (0_u64..).zip(all).filter(|&(number, _)| self.shard.holds(number)).map(|(_, item)| item)
    }
}

/// Returns the requested number of threads. If no number is requested, returns the number of cores.
pub(crate) fn threads(asked: Option<Jobs>) -> usize {
    asked.map_or_else(|| thread::available_parallelism().map_or(1, NonZero::get), |jobs| jobs.0)
}

/// Executes the runs on `jobs` threads, and starts no run after the deadline, if there is a deadline. `take`
/// receives the finished runs in order. If `take` returns an error or `Break`, no further run begins, and the
/// results of the later runs are dropped.
pub(crate) fn play(
    work: &Work<'_>,
    jobs: usize,
    deadline: Option<Instant>,
    mut take: impl FnMut(Done) -> Result<ControlFlow<()>, CliError>,
) -> Result<(), CliError> {
    const QUEUE_LENGTH: usize = 64;
    let done = usize::try_from(work.done).expect("the number of runs in a file fits into usize");
    let items = Mutex::new(work.items().skip(done).enumerate());
    let next = || {
        // Runs are started in order, and every started run is finished. So the runs before a deadline
        // are the first runs, without gaps.
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return None;
        }
        items.lock().unwrap_or_else(PoisonError::into_inner).next()
    };
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(QUEUE_LENGTH);
        for _ in 0..jobs {
            let sender = sender.clone();
            scope.spawn(|| run_items(work, next, sender));
        }
        drop(sender);
        in_order(receiver, &mut take)
    })
}

/// Executes the runs that `next` returns, until `next` returns `None` or the receiver is dropped.
fn run_items<'a>(
    work: &Work<'a>,
    next: impl Fn() -> Option<(usize, Item<'a>)>,
    sender: SyncSender<(usize, Done)>,
) {
    while let Some((number, Item { row, scenario, seed })) = next() {
        let begun = Instant::now();
        let report = Target::judged(work.suite, scenario, seed, work.judges).run(TraceForm::None).0;
        let wall_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        if sender.send((number, Done { row, report, wall_us })).is_err() {
            return;
        }
    }
}

/// Passes the finished runs to `take` in the order in which they were started, not in the order in which they
/// finish. The threads end when the receiver is dropped.
fn in_order(
    receiver: Receiver<(usize, Done)>,
    take: &mut impl FnMut(Done) -> Result<ControlFlow<()>, CliError>,
) -> Result<(), CliError> {
    let mut early = BTreeMap::new();
    let mut wanted = 0;
    for (number, done) in receiver {
        early.insert(number, done);
        while let Some(done) = early.remove(&wanted) {
            if take(done)?.is_break() {
                return Ok(());
            }
            wanted += 1;
        }
    }
    assert!(early.is_empty(), "run {wanted} was started but has not finished");
    Ok(())
}
