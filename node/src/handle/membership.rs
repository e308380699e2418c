//! The operator's calls: changes of membership and transfers of leadership.

use super::calls::{self, Until};
use super::{CallError, CallLimit, Raft};
use tokio::sync::watch;
use wavetank_raft::{Call, Change, Index, LatestConfiguration, Member, ServerAddress, ServerId};

impl Raft {
    /// Returns the latest configuration, and the index of the configuration in the log. The configuration may
    /// be uncommitted. Returns `None` if this server has no configuration yet. In HashiCorp Raft, this method
    /// is `GetConfiguration`, which always returns the index zero. Here the index is correct, and a caller can
    /// pass the index as `prev_index` to a change.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let latest = raft.get_configuration().expect("the cluster is bootstrapped");
    /// assert_eq!(latest.to_string(), "n1");
    /// # Ok(()) }) }
    /// ```
    #[must_use]
    pub fn get_configuration(&self) -> Option<LatestConfiguration> {
        self.senders.view.configuration.borrow().clone()
    }

    /// Returns a receiver of the latest configuration. The receiver can wait for the next configuration. A slow
    /// receiver may miss a configuration, but never the newest configuration. The value is `None` while this
    /// server has no configuration.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let mut changes = raft.configuration_changes();
    /// raft.add_nonvoter("n2", "n2", ANY, TIMEOUT).await?;
    /// let is_joined = |latest: &wavetank_node::LatestConfiguration| latest.configuration.members().count() == 2;
    /// changes.wait_for(|latest| latest.as_ref().is_some_and(is_joined)).await?;
    /// # Ok(()) }) }
    /// ```
    #[must_use]
    pub fn configuration_changes(&self) -> watch::Receiver<Option<LatestConfiguration>> {
        self.senders.view.configuration.clone()
    }

