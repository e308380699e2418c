//! An election, real or tried: who said what. The same struct serves both; the role's variant
//! says which election it is.

use crate::message::{Request, RequestPreVote, RequestVote};
use crate::node::io::{Effects, Ignored};
use crate::node::state::Core;
use crate::quorum::VoteResult;
use crate::role::{Cause, Transition};
use crate::types::{NodeId, RpcId, Time, Token};
use alloc::vec::Vec;

/// The votes of one election.
///
/// 1. `asked` are the calls of this election alone: an answer to any other is not counted.
/// 2. The candidate's own vote counts once it is durable, like everybody's.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Ballot {
    asked: Vec<(NodeId, RpcId)>,
    said: Vec<(NodeId, bool)>,
    own: Option<Token>,
    deadline: Time,
}

impl Ballot {
    /// Begins to ask who would vote (thesis §9.6). Binds nobody and writes nothing.
    pub(crate) fn pre(core: &mut Core, now: Time) -> Self {
        let request =
            Request::RequestPreVote(RequestPreVote { term: core.term.next(), last_log: core.log.last() });
        let mut ballot = Self::ask(core, &request, now);
        if core.is_voter() {
            ballot.said.push((core.id, true));
        }
        ballot
    }

    /// Begins to ask for votes: first its own, then, once that is durable, the others'.
    pub(crate) fn real(core: &mut Core, cause: Cause, now: Time) -> Self {
        core.give_vote(core.id);
        let request = Request::RequestVote(RequestVote {
            term: core.term,
            last_log: core.log.last(),
            leadership_transfer: cause == Cause::Transfer,
        });
        let mut ballot = Self::ask(core, &request, now);
        // The vote is part of the write that this step ends with.
        ballot.own = Some(core.outbox.issued().next());
        ballot
    }

    fn ask(core: &mut Core, request: &Request, now: Time) -> Self {
        let others: Vec<NodeId> = core.membership.voters().iter().filter(|&voter| voter != core.id).collect();
        let asked =
            others.into_iter().map(|voter| (voter, core.call_when_durable(voter, request.clone()))).collect();
        let deadline = now + core.draw(core.settings.election_timeout);
        Self { asked, said: Vec::new(), own: None, deadline }
    }

    pub(crate) const fn deadline(&self) -> Time {
        self.deadline
    }

    /// A vote came in. Each counts once, however often it arrives.
    pub(crate) fn on_vote(&mut self, from: NodeId, rpc: RpcId, granted: bool, fx: &mut Effects) {
        let Some(at) = self.asked.iter().position(|asked| *asked == (from, rpc)) else {
            return Core::ignore(Ignored::UnknownRpc, fx);
        };
        self.asked.swap_remove(at);
        self.said.push((from, granted));
    }

    /// The candidate's own vote counts from when it is on disk.
    pub(crate) fn on_persisted(&mut self, core: &Core) {
        if self.own.is_some_and(|token| token <= core.outbox.persisted()) {
            self.own = None;
            self.said.push((core.id, true));
        }
    }

    pub(crate) fn vote_result(&self, core: &Core) -> VoteResult {
        let said = |node| self.said.iter().find(|(who, _)| *who == node).map(|(_, granted)| *granted);
        core.membership.voters().vote_result(said)
    }

    /// The election takes too long: it begins anew, unless the disk hangs or the server has
    /// meanwhile lost the right to stand.
    pub(crate) fn on_timer(&self, core: &Core, now: Time) -> Transition {
        if now < self.deadline {
            return Transition::Stay;
        }
        if core.is_disk_stalled(now) || !core.membership.may_campaign(core.id, core.commit) {
            return Transition::Follow(core.term, None);
        }
        if core.settings.pre_vote_disabled {
            Transition::Campaign(Cause::Silence)
        } else {
            Transition::PreCampaign
        }
    }
}
