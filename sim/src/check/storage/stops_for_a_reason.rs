//! A server stops only after a shutdown call, a committed removal, a disk fault, or a failed load of a
//! snapshot. A server refuses to start only after a fault of its disk or of its state machine (thesis §4.2.2,
//! §3.8, §5.1).
//!
//! The check runs whenever a server stops itself or refuses to start.

use crate::check::ghost::{Facts, Ghost, Loads, Stop};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const WATCHES: Facts = Facts::HALTED.or(Facts::REFUSED);

const NEEDS: Parts = Parts::TERM.or(Parts::COMMIT).or(Parts::LOG).or(Parts::CONFIGURATION);

pub(crate) const CHECK: Check =
    Check::new("stops_for_a_reason", "thesis §4.2.2, §3.8, §5.1", JudgeLevel::Outcomes, WATCHES, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (idx, stop, ghost_server) = (ghost.step.idx, ghost.step.stopped?, ghost.subject());
    *witnessed += 1;
    let committed = ghost.history.committed();
    let (needed, what) = match stop {
        Stop::Shutdown => (ghost_server.shutdown_requested, "stopped without a shutdown call"),
        Stop::Removed => (
            ghost_server.lost_vote_at.is_some_and(|index| index <= committed),
            "stopped because of its removal, but the removal is not committed",
        ),
        Stop::Store => (
            ghost_server.damaged || ghost_server.loads == Loads::Failed,
            "stopped after a store error, but neither its disk nor its state machine had a fault",
        ),
        Stop::Refused => (
            ghost_server.damaged || ghost_server.loads != Loads::Sound,
            "refused to start, but neither its disk nor its state machine had a fault",
        ),
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
    use crate::disk::fault::{Damage, MachineFault};
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
    fn a_stop_after_shutdown_is_legal() {
        let mut fixture = Fixture::three(&CHECK);
        let call = Event::Call { request: RequestId(70), call: Call::Shutdown };
        halt(&mut fixture, &call, Halt::Shutdown);
        fixture.expect_holds();
    }

    #[test]
    fn a_stop_without_shutdown_is_not() {
        let mut fixture = Fixture::three(&CHECK);
        halt(&mut fixture, &Event::Timer, Halt::Shutdown);
        fixture.expect_violation("n1 stopped without a shutdown call");
    }

    #[test]
    fn a_stop_after_a_disk_fault_is_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.ghost.damaged(N1, Damage::WriteFailed);
        halt(&mut fixture, &Event::Restored(Err(failure())), Halt::Store(failure()));
        fixture.expect_holds();
    }

    #[test]
    fn a_stop_with_a_sound_disk_is_not() {
        let mut fixture = Fixture::three(&CHECK);
        halt(&mut fixture, &Event::Restored(Err(failure())), Halt::Store(failure()));
        fixture.expect_violation(
            "n1 stopped after a store error, but neither its disk nor its state machine had a fault",
        );
        let mut fixture = Fixture::three(&CHECK);
        fixture.crash(N2);
        let facts = fixture.ghost.refused(N2);
        fixture.run_check(facts);
        fixture.expect_violation("n2 refused to start");
    }

    #[test]
    fn a_stop_after_a_failed_load_is_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.ghost.damaged(N1, Damage::Machine(MachineFault::FailLoad));
        halt(&mut fixture, &Event::Restored(Err(failure())), Halt::Store(failure()));
        fixture.expect_holds();
    }

    #[test]
    fn a_stop_after_a_failed_snapshot_is_not() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.ghost.damaged(N1, Damage::Machine(MachineFault::FailSnapshot));
        halt(&mut fixture, &Event::SnapshotTaken(Err(failure())), Halt::Store(failure()));
        fixture.expect_violation(
            "n1 stopped after a store error, but neither its disk nor its state machine had a fault",
        );
    }

    #[test]
    fn a_stop_needs_a_committed_removal() {
        let removed = |committed| {
            let mut fixture = Fixture::three(&CHECK);
            fixture.settle(N1, 2);
            fixture.append(N1, vec![Payload::Configuration(voters(&[N2]))]);
            if committed {
                fixture.replicate(N1, N2, 2);
                fixture.commit(N1, 3);
                // Another leader's membership changes meanwhile do not give the vote back.
                fixture.append(N1, vec![Payload::Configuration(voters(&[N2, N3]))]);
            }
            halt(&mut fixture, &Event::Timer, Halt::Removed);
            fixture
        };
        removed(true).expect_holds();
        removed(false)
            .expect_violation("n1 stopped because of its removal, but the removal is not committed");
    }

    #[test]
    fn a_removal_that_was_taken_back_is_no_reason() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.append(N1, vec![Payload::Configuration(voters(&[N2]))]);
        fixture.replicate(N1, N2, 2);
        fixture.commit(N1, 3);
        fixture.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        halt(&mut fixture, &Event::Timer, Halt::Removed);
        fixture.expect_violation("n1 stopped because of its removal, but the removal is not committed");
    }
}
