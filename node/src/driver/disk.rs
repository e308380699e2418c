//! The worker of the log and the vote record. The worker executes writes in groups, and executes reads between
//! the groups.

use crate::driver::metrics::LogMetrics;
use crate::driver::worker_queue::Worker;
use crate::store::{Files, RedbStore, WalStore};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use wavetank_raft::execute::{Recovered, Storage};
use wavetank_raft::store::{LogStore, StableStore, StoreError, StoreErrorKind};
use wavetank_raft::{
    CacheLimits, ClusterId, Entries, Entry, Event, Index, LogOp, RpcId, ServerId, Settings, SnapshotMeta,
    StoreJob, Write,
};

/// The key of the record with the number of starts of the server.
const INCARNATION: &[u8] = b"Incarnation";
/// The key of the record with the name of the server to which the disk belongs.
const OWNER: &[u8] = b"ServerId";
/// The key of the record with the identity of the server's cluster.
const CLUSTER: &[u8] = b"ClusterId";
/// A group with at least this number of entries takes no further write. The first write of a group must not
/// wait for too many other writes.
const GROUP: usize = 4096;
/// A group with at least this number of bytes takes no further write. The disk must write a group in much less
/// time than `disk_stall_timeout`, because a leader steps down if its disk reports nothing for that time.
const GROUP_BYTES: u64 = 8 << 20;

/// A job of the disk.
#[derive(Debug)]
pub(crate) enum DiskJob {
    /// A job of the protocol.
    Store(StoreJob),
    /// The disk stores the identity of the cluster to which the server belongs.
    SetCluster(ClusterId),
}

/// A store for the log and the vote record, in the form that a server uses.
///
/// A [`Storage`], which is a pair of a [`LogStore`] and a [`StableStore`], implements this trait. The server
/// then writes the two stores one after the other. A store that can write the log and the vote record together
/// may implement the trait directly.
pub trait LogDisk: Send + 'static {
    /// Reads the vote record and the log. See [`Storage::recover`].
    ///
    /// # Errors
    /// Returns an error if a store fails, or if the contents of the stores contradict each other.
    fn recover(
        &mut self,
        snapshot: Option<Arc<SnapshotMeta>>,
        cache: CacheLimits,
    ) -> Result<Recovered, StoreError>;

    /// Returns the name of the server to which the disk belongs. A disk has no owner if the disk is blank, or
    /// if an older version of this library wrote the disk. In these two cases, `server` becomes the owner of
    /// the disk. The default implementation stores no owner, and always returns `server`.
    ///
    /// # Errors
    /// Returns an error if the store fails, or the record of the owner is damaged.
    fn owner(&mut self, server: &ServerId) -> Result<ServerId, StoreError> {
        Ok(server.clone())
    }

    /// Returns the identity of the cluster to which the server belongs. Returns `None` if the disk has no such
    /// identity.
    ///
    /// # Errors
    /// Returns an error if the store fails, or if the record is damaged.
    fn cluster(&mut self) -> Result<Option<ClusterId>, StoreError> {
        Ok(None)
    }

    /// Stores the identity of the cluster to which the server belongs. The default implementation stores
    /// nothing: after a restart, the server learns its cluster from the leader again.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    fn set_cluster(&mut self, _cluster: ClusterId) -> Result<(), StoreError> {
        Ok(())
    }

    /// Counts this start of the server. The returned number is larger than the number of any earlier start.
    ///
    /// # Errors
    /// Returns an error if a store fails.
    fn next_incarnation(&mut self) -> Result<u32, StoreError>;

    /// Executes writes, in order. When the method returns `Ok`, the writes are durable. If the server crashes
    /// during the call, a prefix of the writes may be durable.
    ///
    /// # Errors
    /// Returns an error if a store fails. In that case the contents of the store are unknown.
    fn persist_group(&mut self, writes: &[Write]) -> Result<(), StoreError>;

    /// Returns the entries from `first` to `last` (inclusive), within the limits that `settings` has for one
    /// message. Returns no entries if the store has no entry at `first`.
    ///
    /// # Errors
    /// Returns an error if a store fails.
    fn fetch(&self, first: Index, last: Index, settings: &Settings) -> Result<Entries, StoreError>;

    /// True if calls never block (a store in memory). The driver then calls the store directly, and not on a
    /// worker thread.
    fn is_in_memory(&self) -> bool {
        false
    }
}

