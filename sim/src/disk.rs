//! A server's disk: the durable state, the queue of jobs, and the effect of a crash on the state and the
//! queue.
//!
//! The stores contain only durable state. Jobs wait in a queue, like the jobs of a single I/O thread. The
//! disk executes a job when the duration of the job has passed. Writes that arrive while another job runs are
//! synced together. The world reads the virtual time and makes the observations; the disk does not.

pub mod checksummed;
pub mod fault;
mod faulty;

mod device;
mod memory;
mod names;
mod pages;
mod steps;
mod stores;

pub use device::{Device, DeviceCounts, DeviceFault, Mount, OpenFile};
pub(crate) use memory::Memory;
pub use stores::{Capture, Load, PartialWrite, Remains, StoreFactory, Stores};

use crate::plan::DiskPlan;
use crate::plan::fault_id::Fault;
use crate::plan::named::Counters;
use crate::plan::rng::{Domain, Draw, Stream};
use crate::plan::server_set::ServerIdx;
use crate::schedule::JobId;
use fault::{Damage, DiskFault};
use std::collections::VecDeque;
use std::sync::Arc;
use wavetank_raft::execute::Recovered;
use wavetank_raft::store::StoreError;
use wavetank_raft::{
    CacheLimits, Configuration, Entry, Event, Index, LogId, Payload, Settings, SnapshotMeta, Span, StoreJob,
    Write,
};

/// A server's disk. The disk executes the jobs of the server's stores in the order of the queue, and injects
/// disk faults.
#[derive(Debug)]
pub struct Disk {
    stores: Box<dyn Stores>,
    queue: VecDeque<Queued>,
    running: usize,
    /// Writes that are being synced together.
    group: Vec<Write>,
    /// Writes that are durable but not returned by [`Disk::next_done`] yet.
    synced: VecDeque<Write>,
    plan: DiskPlan,
    streams: Streams,
    counts: Counters<Fault>,
    unreported_damage: Vec<Damage>,
    was_wiped: bool,
}

/// The result of a job that ran. `Q` and `R` are the types of the requests and responses of the server's
/// protocol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Done<Q, R> {
    /// The write is durable. The world informs the server when all writes of the same sync are durable.
    Durable(Write),
    /// The job failed with this error. If the job was a write, all queued jobs are dropped, and a part of the
    /// write may be on the disk. The first value is this part; `None` if the stores do not know a durable
    /// part.
    Failed(Option<PartialWrite>, StoreError),
    /// The world delivers this event to the server after this delay in microseconds. In most cases the delay
    /// is zero.
    Deliver(Event<Q, R>, Span),
}

#[derive(Clone, Debug)]
struct Queued {
    job: StoreJob,
    takes: Span,
    fails: bool,
    /// The additional delay, in microseconds, between the end of the job and the event for the server.
    late: Span,
}

#[derive(Clone, Debug)]
struct Streams {
    sync: Stream,
    stall: Option<Stream>,
    fail: Option<Stream>,
    read: Stream,
    late_read: Option<Stream>,
    remains: Stream,
}

impl Streams {
    fn new(seed: u64, idx: ServerIdx, plan: &DiskPlan) -> Self {
        let stream = |domain| Stream::new(seed, domain, u64::from(idx.0), 0);
        Self {
            sync: stream(Domain::Sync),
            stall: plan.stall.map(|_| stream(Domain::Stall)),
            fail: plan.fail.map(|_| stream(Domain::WriteFailure)),
            read: stream(Domain::DiskRead),
            late_read: plan.late_read.map(|_| stream(Domain::LateRead)),
            remains: stream(Domain::Remains),
        }
    }
}

impl Disk {
    /// Creates an idle disk with these stores.
    #[must_use]
    pub fn new(seed: u64, idx: ServerIdx, plan: &DiskPlan, stores: Box<dyn Stores>) -> Self {
        Self {
            stores,
            queue: VecDeque::new(),
            running: 0,
            group: Vec::new(),
            synced: VecDeque::new(),
            plan: plan.clone(),
            streams: Streams::new(seed, idx, plan),
            counts: Counters::default(),
            unreported_damage: Vec::new(),
            was_wiped: false,
        }
    }

