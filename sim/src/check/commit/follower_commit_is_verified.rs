//! A follower commits an entry only after an AppendEntries request of its current leader has matched the
//! follower's log up to this entry (thesis §3.5).
//!
//! The check runs whenever a follower raises its commit index.

use crate::check::commit::committed_is_durable_on_quorum::counted;
use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const NEEDS: Parts =
    Parts::MESSAGES.or(Parts::ROLE).or(Parts::TERM).or(Parts::LEADER).or(Parts::COMMIT).or(Parts::LOG);

pub(crate) const CHECK: Check =
    Check::new("follower_commit_is_verified", "thesis §3.5", JudgeLevel::Steps, Facts::COMMIT, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ghost.step;
    let (idx, term, commit) = (step.idx, step.now.term, step.now.commit);
    if counted(step) || commit <= step.was.commit {
        return None;
    }
    *witnessed += 1;
    let verified = ghost.subject().verified;
    if commit <= verified {
        return None;
    }
    violated(format_args!(
        "{idx} committed {commit} in {term}, but its leader has matched the log only up to {verified}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};
    use wavetank_raft::{Index, Term};

    #[test]
    fn entries_that_the_leader_sent_are_verified() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.expect_holds();
    }

    #[test]
    fn an_unmatched_suffix_is_not_verified() {
        // n1 keeps entries of t2 that the leader of t3 never had; the leader's empty append shows only that
        // the earlier entries match.
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.propose(N1, 3);
        fixture.elect(N2, 3);
        let rpc = fixture.rpc();
        let append = wavetank_raft::AppendEntries {
            term: Term(3),
            prev: wavetank_raft::LogId::new(Term(1), Index(1)),
            entries: [].into(),
            leader_commit: Index(2),
        };
        let request = wavetank_raft::Request::AppendEntries(append);
        let event = wavetank_raft::Event::Request { from: N2.node(), rpc, request };
        let follow = |scripted: &mut crate::check::fixture::ScriptedServer| {
            scripted.view.role = wavetank_raft::RoleName::Follower;
            scripted.view.leader = Some(N2.node());
            scripted.view.commit = Index(2);
        };
        fixture.step(N1, &event, follow, Vec::new());
        fixture.expect_violation("n1 committed i2 in t3, but its leader has matched the log only up to i1");
    }

    #[test]
    fn a_new_leader_resets_the_verified_index() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.propose(N1, 1);
        fixture.replicate(N1, N3, 2);
        fixture.grant(N3, 3, N2);
        fixture.commit(N3, 3);
        fixture.expect_violation("n3 committed i3 in t3, but its leader has matched the log only up to i0");
    }
}
