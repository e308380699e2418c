//! The parts of a server's status that a handle reads without a call to the protocol: state, leader, indexes,
//! statistics, observations.

use super::{CallError, Raft};
use crate::driver::Control;
use crate::driver::observer::{Observer, Sink};
use crate::driver::state::RaftState;
use crate::driver::status::{Leadership, Stats};
use std::time::Instant;
use tokio::sync::watch;
use wavetank_raft::{Index, Leader, Observed, ServerAddress, ServerId, Term};

impl Raft {
    /// Returns the name of this server.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// assert_eq!(raft.local_id().as_str(), "n1");
    /// # Ok(()) }) }
    /// ```
    #[must_use]
    pub const fn local_id(&self) -> &ServerId {
        &self.id
    }

    /// Returns the address at which other servers reach this server.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// assert_eq!(raft.local_addr().as_str(), "n1");
    /// # Ok(()) }) }
    /// ```
    #[must_use]
    pub const fn local_addr(&self) -> &ServerAddress {
        &self.address
    }

    /// Returns the state of this server. In HashiCorp Raft, this method is `State`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// assert_eq!(raft.state(), RaftState::Leader);
    /// # Ok(()) }) }
    /// ```
    #[must_use]
    pub fn state(&self) -> RaftState {
        self.senders.view.numbers.state()
    }

    /// Returns the term of this server. In HashiCorp Raft, this method is `CurrentTerm`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// assert!(Term(0) < raft.current_term());
    /// # Ok(()) }) }
    /// ```
    #[must_use]
    pub fn current_term(&self) -> Term {
        self.senders.view.numbers.term()
    }

    /// Returns the address of the leader, if the leader is known. In HashiCorp Raft, this method is `Leader`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// assert_eq!(raft.leader(), Some("n1".into()));
    /// # Ok(()) }) }
    /// ```
    #[must_use]
    pub fn leader(&self) -> Option<ServerAddress> {
        self.leader_with_id().map(|leader| leader.address)
    }

    /// Returns the name and the address of the leader, if the leader is known. In HashiCorp Raft, this method
    /// is `LeaderWithID`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// if let Some(leader) = raft.leader_with_id() {
    ///     assert_eq!(leader.to_string(), "n1 at n1");
    /// }
    /// # Ok(()) }) }
    /// ```
    #[must_use]
    pub fn leader_with_id(&self) -> Option<Leader> {
        self.senders.view.leadership.borrow().leader.clone()
    }

    /// Returns a receiver of the current term and leader. The receiver can wait for the next change. A slow
    /// receiver may miss a leader, but never the newest leader. There may be any number of receivers. In
    /// HashiCorp Raft, this method is `LeaderCh`, which has only one receiver.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let mut changes = raft.leader_changes();
    /// let leadership = changes.wait_for(|seen| seen.leader.is_some()).await?;
    /// println!("{}", *leadership);
    /// assert!(leadership.is_self);
    /// # Ok(()) }) }
    /// ```
    #[must_use]
    pub fn leader_changes(&self) -> watch::Receiver<Leadership> {
        self.senders.view.leadership.clone()
    }

    /// Returns the last index of the log, or the last index of the snapshot if the log is empty. In HashiCorp
    /// Raft, this method is `LastIndex`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let applied = raft.apply(*b"40", TIMEOUT).await?;
    /// assert_eq!(raft.last_index(), applied.index);
    /// # Ok(()) }) }
    /// ```
    #[must_use]
    pub fn last_index(&self) -> Index {
        self.senders.view.numbers.last_index()
    }

    /// Returns the commit index that this server knows. In HashiCorp Raft, this method is `CommitIndex`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let applied = raft.apply(*b"40", TIMEOUT).await?;
    /// assert!(applied.index <= raft.commit_index());
    /// # Ok(()) }) }
    /// ```
    #[must_use]
    pub fn commit_index(&self) -> Index {
        self.senders.view.numbers.commit_index()
    }

    /// Returns the index of the last entry that the state machine has applied. In HashiCorp Raft, this method
    /// is `AppliedIndex`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let applied = raft.apply(*b"40", TIMEOUT).await?;
    /// assert!(applied.index <= raft.applied_index());
    /// # Ok(()) }) }
    /// ```
    #[must_use]
    pub fn applied_index(&self) -> Index {
        self.senders.view.numbers.applied_index()
    }

    /// Returns the time of the last contact with a leader. A leader returns the current time. Returns `None` if
    /// this server has had no contact with a leader since its start. In HashiCorp Raft, this method is
    /// `LastContact`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let contact = raft.last_contact().expect("a leader has contact with itself");
    /// println!("{:?} ago", contact.elapsed());
    /// # Ok(()) }) }
    /// ```
    #[must_use]
    pub fn last_contact(&self) -> Option<Instant> {
        match self.state() {
            RaftState::Leader => Some(Instant::now()),
            RaftState::Follower | RaftState::Candidate | RaftState::Shutdown => {
                self.senders.view.numbers.contact().map(tokio::time::Instant::into_std)
            }
        }
    }

    /// Returns the statistics of this server. In HashiCorp Raft, this method is `Stats`. A stopped server
    /// returns the last statistics.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let stats = raft.stats().await?;
    /// assert_eq!(stats.to_map()["state"], "Leader");
    /// println!("{stats}");
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns an error if the server ended without last statistics, for example after a panic.
    pub async fn stats(&self) -> Result<Stats, CallError> {
        match self.control(Control::Stats).await {
            Ok(stats) => Ok(stats),
            Err(error) => {
                self.stopped().await;
                let end = self.senders.view.end.borrow();
                end.as_ref().and_then(|end| end.stats.clone()).ok_or(error)
            }
        }
    }

    /// Registers an observer of all later observations that pass `filter`. While `capacity` observations wait
    /// in the queue of the observer, the server drops and counts further observations. A capacity of zero counts
    /// as 1. In HashiCorp Raft, this method is `RegisterObserver`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// use wavetank_node::Observed;
    ///
    /// let is_state = |observed: &Observed| matches!(observed, Observed::State { .. });
    /// let mut observer = raft.register_observer(16, is_state).await?;
    /// raft.shutdown().await;
    /// while let Some(observed) = observer.recv().await {
    ///     println!("{observed:?}");
    /// }
    /// assert_eq!(observer.dropped(), 0);
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns an error if the server has stopped.
    pub async fn register_observer(
        &self,
        capacity: usize,
        filter: impl Fn(&Observed) -> bool + Send + 'static,
    ) -> Result<Observer, CallError> {
        let (sink, observer) = Sink::new(capacity, filter);
        self.control(|done| Control::Observe(sink, done)).await?;
        Ok(observer)
    }
}