    /// Writes the initial state to the disk before the first start of the server. The write does not wait in
    /// the queue.
    ///
    /// # Panics
    /// Panics if a store fails.
    pub fn write_initial(&mut self, write: &Write) {
        self.stores.write(std::slice::from_ref(write)).expect(NO_FAULT);
    }

    /// Recovers the state that a server starts with. `cache` limits the entries that the server keeps in
    /// memory.
    ///
    /// # Errors
    /// Returns an error if a store fails, or if the content of a store is damaged.
    pub fn recover(&mut self, cache: CacheLimits) -> Result<Recovered, StoreError> {
        self.stores.recover(cache)
    }

    /// Injects a fault. `draw` selects the damaged location. Returns the damage, or `None` if the fault
    /// changes nothing.
    pub fn inject_fault(&mut self, fault: DiskFault, draw: Draw) -> Option<Damage> {
        self.stores.inject_fault(fault, draw)
    }

    /// True if any synced data differs from the data that was written, or if the next write will cause
    /// such damage.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.stores.is_damaged()
    }

    /// Returns the configurations on the disk with their log indexes, the latest first. Unreadable
    /// configurations are left out.
    #[must_use]
    pub fn memberships(&self) -> Vec<(Index, Arc<Configuration>)> {
        self.stores.memberships()
    }

    /// Returns the configurations in the writes that are not durable yet.
    pub(crate) fn queued_memberships(&self) -> impl Iterator<Item = &Configuration> {
        let entries = self.queue.iter().flat_map(|queued| match &queued.job {
            StoreJob::Persist(write) => memory::entries_of(&write.log),
            _ => &[],
        });
        entries.filter_map(|entry| match &entry.payload {
            Payload::Configuration(members) => Some(&**members),
            _ => None,
        })
    }

    /// Frees space on a full disk, so that later writes succeed.
    pub fn free_space(&mut self) {
        self.stores.free_space();
    }

    /// Returns all entries of the durable log.
    ///
    /// # Panics
    /// Panics if the log cannot be read.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        self.stores.log().expect(NO_FAULT)
    }

    /// Writes a captured state to the disk as a snapshot.
    ///
    /// # Errors
    /// Returns an error if the state cannot be written, or if a store fails.
    pub fn keep_snapshot(&mut self, capture: Capture<'_>) -> Result<Arc<SnapshotMeta>, StoreError> {
        self.stores.keep_snapshot(capture)
    }

    /// Passes the bytes of the snapshot that ends at `last` to `load`. Returns the id of the snapshot's
    /// last entry.
    ///
    /// # Errors
    /// Returns an error if the snapshot cannot be read, or if `load` fails.
    pub fn load_snapshot(&self, last: LogId, load: &mut Load<'_>) -> Result<LogId, StoreError> {
        self.stores.load_snapshot(last, load)
    }

    /// Queues a job. If the disk was idle, begins the job and returns its duration in microseconds:
    /// [`Disk::next_done`] is due after this duration. Returns `None` if another job is running.
    pub fn put(&mut self, job: StoreJob) -> Option<Span> {
        let queued = self.queued(job);
        self.queue.push_back(queued);
        if self.running == 0 { self.start() } else { None }
    }

    /// Returns the id of the last job in the group of running jobs, or `None` if the disk is idle.
    pub(crate) fn running(&self) -> Option<JobId> {
        let last = self.running.checked_sub(1)?;
        self.queue.get(last).map(|queued| match &queued.job {
            StoreJob::Persist(write) => JobId::Write(write.token),
            StoreJob::Fetch { ticket, .. }
            | StoreJob::ReadSnapshot { ticket, .. }
            | StoreJob::WriteSnapshot { ticket, .. } => JobId::Other(*ticket),
        })
    }

    /// True if at least three jobs wait while other jobs run.
    #[must_use]
    pub fn has_backlog(&self) -> bool {
        const SEVERAL: usize = 3;
        self.running + SEVERAL <= self.queue.len()
    }

    /// Returns the result of the next job that ran, or `None` if there are no more results. After `None`, the
    /// caller must call [`Disk::start`] to begin the next jobs.
    pub fn next_done<Q, R>(&mut self, settings: &Settings) -> Option<Done<Q, R>> {
        if let Some(write) = self.synced.pop_front() {
            return Some(Done::Durable(write));
        }
        if self.running == 0 {
            return None;
        }
        self.take_group();
        if self.group.is_empty() { self.carry_out(settings) } else { self.sync_group() }
    }

    /// Begins the next job, or all writes at the head of the queue as one group. Returns the duration of the
    /// job or the group in microseconds, or `None` if the queue is empty.
    ///
    /// # Panics
    /// Panics if jobs are running.
    pub fn start(&mut self) -> Option<Span> {
        assert!(self.running == 0, "cannot start a job while {} jobs are running", self.running);
        // One sync makes all writes of the group durable, so the group takes as long as its first write.
        let takes = self.queue.front()?.takes;
        let writes =
            self.queue.iter().take_while(|queued| matches!(queued.job, StoreJob::Persist(_))).count();
        self.running = writes.max(1);
        Some(takes)
    }

    /// Simulates a crash. The stores execute some of the queued jobs. `capture` is the state for the snapshot
    /// that the server was writing; `None` if the server was writing no snapshot. In some cases the stores
    /// also complete this snapshot. Returns the results of unfinished jobs that survived.
    pub fn crash(&mut self, capture: Option<Capture<'_>>) -> Remains {
        // Every crash reads two words, so the draws of later crashes do not depend on the queue.
        let draws = [self.streams.remains.draw(), self.streams.remains.draw()];
        let jobs: Vec<StoreJob> = self.queue.drain(..).map(|queued| queued.job).collect();
        let writes = jobs.iter().filter(|job| matches!(job, StoreJob::Persist(_))).count();
        self.running = 0;
        let remains = self.stores.crash(jobs, capture, draws);
        let durable = remains.durable.len();
        self.counts[Fault::CutQueue] += u64::from(0 < durable && durable < writes);
        self.counts[Fault::TornWrite] += u64::from(remains.torn.is_some());
        remains
    }

    /// Erases all content and drops all queued jobs.
    pub fn wipe(&mut self) {
        self.was_wiped = true;
        self.stores.wipe();
        self.queue.clear();
        self.running = 0;
    }

    /// True if the content was erased at least once.
    #[must_use]
    pub const fn was_wiped(&self) -> bool {
        self.was_wiped
    }

    /// Replaces the disk's plan. Queued jobs keep the durations that were drawn before.
    pub fn set_plan(&mut self, seed: u64, idx: ServerIdx, plan: DiskPlan) {
        // An existing stream continues. A new one would repeat the draws that were already made.
        let stream = |domain| Stream::new(seed, domain, u64::from(idx.0), 0);
        if plan.stall.is_some() {
            self.streams.stall.get_or_insert_with(|| stream(Domain::Stall));
        }
        if plan.fail.is_some() {
            self.streams.fail.get_or_insert_with(|| stream(Domain::WriteFailure));
        }
        if plan.late_read.is_some() {
            self.streams.late_read.get_or_insert_with(|| stream(Domain::LateRead));
        }
        self.plan = plan;
    }

    /// Replaces the random streams with the streams of another seed. Queued jobs keep the durations that were
    /// drawn before.
    pub fn reseed(&mut self, seed: u64, idx: ServerIdx) {
        self.streams = Streams::new(seed, idx, &self.plan);
    }

    /// Disables stalls, failures and late results of all jobs, and removes the armed faults of the stores.
    /// Queued jobs keep their durations, but a queued job neither fails nor delivers a late result.
    pub fn calm(&mut self) {
        (self.plan.stall, self.plan.fail, self.plan.late_read) = (None, None, None);
        self.stores.calm();
        for queued in &mut self.queue {
            (queued.fails, queued.late) = (false, Span::ZERO);
        }
    }

    /// Returns the number of faults of each kind so far.
    pub(crate) const fn counts(&self) -> &Counters<Fault> {
        &self.counts
    }

    /// Returns the name of each kind of fault of the stores, and the number of these faults so far.
    #[must_use]
    pub fn faults_of_stores(&self) -> Vec<(&'static str, u64)> {
        self.stores.faults()
    }

    /// Removes and returns the damage that was not reported before.
    pub fn take_damage(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.unreported_damage)
    }

    fn queued(&mut self, job: StoreJob) -> Queued {
        if !matches!(job, StoreJob::Persist(_)) {
            let (takes, late) = (self.streams.read.within(self.plan.read), self.read_delay(&job));
            return Queued { job, takes, fails: false, late };
        }
        let mut takes = self.streams.sync.within(self.plan.sync);
        if let (Some(stream), Some(stall)) = (&mut self.streams.stall, self.plan.stall) {
            let draw = stream.draw();
            if draw.hits(stall.chance) {
                takes = takes + draw.within(stall.by);
                self.counts[Fault::Stall] += 1;
            }
        }
        let fails = match (&mut self.streams.fail, self.plan.fail) {
            (Some(stream), Some(chance)) => stream.hits(chance),
            _ => false,
        };
        Queued { job, takes, fails, late: Span::ZERO }
    }

    /// Draws the additional delay of a read's result, in microseconds.
    fn read_delay(&mut self, job: &StoreJob) -> Span {
        let is_read = matches!(job, StoreJob::Fetch { .. } | StoreJob::ReadSnapshot { .. });
        let (Some(stream), Some(late), true) = (&mut self.streams.late_read, self.plan.late_read, is_read)
        else {
            return Span::ZERO;
        };
        let draw = stream.draw();
        if !draw.hits(late.chance) {
            return Span::ZERO;
        }
        self.counts[Fault::LateRead] += 1;
        draw.within(late.by)
    }

    /// Moves the running writes into `group`, to be synced together. Stops before the first write that fails.
    fn take_group(&mut self) {
        while 0 < self.running {
            match self.queue.pop_front().expect("a running job is still in the queue") {
                Queued { job: StoreJob::Persist(write), fails: false, .. } => self.group.push(write),
                other @ Queued { .. } => return self.queue.push_front(other),
            }
            self.running -= 1;
        }
    }

    fn sync_group<Q, R>(&mut self) -> Option<Done<Q, R>> {
        match self.stores.write(&self.group) {
            Ok(()) => {
                self.synced.extend(self.group.drain(..));
                self.synced.pop_front().map(Done::Durable)
            }
            Err(error) => Some(self.abort(None, error)),
        }
    }

    fn carry_out<Q, R>(&mut self, settings: &Settings) -> Option<Done<Q, R>> {
        self.running -= 1;
        let Queued { job, fails, late, .. } = self.queue.pop_front()?;
        Some(match job {
            StoreJob::Persist(write) => {
                assert!(fails, "write {:?} is carried out alone, but this write does not fail", write.token);
                self.counts[Fault::WriteFailure] += 1;
                self.unreported_damage.push(Damage::WriteFailed);
                match self.stores.fail(&write, self.streams.remains.draw()) {
                    Some((part, error)) => {
                        self.counts[Fault::TornWrite] += u64::from(part.is_some());
                        self.abort(part, error)
                    }
                    None => Done::Durable(write),
                }
            }
            StoreJob::Fetch { ticket, first, last } => match self.stores.fetch(first, last, settings) {
                Ok(entries) => Done::Deliver(Event::Fetched { ticket, entries }, late),
                Err(error) => Done::Failed(None, error),
            },
            StoreJob::ReadSnapshot { ticket, last, offset, limit } => {
                match self.stores.read_snapshot(last, offset, limit) {
                    Ok(piece) => Done::Deliver(Event::SnapshotRead { ticket, piece }, late),
                    Err(error) => Done::Failed(None, error),
                }
            }
            StoreJob::WriteSnapshot { ticket, meta, offset, data, done } => {
                let ok = self.stores.write_snapshot(&meta, offset, &data, done);
                Done::Deliver(Event::SnapshotWritten { ticket, ok }, late)
            }
        })
    }

    /// Drops all queued jobs after a write has failed. `part` is the durable part of the write, if the stores
    /// know a durable part. Returns the failure.
    fn abort<Q, R>(&mut self, part: Option<PartialWrite>, error: StoreError) -> Done<Q, R> {
        self.running = 0;
        self.group.clear();
        self.queue.clear();
        Done::Failed(part, error)
    }
}

const NO_FAULT: &str = "stores do not fail before the first start, and a log has no gaps";
