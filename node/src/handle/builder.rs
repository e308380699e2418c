//! The builder of a server.

use super::{Raft, open};
use crate::driver::disk::LogDisk;
use crate::driver::options::Options;
use crate::driver::worker_queue::Place;
use crate::error::StartError;
use crate::transport::Transport;
use std::sync::Arc;
use wavetank_raft::Config;
use wavetank_raft::execute::Storage;
use wavetank_raft::store::{Fsm, SnapshotStore};

/// The placeholder for a store that a [`RaftBuilder`] does not have yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Missing;

/// The builder of a server. [`Raft::builder`] takes the configuration, the state machine and the transport.
/// The methods of the builder add the stores. [`RaftBuilder::start`] starts the server.
///
/// The stores are required. The log and the vote record need one common store ([`RaftBuilder::store`]) or two
/// stores ([`RaftBuilder::log_store`] and [`RaftBuilder::stable_store`]). Snapshots need a
/// [`RaftBuilder::snapshot_store`]. If a store is missing, the program does not compile:
///
/// ```compile_fail
/// # use wavetank_node::prelude::*;
/// # async fn start<F: Fsm<Snapshot: Send + 'static> + Send + 'static>(fsm: F) -> Result<Raft, StartError> {
/// let transport = InmemNetwork::new().transport("n1");
/// Raft::builder(Config::default(), fsm, transport).start().await
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the server does not run before the call of `start`"]
pub struct RaftBuilder<F, T, D = Storage<Missing, Missing>, N = Missing> {
    pub(super) config: Config,
    pub(super) options: Options,
    pub(super) fsm: F,
    pub(super) transport: T,
    pub(super) log: D,
    pub(super) snapshots: N,
}

impl<F, T> RaftBuilder<F, T> {
    pub(super) fn new(config: Config, fsm: F, transport: T) -> Self {
        let log = Storage { log: Missing, stable: Missing };
        Self { config, options: Options::default(), fsm, transport, log, snapshots: Missing }
    }
}

