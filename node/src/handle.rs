//! The handle of a server. The handle has HashiCorp Raft's API in asynchronous form.
//!
//! A [`Raft`] is a handle that can be cloned at little cost. One task (`driver`) runs the server. The log, the
//! state machine and the snapshots each have a `worker_queue`, usually with a separate thread, so that the task
//! does not block. The handle contains no rule of the protocol.

mod builder;
mod calls;
mod limit;
mod membership;
mod offline;
mod open;
mod status;

pub use builder::{Missing, RaftBuilder};
pub use limit::CallLimit;
pub use offline::{has_existing_state, recover_cluster};

use crate::address::AddressFormat;
use crate::driver::Control;
use crate::error::CallError;
use calls::Until;
use open::Senders;
use std::fmt;
use std::io::Read;
use std::sync::Arc;
use tokio::task::spawn_blocking;
use wavetank_raft::{
    Call, Config, Configuration, Data, Halt, Index, ReadPath, Reloadable, ServerAddress, ServerId,
    SnapshotMeta,
};

/// The handle of a running server. All clones refer to the same server. The server stops at [`Raft::shutdown`],
/// when the last clone of the handle is dropped, or when the tokio runtime ends. The server also stops after a
/// failure of a store or a panic of one of its tasks. A leader that loses its own vote by a change of the
/// membership stops, too, unless [`shutdown_on_remove`](crate::Config::shutdown_on_remove) is false.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
/// # fn main() -> Done { run(async |raft| {
/// let applied = raft.apply(*b"40", TIMEOUT).await?;
/// assert_eq!(applied.response, Data::from(*b"40"));
/// println!("{raft} has applied {}", raft.applied_index());
/// raft.shutdown().await;
/// # Ok(()) }) }
/// ```
///
/// Every call has these properties:
///
/// 1. A call begins when its future is first polled. If the future is dropped after the server has accepted the
///    call, the server still executes the call, and only the answer is lost.
/// 2. The argument `limit` is a [`Duration`](std::time::Duration) or a [`CallLimit`]. A duration is the timeout
///    of the whole call; zero means no limit. If the server has not accepted the call before the timeout, the
///    call returns [`CallError::EnqueueTimeout`], and nothing was done. If the server has accepted the call but
///    has not answered before the timeout, the call returns [`CallError::Timeout`], and the outcome is unknown.
/// 3. If there is no quorum, a call that needs a quorum waits until its timeout, or until this server loses its
///    leadership. With [`CallLimit::or_no_quorum`], the call does not wait so long: the call ends with
///    [`CallError::NoQuorum`] when this server finds that there is no quorum.
/// 4. A call without the argument `limit` needs neither a disk nor another server. [`Raft::shutdown`] and
///    [`Raft::stopped`] wait until the server has stopped.
/// 5. If the server stops, the runtime ends, or a store fails, every future ends.
///
/// # Coming from HashiCorp Raft
///
/// The names are HashiCorp's names in Rust's spelling. A call that returns a future in HashiCorp Raft is an
/// `async fn` here. The following names differ or do not exist here:
///
/// | HashiCorp Raft | Wavetank |
/// |---|---|
/// | `NewRaft(conf, fsm, logs, stable, snaps, trans)` | [`Raft::builder`] with `conf`, `fsm` and `trans`, then a setter for each store |
/// | `raft-boltdb` | [`RedbStore`](crate::store::RedbStore) in [`RaftBuilder::store`]: log and vote record in one file |
/// | `raft-wal` | [`WalStore`](crate::store::WalStore) in [`RaftBuilder::store`]: log and vote record in segments |
/// | `BootstrapCluster`, `RecoverCluster`, `HasExistingState` (functions) | [`Raft::bootstrap_cluster`] on a running server, [`recover_cluster`], [`has_existing_state`] |
/// | `ApplyFuture`, `IndexFuture`, `ConfigurationFuture`, … | an `async fn` and the result of the function: [`Applied`], [`Index`], [`LatestConfiguration`](crate::LatestConfiguration); `Error()` corresponds to the `Err` with a [`CallError`] |
/// | timeout 0 | the same: no limit |
/// | a call that hangs while there is no quorum | [`CallLimit::or_no_quorum`], [`Stats::no_quorum`](crate::Stats::no_quorum) and the observation [`NoQuorum`](crate::Observed::NoQuorum) |
/// | `ReloadableConfig()` | [`Raft::reloadable_config`] |
/// | `AddPeer(address)` | [`Raft::add_voter`] with a name and an address; [`Raft::add_voter_staged`] lets the server catch up first |
/// | `RemovePeer(address)` | [`Raft::remove_server`] with the name |
/// | `SetPeers`, peers.json | [`Raft::change_membership`] if there is a quorum, [`recover_cluster`] if there is no quorum |
/// | `VerifyLeader` and a local read | [`Raft::verify_leader`] and a local read, after one [`Raft::barrier`] in each term; [`Raft::read_index`] needs no barrier |
/// | `LeaderCh`, `Config.NotifyCh` | [`Raft::leader_changes`], for any number of receivers; a receiver sees the newest value and never blocks the server |
/// | `RegisterObserver(NewObserver(ch, blocking, filter))` | [`Raft::register_observer`] with the filter; a full observer drops and counts observations, and never blocks the server |
/// | `DeregisterObserver` | drop the [`Observer`](crate::Observer) |
/// | `Config.LogLevel`, `Config.LogOutput`, `Config.Logger` | the filter and the writer of `tracing`'s subscriber, for example `EnvFilter` with `wavetank_node=info`; all lines of a server are in the span `raft` with its `id` |
/// | go-metrics | the crate `metrics` under the same names: install a recorder before the server starts |
/// | `Config.BatchApplyCh`, `BatchingFSM` | commands are always applied in batches |
/// | `Apply` with a full queue | [`Raft::apply`] waits, as in HashiCorp Raft; [`Raft::try_apply`] fails immediately with [`CallError::Overloaded`] |
/// | `ErrLeadershipLost` and other errors after which the outcome is unknown | [`CallError::is_unknown`] |
/// | `Stats()["state"]` | [`Stats::to_map`](crate::Stats::to_map), or the text of [`Stats`](crate::Stats) |
/// | `Snapshot().Open` | [`SnapshotStore::open`](crate::SnapshotStore::open) with [`SnapshotMeta::last`] |
/// | `Restore(meta, reader)` | [`Raft::restore_from`] with the reader, or [`Raft::restore`] with the bytes; the bytes become one entry of the log |
/// | `NewTCPTransport`, `NewTCPTransportWithConfig` | [`TcpTransport::bind`](crate::transport::TcpTransport::bind), and `TcpTransport::with_tls` for mutual TLS |
/// | `NetworkTransportConfig.ServerAddressProvider` | [`TcpTransport::with_address_provider`](crate::transport::TcpTransport::with_address_provider) |
/// | `NewInmemTransport`, `NewInmemStore`, `NewInmemSnapshotStore` | [`InmemNetwork`](crate::transport::InmemNetwork), [`InmemStore`](crate::store::InmemStore), [`InmemSnapshotStore`](crate::store::InmemSnapshotStore) |
/// | `Shutdown().Error` | [`Raft::shutdown`]; [`Raft::stopped`] returns the reason of the stop |
#[derive(Clone)]
pub struct Raft {
    senders: Arc<Senders>,
    id: ServerId,
    address: ServerAddress,
    addresses: AddressFormat,
    max_command_bytes: u64,
}

