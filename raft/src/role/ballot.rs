//! The votes of one election or pre-vote. The same struct serves both; the variant of the role
//! tells them apart.

use crate::message::{Request, RequestPreVote, RequestVote};
use crate::node::io::{Effects, Ignored};
use crate::node::state::NodeState;
use crate::quorum::VoteResult;
use crate::role::{CampaignCause, Transition};
use crate::types::{NodeId, RpcId, Time, Token};
use alloc::vec::Vec;

/// The votes of one election.
///
/// 1. `requested` holds the requests of this election alone: a response to any other request is not
///    counted.
/// 2. The candidate's own vote counts once it is persisted, like every other vote.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Ballot {
    requested: Vec<(NodeId, RpcId)>,
    votes: Vec<(NodeId, bool)>,
    own_vote: Option<Token>,
    deadline: Time,
}

impl Ballot {
    /// Asks for pre-votes (thesis §9.6). A pre-vote binds nobody and writes nothing.
    pub(crate) fn start_pre_vote(state: &mut NodeState, now: Time) -> Self {
        let request =
            Request::RequestPreVote(RequestPreVote { term: state.term.next(), last_log: state.log.last() });
        let mut ballot = Self::request_votes(state, &request, now);
        if state.is_voter() {
            ballot.votes.push((state.id, true));
        }
        ballot
    }

    /// Votes for itself and asks for votes. The requests leave once its own vote is persisted.
    pub(crate) fn start_vote(state: &mut NodeState, cause: CampaignCause, now: Time) -> Self {
        state.give_vote(state.id);
        let request = Request::RequestVote(RequestVote {
            term: state.term,
            last_log: state.log.last(),
            leadership_transfer: cause == CampaignCause::Transfer,
        });
        let mut ballot = Self::request_votes(state, &request, now);
        // The vote is part of the write that this step ends with.
        ballot.own_vote = Some(state.outbox.issued().next());
        ballot
    }

    fn request_votes(state: &mut NodeState, request: &Request, now: Time) -> Self {
        let others: Vec<NodeId> =
            state.membership.voters().iter().filter(|&voter| voter != state.id).collect();
        let requested = others
            .into_iter()
            .map(|voter| (voter, state.call_when_durable(voter, request.clone())))
            .collect();
        let deadline = now + state.draw_timeout(state.settings.election_timeout);
        Self { requested, votes: Vec::new(), own_vote: None, deadline }
    }

    pub(crate) const fn deadline(&self) -> Time {
        self.deadline
    }

    /// A response to a request for a vote. Each counts once, even if the network duplicates it.
    pub(crate) fn on_vote(&mut self, from: NodeId, rpc: RpcId, granted: bool, fx: &mut Effects) {
        let Some(at) = self.requested.iter().position(|requested| *requested == (from, rpc)) else {
            return NodeState::ignore(Ignored::UnknownRpc, fx);
        };
        self.requested.swap_remove(at);
        self.votes.push((from, granted));
    }

    /// Counts the candidate's own vote once it is persisted.
    pub(crate) fn on_persisted(&mut self, state: &NodeState) {
        if self.own_vote.is_some_and(|token| token <= state.outbox.persisted()) {
            self.own_vote = None;
            self.votes.push((state.id, true));
        }
    }

    pub(crate) fn vote_result(&self, state: &NodeState) -> VoteResult {
        let votes = |node| self.votes.iter().find(|(who, _)| *who == node).map(|(_, granted)| *granted);
        state.membership.voters().vote_result(votes)
    }

    /// The election timed out. It begins anew unless the disk is stalled or the server may no
    /// longer campaign.
    pub(crate) fn on_timer(&self, state: &NodeState, now: Time) -> Transition {
        if now < self.deadline {
            return Transition::Stay;
        }
        if state.is_disk_stalled(now) || !state.membership.may_campaign(state.id, state.commit) {
            return Transition::Follow(state.term, None);
        }
        if state.settings.pre_vote_disabled {
            Transition::Campaign(CampaignCause::ElectionTimeout)
        } else {
            Transition::PreCampaign
        }
    }
}
