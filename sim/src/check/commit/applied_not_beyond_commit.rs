//! Only committed entries are applied, each once, in order, without a gap.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::ServerIdx;
use wavetank_raft::Index;

const WATCHES: Facts = Facts::APPLY.or(Facts::APPLY_ODD).or(Facts::HANDED).or(Facts::APPLIED);

/// Applied is not beyond commit (C2).
pub(crate) const CHECK: Check =
    Check::new("applied_not_beyond_commit", "thesis §3.5", JudgeLevel::History, WATCHES, judge);

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ghost.step;
    let idx = step.idx;
    if facts.touches(Facts::APPLIED) {
        // The state machine works on its own: what it was handed was committed then.
        let (first, _, before) = step.fsm_batch?;
        return jump(idx, first, before);
    }
    let (was, now, commit) = (step.was.applied, step.now.applied, step.now.commit);
    if now < was {
        return violated(format_args!("{idx} took its applied index back from {was} to {now}"));
    }
    if commit < now {
        return beyond(idx, now, commit);
    }
    let (first, last, before) = step.handed?;
    if commit < last { beyond(idx, last, commit) } else { jump(idx, first, before) }
}

fn beyond(idx: ServerIdx, index: Index, commit: Index) -> Option<String> {
    violated(format_args!("{idx} applies up to {index}, but has committed only {commit}"))
}

/// Whether the first of some entries does not follow those before.
fn jump(idx: ServerIdx, first: Index, before: Index) -> Option<String> {
    if first == before.next() {
        return None;
    }
    violated(format_args!("{idx} applies {first} after {before}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1};
    use wavetank_raft::{Action, Batch, Event};

    fn hand(fixture: &mut Fixture, first: usize, last: usize) {
        let entries = fixture.scripted(N1).entries[first - 1..last].to_vec();
        fixture.step(N1, &Event::Timer, |_| {}, vec![Action::Apply(Batch { entries })]);
    }

    fn fixture() -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.propose(N1, 4);
        fixture
    }

    #[test]
    fn in_order_and_committed() {
        let mut fixture = fixture();
        hand(&mut fixture, 1, 2);
        fixture.set_view(N1, |scripted| scripted.view.applied = Index(2));
        fixture.expect_holds();
    }

    #[test]
    fn not_before_the_commit() {
        let mut fixture = fixture();
        hand(&mut fixture, 1, 3);
        fixture.expect_violation("n1 applies up to i3, but has committed only i2");
    }

    #[test]
    fn not_twice_and_not_with_a_gap() {
        let mut twice = fixture();
        hand(&mut twice, 1, 2);
        hand(&mut twice, 2, 2);
        twice.expect_violation("n1 applies i2 after i2");

        let mut gap = fixture();
        hand(&mut gap, 2, 2);
        gap.expect_violation("n1 applies i2 after i0");
    }

    #[test]
    fn the_applied_index_stays_within() {
        let mut fixture = fixture();
        fixture.set_view(N1, |scripted| scripted.view.applied = Index(3));
        fixture.expect_violation("n1 applies up to i3, but has committed only i2");
    }
}
