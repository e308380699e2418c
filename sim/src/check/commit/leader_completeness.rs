//! Leader Completeness: an entry that was committed in one term is in the log of every leader of a later term
//! (thesis §3.6.3).
//!
//! A new leader may lack entries that were committed in a later term: the deciding vote of an old election may
//! arrive after a newer leader has committed entries. The check runs whenever a server becomes leader.

use crate::check::ghost::{CommitRecord, Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::LogId;

const NEEDS: Parts = Parts::ROLE.or(Parts::TERM).or(Parts::COMMIT).or(Parts::LOG);

pub(crate) const CHECK: Check =
    Check::new("leader_completeness", "thesis §3.6.3", JudgeLevel::History, Facts::LEADS, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ghost.step;
    let (leader, term, last) = (step.idx, step.now.term, step.was.last);
    let index = ghost.history.committed_before(term);
    let CommitRecord { link, term: declared, by } = ghost.history.at(index)?;
    *witnessed += 1;
    if ghost.subject().holds(index, link) {
        return None;
    }
    let id = LogId::new(link.term, index);
    violated(format_args!(
        "{leader} leads {term}, and its log ends at {last}, but {leader} lacks {id}, which {by} committed in {declared}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};

    #[test]
    fn a_leader_with_all_committed_entries_is_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.settle(N2, 3);
        fixture.expect_holds();
    }

    #[test]
    fn a_leader_without_a_committed_entry_is_not() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.replicate(N1, N2, 0);
        fixture.commit(N1, 2);
        fixture.become_leader(N3, 3);
        fixture.expect_violation(
            "n3 leads t3, and its log ends at t1.i1, but n3 lacks t2.i2, which n1 committed in t2",
        );
    }

    #[test]
    fn a_late_leader_of_an_older_term_may_lack_what_a_newer_one_committed() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N2, 2);
        fixture.elect(N1, 4);
        fixture.replicate(N1, N2, 1);
        fixture.commit(N1, 3);
        fixture.become_leader(N3, 3);
        fixture.expect_holds();
    }
}
