//! State Machine Safety: all servers commit the same entry at the same index (thesis §3.6.3).
//!
//! The check runs whenever a server raises its commit index.

use crate::check::ghost::{CommitRecord, Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::LogId;

pub(crate) const CHECK: Check =
    Check::new("state_machine_safety", "thesis §3.6.3", JudgeLevel::Outcomes, Facts::COMMIT, judge)
        .needing(Parts::TERM.or(Parts::COMMIT).or(Parts::LOG));

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (step, log) = (&ghost.step, &ghost.subject().log);
    if step.now.commit <= step.was.commit {
        return None;
    }
    let (index, before) = ghost.history.first_difference(log, step.now.commit)?;
    let CommitRecord { link, term, by } = before;
    let (idx, was) = (step.idx, LogId::new(link.term, index));
    let Some(link) = log.link(index) else {
        return violated(format_args!(
            "{idx} committed {index} and has no entry at {index}, but {by} committed {was} in {term}"
        ));
    };
    let entry = LogId::new(link.term, index);
    violated(format_args!("{idx} committed {entry}, but {by} committed {was} at the same index in {term}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};

    #[test]
    fn equal_commits_are_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.settle(N3, 3);
        fixture.expect_holds();
    }

    #[test]
    fn different_commits_are_not() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.commit(N1, 2);
        fixture.elect(N2, 3);
        fixture.commit(N2, 2);
        fixture.expect_violation("n2 committed t3.i2, but n1 committed t2.i2 at the same index in t2");
    }
}
