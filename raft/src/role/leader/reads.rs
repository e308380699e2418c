//! Linearizable reads (thesis §6.4). A read needs the commit index at the time of the request, and
//! a proof that no other server was the leader at that time.

use super::Leader;
use crate::node::io::{Effect, Effects, ReadPath, Refusal};
use crate::node::state::NodeState;
use crate::types::{Index, RequestId, RpcId, Time};
use alloc::vec::Vec;

/// The reads that wait for a confirmation of leadership.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(super) struct Reads {
    pending: Vec<PendingRead>,
    /// A number below the numbers of all requests of the current round of heartbeats; `None` if no round is
    /// open.
    round: Option<RpcId>,
}

/// A read that waits for a confirmation of leadership.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct PendingRead {
    request: RequestId,
    /// A response confirms the read only if the response answers a request with a higher number than this
    /// number. A response to an earlier request may have been sent before the read began (etcd raft issue
    /// #397).
    after: RpcId,
    /// The read index; `None` until an entry of the leader's own term is committed.
    index: Option<Index>,
}

impl Reads {
    /// Records that a round of heartbeats is sent after this call.
    pub(super) fn round_sent(&mut self, state: &mut NodeState) {
        if !self.pending.is_empty() {
            self.round = Some(state.next_rpc());
        }
    }
}

impl Leader {
    pub(crate) fn on_read(
        &mut self,
        state: &mut NodeState,
        request: RequestId,
        path: ReadPath,
        now: Time,
        fx: &mut Effects,
    ) {
        let index = self.has_commit_in_term(state).then_some(state.commit);
        match (path, index) {
            (ReadPath::Lease, Some(index)) if self.has_lease(state, now) => {
                return fx.push(Effect::ReadReady { request, index });
            }
            (ReadPath::Lease, _) => {
                return fx.push(Effect::ReadFailed { request, refusal: Refusal::NoLease });
            }
            (ReadPath::Index | ReadPath::Verify, _) => {}
        }
        let index = if path == ReadPath::Verify { Some(Index::ZERO) } else { index };
        let after = state.next_rpc();
        self.reads.pending.push(PendingRead { request, after, index });
        if self.reads.round.is_none() {
            self.heartbeat(state, now, fx);
        }
        self.confirm_reads(state, now, fx);
    }

    /// True if the leader's lease is valid at `now`. In this case, a quorum has promised to grant no vote
    /// before the end of the lease. The lease is shortened by the maximum drift of the clocks (thesis §6.4.1).
    /// A server of HashiCorp Raft makes no promise, because this server may vote immediately after a restart.
    /// A peer with an unknown protocol counts as a server of HashiCorp Raft.
    fn has_lease(&self, state: &NodeState, now: Time) -> bool {
        let promised = |node| match self.peer(node) {
            None => Some(now),
            Some(_) if !state.is_wavetank(node) => None,
            // A follower that never answered has promised nothing yet.
            Some(peer) if peer.progress.answered == RpcId(0) => None,
            Some(peer) => Some(peer.progress.last_contact),
        };
        // The clock may begin at zero, so a missing promise is no promise at the time zero.
        let since = state.membership.voters().agreed(promised).flatten();
        !self.lease_given_up && since.is_some_and(|since| now < since + state.settings.lease())
    }

    /// Answers the reads that a quorum of *voters* has confirmed. Begins the next round of heartbeats if more
    /// reads arrived during the current round.
    pub(super) fn confirm_reads(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) {
        if self.reads.pending.is_empty() {
            return;
        }
        let answered = |node| {
            if node == state.id {
                RpcId(u64::MAX)
            } else {
                self.peer(node).map_or(RpcId(0), |peer| peer.progress.answered)
            }
        };
        let Some(agreed) = state.membership.voters().agreed(answered) else { return };
        self.reads.pending.retain(|read| match read.index {
            Some(index) if read.after < agreed => {
                fx.push(Effect::ReadReady { request: read.request, index });
                false
            }
            Some(_) | None => true,
        });
        if self.reads.round.is_some_and(|round| round < agreed) {
            self.reads.round = None;
            if self.reads.pending.iter().any(|read| agreed <= read.after) {
                self.heartbeat(state, now, fx);
            }
        }
    }

    /// Sets the read index of the waiting reads after the first commit of the term. Before this commit, the
    /// leader does not know which entries are committed.
    pub(super) fn set_read_indexes(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) {
        if self.has_commit_in_term(state) {
            for read in self.reads.pending.iter_mut().filter(|read| read.index.is_none()) {
                read.index = Some(state.commit);
            }
            self.confirm_reads(state, now, fx);
        }
    }

    pub(super) fn fail_reads(&mut self, fx: &mut Effects) {
        for PendingRead { request, .. } in self.reads.pending.drain(..) {
            fx.push(Effect::ReadFailed { request, refusal: Refusal::LeadershipLost });
        }
    }
}
