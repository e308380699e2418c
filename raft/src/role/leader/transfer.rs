//! Leadership transfer (thesis §3.10). The leader sends the target all missing entries, then tells the target
//! to campaign.

use super::Leader;
use crate::message::{Request, TimeoutNow};
use crate::node::io::{Effect, Effects, Refusal};
use crate::node::state::NodeState;
use crate::types::{NodeId, RequestId, Time};

/// A transfer in progress. The transfer ends at the latest when this server stops leading. In HashiCorp Raft,
/// a transfer could stay open after the leader had stopped leading (HashiCorp Raft issue #696).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(super) struct Transfer {
    request: RequestId,
    target: NodeId,
    deadline: Time,
    timeout_now_sent: bool,
}

impl Transfer {
    pub(super) const fn deadline(&self) -> Time {
        self.deadline
    }
}

impl Leader {
    pub(crate) fn on_transfer(
        &mut self,
        state: &mut NodeState,
        request: RequestId,
        target: Option<NodeId>,
        now: Time,
        fx: &mut Effects,
    ) {
        match self.pick_target(state, target) {
            Ok(target) => {
                let deadline = now + state.settings.election_timeout();
                self.transfer = Some(Transfer { request, target, deadline, timeout_now_sent: false });
                self.replicate_to(state, target, now, fx);
                self.try_transfer(state, target, fx);
            }
            Err(refusal) => fx.push(Effect::TransferEnded { request, refusal: Some(refusal) }),
        }
    }

    /// Returns `target` if `target` is another voter. If `target` is `None`, returns the other voter with the
    /// most entries.
    fn pick_target(&self, state: &NodeState, target: Option<NodeId>) -> Result<NodeId, Refusal> {
        if self.transfer.is_some() {
            return Err(Refusal::TransferInProgress);
        }
        let voters = state.membership.voters();
        match target {
            Some(target) if target == state.id => Err(Refusal::TransferToSelf),
            Some(target) if voters.contains(target) => Ok(target),
            Some(target) => Err(Refusal::UnknownTarget(target)),
            None => {
                let others = self.peers.iter().filter(|peer| voters.contains(peer.id));
                let best = others.max_by_key(|peer| peer.progress.matched);
                best.map(|peer| peer.id).ok_or(Refusal::NoTarget)
            }
        }
    }

    /// Tells the target of the transfer to campaign, if `from` is the target and has the whole log.
    pub(super) fn try_transfer(&mut self, state: &mut NodeState, from: NodeId, fx: &mut Effects) {
        let Some(transfer) = self.transfer.as_mut().filter(|transfer| transfer.target == from) else {
            return;
        };
        let Some(peer) = self.peers.iter().find(|peer| peer.id == from) else { return };
        if transfer.timeout_now_sent || peer.progress.matched < state.log.last().index {
            return;
        }
        transfer.timeout_now_sent = true;
        self.lease_given_up = true;
        let rpc = state.next_rpc();
        let request = Request::TimeoutNow(TimeoutNow { term: Some(state.term) });
        fx.push(Effect::Send { to: from, rpc, request });
    }

    pub(super) fn expire_transfer(&mut self, now: Time, fx: &mut Effects) {
        if self.transfer.as_ref().is_some_and(|transfer| transfer.deadline <= now) {
            self.end_transfer(Some(Refusal::TransferTimeout), fx);
        }
    }

    /// Ends the transfer if the target is no longer a voter, because a non-voter cannot be elected.
    pub(super) fn drop_lost_target(&mut self, state: &NodeState, fx: &mut Effects) {
        let voters = state.membership.voters();
        if let Some(lost) =
            self.transfer.as_ref().map(|t| t.target).filter(|&target| !voters.contains(target))
        {
            self.end_transfer(Some(Refusal::UnknownTarget(lost)), fx);
        }
    }

    /// Ends the transfer, and answers the request for the transfer. `None` means that this server no longer
    /// leads; the transfer then counts as a success.
    pub(super) fn end_transfer(&mut self, refusal: Option<Refusal>, fx: &mut Effects) {
        if let Some(Transfer { request, .. }) = self.transfer.take() {
            fx.push(Effect::TransferEnded { request, refusal });
        }
    }
}
