//! A server drops a prefix of its log only if a durable snapshot covers this prefix (thesis §5.1).
//!
//! The check runs at every compaction.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

pub(crate) const CHECK: Check =
    Check::new("compaction_follows_snapshot", "thesis §5.1", JudgeLevel::Steps, Facts::COMPACTED, judge)
        .needing(Parts::LOG);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (idx, snapshot) = (ghost.step.idx, ghost.subject().disk.snapshot);
    let index = ghost.step.compacted?;
    if index <= snapshot.index {
        return None;
    }
    violated(format_args!("{idx} drops its log up to {index}, but its durable snapshot ends at {snapshot}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1};
    use wavetank_raft::{Event, Index, LogId, LogOp, Term};

    fn compact(fixture: &mut Fixture, index: u64) {
        let write = fixture.write(None, LogOp::Compact(Index(index)));
        fixture.step(N1, &Event::Timer, |_| {}, vec![write]);
    }

    #[test]
    fn compaction_after_the_snapshot_is_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.captured(N1, LogId::new(Term(2), Index(2)), 7);
        compact(&mut fixture, 2);
        fixture.expect_holds();
    }

    #[test]
    fn compaction_before_the_snapshot_is_not() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        compact(&mut fixture, 2);
        fixture.expect_violation("n1 drops its log up to i2, but its durable snapshot ends at t0.i0");
    }
}
