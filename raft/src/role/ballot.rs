//! The votes of one election or one pre-vote. A candidate uses this struct for an election. A pre-candidate
//! uses this struct for a pre-vote.

use crate::message::{Request, RequestPreVote, RequestVote};
use crate::node::io::{Effects, Ignored};
use crate::node::state::NodeState;
use crate::quorum::VoteResult;
use crate::role::{CampaignCause, Transition};
use crate::types::{NodeId, RpcId, Time, Token};
use alloc::vec::Vec;

/// The votes of one election or one pre-vote.
///
/// 1. `requested` contains only the open requests of this ballot. A response to any other request is not
///    counted.
/// 2. In an election, the candidate's own vote counts only after this vote is durable. A vote of another server
///    is already durable when the vote arrives.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Ballot {
    requested: Vec<(NodeId, RpcId)>,
    votes: Vec<(NodeId, bool)>,
    own_vote: Option<Token>,
    deadline: Time,
    /// The cause of an election; `None` for a pre-vote.
    cause: Option<CampaignCause>,
}

impl Ballot {
    /// Asks for pre-votes (thesis §9.6). A granted pre-vote does not bind the voter, so the voter writes
    /// nothing to its disk.
    pub(crate) fn start_pre_vote(state: &mut NodeState, now: Time) -> Self {
        let request =
            Request::RequestPreVote(RequestPreVote { term: state.term.next(), last_log: state.log.last() });
        let mut ballot = Self::request_votes(state, &request, now);
        // A pre-vote is not written to the disk, so this server's own pre-vote counts at once. A single voter
        // then wins in the same step.
        if state.is_voter() {
            ballot.votes.push((state.id, true));
        }
        ballot
    }

    /// Votes for this server, and asks the other voters for votes. The requests are sent as soon as this
    /// server's own vote is durable.
    pub(crate) fn start_vote(state: &mut NodeState, cause: CampaignCause, now: Time) -> Self {
        state.give_vote(state.id);
        let request = Request::RequestVote(RequestVote {
            term: state.term,
            last_log: state.log.last(),
            leadership_transfer: cause == CampaignCause::Transfer,
        });
        let mut ballot = Self::request_votes(state, &request, now);
        // The vote is part of the write at the end of this step, which has the next token.
        ballot.own_vote = Some(state.outbox.issued().next());
        ballot.cause = Some(cause);
        ballot
    }

    fn request_votes(state: &mut NodeState, request: &Request, now: Time) -> Self {
        let others: Vec<NodeId> =
            state.membership.voters().iter().filter(|&voter| voter != state.id).collect();
        let requested = others
            .into_iter()
            .map(|voter| (voter, state.call_when_durable(voter, request.clone())))
            .collect();
        let deadline = now + state.draw_timeout(state.settings.election_timeout());
        Self { requested, votes: Vec::new(), own_vote: None, deadline, cause: None }
    }

    pub(crate) const fn deadline(&self) -> Time {
        self.deadline
    }

    /// Handles a response to a vote request or a pre-vote request. Each response counts once, even if the
    /// network duplicates the response.
    pub(crate) fn on_vote(&mut self, from: NodeId, rpc: RpcId, granted: bool, fx: &mut Effects) {
        let Some(at) = self.requested.iter().position(|requested| *requested == (from, rpc)) else {
            return NodeState::ignore(Ignored::UnknownRpc, fx);
        };
        self.requested.swap_remove(at);
        self.votes.push((from, granted));
    }

    /// True if the voter `from` has not answered the request `rpc` of this ballot.
    pub(crate) fn is_open(&self, from: NodeId, rpc: RpcId) -> bool {
        self.requested.contains(&(from, rpc))
    }

    /// True if this candidate may campaign again immediately, after the voter `from` has refused the request
    /// `rpc` only because of the term of this request. The current campaign must have begun with an election
    /// timeout. Each timeout begins at most two campaigns, so two candidates cannot raise the term again and
    /// again without a pause.
    pub(crate) fn may_campaign_again(&self, from: NodeId, rpc: RpcId) -> bool {
        self.cause == Some(CampaignCause::ElectionTimeout) && self.is_open(from, rpc)
    }

    /// Counts the candidate's own vote if this vote is durable now.
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

    /// Handles the end of the election timeout. A new campaign begins if this server may still campaign.
    /// Otherwise this server becomes a follower.
    pub(crate) fn on_timer(&self, state: &NodeState, now: Time) -> Transition {
        if now < self.deadline {
            return Transition::Stay;
        }
        if !state.may_campaign(now) {
            return Transition::Follow(state.term, None);
        }
        if state.settings.pre_vote_disabled {
            Transition::Campaign(CampaignCause::ElectionTimeout)
        } else {
            Transition::PreCampaign
        }
    }
}