impl<L, S> LogDisk for Storage<L, S>
where
    L: LogStore + Send + 'static,
    S: StableStore + Send + 'static,
{
    fn recover(
        &mut self,
        snapshot: Option<Arc<SnapshotMeta>>,
        cache: CacheLimits,
    ) -> Result<Recovered, StoreError> {
        Self::recover(self, snapshot, cache)
    }

    fn owner(&mut self, server: &ServerId) -> Result<ServerId, StoreError> {
        own(&mut self.stable, server)
    }

    fn cluster(&mut self) -> Result<Option<ClusterId>, StoreError> {
        cluster_in(&self.stable)
    }

    fn set_cluster(&mut self, cluster: ClusterId) -> Result<(), StoreError> {
        self.stable.set(CLUSTER, &cluster.0.to_be_bytes())
    }

    fn next_incarnation(&mut self) -> Result<u32, StoreError> {
        count_start(&mut self.stable)
    }

    /// Executes writes, in order. Consecutive entries are stored together, with one sync.
    fn persist_group(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        if let [write] = writes {
            return self.persist(write);
        }
        let mut together: Vec<Entry> = Vec::new();
        for write in writes {
            match (&write.hard_state, &write.log) {
                (None, LogOp::Append(entries)) => together.extend_from_slice(entries),
                (
                    _,
                    LogOp::Append(_)
                    | LogOp::Keep
                    | LogOp::Replace(_)
                    | LogOp::Compact(_)
                    | LogOp::Discard(_)
                    | LogOp::CatchUp(_),
                ) => {
                    store(self, &mut together)?;
                    self.persist(write)?;
                }
            }
        }
        store(self, &mut together)
    }

    fn fetch(&self, first: Index, last: Index, settings: &Settings) -> Result<Entries, StoreError> {
        Self::fetch(self, first, last, settings)
    }

    fn is_in_memory(&self) -> bool {
        self.log.is_in_memory() && self.stable.is_in_memory()
    }
}

fn store<L: LogStore, S: StableStore>(
    storage: &mut Storage<L, S>,
    together: &mut Vec<Entry>,
) -> Result<(), StoreError> {
    if together.is_empty() {
        return Ok(());
    }
    let stored = storage.append(together);
    together.clear();
    stored
}

/// Implements [`LogDisk`] for a store that keeps the log and the vote record together, and writes a group with one
/// sync.
macro_rules! log_disk {
    (impl $(<$files:ident>)? for $store:ty) => {
        impl$(<$files: Files>)? LogDisk for $store {
            fn recover(
                &mut self,
                snapshot: Option<Arc<SnapshotMeta>>,
                cache: CacheLimits,
            ) -> Result<Recovered, StoreError> {
                Storage { log: self.clone(), stable: self.clone() }.recover(snapshot, cache)
            }

            fn owner(&mut self, server: &ServerId) -> Result<ServerId, StoreError> {
                own(self, server)
            }

            fn cluster(&mut self) -> Result<Option<ClusterId>, StoreError> {
                cluster_in(self)
            }

            fn set_cluster(&mut self, cluster: ClusterId) -> Result<(), StoreError> {
                self.set(CLUSTER, &cluster.0.to_be_bytes())
            }

            fn next_incarnation(&mut self) -> Result<u32, StoreError> {
                count_start(self)
            }

            fn persist_group(&mut self, writes: &[Write]) -> Result<(), StoreError> {
                Self::persist_group(self, writes)
            }

            fn fetch(&self, first: Index, last: Index, settings: &Settings) -> Result<Entries, StoreError> {
                Ok(from_first(self.range(first, last, limited(settings))?, first))
            }
        }
    };
}

log_disk!(impl for RedbStore);
log_disk!(impl <F> for WalStore<F>);

/// Returns a predicate for consecutive entries. The predicate is true for the first entry, and for each later
/// entry while the sum of the weights is at most `max_append_bytes`.
fn limited(settings: &Settings) -> impl FnMut(&Entry) -> bool {
    let (mut weight, limit) = (0, settings.max_append_bytes);
    move |entry| {
        let is_first = weight == 0;
        weight += entry.weight();
        is_first || weight <= limit
    }
}

/// Returns the entries if the first entry has the index `first`; otherwise returns no entries.
fn from_first(found: Vec<Entry>, first: Index) -> Entries {
    let is_there = found.first().is_some_and(|entry| entry.id.index == first);
    if is_there { found.into() } else { Entries::default() }
}

fn own(stable: &mut impl StableStore, server: &ServerId) -> Result<ServerId, StoreError> {
    if let Some(record) = stable.get(OWNER)? {
        let owner = String::from_utf8(record);
        let damage = |_| StoreError::new(StoreErrorKind::Corrupt, "the record of the owner is not text");
        return owner.map(ServerId::from).map_err(damage);
    }
    stable.set(OWNER, server.as_str().as_bytes())?;
    Ok(server.clone())
}

