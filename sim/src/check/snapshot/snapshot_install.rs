//! A snapshot from the leader takes the place of what it stands for, and of nothing else.

use crate::check::ghost::{Discarded, Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;

const WATCHES: Facts = Facts::SNAPSHOT.or(Facts::COMPACTED);

/// The install rule (S5).
pub(crate) const CHECK: Check =
    Check::new("snapshot_install", "thesis §5.1, figure 5.3", Column::Steps, WATCHES, judge);

fn judge(ledger: &Ledger, facts: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ledger.step;
    let slot = step.slot;
    if let Some(Discarded { snapshot, last, held: true }) = step.discarded
        && snapshot.index < last.index
    {
        return say(format_args!(
            "{slot} had {snapshot} and installed a snapshot of it; the log up to {last} went"
        ));
    }
    let (was, now) = (step.was.snapshot, step.now.snapshot);
    if now.index < was.index {
        return say(format_args!("{slot} had a snapshot of {was} and now has one of {now}"));
    }
    if !facts.touches(Facts::INSTALLED) {
        return None;
    }
    *witnessed += 1;
    installed(ledger)
}

fn installed(ledger: &Ledger) -> Option<String> {
    let (step, log) = (&ledger.step, &ledger.subject().log);
    let (slot, snapshot) = (step.slot, step.now.snapshot);
    let (was, now) = (step.was.vote, step.now.vote);
    if step.was.term == step.now.term && was != now {
        return say(format_args!("a snapshot changed the vote of {slot} from {was:?} to {now:?}"));
    }
    let (base, last) = (log.base(), log.last());
    let follows = base.index <= snapshot.index && snapshot.index <= last.index;
    if !follows || !log.has(snapshot) {
        return say(format_args!("{slot} installed a snapshot of {snapshot}; its log is ({base}, {last}]"));
    }
    let (was, now) = (step.was.applied, step.now.applied);
    if was <= now {
        return None;
    }
    say(format_args!("a snapshot took the applied index of {slot} back from {was} to {now}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, Posed, Tale};
    use wavetank_raft::{Index, LogId, LogOp, Term};

    /// n3 has the log of an old leader up to 4; 3 is committed by the new one without it.
    fn tale() -> Tale {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.propose(N1, 2);
        tale.replicate(N1, N3, 2);
        tale.replicate(N1, N2, 2);
        tale.commit(N1, 3);
        tale
    }

    fn at(posed: &mut Posed, snapshot: LogId) {
        posed.glimpse.snapshot = snapshot;
        posed.glimpse.commit = snapshot.index;
        posed.glimpse.applied = snapshot.index;
    }

    #[test]
    fn what_follows_the_snapshot_stays() {
        let snapshot = LogId::new(Term(2), Index(3));
        let mut tale = tale();
        tale.install(N3, snapshot, LogOp::Compact(Index(3)), |posed| at(posed, snapshot));
        tale.is_quiet();
    }

    #[test]
    fn what_follows_the_snapshot_does_not_go() {
        let snapshot = LogId::new(Term(2), Index(3));
        let mut tale = tale();
        tale.install(N3, snapshot, LogOp::Discard, |posed| at(posed, snapshot));
        tale.speaks("n3 had t2.i3 and installed a snapshot of it; the log up to t2.i4 went");
    }

    #[test]
    fn what_is_in_conflict_goes() {
        let snapshot = LogId::new(Term(3), Index(3));
        let mut right = tale();
        right.install(N3, snapshot, LogOp::Discard, |posed| {
            at(posed, snapshot);
            posed.glimpse.last = snapshot;
        });
        right.is_quiet();

        let mut wrong = tale();
        wrong.install(N3, snapshot, LogOp::Compact(Index(3)), |posed| at(posed, snapshot));
        wrong.speaks("n3 installed a snapshot of t3.i3; its log is (t2.i3, t2.i4]");
    }

    #[test]
    fn vote_and_position_stay() {
        let snapshot = LogId::new(Term(2), Index(3));
        let mut vote = tale();
        vote.install(N3, snapshot, LogOp::Compact(Index(3)), |posed| {
            at(posed, snapshot);
            posed.glimpse.vote = None;
        });
        vote.speaks("a snapshot changed the vote of n3 from Some(n1) to None");

        let mut older = tale();
        older.pose(N3, |posed| at(posed, snapshot));
        older.pose(N3, |posed| at(posed, LogId::new(Term(2), Index(2))));
        older.speaks("n3 had a snapshot of t2.i3 and now has one of t2.i2");
    }
}