impl<F, T, D, N> RaftBuilder<F, T, D, N> {
    /// Sets one common store for the log and the vote record. The store is a
    /// [`WalStore`](crate::store::WalStore), a [`RedbStore`](crate::store::RedbStore), or your own implementation
    /// of [`LogDisk`].
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |_| {
    /// # let config = Config { local_id: "n2".into(), ..Config::default() };
    /// # let transport = InmemNetwork::new().transport("n2");
    /// # let directory = tempfile::tempdir()?;
    /// let raft = Raft::builder(config, Sum::default(), transport)
    ///     .store(RedbStore::open(directory.path().join("raft.redb"))?)
    ///     .snapshot_store(FileSnapshotStore::new(directory.path(), 2)?)
    ///     .start()
    ///     .await?;
    /// # Ok(()) }) }
    /// ```
    pub fn store<E: LogDisk>(self, store: E) -> RaftBuilder<F, T, E, N> {
        self.with_log(|_| store)
    }

    /// Sets the store of snapshots, for example a [`FileSnapshotStore`](crate::store::FileSnapshotStore). In
    /// HashiCorp Raft, this store is the argument `snaps` of `NewRaft`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |_| {
    /// # let config = Config { local_id: "n2".into(), ..Config::default() };
    /// # let transport = InmemNetwork::new().transport("n2");
    /// # let directory = tempfile::tempdir()?;
    /// let raft = Raft::builder(config, Sum::default(), transport)
    ///     .store(RedbStore::open(directory.path().join("raft.redb"))?)
    ///     .snapshot_store(FileSnapshotStore::new(directory.path(), 2)?)
    ///     .start()
    ///     .await?;
    /// # Ok(()) }) }
    /// ```
    pub fn snapshot_store<M: SnapshotStore>(self, snapshots: M) -> RaftBuilder<F, T, D, M> {
        let Self { config, options, fsm, transport, log, snapshots: _ } = self;
        RaftBuilder { config, options, fsm, transport, log, snapshots }
    }

    /// Sets the maximum number of proposals in the queue; the default is 1024. Zero counts as 1. A proposal is a
    /// call that appends a command, a barrier or the state of a restore to the log. While the queue is full,
    /// [`Raft::apply`] waits and [`Raft::try_apply`] fails.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |_| {
    /// # let config = Config { local_id: "n2".into(), ..Config::default() };
    /// # let transport = InmemNetwork::new().transport("n2");
    /// let raft = Raft::builder(config, Sum::default(), transport)
    ///     .log_store(InmemStore::new())
    ///     .stable_store(InmemStore::new())
    ///     .snapshot_store(InmemSnapshotStore::default())
    ///     .queue_length(64)
    ///     .start()
    ///     .await?;
    /// # Ok(()) }) }
    /// ```
    pub fn queue_length(mut self, proposals: usize) -> Self {
        self.options.queue = proposals;
        self
    }

    /// Sets the maximum number of unanswered calls (at least 1); the default is 8192. While this number of calls
    /// is unanswered, further proposals stay in the queue.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |_| {
    /// # let config = Config { local_id: "n2".into(), ..Config::default() };
    /// # let transport = InmemNetwork::new().transport("n2");
    /// let raft = Raft::builder(config, Sum::default(), transport)
    ///     .log_store(InmemStore::new())
    ///     .stable_store(InmemStore::new())
    ///     .snapshot_store(InmemSnapshotStore::default())
    ///     .open_calls_max(256)
    ///     .start()
    ///     .await?;
    /// # Ok(()) }) }
    /// ```
    pub fn open_calls_max(mut self, calls: usize) -> Self {
        self.options.open_calls = calls;
        self
    }

    /// Sets the maximum total size of the unanswered calls, in bytes; the default is 256 MiB. At or above this
    /// size, further proposals stay in the queue. The server does not start if the maximum is below
    /// [`Config::max_command_bytes`].
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |_| {
    /// # let config = Config { local_id: "n2".into(), ..Config::default() };
    /// # let transport = InmemNetwork::new().transport("n2");
    /// let raft = Raft::builder(config, Sum::default(), transport)
    ///     .log_store(InmemStore::new())
    ///     .stable_store(InmemStore::new())
    ///     .snapshot_store(InmemSnapshotStore::default())
    ///     .open_bytes_max(64 << 20)
    ///     .start()
    ///     .await?;
    /// # Ok(()) }) }
    /// ```
    pub fn open_bytes_max(mut self, bytes: u64) -> Self {
        self.options.open_bytes = bytes;
        self
    }

    /// Sets the seed of the random election timeouts, so that a test can repeat a simulated run.
    #[cfg(test)]
    pub(crate) fn entropy(mut self, seed: u64) -> Self {
        self.options.entropy = wavetank_raft::Entropy(seed);
        self
    }

    /// Sets the place where the server writes the log, and stores and reads snapshots; the default is a
    /// separate thread. A log in memory is always written inline, because waking a thread takes longer than
    /// the write.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |_| {
    /// # let config = Config { local_id: "n2".into(), ..Config::default() };
    /// # let transport = InmemNetwork::new().transport("n2");
    /// let raft = Raft::builder(config, Sum::default(), transport)
    ///     .log_store(InmemStore::new())
    ///     .stable_store(InmemStore::new())
    ///     .snapshot_store(InmemSnapshotStore::default())
    ///     .log_place(wavetank_node::Place::Inline)
    ///     .start()
    ///     .await?;
    /// # Ok(()) }) }
    /// ```
    pub fn log_place(mut self, place: Place) -> Self {
        self.options.log = place;
        self
    }

    /// Sets the place where the state machine runs; the default is a separate thread.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |_| {
    /// # let config = Config { local_id: "n2".into(), ..Config::default() };
    /// # let transport = InmemNetwork::new().transport("n2");
    /// let raft = Raft::builder(config, Sum::default(), transport)
    ///     .log_store(InmemStore::new())
    ///     .stable_store(InmemStore::new())
    ///     .snapshot_store(InmemSnapshotStore::default())
    ///     .fsm_place(wavetank_node::Place::Inline)
    ///     .start()
    ///     .await?;
    /// # Ok(()) }) }
    /// ```
    pub fn fsm_place(mut self, place: Place) -> Self {
        self.options.fsm = place;
        self
    }

    fn with_log<E>(self, change: impl FnOnce(D) -> E) -> RaftBuilder<F, T, E, N> {
        let Self { config, options, fsm, transport, log, snapshots } = self;
        RaftBuilder { config, options, fsm, transport, log: change(log), snapshots }
    }
}

impl<F, T, L, S, N> RaftBuilder<F, T, Storage<L, S>, N> {
    /// Sets the store of the log. In HashiCorp Raft, this store is the argument `logs` of `NewRaft`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |_| {
    /// # let config = Config { local_id: "n2".into(), ..Config::default() };
    /// # let transport = InmemNetwork::new().transport("n2");
    /// let raft = Raft::builder(config, Sum::default(), transport)
    ///     .log_store(InmemStore::new())
    ///     .stable_store(InmemStore::new())
    ///     .snapshot_store(InmemSnapshotStore::default())
    ///     .start()
    ///     .await?;
    /// # Ok(()) }) }
    /// ```
    pub fn log_store<M>(self, log: M) -> RaftBuilder<F, T, Storage<M, S>, N> {
        self.with_log(|storage| Storage { log, stable: storage.stable })
    }

    /// Sets the store of the vote record. In HashiCorp Raft, this store is the argument `stable` of
    /// `NewRaft`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |_| {
    /// # let config = Config { local_id: "n2".into(), ..Config::default() };
    /// # let transport = InmemNetwork::new().transport("n2");
    /// let raft = Raft::builder(config, Sum::default(), transport)
    ///     .log_store(InmemStore::new())
    ///     .stable_store(InmemStore::new())
    ///     .snapshot_store(InmemSnapshotStore::default())
    ///     .start()
    ///     .await?;
    /// # Ok(()) }) }
    /// ```
    pub fn stable_store<M>(self, stable: M) -> RaftBuilder<F, T, Storage<L, M>, N> {
        self.with_log(|storage| Storage { log: storage.log, stable })
    }
}

impl<F, T, D, N> RaftBuilder<F, T, D, N>
where
    F: Fsm<Snapshot: Send + 'static> + Send + 'static,
    T: Transport,
    D: LogDisk,
    N: SnapshotStore<Sink: Send, Source: Send> + Send + 'static,
{
    /// Starts the server. The server reads the stores, restores the state machine, and then follows a leader
    /// or waits for a leader. In HashiCorp Raft, `NewRaft` starts a server. Call this method inside a tokio
    /// runtime. Outside a runtime, this method panics.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |_| {
    /// # let transport = InmemNetwork::new().transport("n2");
    /// let builder = Raft::builder(Config::default(), Sum::default(), transport)
    ///     .log_store(InmemStore::new())
    ///     .stable_store(InmemStore::new())
    ///     .snapshot_store(InmemSnapshotStore::default());
    /// let error = builder.start().await.expect_err("the default has no name for the server");
    /// assert_eq!(error.to_string(), "configuration: local_id must not be empty");
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns an error if a setting or a limit has an invalid value, the address of the transport does not
    /// have the required form, a store cannot be read, the stores contradict each other, the stores belong to
    /// another server or another cluster, or a thread cannot be started.
    pub async fn start(self) -> Result<Raft, StartError> {
        let (id, address) = (self.config.local_id.clone(), self.transport.local_addr());
        let max_command_bytes = self.config.max_command_bytes;
        let addresses = self.transport.address_format();
        addresses.check(&address)?;
        let senders = open::start(self).await?;
        Ok(Raft { senders: Arc::new(senders), id, address, addresses, max_command_bytes })
    }
}
