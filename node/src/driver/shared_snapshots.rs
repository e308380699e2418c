//! The snapshot store that several threads share, and the worker of this store. The worker reads the pieces of
//! snapshots that the leader sends to followers, and writes the pieces that a follower receives from the
//! leader.

use crate::driver::worker_queue::Worker;
use crate::transport::LocalCluster;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wavetank_raft::execute::Snapshots;
use wavetank_raft::store::{SnapshotStore, StoreError};
use wavetank_raft::{Event, LogId, SnapshotMeta, StoreJob};

/// A snapshot store that several threads use. No lock is held while the bytes of a snapshot are read or
/// written.
#[derive(Debug)]
pub(crate) struct SharedSnapshots<N> {
    store: Arc<Mutex<N>>,
    /// The identity of the cluster to which the snapshots belong.
    local: LocalCluster,
}

impl<N> Clone for SharedSnapshots<N> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), local: self.local.clone() }
    }
}

impl<N> SharedSnapshots<N> {
    pub(crate) fn new(store: N, local: LocalCluster) -> Self {
        Self { store: Arc::new(Mutex::new(store)), local }
    }

    /// Locks the store, even if a thread panicked while the thread held the lock. After such a panic, a
    /// snapshot in the store may be damaged. A damaged snapshot is detected when the snapshot is read.
    fn lock(&self) -> MutexGuard<'_, N> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<N: SnapshotStore> SnapshotStore for SharedSnapshots<N> {
    type Sink = N::Sink;
    type Source = N::Source;

    fn create(&mut self, meta: &SnapshotMeta) -> Result<N::Sink, StoreError> {
        let mut store = self.lock();
        if let Some(cluster) = self.local.get() {
            store.set_cluster(cluster);
        }
        store.create(meta)
    }

    fn close(&mut self, sink: N::Sink) -> Result<Arc<SnapshotMeta>, StoreError> {
        self.lock().close(sink)
    }

    fn list(&self) -> Result<Vec<Arc<SnapshotMeta>>, StoreError> {
        self.lock().list()
    }

    fn newest_end(&self) -> Result<LogId, StoreError> {
        self.lock().newest_end()
    }

    fn open(&self, last: LogId) -> Result<(Arc<SnapshotMeta>, N::Source), StoreError> {
        self.lock().open(last)
    }
}

/// The worker that reads pieces of snapshots for followers, and writes pieces of snapshots from the leader.
pub(crate) struct SnapshotWorker<N: SnapshotStore>(Snapshots<SharedSnapshots<N>>);

impl<N: SnapshotStore> SnapshotWorker<N> {
    pub(crate) const fn new(snapshots: SharedSnapshots<N>) -> Self {
        Self(Snapshots::new(snapshots))
    }
}

impl<N> Worker<StoreJob> for SnapshotWorker<N>
where
    N: SnapshotStore<Sink: Send, Source: Send> + Send,
{
    fn work(&mut self, jobs: &mut VecDeque<StoreJob>, reports: &mut Vec<Event>) {
        let Some(job) = jobs.pop_front() else { return };
        reports.push(match job {
            StoreJob::ReadSnapshot { ticket, last, offset, limit } => {
                match self.0.read(last, offset, limit) {
                    Ok(piece) => Event::SnapshotRead { ticket, piece },
                    Err(error) => Event::StoreFailed(error),
                }
            }
            StoreJob::WriteSnapshot { ticket, meta, offset, data, done } => {
                Event::SnapshotWritten { ticket, ok: self.0.write(&meta, offset, &data, done) }
            }
            StoreJob::Persist(_) | StoreJob::Fetch { .. } => {
                unreachable!("jobs for the log are in another queue")
            }
        });
    }
}