/// The result of a command.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Applied {
    /// The index of the command in the log.
    pub index: Index,
    /// The response of the state machine.
    pub response: Data,
}

impl Raft {
    /// Makes the builder of a server. The arguments are `conf`, `fsm` and `trans` of HashiCorp's `NewRaft`. The
    /// methods of the builder set the stores and start the server.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |_| {
    /// let config = Config { local_id: "n2".into(), ..Config::default() };
    /// let transport = InmemNetwork::new().transport("n2");
    /// let raft = Raft::builder(config, Sum::default(), transport)
    ///     .log_store(InmemStore::new())
    ///     .stable_store(InmemStore::new())
    ///     .snapshot_store(InmemSnapshotStore::default())
    ///     .start()
    ///     .await?;
    /// assert_eq!(raft.state(), RaftState::Follower);
    /// # Ok(()) }) }
    /// ```
    pub fn builder<F, T>(config: Config, fsm: F, transport: T) -> RaftBuilder<F, T> {
        RaftBuilder::new(config, fsm, transport)
    }

    /// Bootstraps a new cluster with this configuration. In HashiCorp Raft, this method is
    /// `BootstrapCluster`. Call this method on one server, or on all servers with the same configuration.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let alone = Configuration::new(vec![Member::voter("n1", "n1")])?;
    /// // This server has a cluster already.
    /// assert_eq!(raft.bootstrap_cluster(alone, TIMEOUT).await, Err(CallError::CantBootstrap));
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns `CantBootstrap` if this server has already voted, or already has an entry, a snapshot or a term
    /// above 1. Returns `NotVoter` if this server is not a voter of the configuration. Returns
    /// [`CallError::Address`] if an address does not have the form that the transport requires.
    pub async fn bootstrap_cluster(
        &self,
        configuration: Configuration,
        limit: impl Into<CallLimit>,
    ) -> Result<(), CallError> {
        self.ask(Call::Bootstrap(configuration), Until::now(limit.into())).await.map(|_| ())
    }

