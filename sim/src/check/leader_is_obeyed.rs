//! Who hears from the leader of its term follows it.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger, Took};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{NodeId, RoleName, Term};

/// Leader contact is obeyed (T9).
#[derive(Debug, Default)]
pub struct LeaderIsObeyed(u64);

/// A leader that was not obeyed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Disobeyed {
    /// By whom.
    pub slot: Slot,
    /// The term of both.
    pub term: Term,
    /// The leader.
    pub leader: NodeId,
    /// What the other is instead of its follower.
    pub role: RoleName,
    /// Whom it follows instead.
    pub follows: Option<NodeId>,
}

impl fmt::Display for Disobeyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, term, leader, role, follows } = self;
        write!(f, "{slot} heard from {leader}, the leader of {term}, and is a {role:?} of ")?;
        match follows {
            Some(follows) => write!(f, "{follows}"),
            None => write!(f, "nobody"),
        }
    }
}

impl Check for LeaderIsObeyed {
    const NAME: &'static str = "leader_is_obeyed";
    const SECTION: &'static str = "thesis §3.4";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::CONTACT;
    type Breach = Disobeyed;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Disobeyed> {
        let step = &ledger.step;
        let (Took::Append { from: leader, .. } | Took::Snapshot { from: leader, .. }) = step.took else {
            return None;
        };
        if !ledger.subject().is_up() || leader == step.slot.node() {
            return None;
        }
        self.0 += 1;
        let (role, follows) = (step.now.role, step.now.leader);
        let obeys = role == RoleName::Follower && follows == Some(leader);
        (!obeys).then_some(Disobeyed { slot: step.slot, term: step.now.term, leader, role, follows })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale};
    use wavetank_raft::{AppendEntries, Event, Index, LogId, Request, RpcId};

    fn heartbeat(from: Slot, term: u64) -> Event {
        let append =
            AppendEntries { term: Term(term), prev: LogId::ZERO, entries: [].into(), leader_commit: Index(0) };
        Event::Request { from: from.node(), rpc: RpcId(3), request: Request::AppendEntries(append) }
    }

    #[test]
    fn a_follower_follows() {
        let mut tale = Tale::<LeaderIsObeyed>::three();
        tale.settle(N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn a_candidate_gives_way_to_the_winner() {
        let mut tale = Tale::<LeaderIsObeyed>::three();
        tale.elect(N1, 2);
        tale.pose(N2, |posed| posed.glimpse.role = RoleName::Candidate);
        tale.step(N2, &heartbeat(N1, 2), |_| {}, Vec::new());
        tale.speaks("n2 heard from n1, the leader of t2, and is a Candidate of nobody");
    }

    #[test]
    fn an_older_leader_need_not_be_obeyed() {
        let mut tale = Tale::<LeaderIsObeyed>::three();
        tale.settle(N1, 2);
        tale.settle(N2, 3);
        tale.step(N3, &heartbeat(N1, 2), |_| {}, Vec::new());
        tale.is_quiet();
    }
}
