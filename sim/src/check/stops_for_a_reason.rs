//! A server stops for good only where it must: it was told to, its removal is committed, or a fault
//! struck its disk. It refuses to start only for the last of these reasons.

use super::{Check, Column};
use crate::ledger::step::Stop;
use crate::ledger::{Facts, Ledger, Shadow};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::Index;

/// A halt needs a reason (A.6).
#[derive(Debug, Default)]
pub struct StopsForAReason(u64);

/// A server that stopped without need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Needless {
    /// Which.
    pub slot: Slot,
    /// What it gave as the reason.
    pub stop: Stop,
}

impl fmt::Display for Needless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, stop } = self;
        match stop {
            Stop::Told => write!(f, "{slot} stopped as if it had been told to"),
            Stop::Removed => write!(f, "{slot} stopped as if its removal were committed"),
            Stop::Store => write!(f, "{slot} stopped for a store that failed, and its disk is sound"),
            Stop::Refused => write!(f, "{slot} refused to start, and its disk is sound"),
        }
    }
}

/// Whether there is nothing to a reason that was given.
#[must_use]
pub fn is_needless(stop: Stop, shadow: &Shadow, committed: Index) -> bool {
    match stop {
        Stop::Told => !shadow.dismissed,
        Stop::Removed => shadow.voteless.is_none_or(|index| committed < index),
        Stop::Store | Stop::Refused => !shadow.harmed,
    }
}

impl Check for StopsForAReason {
    const NAME: &'static str = "stops_for_a_reason";
    const SECTION: &'static str = "thesis §4.2.2, §3.8";
    const COLUMN: Column = Column::Outcomes;
    const WATCHES: Facts = Facts::HALTED.or(Facts::REFUSED);
    type Breach = Needless;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Needless> {
        let stop = ledger.step.stopped?;
        self.0 += 1;
        let needless = is_needless(stop, ledger.subject(), ledger.history.committed());
        needless.then_some(Needless { slot: ledger.step.slot, stop })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale, voters};
    use wavetank_raft::store::{StoreError, StoreErrorKind};
    use wavetank_raft::{Action, Call, Event, Halt, Payload, RequestId};

    fn halt(tale: &mut Tale<StopsForAReason>, event: &Event, why: Halt) {
        tale.step(N1, event, |_| {}, vec![Action::Halt(why)]);
        let facts = tale.ledger.halted(N1);
        tale.hear(facts);
    }

    fn failure() -> StoreError {
        StoreError::new(StoreErrorKind::NotFound, "snapshot t1.i8")
    }

    #[test]
    fn it_was_told_to() {
        let mut tale = Tale::three();
        let call = Event::Call { request: RequestId(70), call: Call::Shutdown };
        halt(&mut tale, &call, Halt::Shutdown);
        tale.is_quiet();
    }

    #[test]
    fn nobody_told_it() {
        let mut tale = Tale::three();
        halt(&mut tale, &Event::Timer, Halt::Shutdown);
        tale.speaks("n1 stopped as if it had been told to");
    }

    #[test]
    fn its_disk_failed() {
        let mut tale = Tale::three();
        tale.ledger.harmed(N1);
        halt(&mut tale, &Event::Restored(Err(failure())), Halt::Store(failure()));
        tale.is_quiet();
    }

    #[test]
    fn its_disk_is_sound() {
        let mut tale = Tale::three();
        halt(&mut tale, &Event::Restored(Err(failure())), Halt::Store(failure()));
        tale.speaks("n1 stopped for a store that failed, and its disk is sound");
        let mut tale = Tale::<StopsForAReason>::three();
        tale.crash(N2);
        let facts = tale.ledger.refused(N2);
        tale.hear(facts);
        tale.speaks("n2 refused to start");
    }

    #[test]
    fn its_removal_is_committed_or_is_not() {
        let removed = |committed| {
            let mut tale = Tale::three();
            tale.settle(N1, 2);
            tale.append(N1, vec![Payload::Configuration(voters(&[N2]))]);
            if committed {
                tale.replicate(N1, N2, 2);
                tale.commit(N1, 3);
                // What another leader makes of the membership meanwhile gives it no vote back.
                tale.append(N1, vec![Payload::Configuration(voters(&[N2, N3]))]);
            }
            halt(&mut tale, &Event::Timer, Halt::Removed);
            tale
        };
        removed(true).is_quiet();
        removed(false).speaks("n1 stopped as if its removal were committed");
    }
}
