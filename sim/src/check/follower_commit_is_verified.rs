//! A follower commits no further than it has verified against the leader it follows now.

use super::committed_is_durable_on_quorum::counted;
use super::{Check, Column};
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Index, Term};

/// A follower's commit is verified (C6).
#[derive(Debug, Default)]
pub struct FollowerCommitIsVerified(u64);

/// A commit on trust.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unverified {
    /// Whose.
    pub slot: Slot,
    /// In this term.
    pub term: Term,
    /// What it commits.
    pub commit: Index,
    /// Up to where its log was shown to be the leader's.
    pub verified: Index,
}

impl fmt::Display for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, term, commit, verified } = self;
        write!(f, "{slot} committed {commit} at {term}, and had verified its log up to {verified}")
    }
}

impl Check for FollowerCommitIsVerified {
    const NAME: &'static str = "follower_commit_is_verified";
    const SECTION: &'static str = "thesis §3.5";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::COMMIT;
    type Breach = Unverified;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Unverified> {
        let step = &ledger.step;
        if counted(step) || step.now.commit <= step.was.commit {
            return None;
        }
        self.0 += 1;
        let (commit, verified) = (step.now.commit, ledger.subject().verified);
        (verified < commit).then_some(Unverified { slot: step.slot, term: step.now.term, commit, verified })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale};

    #[test]
    fn what_the_leader_showed() {
        let mut tale = Tale::<FollowerCommitIsVerified>::three();
        tale.settle(N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn a_tail_of_its_own_is_not_verified() {
        // n1 keeps entries of t2 that the leader of t3 never had; the leader's empty append shows
        // only what comes before them.
        let mut tale = Tale::<FollowerCommitIsVerified>::three();
        tale.elect(N1, 2);
        tale.propose(N1, 3);
        tale.elect(N2, 3);
        let rpc = tale.rpc();
        let append = wavetank_raft::AppendEntries {
            term: Term(3),
            prev: wavetank_raft::LogId::new(Term(1), Index(1)),
            entries: [].into(),
            leader_commit: Index(2),
        };
        let request = wavetank_raft::Request::AppendEntries(append);
        let event = wavetank_raft::Event::Request { from: N2.node(), rpc, request };
        let follow = |posed: &mut crate::check::tale::Posed| {
            posed.glimpse.role = wavetank_raft::RoleName::Follower;
            posed.glimpse.leader = Some(N2.node());
            posed.glimpse.commit = Index(2);
        };
        tale.step(N1, &event, follow, Vec::new());
        tale.speaks("n1 committed i2 at t3, and had verified its log up to i1");
    }

    #[test]
    fn another_leader_begins_anew() {
        let mut tale = Tale::<FollowerCommitIsVerified>::three();
        tale.settle(N1, 2);
        tale.propose(N1, 1);
        tale.replicate(N1, N3, 2);
        tale.grant(N3, 3, N2);
        tale.commit(N3, 3);
        tale.speaks("n3 committed i3 at t3, and had verified its log up to i0");
    }
}
