//! A server takes a snapshot when its log has grown by the configured number of entries since the last
//! snapshot (thesis §5.1.2). If a snapshot fails, the server tries again.
//!
//! A server tests at random times whether a snapshot is due. The tests are at most two snapshot intervals
//! apart. The check runs whenever a server takes a snapshot, and at the first deadline after a snapshot has
//! been due for two snapshot intervals.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const WATCHES: Facts = Facts::CAPTURING.or(Facts::SNAPSHOT_LATE);

pub(crate) const CHECK: Check =
    Check::new("snapshot_is_taken_when_due", "thesis §5.1.2", JudgeLevel::Steps, WATCHES, judge)
        .needing(Parts::LOG.or(Parts::SNAPSHOT).or(Parts::SERVER));

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    if facts.touches(Facts::CAPTURING) {
        return None;
    }
    let (idx, now) = (ghost.step.idx, &ghost.step.now);
    violated(format_args!(
        "{idx} takes no snapshot, although its log has grown from {} to {} since the last snapshot",
        now.snapshot, now.last
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, meta};
    use std::sync::Arc;
    use wavetank_raft::store::{StoreError, StoreErrorKind};
    use wavetank_raft::{Action, Batch, Event, Index, LogId, Term, Time};

    /// n1 has applied i4, and the threshold is three entries.
    fn due() -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.propose(N1, 2);
        fixture.commit(N1, 4);
        let entries = fixture.scripted(N1).entries.clone();
        fixture.step(N1, &Event::Timer, |_| {}, vec![Action::Apply(Batch { entries })]);
        fixture
    }

    fn at(fixture: &mut Fixture, ms: u64, actions: Vec<Action>) {
        fixture.clock = Time(ms * 1_000);
        fixture.step(N1, &Event::Timer, |_| {}, actions);
    }

    fn take() -> Vec<Action> {
        vec![Action::TakeSnapshot(meta(LogId::new(Term(2), Index(4))))]
    }

    #[test]
    fn a_snapshot_within_two_intervals_is_legal() {
        let mut fixture = due();
        at(&mut fixture, 200, Vec::new());
        at(&mut fixture, 201, take());
        at(&mut fixture, 900, Vec::new());
        fixture.expect_holds();
    }

    #[test]
    fn a_later_snapshot_is_not() {
        let mut fixture = due();
        at(&mut fixture, 201, Vec::new());
        fixture.expect_violation("n1 takes no snapshot, although its log has grown from t0.i0 to t2.i4");
    }

    #[test]
    fn a_failed_snapshot_is_tried_again() {
        let mut fixture = due();
        at(&mut fixture, 100, take());
        let failure = StoreError::new(StoreErrorKind::Io, "the state machine");
        fixture.step(N1, &Event::SnapshotTaken(Err(failure)), |_| {}, Vec::new());
        at(&mut fixture, 300, Vec::new());
        fixture.expect_holds();
        at(&mut fixture, 301, Vec::new());
        fixture.expect_violation("n1 takes no snapshot");
    }

    #[test]
    fn after_a_snapshot_none_is_due() {
        let mut fixture = due();
        at(&mut fixture, 100, take());
        let taken = LogId::new(Term(2), Index(4));
        let event = Event::SnapshotTaken(Ok(Arc::new(meta(taken))));
        fixture.step(N1, &event, |scripted| scripted.view.snapshot = taken, Vec::new());
        at(&mut fixture, 900, Vec::new());
        fixture.expect_holds();
    }
}
