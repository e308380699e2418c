//! When a server truncates its log, the server keeps all entries up to its commit index (thesis §3.6.3).
//!
//! The check runs whenever a server truncates its log.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

pub(crate) const CHECK: Check =
    Check::new("committed_prefix_immutable", "thesis §3.6.3", JudgeLevel::History, Facts::CUT, judge)
        .needing(Parts::COMMIT.or(Parts::LOG));

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (idx, commit) = (ghost.step.idx, ghost.step.was.commit);
    let from = ghost.step.removed.last()?.index;
    if commit < from {
        return None;
    }
    violated(format_args!("{idx} truncated its log from {from} on, but its commit index was {commit}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};

    #[test]
    fn a_log_may_be_cut_above_the_commit_index() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.propose(N1, 2);
        fixture.elect(N2, 3);
        fixture.replicate(N2, N1, 2);
        fixture.expect_holds();
    }

    #[test]
    fn a_log_is_not_cut_at_the_commit_index() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.elect(N2, 3);
        fixture.replicate(N2, N3, 1);
        fixture.expect_violation("n3 truncated its log from i2 on, but its commit index was i2");
    }
}