    /// Appends a command to the log, and waits until this server has committed and applied the command. Returns
    /// the response of this server's state machine. In HashiCorp Raft, this method is `Apply`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let applied = raft.apply(*b"40", TIMEOUT).await?;
    /// assert_eq!(applied.response, Data::from(*b"40"));
    /// let applied = raft.apply(b"2".to_vec(), TIMEOUT).await?;
    /// assert_eq!(applied.response, Data::from(*b"42"));
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns `NotLeader` if this server does not lead. The error names the leader, if this server knows the
    /// leader. Returns `Refused` if the command is larger than [`Config::max_command_bytes`]. If the outcome is
    /// unknown, the error is `LeadershipLost`, `AbortedByRestore`, `Shutdown`, `NoQuorum`, `Store` or
    /// [`CallError::Timeout`]. See [`CallError::is_unknown`].
    pub async fn apply(
        &self,
        command: impl Into<Data>,
        limit: impl Into<CallLimit>,
    ) -> Result<Applied, CallError> {
        let until = Until::now(limit.into());
        self.propose(Call::Apply(command.into()), until).await.map(calls::applied)
    }

    /// Applies a command like [`Raft::apply`], but fails immediately if the queue of proposals is full.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// match raft.try_apply(*b"40", TIMEOUT).await {
    ///     Ok(applied) => println!("applied at index {}", applied.index),
    ///     Err(CallError::Overloaded) => println!("try again later"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`Raft::apply`], and [`CallError::Overloaded`] if the queue of proposals is full.
    pub async fn try_apply(
        &self,
        command: impl Into<Data>,
        limit: impl Into<CallLimit>,
    ) -> Result<Applied, CallError> {
        let until = Until::now(limit.into());
        self.try_propose(Call::Apply(command.into()), until).await.map(calls::applied)
    }

