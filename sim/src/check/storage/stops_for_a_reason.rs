//! A server stops for good only where it must: it was told to, its removal is committed, or a fault
//! struck its disk. It refuses to start only for the last of these reasons.

use crate::check::ghost::{Facts, Ledger, Stop};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;

const WATCHES: Facts = Facts::HALTED.or(Facts::REFUSED);

/// A halt needs a reason (A.6).
pub(crate) const CHECK: Check =
    Check::new("stops_for_a_reason", "thesis §4.2.2, §3.8", Column::Outcomes, WATCHES, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (slot, stop, shadow) = (ledger.step.slot, ledger.step.stopped?, ledger.subject());
    *witnessed += 1;
    let committed = ledger.history.committed();
    let (needed, what) = match stop {
        Stop::Told => (shadow.dismissed, "stopped as if it had been told to"),
        Stop::Removed => (
            shadow.voteless.is_some_and(|index| index <= committed),
            "stopped as if its removal were committed",
        ),
        Stop::Store => (shadow.harmed, "stopped for a store that failed, and its disk is sound"),
        Stop::Refused => (shadow.harmed, "refused to start, and its disk is sound"),
    };
    if needed {
        return None;
    }
    say(format_args!("{slot} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, Tale, voters};
    use wavetank_raft::store::{StoreError, StoreErrorKind};
    use wavetank_raft::{Action, Call, Event, Halt, Payload, RequestId};

    fn halt(tale: &mut Tale, event: &Event, why: Halt) {
        tale.step(N1, event, |_| {}, vec![Action::Halt(why)]);
        let facts = tale.ledger.halted(N1);
        tale.hear(facts);
    }

    fn failure() -> StoreError {
        StoreError::new(StoreErrorKind::NotFound, "snapshot t1.i8")
    }

    #[test]
    fn it_was_told_to() {
        let mut tale = Tale::three(&CHECK);
        let call = Event::Call { request: RequestId(70), call: Call::Shutdown };
        halt(&mut tale, &call, Halt::Shutdown);
        tale.is_quiet();
    }

    #[test]
    fn nobody_told_it() {
        let mut tale = Tale::three(&CHECK);
        halt(&mut tale, &Event::Timer, Halt::Shutdown);
        tale.speaks("n1 stopped as if it had been told to");
    }

    #[test]
    fn its_disk_failed() {
        let mut tale = Tale::three(&CHECK);
        tale.ledger.harmed(N1);
        halt(&mut tale, &Event::Restored(Err(failure())), Halt::Store(failure()));
        tale.is_quiet();
    }

    #[test]
    fn its_disk_is_sound() {
        let mut tale = Tale::three(&CHECK);
        halt(&mut tale, &Event::Restored(Err(failure())), Halt::Store(failure()));
        tale.speaks("n1 stopped for a store that failed, and its disk is sound");
        let mut tale = Tale::three(&CHECK);
        tale.crash(N2);
        let facts = tale.ledger.refused(N2);
        tale.hear(facts);
        tale.speaks("n2 refused to start");
    }

    #[test]
    fn its_removal_is_committed_or_is_not() {
        let removed = |committed| {
            let mut tale = Tale::three(&CHECK);
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
