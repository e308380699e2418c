//! A read sees all entries that at least one server had committed when the read was requested (thesis §6.4).
//!
//! The check runs for every read by index. [`super::lease_exclusivity`] judges reads under a lease.

use crate::check::ghost::{Facts, Ghost, PendingRead};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

pub(crate) const CHECK: Check =
    Check::new("read_index_bound", "thesis §6.4", JudgeLevel::History, Facts::READABLE, judge)
        .needing(Parts::TERM.or(Parts::COMMIT).or(Parts::LOG));

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let idx = ghost.step.idx;
    ghost.step.allowed.iter().find_map(|allowed| {
        let PendingRead { request, committed, indexed, leased, .. } = allowed.asked;
        let index = allowed.index?;
        // `lease_exclusivity` judges reads under a lease.
        if !indexed || leased {
            return None;
        }
        *witnessed += 1;
        if committed <= index {
            return None;
        }
        violated(format_args!(
            "{idx} answers {request} at {index}, but {committed} was committed before the request"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1};
    use wavetank_raft::{Answer, Index, ReadPath};

    #[test]
    fn a_read_of_all_committed_entries_is_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.read(N1, 50, ReadPath::Index);
        fixture.allow(N1, 50, Answer::Readable { index: Index(2) });
        fixture.expect_holds();
    }

    #[test]
    fn a_read_below_the_commit_index_is_not() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.read(N1, 50, ReadPath::Index);
        fixture.allow(N1, 50, Answer::Readable { index: Index(1) });
        fixture.expect_violation("n1 answers r50 at i1, but i2 was committed before the request");
    }
}
