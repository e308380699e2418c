//! An installed snapshot replaces the log prefix that it covers, and no other entry.

use crate::check::ghost::{DiscardedLog, Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;

const WATCHES: Facts = Facts::SNAPSHOT.or(Facts::COMPACTED);

pub(crate) const CHECK: Check =
    Check::new("snapshot_install", "thesis §5.1, figure 5.3", JudgeLevel::Steps, WATCHES, judge);

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ghost.step;
    let idx = step.idx;
    if let Some(DiscardedLog { snapshot, last, held: true }) = step.discarded
        && snapshot.index < last.index
    {
        return violated(format_args!(
            "{idx} had {snapshot} and installed a snapshot of it; the log up to {last} went"
        ));
    }
    let (was, now) = (step.was.snapshot, step.now.snapshot);
    if now.index < was.index {
        return violated(format_args!("{idx} had a snapshot of {was} and now has one of {now}"));
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
        return violated(format_args!("a snapshot changed the vote of {idx} from {was:?} to {now:?}"));
    }
    let (base, last) = (log.base(), log.last());
    let follows = base.index <= snapshot.index && snapshot.index <= last.index;
    if !follows || !log.has(snapshot) {
        return violated(format_args!(
            "{idx} installed a snapshot of {snapshot}; its log is ({base}, {last}]"
        ));
    }
    let (was, now) = (step.was.applied, step.now.applied);
    if was <= now {
        return None;
    }
    violated(format_args!("a snapshot took the applied index of {idx} back from {was} to {now}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, ScriptedServer};
    use wavetank_raft::{Index, LogId, LogOp, Term};

    /// n3 has the log of an old leader up to 4; 3 is committed by the new one without it.
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
        fixture.install(N3, snapshot, LogOp::Discard, |scripted| at(scripted, snapshot));
        fixture.expect_violation("n3 had t2.i3 and installed a snapshot of it; the log up to t2.i4 went");
    }

    #[test]
    fn a_conflicting_log_is_discarded() {
        let snapshot = LogId::new(Term(3), Index(3));
        let mut right = fixture();
        right.install(N3, snapshot, LogOp::Discard, |scripted| {
            at(scripted, snapshot);
            scripted.view.last = snapshot;
        });
        right.expect_holds();

        let mut wrong = fixture();
        wrong.install(N3, snapshot, LogOp::Compact(Index(3)), |scripted| at(scripted, snapshot));
        wrong.expect_violation("n3 installed a snapshot of t3.i3; its log is (t2.i3, t2.i4]");
    }

    #[test]
    fn an_install_keeps_vote_and_applied_index() {
        let snapshot = LogId::new(Term(2), Index(3));
        let mut vote = fixture();
        vote.install(N3, snapshot, LogOp::Compact(Index(3)), |scripted| {
            at(scripted, snapshot);
            scripted.view.vote = None;
        });
        vote.expect_violation("a snapshot changed the vote of n3 from Some(n1) to None");

        let mut older = fixture();
        older.set_view(N3, |scripted| at(scripted, snapshot));
        older.set_view(N3, |scripted| at(scripted, LogId::new(Term(2), Index(2))));
        older.expect_violation("n3 had a snapshot of t2.i3 and now has one of t2.i2");
    }
}
