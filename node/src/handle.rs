//! A server as its users hold it: HashiCorp Raft's API, asynchronous.
//!
//! [`Raft`] is a handle, cheap to clone. Behind it one task runs the server (`driver`), which
//! never blocks: the log, the state machine and the snapshots have a `worker_queue` each, usually
//! a thread. Nothing here decides anything about the protocol.
//!
//! What every call has in common:
//!
//! 1. Nothing happens before the future is polled. Once the call is in, dropping the future loses
//!    nothing but the answer.
//! 2. A timeout bounds the whole call; zero means any time. Before the call got in it ends as
//!    [`EnqueueTimeout`](wavetank_raft::Error::EnqueueTimeout), and nothing was done; after that
//!    as [`Error::Timeout`], and the outcome is not known.
//! 3. Every future ends, also when the server stops, its runtime goes, or a store fails.
//!
//! # Coming from HashiCorp Raft
//!
//! Names are the same in Rust's spelling, and every call is a future where HashiCorp's returns
//! one. These names differ, or are gone:
//!
//! | there | here |
//! |---|---|
//! | `NewRaft` | [`Raft::new`], or [`Raft::with_store`] where one store is both |
//! | `raft.BootstrapCluster`, `raft.RecoverCluster`, `raft.HasExistingState` | [`Raft::bootstrap_cluster`] on a running server, [`recover_cluster`], [`has_existing_state`] |
//! | `AddPeer(address)` | [`Raft::add_voter`] with a name and an address; [`Raft::add_voter_staged`] lets it catch up first |
//! | `RemovePeer(address)` | [`Raft::remove_server`] with the name |
//! | `SetPeers`, peers.json | [`Raft::change_membership`] while there is a quorum, [`recover_cluster`] when there is none |
//! | `VerifyLeader` and a local read | the same after a [`Raft::barrier`] once in a term; [`Raft::read_index`] needs none |
//! | `LeaderCh` | [`Raft::leader_changes`], for any number of receivers |
//! | `Apply` when its queue is full | waits as there; [`Raft::try_apply`] says [`Error::Overloaded`] at once |
//! | `ErrLeadershipLost` and other errors after which the outcome is unknown | [`Error::is_unknown`] |
//! | `Snapshot().Open` | [`SnapshotStore::open`] with [`SnapshotMeta::last`] |
//! | `Shutdown().Error` | [`Raft::shutdown`], or [`Raft::stopped`], which says why |

mod calls;
mod membership;
mod offline;
mod open;

pub use offline::{has_existing_state, recover_cluster};

use crate::driver::Control;
use crate::driver::disk::LogDisk;
use crate::driver::observer::{Observer, Sink};
use crate::driver::options::Options;
use crate::driver::state::RaftState;
use crate::driver::status::{Leadership, Stats};
use crate::error::{Error, StartError};
use crate::transport::Transport;
use calls::Until;
use open::Senders;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use wavetank_raft::execute::Storage;
use wavetank_raft::store::{Fsm, LogStore, SnapshotStore, StableStore};
use wavetank_raft::{
    Call, Config, Configuration, Data, Halt, Index, Observed, ReadPath, Reloadable, ServerAddress, ServerId,
    SnapshotMeta, Term,
};

/// A running server. Clones are the same server. It stops at [`Raft::shutdown`], when the last
/// clone is dropped, or when its runtime ends.
#[derive(Clone)]
pub struct Raft {
    senders: Arc<Senders>,
    id: ServerId,
    address: ServerAddress,
}

/// The parts of a server, besides its configuration.
#[derive(Debug)]
pub struct Parts<F, D, N, T> {
    /// The state machine, which has applied nothing yet.
    pub fsm: F,
    /// The store of log and vote record.
    pub log: D,
    /// The store of snapshots.
    pub snapshots: N,
    /// The network to the other servers.
    pub transport: T,
}

/// The result of a command.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Applied {
    /// Its index in the log.
    pub index: Index,
    /// The response of the state machine.
    pub response: Data,
}

impl Raft {
    /// Starts a server on two stores. HashiCorp: `NewRaft`. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// When a setting cannot have its value, a store cannot be read, or the stores contradict each
    /// other.
    pub async fn new<F, L, S, N, T>(
        config: Config,
        fsm: F,
        log_store: L,
        stable_store: S,
        snapshot_store: N,
        transport: T,
    ) -> Result<Self, StartError>
    where
        F: Fsm<Snapshot: Send + 'static> + Send + 'static,
        L: LogStore + Send + 'static,
        S: StableStore + Send + 'static,
        N: SnapshotStore<Sink: Send, Source: Send> + Send + 'static,
        T: Transport,
    {
        let log = Storage { log: log_store, stable: stable_store };
        let parts = Parts { fsm, log, snapshots: snapshot_store, transport };
        Self::start(config, Options::default(), parts).await
    }

