//! The catch-up rounds of a staged server (thesis §4.2.1). A staged server is a non-voter that becomes a
//! voter when it has caught up. The ghost computes the rounds from the calls and from the match index of the
//! server.

use super::Limits;
use crate::plan::server_set::{ServerIdx, ServerSet};
use std::collections::VecDeque;
use wavetank_raft::{Index, NodeId, RequestId, Span, Time};

/// The calls that ask a leader to stage a server, the oldest call first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stagings {
    open: VecDeque<Staging>,
}

/// One call that stages a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Staging {
    pub(crate) request: RequestId,
    pub(crate) node: NodeId,
    /// The index of the entry that adds the server as a non-voter.
    at: Index,
    /// The catch-up rounds of the server. `None` until the leader has applied the entry that adds the server
    /// as a non-voter.
    pub(crate) rounds: Option<Rounds>,
}

/// The catch-up rounds of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rounds {
    /// The start of the first round, on the clock of the leader.
    pub(crate) began: Time,
    /// The start of the current round, on the clock of the leader.
    round_began: Time,
    /// The last index of the leader's log at the start of the current round. The round ends when the server
    /// has the entry at this index.
    target: Index,
    /// True if a round took less than an election timeout.
    pub(crate) caught_up: bool,
    /// The shortest election timeout since the first round began.
    pub(crate) timeout: Span,
}

/// The end of a staging: a promotion or a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StagingEnd {
    /// The leader made the server a voter.
    Promoted,
    /// The leader gave up the staging, because the server was too slow.
    TooSlow,
}

impl Stagings {
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Records a call that stages a server. The call's entry at index `at` adds the server as a non-voter.
    pub(crate) fn begin(&mut self, request: RequestId, node: NodeId, at: Index) {
        self.open.push_back(Staging { request, node, at, rounds: None });
    }

    /// Removes a call that is answered. Returns the call if the rounds of the call had begun. Otherwise
    /// returns `None`.
    pub(crate) fn end(&mut self, request: RequestId) -> Option<Staging> {
        let place = self.open.iter().position(|staging| staging.request == request)?;
        self.open.remove(place).filter(|staging| staging.rounds.is_some())
    }

    /// Returns the oldest call that stages a server of this set, among the calls with rounds that have begun.
    /// Returns `None` if there is no such call.
    pub(crate) fn of(&self, servers: ServerSet) -> Option<Staging> {
        let is_of = |node| ServerIdx::of(node).is_some_and(|idx| servers.contains(idx));
        self.open.iter().find(|staging| staging.rounds.is_some() && is_of(staging.node)).copied()
    }

    /// Ends rounds that are complete. Begins the rounds of a server when the leader has applied the entry
    /// that adds the server. The tuple contains the time on the leader's clock, the leader's applied index,
    /// and the last index of the leader's log without the entries of this step. `matched` returns the match
    /// index of a follower.
    pub(crate) fn stepped(
        &mut self,
        (now, applied, last): (Time, Index, Index),
        limits: &Limits,
        matched: impl Fn(NodeId) -> Index,
    ) {
        for staging in self.open.iter_mut().filter(|staging| staging.at <= applied) {
            let reached = matched(staging.node);
            let rounds = staging.rounds.get_or_insert(Rounds {
                began: now,
                round_began: now,
                target: last,
                caught_up: last <= reached,
                timeout: limits.election_timeout,
            });
            rounds.timeout = rounds.timeout.min(limits.election_timeout);
            if rounds.caught_up || reached < rounds.target {
                continue;
            }
            if now.since(rounds.round_began) < limits.election_timeout {
                rounds.caught_up = true;
            } else {
                // If nothing was appended during a slow round, the next round ends at once.
                (rounds.round_began, rounds.target, rounds.caught_up) = (now, last, last <= reached);
            }
        }
    }
}