    /// Gives a vote to the server `id`. A new server is added. A non-voter becomes a voter and gets this address.
    /// A voter only gets this address. In HashiCorp Raft, this method is `AddVoter`. The vote counts immediately.
    /// Use [`Raft::add_voter_staged`] to let the server catch up first.
    ///
    /// If `prev_index` is `Some`, the change is refused unless the latest configuration has this index. `None`
    /// accepts any latest configuration. Returns the index of the new configuration in the log.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// // The new server does not run in this example, so the change is not committed.
    /// let added = raft.add_voter("n2", "10.0.0.2:7000", ANY, Duration::from_millis(10)).await;
    /// assert_eq!(added, Err(CallError::Timeout));
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`Raft::apply`], for example `NotLeader` if this server does not lead. Returns
    /// [`CallError::Address`] if an address does not have the form that the transport requires. Returns
    /// [`CallError::Refused`] if the last change is not committed yet, the latest configuration does not have the
    /// index `prev_index`, or the new configuration is invalid. [`Refusal`](crate::Refusal) lists all reasons.
    pub async fn add_voter(
        &self,
        id: impl Into<ServerId>,
        address: impl Into<ServerAddress>,
        prev_index: Option<Index>,
        limit: impl Into<CallLimit>,
    ) -> Result<Index, CallError> {
        self.change(Change::AddVoter(id.into(), address.into()), prev_index, limit).await
    }

    /// Adds a server without a vote, lets the server catch up in rounds, and then gives a vote to the server
    /// (thesis §4.2.1). The argument `prev_index` has the same meaning as in [`Raft::add_voter`]. Returns the
    /// index of the configuration in which the server has a vote.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// // The new server does not run in this example, so it does not catch up.
    /// let short = Duration::from_millis(10);
    /// let added = raft.add_voter_staged("n2", "10.0.0.2:7000", ANY, short).await;
    /// assert_eq!(added, Err(CallError::Timeout));
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`Raft::add_voter`], `TooSlow` if the new server does not catch up, and
    /// `StagingAborted` if this server loses its leadership, or the new server is removed or gets another
    /// address. After `TooSlow`, the new server stays a non-voter.
    pub async fn add_voter_staged(
        &self,
        id: impl Into<ServerId>,
        address: impl Into<ServerAddress>,
        prev_index: Option<Index>,
        limit: impl Into<CallLimit>,
    ) -> Result<Index, CallError> {
        let call = Call::AddVoterStaged { id: id.into(), address: address.into(), prev_index };
        self.ask(call, Until::now(limit.into())).await.map(calls::index)
    }

    /// Adds a server without a vote, or changes only the address of a member. In HashiCorp Raft, this method is
    /// `AddNonvoter`.
    ///
    /// The argument `prev_index` has the same meaning as in [`Raft::add_voter`]. Returns the index of the new
    /// configuration in the log.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// raft.add_nonvoter("n2", "10.0.0.2:7000", ANY, TIMEOUT).await?;
    /// let latest = raft.get_configuration().expect("the cluster is bootstrapped");
    /// assert_eq!(latest.to_string(), "n1 (n2)");
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`Raft::add_voter`], and `UnsupportedProtocol` if the protocol version of this
    /// server is below 3.
    pub async fn add_nonvoter(
        &self,
        id: impl Into<ServerId>,
        address: impl Into<ServerAddress>,
        prev_index: Option<Index>,
        limit: impl Into<CallLimit>,
    ) -> Result<Index, CallError> {
        self.change(Change::AddNonvoter(id.into(), address.into()), prev_index, limit).await
    }

    /// Removes the vote of a server. The server stays a member. In HashiCorp Raft, this method is
    /// `DemoteVoter`. A leader that removes its own vote stops after the change is committed, unless
    /// [`shutdown_on_remove`](crate::Config::shutdown_on_remove) is false.
    ///
    /// The argument `prev_index` has the same meaning as in [`Raft::add_voter`]. Returns the index of the new
    /// configuration in the log.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// raft.add_nonvoter("n2", "10.0.0.2:7000", ANY, TIMEOUT).await?;
    /// // A server without a vote stays as it is.
    /// raft.demote_voter("n2", ANY, TIMEOUT).await?;
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`Raft::add_nonvoter`].
    pub async fn demote_voter(
        &self,
        id: impl Into<ServerId>,
        prev_index: Option<Index>,
        limit: impl Into<CallLimit>,
    ) -> Result<Index, CallError> {
        self.change(Change::DemoteVoter(id.into()), prev_index, limit).await
    }

    /// Removes a server. In HashiCorp Raft, this method is `RemoveServer`. A leader may remove itself. Such a
    /// leader stops after the removal is committed, unless
    /// [`shutdown_on_remove`](crate::Config::shutdown_on_remove) is false. Any other removed server continues to
    /// run until you stop it.
    ///
    /// The argument `prev_index` has the same meaning as in [`Raft::add_voter`]. Returns the index of the new
    /// configuration in the log.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// raft.add_nonvoter("n2", "10.0.0.2:7000", ANY, TIMEOUT).await?;
    /// raft.remove_server("n2", ANY, TIMEOUT).await?;
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`Raft::add_voter`].
    pub async fn remove_server(
        &self,
        id: impl Into<ServerId>,
        prev_index: Option<Index>,
        limit: impl Into<CallLimit>,
    ) -> Result<Index, CallError> {
        self.change(Change::RemoveServer(id.into()), prev_index, limit).await
    }

    /// Replaces all members with the list `members` in one change, through a joint configuration (thesis §4.3).
    /// The argument `prev_index` has the same meaning as in [`Raft::add_voter`].
    ///
    /// The call ends when the joint configuration is committed, and returns the index of the joint configuration.
    /// The leader then appends a second configuration, which has only the new members. Another change is refused
    /// until the second configuration is committed.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// // Add new servers as non-voters first; then list them here, too.
    /// raft.change_membership(vec![Member::voter("n1", "n1")], ANY, TIMEOUT).await?;
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`Raft::add_voter`], and `UnsupportedProtocol` if a member, or a server in
    /// `members`, has not answered as a server of this library since the start of this server. HashiCorp Raft has
    /// no joint configurations. Add a new server as a non-voter first.
    pub async fn change_membership(
        &self,
        members: Vec<Member>,
        prev_index: Option<Index>,
        limit: impl Into<CallLimit>,
    ) -> Result<Index, CallError> {
        self.change(Change::Members(members), prev_index, limit).await
    }

    async fn change(
        &self,
        change: Change,
        prev_index: Option<Index>,
        limit: impl Into<CallLimit>,
    ) -> Result<Index, CallError> {
        let call = Call::Change { change, prev_index };
        self.ask(call, Until::now(limit.into())).await.map(calls::index)
    }

    /// Transfers leadership to the other voter with the most complete log. In HashiCorp Raft, this method is
    /// `LeadershipTransfer`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let error = raft.leadership_transfer(TIMEOUT).await.expect_err("there is no other voter");
    /// assert_eq!(error.to_string(), "cannot find peer: there is no other voter");
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns an error if this server does not lead, there is no other voter, or the transfer does not end
    /// within [`election_timeout`](crate::Config::election_timeout).
    pub async fn leadership_transfer(&self, limit: impl Into<CallLimit>) -> Result<(), CallError> {
        self.ask(Call::Transfer { target: None }, Until::now(limit.into())).await.map(|_| ())
    }

    /// Transfers leadership to the voter `id`. In HashiCorp Raft, this method is
    /// `LeadershipTransferToServer`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/handle/doc_setup.rs"));
    /// # fn main() -> Done { run(async |raft| {
    /// let error = raft.leadership_transfer_to_server("n2", TIMEOUT).await.expect_err("n2 is not a member");
    /// println!("{error}");
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`Raft::leadership_transfer`], and an error if `id` is not another voter.
    pub async fn leadership_transfer_to_server(
        &self,
        id: impl Into<ServerId>,
        limit: impl Into<CallLimit>,
    ) -> Result<(), CallError> {
        self.ask(Call::Transfer { target: Some(id.into()) }, Until::now(limit.into())).await.map(|_| ())
    }
}
