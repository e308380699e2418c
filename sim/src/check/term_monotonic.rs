//! Terms never fall: not while a server runs, and not below what it told anybody before a crash.

use super::{Check, Column};
use crate::ledger::{Facts, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::Term;

/// Terms are monotonic (T1).
#[derive(Debug, Default)]
pub struct TermMonotonic(u64);

/// How a term fell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TermFell {
    /// While the server ran.
    Running {
        /// Whose.
        slot: Slot,
        /// From here.
        was: Term,
        /// To here.
        now: Term,
    },
    /// Across a start.
    Restarted {
        /// Whose.
        slot: Slot,
        /// What it had told others.
        exposed: Term,
        /// What it starts from.
        now: Term,
    },
    /// A message claims more than its sender has reached.
    Ahead {
        /// Whose.
        slot: Slot,
        /// The message's term.
        said: Term,
        /// The sender's.
        now: Term,
    },
}

impl fmt::Display for TermFell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running { slot, was, now } => write!(f, "{slot} went back from {was} to {now}"),
            Self::Restarted { slot, exposed, now } => {
                write!(f, "{slot} starts at {now}, but others have heard {exposed} from it")
            }
            Self::Ahead { slot, said, now } => write!(f, "{slot} is at {now} and says {said}"),
        }
    }
}

impl Check for TermMonotonic {
    const NAME: &'static str = "term_monotonic";
    const SECTION: &'static str = "thesis §3.3";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::TERM.or(Facts::BOOTED).or(Facts::TERM_AHEAD);
    type Breach = TermFell;

    fn judge(&mut self, ledger: &Ledger, facts: Facts) -> Option<TermFell> {
        self.0 += 1;
        let step = &ledger.step;
        let (slot, now) = (step.slot, step.now.term);
        if facts.touches(Facts::BOOTED) {
            let exposed = step.found.exposed;
            return (now < exposed).then_some(TermFell::Restarted { slot, exposed, now });
        }
        if let Some(said) = step.term_ahead {
            return Some(TermFell::Ahead { slot, said, now });
        }
        let was = step.was.term;
        (now < was).then_some(TermFell::Running { slot, was, now })
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
    fn a_term_that_nobody_heard_may_be_lost() {
        let mut tale = Tale::<TermMonotonic>::three();
        tale.pose(N1, |posed| posed.glimpse.term = Term(5));
        tale.crash(N1);
        tale.boot(N1);
        tale.elect(N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn a_term_that_somebody_heard_may_not() {
        let mut tale = Tale::<TermMonotonic>::three();
        tale.elect(N1, 2);
        tale.crash(N2);
        tale.boot_with_vote(N2, 1, None);
        tale.speaks("n2 starts at t1, but others have heard t2");
    }

    #[test]
    fn a_term_does_not_fall_in_between() {
        let mut tale = Tale::<TermMonotonic>::three();
        tale.elect(N1, 4);
        tale.pose(N3, |posed| posed.glimpse.term = Term(3));
        tale.speaks("n3 went back from t4 to t3");
    }

    #[test]
    fn a_message_does_not_run_ahead() {
        let mut tale = Tale::<TermMonotonic>::three();
        tale.campaign(N1, 2);
        tale.pose(N1, |posed| posed.glimpse.term = Term(3));
        let reply = tale.granting(N2, wavetank_raft::RpcId(1), 4);
        tale.step(N1, &wavetank_raft::Event::Timer, |_| {}, vec![reply]);
        tale.speaks("n1 is at t3 and says t4");
    }
}
