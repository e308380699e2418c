//! A server's disk: what is durable, what is waiting, and what a crash leaves of it.
//!
//! The stores hold only what is durable. Jobs wait in a queue, as behind the one thread that works
//! a real disk, and the executors of `wavetank_raft::execute` carry them out in order once their
//! time has passed; writes that queue up while another job runs are synced together. The disk
//! does not know what time it is, and it tells nobody what it does: the world does.

pub mod harm;

use crate::plan::Disks;
use crate::rng::{Domain, Ratio, Stream};
use crate::slot::Slot;
use harm::Harm;
use std::collections::VecDeque;
use std::sync::Arc;
use wavetank_raft::execute::{Recovered, Snapshots, Storage, recover};
use wavetank_raft::store::inmem::{InmemSnapshotStore, InmemStore};
use wavetank_raft::store::{LogStore, StoreError, StoreErrorKind};
use wavetank_raft::{
    Bytes, Entries, Entry, Event, Index, LogId, LogOp, RpcId, Settings, SnapshotMeta, Span, Write,
};

/// A disk.
#[derive(Debug)]
pub struct Disk {
    storage: Storage<InmemStore, InmemStore>,
    snapshots: Snapshots<InmemSnapshotStore>,
    queue: VecDeque<Queued>,
    running: usize,
    plan: Disks,
    streams: Streams,
    counts: DiskCounts,
    harms: Vec<Harm>,
}

/// How often each family struck.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DiskCounts {
    /// Writes begun.
    pub writes: u64,
    /// Syncs that stalled.
    pub stalls: u64,
    /// Crashes that left something of a queue and not all of it.
    pub cut_queues: u64,
    /// Writes of which a crash left a part.
    pub torn: u64,
    /// Writes that failed.
    pub failed: u64,
}

/// Something that a disk has to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Job {
    /// [`Action::Write`](wavetank_raft::Action::Write).
    Write(Write),
    /// [`Action::Fetch`](wavetank_raft::Action::Fetch).
    Fetch {
        /// Goes back with the entries.
        ticket: RpcId,
        /// The first index wanted.
        first: Index,
        /// The last index wanted.
        last: Index,
    },
    /// [`Action::ReadSnapshot`](wavetank_raft::Action::ReadSnapshot).
    ReadSnapshot {
        /// Goes back with the piece.
        ticket: RpcId,
        /// The snapshot; `None` for the newest.
        last: Option<LogId>,
        /// Where the piece begins.
        offset: u64,
        /// How long it may be.
        limit: u64,
    },
    /// [`Action::WriteSnapshot`](wavetank_raft::Action::WriteSnapshot).
    WriteSnapshot {
        /// Goes back with the report.
        ticket: RpcId,
        /// The snapshot.
        meta: Arc<SnapshotMeta>,
        /// Where the piece begins.
        offset: u64,
        /// Its bytes.
        data: Bytes,
        /// It is the last one.
        done: bool,
    },
}

/// What came of a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Done {
    /// It is durable. Reported to the server once all that was synced with it is.
    Durable(Write),
    /// It failed, and a part of it is on the disk all the same. Nothing more will be done.
    Failed(Option<Part>, StoreError),
    /// The server is to hear this.
    Tell(Event),
}

/// What is left of a write that did not end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// The write, as far as anything of it is there.
    pub write: Write,
    /// How many of its entries are there.
    pub entries: usize,
}

#[derive(Clone, Debug)]
struct Queued {
    job: Job,
    takes: Span,
    fails: bool,
}

#[derive(Clone, Debug)]
struct Streams {
    sync: Stream,
    stall: Option<Stream>,
    fail: Option<Stream>,
    read: Stream,
    remains: Stream,
}

impl Disk {
    /// A blank disk.
    #[must_use]
    pub fn new(seed: u64, slot: Slot, plan: &Disks) -> Self {
        let stream = |domain| Stream::new(seed, domain, u64::from(slot.0), 0);
        Self {
            storage: Storage { log: InmemStore::default(), stable: InmemStore::default() },
            snapshots: Snapshots::new(InmemSnapshotStore::default()),
            queue: VecDeque::new(),
            running: 0,
            plan: plan.clone(),
            streams: Streams {
                sync: stream(Domain::Sync),
                stall: plan.stall.map(|_| stream(Domain::Stall)),
                fail: plan.fail.map(|_| stream(Domain::WriteFailure)),
                read: stream(Domain::DiskRead),
                remains: stream(Domain::Remains),
            },
            counts: DiskCounts::default(),
            harms: Vec::new(),
        }
    }

    /// Puts a write on the disk at once, before the server starts for the first time.
    pub fn found(&mut self, write: &Write) {
        self.storage.write(write).expect("stores in memory do not fail");
    }