    /// Applies a command with extensions. The extensions are bytes in the same entry; this library does not
    /// interpret these bytes. In HashiCorp Raft, this method is `ApplyLog`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let applied = raft.apply_log(*b"40", *b"trace 7", TIMEOUT).await?;
    /// assert_eq!(applied.response, Data::from(*b"40"));
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`Raft::apply`].
    pub async fn apply_log(
        &self,
        data: impl Into<Data>,
        extensions: impl Into<Data>,
        limit: impl Into<CallLimit>,
    ) -> Result<Applied, CallError> {
        let call = Call::ApplyLog { data: data.into(), extensions: extensions.into() };
        self.propose(call, Until::now(limit.into())).await.map(calls::applied)
    }

    /// Appends a barrier entry to the log, and waits until this server has applied all commands that precede
    /// the barrier in the log. Returns the index of the barrier. In HashiCorp Raft, this method is `Barrier`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let index = raft.barrier(TIMEOUT).await?;
    /// assert!(index <= raft.applied_index());
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`Raft::apply`].
    pub async fn barrier(&self, limit: impl Into<CallLimit>) -> Result<Index, CallError> {
        self.propose(Call::Barrier, Until::now(limit.into())).await.map(calls::index)
    }

    /// Waits until a quorum has confirmed that this server still leads. In HashiCorp Raft, this method is
    /// `VerifyLeader`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// raft.verify_leader(TIMEOUT).await?;
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns an error if this server does not lead, or stops leading during the call.
    pub async fn verify_leader(&self, limit: impl Into<CallLimit>) -> Result<(), CallError> {
        self.ask(Call::VerifyLeader, Until::now(limit.into())).await.map(|_| ())
    }

    /// Waits until a read of the local state machine is linearizable (thesis §6.4). Before the call returns, a
    /// quorum confirms that this server still leads, and the state machine applies all entries that were
    /// committed before the call. Returns the read index: the state machine has applied at least the entries up
    /// to this index.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let applied = raft.apply(*b"40", TIMEOUT).await?;
    /// let index = raft.read_index(TIMEOUT).await?;
    /// assert!(applied.index <= index);
    /// // The local state machine may be read now.
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns an error if this server does not lead, or stops leading during the call.
    pub async fn read_index(&self, limit: impl Into<CallLimit>) -> Result<Index, CallError> {
        self.ask(Call::Read(ReadPath::Index), Until::now(limit.into())).await.map(calls::index)
    }

    /// Does the same as [`Raft::read_index`], but without a message to the other servers, because the leader
    /// relies on its lease. The lease is safe only if the clocks of the servers run at about the same rate
    /// (thesis §6.4.1).
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// match raft.read_lease(TIMEOUT).await {
    ///     Ok(index) => println!("the state machine has applied index {index}"),
    ///     Err(error) => println!("no lease: {error}"),
    /// }
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`Raft::read_index`], and [`CallError::Refused`] with
    /// [`Refusal::NoLease`](crate::Refusal::NoLease) if the leader has no valid lease.
    pub async fn read_lease(&self, limit: impl Into<CallLimit>) -> Result<Index, CallError> {
        self.ask(Call::Read(ReadPath::Lease), Until::now(limit.into())).await.map(calls::index)
    }

    /// Takes a snapshot now, or waits for a snapshot that is already under way. Returns the description of a
    /// snapshot that includes all entries that this server had applied before the call. In HashiCorp Raft, this
    /// method is `Snapshot`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// raft.apply(*b"40", TIMEOUT).await?;
    /// let meta = raft.snapshot(TIMEOUT).await?;
    /// assert_eq!(meta.size, 8);
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns `NothingNewToSnapshot` if no entry was applied since the last snapshot. Returns `Store` if the
    /// state machine or the store fails.
    pub async fn snapshot(&self, limit: impl Into<CallLimit>) -> Result<Arc<SnapshotMeta>, CallError> {
        self.ask(Call::Snapshot, Until::now(limit.into())).await.map(calls::snapshotted)
    }

    /// Replaces the state of the state machine on every server, at the same index of the log. In HashiCorp
    /// Raft, this method is `Restore`. The new state is one entry of the log. Returns the index of the entry.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// raft.restore(40_i64.to_be_bytes(), TIMEOUT).await?;
    /// let applied = raft.apply(*b"2", TIMEOUT).await?;
    /// assert_eq!(applied.response, Data::from(*b"42"));
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`Raft::apply`], and `UnsupportedProtocol` if a member has not answered as a
    /// server of this library. If the state machine refuses the state, returns `Store` with the message of the
    /// state machine.
    pub async fn restore(
        &self,
        state: impl Into<Data>,
        limit: impl Into<CallLimit>,
    ) -> Result<Index, CallError> {
        self.propose(Call::Restore(state.into()), Until::now(limit.into())).await.map(calls::index)
    }

    /// Replaces the state of the state machine like [`Raft::restore`]. The new state consists of the bytes of a
    /// reader, for example a file. A separate thread reads all bytes before the server receives the call.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// # let directory = tempfile::tempdir()?;
    /// let file = directory.path().join("backup");
    /// std::fs::write(&file, 40_i64.to_be_bytes())?;
    /// raft.restore_from(std::fs::File::open(&file)?, TIMEOUT).await?;
    /// let applied = raft.apply(*b"2", TIMEOUT).await?;
    /// assert_eq!(applied.response, Data::from(*b"42"));
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`Raft::restore`]. Returns [`CallError::Read`] if the reader fails, panics, or has
    /// more than [`Config::max_command_bytes`] bytes. Returns [`CallError::EnqueueTimeout`] if the timeout
    /// passes before the thread has read the last byte.
    pub async fn restore_from(
        &self,
        state: impl Read + Send + 'static,
        limit: impl Into<CallLimit>,
    ) -> Result<Index, CallError> {
        let until = Until::now(limit.into());
        let most = self.max_command_bytes;
        let state = until.wait(spawn_blocking(move || calls::read(state, most))).await;
        let state = state.ok_or(CallError::EnqueueTimeout)?;
        let state = state.map_err(|_| CallError::Read("the reader has panicked".to_owned()))??;
        self.propose(Call::Restore(state.into()), until).await.map(calls::index)
    }

    /// Returns the current values of the settings that can be changed while the server runs. In HashiCorp Raft,
    /// this method is `ReloadableConfig`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let settings = raft.reloadable_config().await?;
    /// assert_eq!(settings.trailing_logs, Config::default().trailing_logs);
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns [`CallError::Shutdown`] if the server has stopped.
    pub async fn reloadable_config(&self) -> Result<Reloadable, CallError> {
        self.control(Control::Reloadable).await
    }

    /// Replaces the settings that can be changed while the server runs. In HashiCorp Raft, this method is
    /// `ReloadConfig`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let settings = raft.reloadable_config().await?;
    /// raft.reload_config(wavetank_node::Reloadable { trailing_logs: 100, ..settings }).await?;
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns [`CallError::Config`] if a setting has an invalid value. In that case no setting changes. Returns
    /// [`CallError::Shutdown`] if the server has stopped.
    pub async fn reload_config(&self, reloadable: Reloadable) -> Result<(), CallError> {
        self.ask(Call::Reload(reloadable), Until::FOREVER).await.map(|_| ())
    }

    /// Stops the server, and waits until the server has closed the stores and the transport. In HashiCorp
    /// Raft, this method is `Shutdown`. Unanswered calls fail. A second call of this method has no effect.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// raft.shutdown().await;
    /// assert_eq!(raft.state(), RaftState::Shutdown);
    /// assert_eq!(raft.apply(*b"40", TIMEOUT).await, Err(CallError::Shutdown));
    /// # Ok(()) }) }
    /// ```
    pub async fn shutdown(&self) {
        // A server that has stopped already does not answer. That is no error.
        let _ = self.ask(Call::Shutdown, Until::FOREVER).await;
        self.stopped().await;
    }

    /// Waits until the server has stopped, and returns the reason: shutdown, removal, a failed store, or a task
    /// that panicked. A failed store and a panic both give [`Halt::Store`]. After a panic, the text of the
    /// store error names the task. Returns `None` if the runtime ended before the server stopped.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// raft.shutdown().await;
    /// assert_eq!(raft.stopped().await, Some(wavetank_node::Halt::Shutdown));
    /// # Ok(()) }) }
    /// ```
    pub async fn stopped(&self) -> Option<Halt> {
        let mut end = self.senders.view.end.clone();
        let end = end.wait_for(Option::is_some).await.ok()?;
        end.as_ref().map(|end| end.why.clone())
    }
}

impl fmt::Debug for Raft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raft").field("id", &self.id).field("state", &self.state()).finish_non_exhaustive()
    }
}

/// Prints the server in the same form as HashiCorp Raft.
impl fmt::Display for Raft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node at {} [{}]", self.address, self.state())
    }
}
