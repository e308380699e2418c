//! An installed snapshot replaces only the log prefix that the snapshot covers. The installation does not
//! change the vote, and never lowers the applied index (thesis §5.1, figure 5.3).
//!
//! An older snapshot never replaces a newer snapshot. The check runs at every change of a snapshot and at
//! every compaction.

use crate::check::ghost::{DiscardedLog, Facts, Ghost};
use crate::check::{Check, violated, vote_record};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::HardState;

const WATCHES: Facts = Facts::SNAPSHOT.or(Facts::COMPACTED);

const NEEDS: Parts =
    Parts::TERM.or(Parts::VOTE).or(Parts::COMMIT).or(Parts::APPLIED).or(Parts::LOG).or(Parts::SNAPSHOT);

pub(crate) const CHECK: Check =
    Check::new("snapshot_install", "thesis §5.1, figure 5.3", JudgeLevel::Steps, WATCHES, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ghost.step;
    let idx = step.idx;
    if let Some(DiscardedLog { snapshot, last, held: true }) = step.discarded
        && snapshot.index < last.index
    {
        return violated(format_args!(
            "{idx} dropped its log up to {last} for a snapshot up to {snapshot}, although its log has {snapshot}"
        ));
    }
    let (was, now) = (step.was.snapshot, step.now.snapshot);
    if now.index < was.index {
        return violated(format_args!("{idx} replaced a snapshot up to {was} by a snapshot up to {now}"));
    }
    if !facts.touches(Facts::INSTALLED) {
        return None;
    }
    *witnessed += 1;
    installed(ghost)
}

fn installed(ghost: &Ghost) -> Option<String> {
    let (step, log) = (&ghost.step, &ghost.subject().log);
    let (idx, snapshot) = (step.idx, step.now.snapshot);
    let (was, now) = (step.was.vote, step.now.vote);
    if step.was.term == step.now.term && was != now {
        let [was, now] = [was, now].map(|vote| vote_record(HardState { term: step.now.term, vote }));
        return violated(format_args!(
            "{idx} installed a snapshot and changed its vote record from {was} to {now}"
        ));
    }
    let (base, last) = (log.base(), log.last());
    let follows = base.index <= snapshot.index && snapshot.index <= last.index;
    if !follows || !log.has(snapshot) {
        return violated(format_args!(
            "{idx} installed a snapshot up to {snapshot}, but the log of {idx} begins after {base} and ends at {last}"
        ));
    }
    let (was, now) = (step.was.applied, step.now.applied);
    if was <= now {
        return None;
    }
    violated(format_args!("{idx} installed a snapshot and lowered its applied index from {was} to {now}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, ScriptedServer};
    use wavetank_raft::{Index, LogId, LogOp, Term};

    /// n3 has the log of an old leader up to i4. The new leader commits its own entry at i3 without n3.
    fn fixture() -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.propose(N1, 2);
        fixture.replicate(N1, N3, 2);
        fixture.replicate(N1, N2, 2);
        fixture.commit(N1, 3);
        fixture
    }

    fn at(scripted: &mut ScriptedServer, snapshot: LogId) {
        scripted.view.snapshot = snapshot;
        scripted.view.commit = snapshot.index;
        scripted.view.applied = snapshot.index;
    }

    #[test]
    fn entries_after_the_snapshot_stay() {
        let snapshot = LogId::new(Term(2), Index(3));
        let mut fixture = fixture();
        fixture.install(N3, snapshot, LogOp::Compact(Index(3)), |scripted| at(scripted, snapshot));
        fixture.expect_holds();
    }

    #[test]
    fn entries_after_the_snapshot_are_not_removed() {
        let snapshot = LogId::new(Term(2), Index(3));
        let mut fixture = fixture();
        fixture.install(N3, snapshot, LogOp::Discard(Index(3)), |scripted| at(scripted, snapshot));
        fixture.expect_violation(
            "n3 dropped its log up to t2.i4 for a snapshot up to t2.i3, although its log has t2.i3",
        );
    }

    #[test]
    fn a_conflicting_log_is_discarded() {
        let snapshot = LogId::new(Term(3), Index(3));
        let mut right = fixture();
        right.install(N3, snapshot, LogOp::Discard(Index(3)), |scripted| {
            at(scripted, snapshot);
            scripted.view.last = snapshot;
        });
        right.expect_holds();

        let mut wrong = fixture();
        wrong.install(N3, snapshot, LogOp::Compact(Index(3)), |scripted| at(scripted, snapshot));
        wrong.expect_violation(
            "n3 installed a snapshot up to t3.i3, but the log of n3 begins after t2.i3 and ends at t2.i4",
        );
    }

    #[test]
    fn an_install_keeps_vote_and_applied_index() {
        let snapshot = LogId::new(Term(2), Index(3));
        let mut vote = fixture();
        vote.install(N3, snapshot, LogOp::Compact(Index(3)), |scripted| {
            at(scripted, snapshot);
            scripted.view.vote = None;
        });
        vote.expect_violation(
            "n3 installed a snapshot and changed its vote record from t2 with a vote for n1",
        );

        let mut older = fixture();
        older.set_view(N3, |scripted| at(scripted, snapshot));
        older.set_view(N3, |scripted| at(scripted, LogId::new(Term(2), Index(2))));
        older.expect_violation("n3 replaced a snapshot up to t2.i3 by a snapshot up to t2.i2");
    }
}