    /// What a server finds when it starts.
    pub fn recover(&mut self, cache: u64) -> Recovered {
        recover(&mut self.storage, &self.snapshots, cache)
            .expect("stores in memory do not fail, and have no holes")
    }

    /// The log as it is on the disk.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        let log = &self.storage.log;
        let (first, last) = (log.first_index().expect(SOUND), log.last_index().expect(SOUND));
        (first.0.max(1)..=last.0)
            .map(|index| log.get_log(Index(index)).expect(SOUND).expect("a log has no holes"))
            .collect()
    }

    /// The snapshots, for the executor of the state machine.
    pub const fn snapshots(&mut self) -> &mut InmemSnapshotStore {
        &mut self.snapshots.store
    }

    /// Takes a job. If the disk was idle: how long until [`Disk::next_done`] is due.
    pub fn put(&mut self, job: Job) -> Option<Span> {
        let queued = self.queued(job);
        self.queue.push_back(queued);
        if self.running == 0 { self.start() } else { None }
    }

    /// Whether several writes wait while others are under way.
    #[must_use]
    pub fn is_piled(&self) -> bool {
        const SEVERAL: usize = 3;
        self.running + SEVERAL <= self.queue.len()
    }

    /// The outcome of the next job of those that ran; `None` once there are no more, and the next
    /// ones are to be begun with [`Disk::start`].
    pub fn next_done(&mut self, settings: &Settings) -> Option<Done> {
        if self.running == 0 {
            return None;
        }
        self.running -= 1;
        let Queued { job, fails, .. } = self.queue.pop_front().expect("what runs is in the queue");
        Some(if fails { self.fail(job) } else { self.carry_out(job, settings) })
    }

    /// Begins the next job, or all the writes that are next; how long they take.
    pub fn start(&mut self) -> Option<Span> {
        assert!(self.running == 0, "{} jobs are running", self.running);
        let takes = self.queue.front()?.takes;
        let writes = self.queue.iter().take_while(|queued| matches!(queued.job, Job::Write(_))).count();
        self.running = writes.max(1);
        Some(takes)
    }

    /// A crash: a first part of the queue becomes durable after all, and of the next write perhaps
    /// a part. The rest is gone.
    pub fn crash(&mut self, settings: &Settings) -> (Vec<Write>, Option<Part>) {
        let (many, tear) = (self.streams.remains.draw(), self.streams.remains.draw());
        let mut queue = std::mem::take(&mut self.queue);
        self.running = 0;
        // Half of the crashes leave nothing of the queue.
        let survive = if many.hits(Ratio::new(1, 2)) { 0 } else { many.below(queue.len() as u64 + 1) };
        self.counts.cut_queues += u64::from(0 < survive && survive < queue.len() as u64);
        let mut durable = Vec::new();
        for queued in queue.drain(..usize::try_from(survive).expect("no longer than the queue")) {
            if let Done::Durable(write) = self.carry_out(queued.job, settings) {
                durable.push(write);
            }
        }
        let torn = match queue.pop_front() {
            Some(Queued { job: Job::Write(write), .. }) => self.tear(&write, tear.below(PARTS)),
            Some(_) | None => None,
        };
        let store = std::mem::take(&mut self.snapshots.store);
        self.snapshots = Snapshots::new(store);
        (durable, torn)
    }

    /// Loses everything.
    pub fn wipe(&mut self) {
        self.storage = Storage { log: InmemStore::default(), stable: InmemStore::default() };
        self.snapshots = Snapshots::new(InmemSnapshotStore::default());
        self.queue.clear();
        self.running = 0;
    }

    /// Changes how the disk behaves from here on; what waits already takes its time as planned.
    pub fn become_like(&mut self, seed: u64, slot: Slot, plan: Disks) {
        let stream = |domain| Stream::new(seed, domain, u64::from(slot.0), 0);
        if plan.stall.is_some() {
            self.streams.stall.get_or_insert_with(|| stream(Domain::Stall));
        }
        if plan.fail.is_some() {
            self.streams.fail.get_or_insert_with(|| stream(Domain::WriteFailure));
        }
        self.plan = plan;
    }

    /// From here on the disk neither stalls nor fails.
    pub fn calm(&mut self) {
        (self.plan.stall, self.plan.fail) = (None, None);
        for queued in &mut self.queue {
            queued.fails = false;
        }
    }

    /// How often each family struck so far.
    #[must_use]
    pub const fn counts(&self) -> &DiskCounts {
        &self.counts
    }

    /// What has befallen it and was not asked for yet.
    pub fn take_harms(&mut self) -> Vec<Harm> {
        std::mem::take(&mut self.harms)
    }

    fn queued(&mut self, job: Job) -> Queued {
        if !matches!(job, Job::Write(_)) {
            return Queued { job, takes: self.streams.read.within(self.plan.read), fails: false };
        }
        self.counts.writes += 1;
        let mut takes = self.streams.sync.within(self.plan.sync);
        if let (Some(stream), Some(stall)) = (&mut self.streams.stall, self.plan.stall) {
            let draw = stream.draw();
            if draw.hits(stall.chance) {
                takes = takes + draw.within(stall.by);
                self.counts.stalls += 1;
            }
        }
        let fails = match (&mut self.streams.fail, self.plan.fail) {
            (Some(stream), Some(chance)) => stream.hits(chance),
            (Some(_) | None, Some(_) | None) => false,
        };
        Queued { job, takes, fails }
    }

    fn carry_out(&mut self, job: Job, settings: &Settings) -> Done {
        match job {
            Job::Write(write) => match self.storage.write(&write) {
                Ok(()) => Done::Durable(write),
                Err(error) => Done::Failed(None, error),
            },
            Job::Fetch { ticket, first, last } => self.fetch(ticket, first, last, settings),
            Job::ReadSnapshot { ticket, last, offset, limit } => {
                match self.snapshots.read(last, offset, limit) {
                    Ok(piece) => Done::Tell(Event::SnapshotRead { ticket, piece }),
                    Err(error) => Done::Failed(None, error),
                }
            }
            Job::WriteSnapshot { ticket, meta, offset, data, done } => {
                let ok = self.snapshots.write(&meta, offset, &data, done);
                Done::Tell(Event::SnapshotWritten { ticket, ok })
            }
        }
    }

    fn fetch(&self, ticket: RpcId, first: Index, last: Index, settings: &Settings) -> Done {
        match self.storage.fetch(first, last, settings) {
            Ok(entries) => Done::Tell(Event::Fetched { ticket, entries }),
            Err(error) => Done::Failed(None, error),
        }
    }

    /// The write fails, and nothing behind it is done.
    fn fail(&mut self, job: Job) -> Done {
        self.counts.failed += 1;
        self.harms.push(Harm::WriteFailed);
        self.running = 0;
        self.queue.clear();
        let tear = self.streams.remains.draw();
        let part = match job {
            Job::Write(write) => self.tear(&write, tear.below(PARTS)),
            Job::Fetch { .. } | Job::ReadSnapshot { .. } | Job::WriteSnapshot { .. } => None,
        };
        Done::Failed(part, StoreError::new(StoreErrorKind::Io, "the disk"))
    }

    /// Keeps the first few parts of a write: the vote record, then what it takes away from the
    /// log, then its entries, one by one; never all of them.
    fn tear(&mut self, write: &Write, drawn: u64) -> Option<Part> {
        let (record, cut) = (write.hard_state.is_some(), matches!(write.log, LogOp::Replace(_)));
        let parts = usize::from(record) + parts_of(&write.log);
        let keep = usize::try_from(drawn * parts as u64 / PARTS).expect("fewer parts than entries");
        if keep == 0 {
            return None;
        }
        self.counts.torn += 1;
        let kept = keep.saturating_sub(usize::from(record) + usize::from(cut));
        let log = if keep == usize::from(record) { LogOp::Keep } else { write.log.clone() };
        let write = Write { log, ..write.clone() };
        self.keep_part(&write, kept);
        Some(Part { write, entries: kept })
    }

    fn keep_part(&mut self, write: &Write, kept: usize) {
        let first_few: Entries = entries_of(&write.log)[..kept].into();
        let log = match &write.log {
            LogOp::Replace(entries) if kept == 0 => {
                self.cut_back(entries[0].id.index);
                LogOp::Keep
            }
            LogOp::Replace(_) => LogOp::Replace(first_few),
            LogOp::Append(_) if kept == 0 => LogOp::Keep,
            LogOp::Append(_) => LogOp::Append(first_few),
            LogOp::Keep | LogOp::Compact(_) | LogOp::Discard => LogOp::Keep,
        };
        let write = Write { log, ..write.clone() };
        self.storage.write(&write).expect("stores in memory do not fail");
    }

    fn cut_back(&mut self, from: Index) {
        let last = self.storage.log.last_index().expect(SOUND);
        if from <= last {
            self.storage.log.delete_range(from, last).expect("stores in memory do not fail");
        }
    }
}

const SOUND: &str = "stores in memory do not fail";

/// A tear is drawn as a number below this, and scaled to the parts of the write.
const PARTS: u64 = 1 << 20;

/// In how many steps a log operation can be interrupted.
fn parts_of(op: &LogOp) -> usize {
    match op {
        LogOp::Keep => 0,
        LogOp::Append(entries) => entries.len(),
        LogOp::Replace(entries) => 1 + entries.len(),
        LogOp::Compact(_) | LogOp::Discard => 1,
    }
}

fn entries_of(op: &LogOp) -> &[Entry] {
    match op {
        LogOp::Append(entries) | LogOp::Replace(entries) => entries,
        LogOp::Keep | LogOp::Compact(_) | LogOp::Discard => &[],
    }
}
