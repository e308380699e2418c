//! A server applies only committed entries. A server applies each committed entry once, in the order of the
//! log and without a gap (thesis §3.5).
//!
//! The check runs whenever entries are handed to a state machine or applied.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::ServerIdx;
use crate::subject::Parts;
use wavetank_raft::Index;

const WATCHES: Facts = Facts::APPLY.or(Facts::APPLY_ODD).or(Facts::HANDED).or(Facts::APPLIED);

pub(crate) const CHECK: Check =
    Check::new("applied_not_beyond_commit", "thesis §3.5", JudgeLevel::History, WATCHES, judge)
        .needing(Parts::COMMIT.or(Parts::APPLIED));

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ghost.step;
    let idx = step.idx;
    if facts.touches(Facts::APPLIED) {
        // The state machine runs behind the server. The applied entries were committed when the state machine
        // received them.
        let (first, _, before) = step.fsm_batch?;
        return jump(idx, first, before);
    }
    let (was, now, commit) = (step.was.applied, step.now.applied, step.now.commit);
    if now < was {
        return violated(format_args!("{idx} lowered its applied index from {was} to {now}"));
    }
    if commit < now {
        return beyond(idx, now, commit);
    }
    let (first, last, before) = step.handed?;
    if commit < last { beyond(idx, last, commit) } else { jump(idx, first, before) }
}

fn beyond(idx: ServerIdx, index: Index, commit: Index) -> Option<String> {
    violated(format_args!("{idx} applies up to {index}, but its commit index is {commit}"))
}

/// Returns a message if the entry at `first` is not the next entry after `before`.
fn jump(idx: ServerIdx, first: Index, before: Index) -> Option<String> {
    if first == before.next() {
        return None;
    }
    violated(format_args!("{idx} applies index {first} after index {before}"))
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
    fn committed_entries_in_order_are_legal() {
        let mut fixture = fixture();
        hand(&mut fixture, 1, 2);
        fixture.set_view(N1, |scripted| scripted.view.applied = Index(2));
        fixture.expect_holds();
    }

    #[test]
    fn uncommitted_entries_are_not_applied() {
        let mut fixture = fixture();
        hand(&mut fixture, 1, 3);
        fixture.expect_violation("n1 applies up to i3, but its commit index is i2");
    }

    #[test]
    fn entries_are_applied_once_and_without_a_gap() {
        let mut twice = fixture();
        hand(&mut twice, 1, 2);
        hand(&mut twice, 2, 2);
        twice.expect_violation("n1 applies index i2 after index i2");

        let mut gap = fixture();
        hand(&mut gap, 2, 2);
        gap.expect_violation("n1 applies index i2 after index i0");
    }

    #[test]
    fn the_applied_index_is_within_the_commit_index() {
        let mut fixture = fixture();
        fixture.set_view(N1, |scripted| scripted.view.applied = Index(3));
        fixture.expect_violation("n1 applies up to i3, but its commit index is i2");
    }
}
