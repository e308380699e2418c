//! Who is told that a server led after it asked is told the truth: no newer leader had been
//! elected when it asked.

use super::{Check, Column};
use crate::ledger::shadow::Asked;
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{RequestId, Term};

/// Leadership is verified.
#[derive(Debug, Default)]
pub struct VerifiedLeader(u64);

/// A leader of the past.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outdated {
    /// Who answers.
    pub slot: Slot,
    /// Its term.
    pub term: Term,
    /// The call.
    pub request: RequestId,
    /// The newest term that had a leader when it was asked.
    pub led: Term,
}

impl fmt::Display for Outdated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, term, request, led } = self;
        write!(f, "{slot} answers {request} as leader of {term}; when it was asked, {led} had a leader")
    }
}

/// Whether a newer term had a leader when this was asked.
#[must_use]
pub fn is_outdated(asked: Asked) -> bool {
    asked.term < asked.led
}

impl Check for VerifiedLeader {
    const NAME: &'static str = "verified_leader";
    const SECTION: &'static str = "thesis §6.4";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::READABLE;
    type Breach = Outdated;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Outdated> {
        let slot = ledger.step.slot;
        ledger.step.allowed.iter().map(|allowed| allowed.asked).find_map(|asked| {
            // What a lease shows is judged with the lease.
            if asked.leased {
                return None;
            }
            self.0 += 1;
            let (request, led, term) = (asked.request, asked.led, asked.term);
            is_outdated(asked).then_some(Outdated { slot, term, request, led })
        })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, Tale};
    use wavetank_raft::{Answer, ReadPath};

    #[test]
    fn an_election_after_the_question_does_not_matter() {
        let mut tale = Tale::<VerifiedLeader>::three();
        tale.settle(N1, 2);
        tale.read(N1, 50, ReadPath::Verify);
        tale.campaign(N2, 3);
        tale.usurp(N2, 3);
        tale.allow(N1, 50, Answer::Done);
        tale.is_quiet();
    }

    #[test]
    fn one_before_the_question_does() {
        let mut tale = Tale::<VerifiedLeader>::three();
        tale.settle(N1, 2);
        tale.campaign(N2, 3);
        tale.usurp(N2, 3);
        tale.read(N1, 50, ReadPath::Verify);
        tale.allow(N1, 50, Answer::Done);
        tale.speaks("n1 answers r50 as leader of t2; when it was asked, t3 had a leader");
    }
}
