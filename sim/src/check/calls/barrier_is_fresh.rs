//! When a call of `barrier` succeeds, the server that answers the call has applied every entry that any
//! server had committed before the call (thesis §6.4; HashiCorp Raft's `Barrier`).
//!
//! The check runs at every barrier that succeeds.

use crate::check::ghost::{Asked, Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

pub(crate) const CHECK: Check =
    Check::new("barrier_is_fresh", "thesis §6.4", JudgeLevel::History, Facts::ANSWERED, judge)
        .needing(Parts::TERM.or(Parts::COMMIT).or(Parts::LOG));

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (idx, applied) = (ghost.step.idx, ghost.subject().fsm_index);
    let barriers = ghost.step.answered.iter().filter(|it| it.call.asked == Asked::Barrier);
    barriers.filter(|answered| answered.outcome.is_ok()).map(|answered| &answered.call).find_map(|call| {
        *witnessed += 1;
        if call.committed <= applied {
            return None;
        }
        violated(format_args!(
            "{idx} answers the barrier {}, but has applied the log only up to {applied}, \
             although {} was committed before the call",
            call.request, call.committed
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1};
    use wavetank_raft::{Answer, Call, Event, Index, RequestId};

    /// A leader has committed i2 and receives a barrier.
    fn fixture() -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        let event = Event::Call { request: RequestId(50), call: Call::Barrier };
        fixture.step(N1, &event, |_| {}, Vec::new());
        fixture
    }

    #[test]
    fn a_barrier_after_the_entries_are_applied_is_fresh() {
        let mut fixture = fixture();
        fixture.applied(N1, 1, 2, 7);
        fixture.allow(N1, 50, Answer::Committed { index: Index(2) });
        fixture.expect_holds();
    }

    #[test]
    fn a_barrier_before_the_entries_are_applied_is_not() {
        let mut fixture = fixture();
        fixture.applied(N1, 1, 1, 7);
        fixture.allow(N1, 50, Answer::Committed { index: Index(2) });
        fixture.expect_violation(
            "n1 answers the barrier r50, but has applied the log only up to i1, although i2 was",
        );
    }
}
