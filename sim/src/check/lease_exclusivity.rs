//! As long as a server may read under its lease, nobody leads a newer term, and nothing is
//! committed that it does not know of.
//!
//! Void where clocks do not keep the bound that leases assume.

use super::verified_leader::is_outdated;
use super::{Check, Clocks, Column, Options};
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Index, RequestId, Term};

/// Leases are exclusive (R4).
#[derive(Debug, Default)]
pub struct LeaseExclusivity(u64);

/// A lease that was not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overlap {
    /// Another leader had been elected.
    Elected {
        /// Who reads.
        slot: Slot,
        /// Its term.
        term: Term,
        /// The call.
        request: RequestId,
        /// The newest term that had a leader when it was asked.
        led: Term,
    },
    /// More was committed than it sees.
    Behind {
        /// Who reads.
        slot: Slot,
        /// The call.
        request: RequestId,
        /// Where it may read.
        index: Index,
        /// What was committed when it was asked.
        committed: Index,
    },
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elected { slot, term, request, led } => {
                write!(f, "{slot} answers {request} under a lease of {term}; {led} had a leader by then")
            }
            Self::Behind { slot, request, index, committed } => {
                write!(f, "{slot} lets {request} read at {index} under a lease; {committed} was committed by then")
            }
        }
    }
}

impl Check for LeaseExclusivity {
    const NAME: &'static str = "lease_exclusivity";
    const SECTION: &'static str = "thesis §6.4.1";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::READABLE;
    type Breach = Overlap;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Overlap> {
        let slot = ledger.step.slot;
        ledger.step.allowed.iter().filter(|allowed| allowed.asked.leased).find_map(|allowed| {
            self.0 += 1;
            let asked = allowed.asked;
            let (request, term) = (asked.request, asked.term);
            if is_outdated(asked) {
                return Some(Overlap::Elected { slot, term, request, led: asked.led });
            }
            let (index, committed) = (allowed.index?, asked.committed);
            (index < committed).then_some(Overlap::Behind { slot, request, index, committed })
        })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }

    fn wanted(options: &Options) -> bool {
        Self::COLUMN <= options.column && options.clocks == Clocks::Bounded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, Tale};
    use wavetank_raft::{Answer, ReadPath};

    #[test]
    fn one_leader_under_its_lease() {
        let mut tale = Tale::<LeaseExclusivity>::three();
        tale.settle(N1, 2);
        tale.read(N1, 50, ReadPath::Lease);
        tale.allow(N1, 50, Answer::Readable { index: Index(2) });
        tale.is_quiet();
    }

    #[test]
    fn a_newer_leader_ends_it() {
        let mut tale = Tale::<LeaseExclusivity>::three();
        tale.settle(N1, 2);
        tale.campaign(N2, 3);
        tale.usurp(N2, 3);
        tale.read(N1, 50, ReadPath::Lease);
        tale.allow(N1, 50, Answer::Readable { index: Index(2) });
        tale.speaks("n1 answers r50 under a lease of t2; t3 had a leader by then");
    }

    #[test]
    fn clocks_without_a_bound_show_nothing() {
        let bounded = Options::default();
        assert!(LeaseExclusivity::wanted(&bounded));
        assert!(!LeaseExclusivity::wanted(&Options { clocks: Clocks::Unbounded, ..bounded }));
    }
}
