//! A commit index lies within the log, never falls while the server runs, and never starts below the snapshot
//! (thesis §3.5).
//!
//! The check runs whenever a commit index changes or a server starts.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const WATCHES: Facts = Facts::COMMIT.or(Facts::COMMIT_ODD).or(Facts::BOOTED);

pub(crate) const CHECK: Check =
    Check::new("commit_is_bounded", "thesis §3.5", JudgeLevel::History, WATCHES, judge)
        .needing(Parts::COMMIT.or(Parts::LOG).or(Parts::SNAPSHOT));

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ghost.step;
    let (idx, was, commit) = (step.idx, step.was.commit, step.now.commit);
    let (last, snapshot) = (step.now.last.index, step.now.snapshot.index);
    if facts.touches(Facts::BOOTED) && commit < snapshot {
        return violated(format_args!(
            "{idx} starts with commit index {commit}, but its snapshot ends at {snapshot}"
        ));
    }
    if last < commit {
        return violated(format_args!("{idx} has commit index {commit}, but its log ends at {last}"));
    }
    if commit < was {
        return violated(format_args!("{idx} lowered its commit index from {was} to {commit}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2};

    #[test]
    fn a_commit_index_rises_and_restarts_after_a_crash() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.crash(N2);
        fixture.boot(N2);
        fixture.commit(N2, 1);
        fixture.expect_holds();
    }

    #[test]
    fn a_commit_index_does_not_fall() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.commit(N1, 1);
        fixture.expect_violation("n1 lowered its commit index from i2 to i1");
    }

    #[test]
    fn a_commit_index_is_within_the_log() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.commit(N2, 3);
        fixture.expect_violation("n2 has commit index i3, but its log ends at i2");
    }
}
