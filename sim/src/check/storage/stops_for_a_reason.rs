//! A server stops for good only where it must: it was told to, its removal is committed, or a fault
//! struck its disk. It refuses to start only for the last of these reasons.

use crate::check::ghost::{Facts, Ghost, Stop};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;

const WATCHES: Facts = Facts::HALTED.or(Facts::REFUSED);

/// A halt needs a reason (A.6).
pub(crate) const CHECK: Check =
    Check::new("stops_for_a_reason", "thesis §4.2.2, §3.8", JudgeLevel::Outcomes, WATCHES, judge);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (idx, stop, ghost_server) = (ghost.step.idx, ghost.step.stopped?, ghost.subject());
    *witnessed += 1;
    let committed = ghost.history.committed();
    let (needed, what) = match stop {
        Stop::Shutdown => (ghost_server.shutdown_requested, "stopped as if it had been told to"),
        Stop::Removed => (
            ghost_server.lost_vote_at.is_some_and(|index| index <= committed),
            "stopped as if its removal were committed",
        ),
        Stop::Store => (ghost_server.damaged, "stopped for a store that failed, and its disk is sound"),
        Stop::Refused => (ghost_server.damaged, "refused to start, and its disk is sound"),
    };
    if needed {
        return None;
    }
    violated(format_args!("{idx} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, voters};
    use wavetank_raft::store::{StoreError, StoreErrorKind};
    use wavetank_raft::{Action, Call, Event, Halt, Payload, RequestId};

    fn halt(fixture: &mut Fixture, event: &Event, why: Halt) {
        fixture.step(N1, event, |_| {}, vec![Action::Halt(why)]);
        let facts = fixture.ghost.halted(N1);
        fixture.run_check(facts);
    }

    fn failure() -> StoreError {
        StoreError::new(StoreErrorKind::NotFound, "snapshot t1.i8")
    }

    #[test]
    fn it_was_told_to() {
        let mut fixture = Fixture::three(&CHECK);
        let call = Event::Call { request: RequestId(70), call: Call::Shutdown };
        halt(&mut fixture, &call, Halt::Shutdown);
        fixture.expect_holds();
    }

    #[test]
    fn nobody_told_it() {
        let mut fixture = Fixture::three(&CHECK);
        halt(&mut fixture, &Event::Timer, Halt::Shutdown);
        fixture.expect_violation("n1 stopped as if it had been told to");
    }

    #[test]
    fn its_disk_failed() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.ghost.damaged(N1);
        halt(&mut fixture, &Event::Restored(Err(failure())), Halt::Store(failure()));
        fixture.expect_holds();
    }

    #[test]
    fn its_disk_is_sound() {
        let mut fixture = Fixture::three(&CHECK);
        halt(&mut fixture, &Event::Restored(Err(failure())), Halt::Store(failure()));
        fixture.expect_violation("n1 stopped for a store that failed, and its disk is sound");
        let mut fixture = Fixture::three(&CHECK);
        fixture.crash(N2);
        let facts = fixture.ghost.refused(N2);
        fixture.run_check(facts);
        fixture.expect_violation("n2 refused to start");
    }

    #[test]
    fn its_removal_is_committed_or_is_not() {
        let removed = |committed| {
            let mut fixture = Fixture::three(&CHECK);
            fixture.settle(N1, 2);
            fixture.append(N1, vec![Payload::Configuration(voters(&[N2]))]);
            if committed {
                fixture.replicate(N1, N2, 2);
                fixture.commit(N1, 3);
                // What another leader makes of the membership meanwhile gives it no vote back.
                fixture.append(N1, vec![Payload::Configuration(voters(&[N2, N3]))]);
            }
            halt(&mut fixture, &Event::Timer, Halt::Removed);
            fixture
        };
        removed(true).expect_holds();
        removed(false).expect_violation("n1 stopped as if its removal were committed");
    }
}
