//! The operator's calls: changes of membership and transfers of leadership.

use super::calls::{self, Until};
use super::{CallError, Raft};
use crate::driver::status::LatestConfiguration;
use std::time::Duration;
use tokio::sync::watch;
use wavetank_raft::{Call, Change, Index, Member, ServerAddress, ServerId};

impl Raft {
    /// Returns the latest configuration, committed or not; `None` before there is one. HashiCorp:
    /// `GetConfiguration`, whose index is always zero. The index here serves as the `prev_index` of a
    /// change.
    #[must_use]
    pub fn get_configuration(&self) -> Option<LatestConfiguration> {
        self.senders.view.configuration.borrow().clone()
    }

    /// Returns a receiver of the latest configuration and of all later ones.
    #[must_use]
    pub fn configuration_changes(&self) -> watch::Receiver<Option<LatestConfiguration>> {
        self.senders.view.configuration.clone()
    }

    /// Gives a server a vote: adds it, promotes it, or moves it to another address. HashiCorp:
    /// `AddVoter`. It counts at once; [`Raft::add_voter_staged`] lets it catch up first.
    ///
    /// If `prev_index` is not zero, the change is refused unless the latest configuration has this index.
    ///
    /// # Errors
    /// `NotLeader`; a `Refusal` when the last change is not committed yet, the configuration has
    /// changed since, or the new one is invalid.
    pub async fn add_voter(
        &self,
        id: impl Into<ServerId>,
        address: impl Into<ServerAddress>,
        prev_index: Index,
        timeout: Duration,
    ) -> Result<Index, CallError> {
        self.change(Change::AddVoter(id.into(), address.into()), prev_index, timeout).await
    }

    /// Adds a server without a vote, lets it catch up in rounds, and gives it one then (thesis
    /// §4.2.1).
    ///
    /// # Errors
    /// As for [`Raft::add_voter`]; `TooSlow` when the server does not catch up and stays a non-voter.
    pub async fn add_voter_staged(
        &self,
        id: impl Into<ServerId>,
        address: impl Into<ServerAddress>,
        prev_index: Index,
        timeout: Duration,
    ) -> Result<Index, CallError> {
        let call = Call::AddVoterStaged { id: id.into(), address: address.into(), prev_index };
        self.ask(call, Until::after(timeout)).await.map(calls::index)
    }

    /// Adds a server without a vote, or moves one to another address. HashiCorp: `AddNonvoter`.
    ///
    /// # Errors
    /// As for [`Raft::add_voter`]; `UnsupportedProtocol` below version 3.
    pub async fn add_nonvoter(
        &self,
        id: impl Into<ServerId>,
        address: impl Into<ServerAddress>,
        prev_index: Index,
        timeout: Duration,
    ) -> Result<Index, CallError> {
        self.change(Change::AddNonvoter(id.into(), address.into()), prev_index, timeout).await
    }

    /// Takes a server's vote; it stays a member. HashiCorp: `DemoteVoter`.
    ///
    /// # Errors
    /// As for [`Raft::add_nonvoter`].
    pub async fn demote_voter(
        &self,
        id: impl Into<ServerId>,
        prev_index: Index,
        timeout: Duration,
    ) -> Result<Index, CallError> {
        self.change(Change::DemoteVoter(id.into()), prev_index, timeout).await
    }

    /// Removes a server. HashiCorp: `RemoveServer`. A leader may remove itself, and stops
    /// once that is committed.
    ///
    /// # Errors
    /// As for [`Raft::add_voter`].
    pub async fn remove_server(
        &self,
        id: impl Into<ServerId>,
        prev_index: Index,
        timeout: Duration,
    ) -> Result<Index, CallError> {
        self.change(Change::RemoveServer(id.into()), prev_index, timeout).await
    }

    /// Changes to this list of members at once, through a joint configuration (thesis §4.3).
    ///
    /// # Errors
    /// As for [`Raft::add_voter`]; `UnsupportedProtocol` when a member speaks HashiCorp's protocol
    /// alone, which has no joint configurations.
    pub async fn change_membership(
        &self,
        members: Vec<Member>,
        prev_index: Index,
        timeout: Duration,
    ) -> Result<Index, CallError> {
        self.change(Change::Members(members), prev_index, timeout).await
    }

    async fn change(&self, change: Change, prev_index: Index, timeout: Duration) -> Result<Index, CallError> {
        let call = Call::Change { change, prev_index };
        self.ask(call, Until::after(timeout)).await.map(calls::index)
    }

    /// Transfers leadership to the most up-to-date voter. HashiCorp: `LeadershipTransfer`.
    ///
    /// # Errors
    /// When this server does not lead, there is no voter to transfer to, or the transfer took too long.
    pub async fn leadership_transfer(&self) -> Result<(), CallError> {
        self.ask(Call::Transfer { target: None }, Until::FOREVER).await.map(|_| ())
    }

    /// Transfers leadership to this voter. HashiCorp: `LeadershipTransferToServer`.
    ///
    /// # Errors
    /// As for [`Raft::leadership_transfer`].
    pub async fn leadership_transfer_to_server(&self, id: impl Into<ServerId>) -> Result<(), CallError> {
        self.ask(Call::Transfer { target: Some(id.into()) }, Until::FOREVER).await.map(|_| ())
    }
}