fn cluster_in(stable: &impl StableStore) -> Result<Option<ClusterId>, StoreError> {
    let Some(record) = stable.get(CLUSTER)? else { return Ok(None) };
    let number = record.as_slice().try_into().map(u64::from_be_bytes);
    let damage =
        |_| StoreError::new(StoreErrorKind::Corrupt, "the record of the cluster is not eight bytes long");
    number.map(|number| Some(ClusterId(number))).map_err(damage)
}

fn count_start(stable: &mut impl StableStore) -> Result<u32, StoreError> {
    let before = match stable.get(INCARNATION)? {
        None => 0,
        Some(record) => {
            let record: [u8; 4] = record.as_slice().try_into().map_err(|_| {
                let what = format!(
                    "the record with the number of starts has {} bytes, but must have 4",
                    record.len()
                );
                StoreError::new(StoreErrorKind::Corrupt, what)
            })?;
            u32::from_be_bytes(record)
        }
    };
    let now = before.wrapping_add(1);
    stable.set(INCARNATION, &now.to_be_bytes())?;
    Ok(now)
}

/// The worker of the log and the vote record.
pub(crate) struct DiskWorker<D> {
    disk: D,
    settings: Settings,
    metrics: LogMetrics,
    group: Vec<Write>,
    /// True if a write has failed. In that case the contents of the disk are unknown, and the worker executes
    /// no further job.
    has_failed: bool,
}

impl<D: LogDisk> DiskWorker<D> {
    pub(crate) const fn new(disk: D, settings: Settings, metrics: LogMetrics) -> Self {
        Self { disk, settings, metrics, group: Vec::new(), has_failed: false }
    }

    /// Moves the writes at the head of the queue into `group`, up to the next job of another kind, or until the
    /// group is full.
    fn take_group(&mut self, jobs: &mut VecDeque<DiskJob>) {
        let (mut entries, mut bytes) = (0, 0);
        self.group.clear();
        while entries < GROUP && bytes < GROUP_BYTES {
            match jobs.pop_front() {
                Some(DiskJob::Store(StoreJob::Persist(write))) => {
                    entries += count(&write.log);
                    bytes += weight(&write.log);
                    self.group.push(write);
                }
                Some(other) => return jobs.push_front(other),
                None => return,
            }
        }
    }

    fn persist_group(&mut self) -> Option<Event> {
        let last = self.group.last()?;
        let _span = tracing::trace_span!("write", writes = self.group.len()).entered();
        let since = Instant::now();
        Some(match self.disk.persist_group(&self.group) {
            Ok(()) => {
                self.metrics.written(self.group.iter().map(|write| count(&write.log)).sum(), since);
                Event::Persisted(last.token)
            }
            Err(error) => {
                self.has_failed = true;
                Event::StoreFailed(error)
            }
        })
    }

    fn fetch(&self, ticket: RpcId, first: Index, last: Index) -> Event {
        match self.disk.fetch(first, last, &self.settings) {
            Ok(entries) => Event::Fetched { ticket, entries },
            Err(error) => Event::StoreFailed(error),
        }
    }
}

fn count(op: &LogOp) -> usize {
    match op {
        LogOp::Append(entries) | LogOp::Replace(entries) => entries.len(),
        LogOp::Keep | LogOp::Compact(_) | LogOp::Discard(_) | LogOp::CatchUp(_) => 0,
    }
}

fn weight(op: &LogOp) -> u64 {
    match op {
        LogOp::Append(entries) | LogOp::Replace(entries) => entries.iter().map(Entry::weight).sum(),
        LogOp::Keep | LogOp::CatchUp(_) | LogOp::Compact(_) | LogOp::Discard(_) => 0,
    }
}

impl<D: LogDisk> Worker<DiskJob> for DiskWorker<D> {
    fn work(&mut self, jobs: &mut VecDeque<DiskJob>, reports: &mut Vec<Event>) {
        if self.has_failed {
            return jobs.clear();
        }
        match jobs.front() {
            Some(DiskJob::Store(StoreJob::Persist(_))) => {
                self.take_group(jobs);
                reports.extend(self.persist_group());
            }
            Some(&DiskJob::Store(StoreJob::Fetch { ticket, first, last })) => {
                reports.push(self.fetch(ticket, first, last));
                jobs.pop_front();
            }
            Some(&DiskJob::SetCluster(cluster)) => {
                if let Err(error) = self.disk.set_cluster(cluster) {
                    self.has_failed = true;
                    reports.push(Event::StoreFailed(error));
                }
                jobs.pop_front();
            }
            Some(DiskJob::Store(StoreJob::ReadSnapshot { .. } | StoreJob::WriteSnapshot { .. })) => {
                unreachable!("jobs for snapshots are in another queue")
            }
            None => {}
        }
    }
}