    /// Starts a server on a store that is both log and stable store, and writes vote and entries
    /// in one transaction: [`RedbStore`](crate::store::RedbStore).
    ///
    /// # Errors
    /// As for [`Raft::new`].
    pub async fn with_store<F, D, N, T>(
        config: Config,
        fsm: F,
        store: D,
        snapshot_store: N,
        transport: T,
    ) -> Result<Self, StartError>
    where
        F: Fsm<Snapshot: Send + 'static> + Send + 'static,
        D: LogDisk,
        N: SnapshotStore<Sink: Send, Source: Send> + Send + 'static,
        T: Transport,
    {
        let parts = Parts { fsm, log: store, snapshots: snapshot_store, transport };
        Self::start(config, Options::default(), parts).await
    }

    /// Starts a server with the given options.
    ///
    /// # Errors
    /// As for [`Raft::new`].
    pub async fn start<F, D, N, T>(
        config: Config,
        options: Options,
        parts: Parts<F, D, N, T>,
    ) -> Result<Self, StartError>
    where
        F: Fsm<Snapshot: Send + 'static> + Send + 'static,
        D: LogDisk,
        N: SnapshotStore<Sink: Send, Source: Send> + Send + 'static,
        T: Transport,
    {
        let (id, address) = (config.local_id.clone(), parts.transport.local_addr());
        let senders = open::start(config, options, parts).await?;
        Ok(Self { senders: Arc::new(senders), id, address })
    }

    /// Bootstraps a new cluster with this configuration. HashiCorp: `BootstrapCluster`. Call it on one
    /// server, or with the same configuration on all of them.
    ///
    /// # Errors
    /// `CantBootstrap` when there is state already, `NotVoter` when this server is not among the
    /// voters.
    pub async fn bootstrap_cluster(&self, configuration: Configuration) -> Result<(), Error> {
        self.ask(Call::Bootstrap(configuration), Until::FOREVER).await.map(|_| ())
    }

    /// Has a command applied on every server. HashiCorp: `Apply`.
    ///
    /// # Errors
    /// `NotLeader` with the leader, if known; `LeadershipLost`, `AbortedByRestore`, `Shutdown` and
    /// [`Error::Timeout`] when the outcome is not known.
    pub async fn apply(&self, command: impl Into<Data>, timeout: Duration) -> Result<Applied, Error> {
        let until = Until::after(timeout);
        self.propose(Call::Apply(command.into()), until).await.map(calls::applied)
    }

    /// Like [`Raft::apply`], but fails at once if the queue is full.
    ///
    /// # Errors
    /// Also [`Error::Overloaded`].
    pub async fn try_apply(&self, command: impl Into<Data>, timeout: Duration) -> Result<Applied, Error> {
        let until = Until::after(timeout);
        self.try_propose(Call::Apply(command.into()), until).await.map(calls::applied)
    }

    /// Has a command with a second, opaque part applied. HashiCorp: `ApplyLog`.
    ///
    /// # Errors
    /// As for [`Raft::apply`].
    pub async fn apply_log(
        &self,
        data: impl Into<Data>,
        extensions: impl Into<Data>,
        timeout: Duration,
    ) -> Result<Applied, Error> {
        let call = Call::ApplyLog { data: data.into(), extensions: extensions.into() };
        self.propose(call, Until::after(timeout)).await.map(calls::applied)
    }

    /// Returns when everything that was proposed before is applied here. HashiCorp: `Barrier`.
    ///
    /// # Errors
    /// As for [`Raft::apply`].
    pub async fn barrier(&self, timeout: Duration) -> Result<Index, Error> {
        self.propose(Call::Barrier, Until::after(timeout)).await.map(calls::index)
    }

    /// Returns when it is certain that this server led after the call. HashiCorp: `VerifyLeader`.
    ///
    /// # Errors
    /// When this server does not lead, or no longer.
    pub async fn verify_leader(&self) -> Result<(), Error> {
        self.ask(Call::VerifyLeader, Until::FOREVER).await.map(|_| ())
    }

    /// Returns when a read of the local state machine is linearizable: leadership was shown after
    /// the call, and everything committed before it is applied (thesis §6.4).
    ///
    /// # Errors
    /// When this server does not lead, or no longer.
    pub async fn read_index(&self) -> Result<Index, Error> {
        self.ask(Call::Read(ReadPath::Index), Until::FOREVER).await.map(calls::index)
    }

    /// Like [`Raft::read_index`], without asking the other servers: the leader's lease shows its
    /// leadership, as far as clocks can be trusted (thesis §6.4.1).
    ///
    /// # Errors
    /// Also `NoLease` when there is none at the moment.
    pub async fn read_lease(&self) -> Result<Index, Error> {
        self.ask(Call::Read(ReadPath::Lease), Until::FOREVER).await.map(calls::index)
    }

    /// Takes a snapshot at once. HashiCorp: `Snapshot`.
    ///
    /// # Errors
    /// `NothingNewToSnapshot`, `SnapshotInProgress`, or an error of the state machine or the store.
    pub async fn snapshot(&self) -> Result<Arc<SnapshotMeta>, Error> {
        self.ask(Call::Snapshot, Until::FOREVER).await.map(calls::snapshotted)
    }

