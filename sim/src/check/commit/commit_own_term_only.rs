//! A leader counts copies only to commit an entry of its own term; such a commit also commits all earlier
//! entries (thesis §3.6.2).
//!
//! The check runs whenever a leader raises its commit index.

use crate::check::commit::committed_is_durable_on_quorum::counted;
use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::LogId;

const NEEDS: Parts = Parts::ROLE.or(Parts::TERM).or(Parts::COMMIT).or(Parts::LOG);

pub(crate) const CHECK: Check =
    Check::new("commit_own_term_only", "thesis §3.6.2", JudgeLevel::Steps, Facts::COMMIT, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ghost.step;
    if !counted(step) {
        return None;
    }
    *witnessed += 1;
    let (leader, term, commit) = (step.idx, step.now.term, step.now.commit);
    let entry = LogId::new(ghost.subject().log.link(commit)?.term, commit);
    if entry.term == term {
        return None;
    }
    violated(format_args!(
        "{leader} leads in {term} and committed {entry} by counting the copies of this entry"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2};

    #[test]
    fn an_own_entry_commits_older_ones() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.propose(N1, 2);
        fixture.replicate(N1, N2, 0);
        fixture.elect(N2, 3);
        fixture.replicate(N2, N1, 4);
        fixture.commit(N2, 5);
        fixture.commit(N1, 5);
        fixture.expect_holds();
    }

    #[test]
    fn an_old_entry_is_not_counted() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.replicate(N1, N2, 0);
        fixture.elect(N2, 3);
        fixture.commit(N2, 2);
        fixture.expect_violation("n2 leads in t3 and committed t2.i2 by counting the copies of this entry");
    }
}
