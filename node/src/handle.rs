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
//! one. What is called otherwise, or is no more:
//!
//! | there | here |
//! |---|---|
//! | `NewRaft` | [`Raft::new`], or [`Raft::with_store`] where one store is both |
//! | `raft.BootstrapCluster`, `raft.RecoverCluster`, `raft.HasExistingState` | [`Raft::bootstrap_cluster`] on a running server, [`recover_cluster`], [`has_existing_state`] |
//! | `AddPeer(address)` | [`Raft::add_voter`] with a name and an address; [`Raft::add_voter_staged`] lets it catch up first |
//! | `RemovePeer(address)` | [`Raft::remove_server`] with the name |
//! | `SetPeers`, peers.json | [`Raft::change_membership`] while there is a quorum, [`recover_cluster`] when there is none |
//! | `VerifyLeader` and a local read | the same after a [`Raft::barrier`] once in a term; [`Raft::read_index`] needs none |
//! | `LeaderCh` | [`Raft::leader_changes`], for any number of listeners |
//! | `Apply` when its queue is full | waits as there; [`Raft::try_apply`] says [`Error::Overloaded`] at once |
//! | `ErrLeadershipLost` and what else leaves an outcome open | [`Error::is_unknown`] |
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

/// A running server. Clones are the same server; it stops when it is told to, when the last of
/// them is dropped, or when its runtime goes.
#[derive(Clone)]
pub struct Raft {
    senders: Arc<Senders>,
    id: ServerId,
    address: ServerAddress,
}

/// What a server is made of, besides its configuration.
#[derive(Debug)]
pub struct Parts<F, D, N, T> {
    /// The state machine, which has applied nothing yet.
    pub fsm: F,
    /// Where log and vote record are kept.
    pub log: D,
    /// Where snapshots are kept.
    pub snapshots: N,
    /// How others are reached.
    pub transport: T,
}

/// What became of a command.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Applied {
    /// Where it stands in the log.
    pub index: Index,
    /// What the state machine said.
    pub response: Data,
}

impl Raft {
    /// Starts a server on two stores. HashiCorp: `NewRaft`. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// When a knob cannot have its value, or the stores cannot be read or do not fit together.
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

    /// Starts a server on a store that is both log and stable store, and writes what belongs
    /// together in one go: [`RedbStore`](crate::store::RedbStore).
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

    /// Starts a server with other than the usual options.
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

    /// Begins a new cluster with this membership. HashiCorp: `BootstrapCluster`. Done on one of
    /// its servers, or with the same membership on all of them.
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
    /// `NotLeader` with who leads; `LeadershipLost`, `AbortedByRestore`, `Shutdown` and
    /// [`Error::Timeout`] when the outcome is not known.
    pub async fn apply(&self, command: impl Into<Data>, timeout: Duration) -> Result<Applied, Error> {
        let until = Until::after(timeout);
        self.propose(Call::Apply(command.into()), until).await.map(calls::applied)
    }

    /// Like [`Raft::apply`], but does not wait for room.
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
    /// When it does not lead, or no longer.
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
    /// `NothingNewToSnapshot`, `SnapshotInProgress`, or what the state machine or the store said.
    pub async fn snapshot(&self) -> Result<Arc<SnapshotMeta>, Error> {
        self.ask(Call::Snapshot, Until::FOREVER).await.map(calls::snapshotted)
    }

    /// Puts this in place of the state, on every server, at one place in the log. HashiCorp:
    /// `Restore`. The state travels as one entry.
    ///
    /// # Errors
    /// As for [`Raft::apply`], or what the state machine has against it.
    pub async fn restore(&self, state: impl Into<Data>, timeout: Duration) -> Result<Index, Error> {
        self.propose(Call::Restore(state.into()), Until::after(timeout)).await.map(calls::index)
    }

    /// Changes some of the knobs. HashiCorp: `ReloadConfig`.
    ///
    /// # Errors
    /// When one cannot have its value; nothing is changed then.
    pub async fn reload_config(&self, reloadable: Reloadable) -> Result<(), Error> {
        self.ask(Call::Reload(reloadable), Until::FOREVER).await.map(|_| ())
    }

    /// Stops the server and returns when it has closed everything. HashiCorp: `Shutdown`. Those
    /// who wait for something are told. Again does no harm.
    pub async fn shutdown(&self) {
        // One that has stopped already does not answer, which is as good.
        let _ = self.ask(Call::Shutdown, Until::FOREVER).await;
        self.stopped().await;
    }

    /// Returns when the server has stopped, and says why: it was told to, was removed, or a store
    /// failed. `None` if it went with its runtime, or by a panic.
    pub async fn stopped(&self) -> Option<Halt> {
        let mut end = self.senders.view.end.clone();
        let end = end.wait_for(Option::is_some).await.ok()?;
        end.as_ref().map(|end| end.why.clone())
    }

    /// This server's name.
    #[must_use]
    pub const fn local_id(&self) -> &ServerId {
        &self.id
    }

    /// Where others reach this server.
    #[must_use]
    pub const fn local_addr(&self) -> &ServerAddress {
        &self.address
    }

    /// The state. HashiCorp: `State`.
    #[must_use]
    pub fn state(&self) -> RaftState {
        self.senders.view.numbers.state()
    }

    /// The term. HashiCorp: `CurrentTerm`.
    #[must_use]
    pub fn current_term(&self) -> Term {
        self.senders.view.numbers.term()
    }

    /// Where the leader is, if one is known. HashiCorp: `Leader`.
    #[must_use]
    pub fn leader(&self) -> Option<ServerAddress> {
        self.leader_with_id().map(|(_, address)| address)
    }

    /// Who the leader is and where, if one is known. HashiCorp: `LeaderWithID`.
    #[must_use]
    pub fn leader_with_id(&self) -> Option<(ServerId, ServerAddress)> {
        self.senders.view.leadership.borrow().leader.clone()
    }

    /// Who leads, now and from now on. HashiCorp: `LeaderCh`, but for any number of listeners.
    #[must_use]
    pub fn leader_changes(&self) -> watch::Receiver<Leadership> {
        self.senders.view.leadership.clone()
    }

    /// The last index in the log, or of the snapshot. HashiCorp: `LastIndex`.
    #[must_use]
    pub fn last_index(&self) -> Index {
        self.senders.view.numbers.last_index()
    }

    /// What is committed, as far as this server knows. HashiCorp: `CommitIndex`.
    #[must_use]
    pub fn commit_index(&self) -> Index {
        self.senders.view.numbers.commit_index()
    }

    /// What the state machine has applied. HashiCorp: `AppliedIndex`.
    #[must_use]
    pub fn applied_index(&self) -> Index {
        self.senders.view.numbers.applied_index()
    }

    /// When a leader was last heard, or led here; `None` if never. HashiCorp: `LastContact`.
    #[must_use]
    pub fn last_contact(&self) -> Option<Instant> {
        match self.state() {
            RaftState::Leader => Some(Instant::now()),
            RaftState::Follower | RaftState::Candidate | RaftState::Shutdown => {
                self.senders.view.numbers.contact().map(tokio::time::Instant::into_std)
            }
        }
    }

    /// What HashiCorp's `Stats` reports. A server that has stopped reports its last.
    ///
    /// # Errors
    /// When the server is gone without having left any.
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

    /// Tells from now on what happens, if `filter` says so; what is not heard in time is lost
    /// beyond `capacity`. HashiCorp: `RegisterObserver`.
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

/// HashiCorp's words.
impl fmt::Display for Raft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node at {} [{}]", self.address, self.state())
    }
}