    /// Replaces the state by this one, on every server, at one index of the log. HashiCorp:
    /// `Restore`. The state travels as one entry.
    ///
    /// # Errors
    /// As for [`Raft::apply`], or the error with which the state machine refuses the state.
    pub async fn restore(&self, state: impl Into<Data>, timeout: Duration) -> Result<Index, Error> {
        self.propose(Call::Restore(state.into()), Until::after(timeout)).await.map(calls::index)
    }

    /// Changes the settings that may change while the server runs. HashiCorp: `ReloadConfig`.
    ///
    /// # Errors
    /// When a setting cannot have its value; nothing is changed then.
    pub async fn reload_config(&self, reloadable: Reloadable) -> Result<(), Error> {
        self.ask(Call::Reload(reloadable), Until::FOREVER).await.map(|_| ())
    }

    /// Stops the server and returns when it has closed everything. HashiCorp: `Shutdown`. Calls
    /// that wait for an outcome fail. A second call has no effect.
    pub async fn shutdown(&self) {
        // One that has stopped already does not answer, which is as good.
        let _ = self.ask(Call::Shutdown, Until::FOREVER).await;
        self.stopped().await;
    }

    /// Returns when the server has stopped, with the reason: shutdown, removal, or a failed store.
    /// `None` if its runtime ended, or it panicked.
    pub async fn stopped(&self) -> Option<Halt> {
        let mut end = self.senders.view.end.clone();
        let end = end.wait_for(Option::is_some).await.ok()?;
        end.as_ref().map(|end| end.why.clone())
    }

    /// The name of this server.
    #[must_use]
    pub const fn local_id(&self) -> &ServerId {
        &self.id
    }

    /// The address at which other servers reach this one.
    #[must_use]
    pub const fn local_addr(&self) -> &ServerAddress {
        &self.address
    }

    /// The state of this server. HashiCorp: `State`.
    #[must_use]
    pub fn state(&self) -> RaftState {
        self.senders.view.numbers.state()
    }

    /// The term of this server. HashiCorp: `CurrentTerm`.
    #[must_use]
    pub fn current_term(&self) -> Term {
        self.senders.view.numbers.term()
    }

    /// The address of the leader, if one is known. HashiCorp: `Leader`.
    #[must_use]
    pub fn leader(&self) -> Option<ServerAddress> {
        self.leader_with_id().map(|(_, address)| address)
    }

    /// The name and address of the leader, if one is known. HashiCorp: `LeaderWithID`.
    #[must_use]
    pub fn leader_with_id(&self) -> Option<(ServerId, ServerAddress)> {
        self.senders.view.leadership.borrow().leader.clone()
    }

    /// The current leader and all later ones. HashiCorp: `LeaderCh`, but for any number of receivers.
    #[must_use]
    pub fn leader_changes(&self) -> watch::Receiver<Leadership> {
        self.senders.view.leadership.clone()
    }

    /// The last index in the log, or of the snapshot. HashiCorp: `LastIndex`.
    #[must_use]
    pub fn last_index(&self) -> Index {
        self.senders.view.numbers.last_index()
    }

    /// The commit index, as far as this server knows. HashiCorp: `CommitIndex`.
    #[must_use]
    pub fn commit_index(&self) -> Index {
        self.senders.view.numbers.commit_index()
    }

    /// The last index that the state machine has applied. HashiCorp: `AppliedIndex`.
    #[must_use]
    pub fn applied_index(&self) -> Index {
        self.senders.view.numbers.applied_index()
    }

    /// The time of the last contact with a leader, or of leading; `None` if never. HashiCorp: `LastContact`.
    #[must_use]
    pub fn last_contact(&self) -> Option<Instant> {
        match self.state() {
            RaftState::Leader => Some(Instant::now()),
            RaftState::Follower | RaftState::Candidate | RaftState::Shutdown => {
                self.senders.view.numbers.contact().map(tokio::time::Instant::into_std)
            }
        }
    }

    /// The statistics of HashiCorp's `Stats`. A stopped server reports its last ones.
    ///
    /// # Errors
    /// When the server has ended without leaving statistics.
    pub async fn stats(&self) -> Result<Stats, Error> {
        match self.control(Control::Stats).await {
            Ok(stats) => Ok(stats),
            Err(error) => {
                self.stopped().await;
                let end = self.senders.view.end.borrow();
                end.as_ref().map(|end| end.stats.clone()).ok_or(error)
            }
        }
    }

    /// Sends later observations that pass `filter`. If `capacity` of them wait, further ones are
    /// lost and counted. HashiCorp: `RegisterObserver`.
    ///
    /// # Errors
    /// When the server has stopped.
    pub async fn register_observer(
        &self,
        capacity: usize,
        filter: impl Fn(&Observed) -> bool + Send + 'static,
    ) -> Result<Observer, Error> {
        let (sink, observer) = Sink::new(capacity, filter);
        self.control(|done| Control::Observe(sink, done)).await?;
        Ok(observer)
    }
}

impl fmt::Debug for Raft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raft").field("id", &self.id).field("state", &self.state()).finish_non_exhaustive()
    }
}

/// HashiCorp's text for it.
impl fmt::Display for Raft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node at {} [{}]", self.address, self.state())
    }
}
