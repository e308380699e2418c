//! Only committed entries are applied, each once, in order, without a gap.

use crate::check::ghost::{Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;
use crate::plan::server_set::Slot;
use wavetank_raft::Index;

const WATCHES: Facts = Facts::APPLY.or(Facts::APPLY_ODD).or(Facts::HANDED).or(Facts::APPLIED);

/// Applied is not beyond commit (C2).
pub(crate) const CHECK: Check =
    Check::new("applied_not_beyond_commit", "thesis §3.5", Column::Ghosts, WATCHES, judge);

fn judge(ledger: &Ledger, facts: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ledger.step;
    let slot = step.slot;
    if facts.touches(Facts::APPLIED) {
        // The state machine works on its own: what it was handed was committed then.
        let (first, _, before) = step.machine?;
        return jump(slot, first, before);
    }
    let (was, now, commit) = (step.was.applied, step.now.applied, step.now.commit);
    if now < was {
        return say(format_args!("{slot} took its applied index back from {was} to {now}"));
    }
    if commit < now {
        return beyond(slot, now, commit);
    }
    let (first, last, before) = step.handed?;
    if commit < last { beyond(slot, last, commit) } else { jump(slot, first, before) }
}

fn beyond(slot: Slot, index: Index, commit: Index) -> Option<String> {
    say(format_args!("{slot} applies up to {index}, but has committed only {commit}"))
}

/// Whether the first of some entries does not follow those before.
fn jump(slot: Slot, first: Index, before: Index) -> Option<String> {
    if first == before.next() {
        return None;
    }
    say(format_args!("{slot} applies {first} after {before}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, Tale};
    use wavetank_raft::{Action, Batch, Event};

    fn hand(tale: &mut Tale, first: usize, last: usize) {
        let entries = tale.posed(N1).entries[first - 1..last].to_vec();
        tale.step(N1, &Event::Timer, |_| {}, vec![Action::Apply(Batch { entries })]);
    }

    fn tale() -> Tale {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.propose(N1, 4);
        tale
    }

    #[test]
    fn in_order_and_committed() {
        let mut tale = tale();
        hand(&mut tale, 1, 2);
        tale.pose(N1, |posed| posed.glimpse.applied = Index(2));
        tale.is_quiet();
    }

    #[test]
    fn not_before_the_commit() {
        let mut tale = tale();
        hand(&mut tale, 1, 3);
        tale.speaks("n1 applies up to i3, but has committed only i2");
    }

    #[test]
    fn not_twice_and_not_with_a_gap() {
        let mut twice = tale();
        hand(&mut twice, 1, 2);
        hand(&mut twice, 2, 2);
        twice.speaks("n1 applies i2 after i2");

        let mut gap = tale();
        hand(&mut gap, 2, 2);
        gap.speaks("n1 applies i2 after i0");
    }

    #[test]
    fn the_applied_index_stays_within() {
        let mut tale = tale();
        tale.pose(N1, |posed| posed.glimpse.applied = Index(3));
        tale.speaks("n1 applies up to i3, but has committed only i2");
    }
}
