//! Leader Append-Only: a leader never overwrites or removes entries of its log, and adds only
//! entries of its own term.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Index, LogId, Term};

/// Leader Append-Only (L1).
#[derive(Debug, Default)]
pub struct LeaderAppendOnly(u64);

/// What a leader did to its log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rewrote {
    /// It removed entries.
    Removed {
        /// Who.
        leader: Slot,
        /// The leader's term.
        term: Term,
        /// From here on.
        from: Index,
    },
    /// It added an entry of another term.
    Foreign {
        /// Who.
        leader: Slot,
        /// The leader's term.
        term: Term,
        /// The entry.
        entry: LogId,
    },
}

impl fmt::Display for Rewrote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed { leader, term, from } => {
                write!(f, "{leader} leads {term} and removed its own entries from {from} on")
            }
            Self::Foreign { leader, term, entry } => write!(f, "{leader} leads {term} and appended {entry}"),
        }
    }
}

impl Check for LeaderAppendOnly {
    const NAME: &'static str = "leader_append_only";
    const SECTION: &'static str = "thesis §3.5";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::CUT.or(Facts::APPENDED);
    type Breach = Rewrote;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Rewrote> {
        let step = &ledger.step;
        if !step.now.leads() {
            return None;
        }
        self.0 += 1;
        let (leader, term) = (step.slot, step.now.term);
        if let Some(gone) = step.gone.last() {
            return Some(Rewrote::Removed { leader, term, from: gone.index });
        }
        let entry = ledger.subject().log.last();
        (step.appended.is_some() && entry.term != term).then_some(Rewrote::Foreign { leader, term, entry })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale};
    use wavetank_raft::{Entry, Event, LogOp, Payload};

    #[test]
    fn a_leader_appends_and_a_follower_gives_way() {
        let mut tale = Tale::<LeaderAppendOnly>::three();
        tale.elect(N1, 2);
        tale.propose(N1, 2);
        tale.elect(N2, 3);
        tale.replicate(N2, N1, 1);
        tale.is_quiet();
    }

    #[test]
    fn a_leader_does_not_cut() {
        let mut tale = Tale::<LeaderAppendOnly>::three();
        tale.elect(N3, 2);
        tale.propose(N3, 2);
        let again = Entry::new(Term(2), Index(3), Payload::Noop);
        let write = tale.write(None, LogOp::Replace([again].into()));
        tale.step(N3, &Event::Timer, |_| {}, vec![write]);
        tale.speaks("n3 leads t2 and removed its own entries from i3 on");
    }

    #[test]
    fn a_leader_does_not_append_for_others() {
        let mut tale = Tale::<LeaderAppendOnly>::three();
        tale.elect(N3, 2);
        let old = Entry::new(Term(1), Index(3), Payload::Noop);
        let write = tale.write(None, LogOp::Append([old].into()));
        tale.step(N3, &Event::Timer, |_| {}, vec![write]);
        tale.speaks("n3 leads t2 and appended t1.i3");
    }
}
