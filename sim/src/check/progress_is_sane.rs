//! What a leader knows of a follower only grows during its reign, and makes sense.

use super::{Check, Column};
use crate::ledger::{Facts, Follower, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::Index;

/// Progress is sane (L6).
#[derive(Debug, Default)]
pub struct ProgressIsSane(u64);

/// A belief that makes no sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Insane {
    /// It shrank.
    Shrank {
        /// Whose.
        leader: Slot,
        /// The belief.
        follower: Follower,
        /// What it was.
        was: Index,
    },
    /// What matches would be sent again.
    Again {
        /// Whose.
        leader: Slot,
        /// The belief.
        follower: Follower,
    },
    /// More matches than there is.
    Beyond {
        /// Whose.
        leader: Slot,
        /// The belief.
        follower: Follower,
        /// Where the leader's log ends.
        last: Index,
    },
}

impl fmt::Display for Insane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shrank { leader, follower: Follower { node, matched, .. }, was } => {
                write!(f, "{leader} knew that {node} matches up to {was}, and now believes {matched}")
            }
            Self::Again { leader, follower: Follower { node, matched, next } } => {
                write!(f, "{leader} knows that {node} matches up to {matched}, and would send {next} next")
            }
            Self::Beyond { leader, follower: Follower { node, matched, .. }, last } => {
                write!(f, "{leader} believes that {node} matches up to {matched}; its own log ends at {last}")
            }
        }
    }
}

/// What does not make sense about a belief, given what it was.
#[must_use]
pub fn judged(leader: Slot, last: Index, was: Option<&Follower>, now: &Follower) -> Option<Insane> {
    let follower = *now;
    match was {
        Some(was) if now.matched < was.matched => {
            Some(Insane::Shrank { leader, follower, was: was.matched })
        }
        Some(_) | None if now.next <= now.matched => Some(Insane::Again { leader, follower }),
        Some(_) | None if last < now.matched => Some(Insane::Beyond { leader, follower, last }),
        Some(_) | None => None,
    }
}

impl Check for ProgressIsSane {
    const NAME: &'static str = "progress_is_sane";
    const SECTION: &'static str = "thesis §3.5";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::PROGRESS;
    type Breach = Insane;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Insane> {
        self.0 += 1;
        let step = &ledger.step;
        ledger.subject().followers.iter().find_map(|now| {
            // Who comes back after it was removed is a new follower.
            let member = |slot| step.was_conf.is_some_and(|placed| placed.conf.members.contains(slot));
            let stayed = Slot::of(now.node).is_some_and(member);
            let was = step.followers_before.iter().find(|was| stayed && was.node == now.node);
            judged(step.slot, step.now.last.index, was, now)
        })
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
    fn it_grows() {
        let mut tale = Tale::<ProgressIsSane>::three();
        tale.settle(N1, 2);
        tale.settle(N2, 3);
        tale.is_quiet();
    }

    #[test]
    fn it_does_not_shrink() {
        let mut tale = Tale::<ProgressIsSane>::three();
        tale.settle(N1, 2);
        tale.hear_match(N1, N3, Index(1));
        tale.speaks("n1 knew that n3 matches up to i2, and now believes i1");
    }

    #[test]
    fn a_new_reign_begins_anew() {
        let mut tale = Tale::<ProgressIsSane>::three();
        tale.settle(N1, 2);
        tale.elect(N1, 3);
        tale.is_quiet();
    }

    #[test]
    fn it_is_within_the_log_and_below_what_comes_next() {
        let belief = |matched, next| Follower { node: N2.node(), matched: Index(matched), next: Index(next) };
        assert_eq!(judged(N1, Index(9), None, &belief(9, 10)), None);
        assert!(matches!(judged(N1, Index(9), None, &belief(9, 9)), Some(Insane::Again { .. })));
        assert!(matches!(judged(N1, Index(9), None, &belief(10, 11)), Some(Insane::Beyond { .. })));
    }
}
