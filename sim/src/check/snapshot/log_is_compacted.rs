//! After a server has taken a snapshot, the log keeps at most the configured number of entries that the
//! snapshot covers (thesis §5.1). Therefore the log stays bounded.
//!
//! The check runs whenever a state machine has taken a snapshot.

use crate::check::ghost::{Consumed, Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::Index;

pub(crate) const CHECK: Check =
    Check::new("log_is_compacted", "thesis §5.1", JudgeLevel::Steps, Facts::SNAPSHOT_ENDED, judge)
        .needing(Parts::LOG.or(Parts::SERVER));

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (idx, log) = (ghost.step.idx, &ghost.subject().log);
    let Consumed::SnapshotEnded(Some(snapshot)) = ghost.step.consumed else { return None };
    *witnessed += 1;
    let trailing = Index(log.last().index.since(Index(ghost.subject().limits.trailing_logs)));
    let (base, upto) = (log.base().index, snapshot.min(trailing));
    if upto <= base {
        return None;
    }
    violated(format_args!(
        "{idx} has a snapshot up to {snapshot} and can drop its log up to {upto}, but keeps its log from {} on",
        base.next()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, meta};
    use std::sync::Arc;
    use wavetank_raft::{Event, LogId, LogOp, Term};

    /// n1 has entries up to i4 and takes a snapshot of all these entries. One entry may stay in the log.
    fn after_snapshot(compacted: Option<u64>) -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.propose(N1, 2);
        fixture.commit(N1, 4);
        let taken = LogId::new(Term(2), Index(4));
        let write = compacted.map(|upto| fixture.write(None, LogOp::Compact(Index(upto))));
        let event = Event::SnapshotTaken(Ok(Arc::new(meta(taken))));
        fixture.step(N1, &event, |scripted| scripted.view.snapshot = taken, write.into_iter().collect());
        fixture
    }

    #[test]
    fn a_log_with_its_trailing_entries_is_legal() {
        after_snapshot(Some(3)).expect_holds();
    }

    #[test]
    fn a_longer_log_is_not() {
        after_snapshot(None).expect_violation("n1 has a snapshot up to i4 and can drop its log up to i3");
        after_snapshot(Some(2)).expect_violation("n1 has a snapshot up to i4 and can drop its log up to i3");
    }
}
