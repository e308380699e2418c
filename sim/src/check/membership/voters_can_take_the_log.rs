//! A leader changes the membership only if a quorum of the new voters can take the leader's log (thesis §4.1).
//!
//! A server of HashiCorp Raft cannot take restores or joint configurations. Such a server gets a snapshot in
//! place of these entries. A leader can take this snapshot only after a quorum has the entries. Therefore
//! each server of some quorum of the voters must run this library or already have the last of these entries.
//! The check runs whenever a leader appends a configuration while the last of these entries is in the
//! leader's log but not in the leader's newest snapshot.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::subject::Parts;

const NEEDS: Parts = Parts::ROLE.or(Parts::LOG).or(Parts::SNAPSHOT).or(Parts::SERVER);

pub(crate) const CHECK: Check =
    Check::new("voters_can_take_the_log", "thesis §4.1", JudgeLevel::Steps, Facts::CHANGED, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (idx, leader) = (ghost.step.idx, ghost.subject());
    let entry = leader.beyond_hashicorp;
    if entry.index <= ghost.step.now.snapshot.index || !leader.log.has(entry) {
        return None;
    }
    let having = leader.followers.iter().filter(|follower| entry.index <= follower.matched);
    let having: ServerSet = having.filter_map(|follower| ServerIdx::of(follower.node)).collect();
    ghost.step.changed.iter().find_map(|(_, next)| {
        *witnessed += 1;
        let voters = next.conf.voters();
        let taking = voters.minus(ghost.hashicorp).or(voters.and(having.or(ServerSet::only(idx))));
        if next.conf.is_quorum(taking) {
            return None;
        }
        violated(format_args!(
            "{idx} appended {next}, but only the voters {taking} can take the entry {entry} or have it"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, voters};
    use wavetank_raft::Payload;

    /// n1 leads, and n2 and n3 run HashiCorp Raft. A restore is at i3, and n1 has it on its disk.
    fn after_a_restore() -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.boot_as_hashicorp(N2);
        fixture.boot_as_hashicorp(N3);
        fixture.settle(N1, 2);
        fixture.append(N1, vec![Payload::Restore([7].as_slice().into())]);
        fixture
    }

    fn change(fixture: &mut Fixture, to: &[ServerIdx]) {
        fixture.append(N1, vec![Payload::Configuration(voters(to))]);
    }

    #[test]
    fn voters_that_lack_a_restore_are_no_quorum() {
        let mut fixture = after_a_restore();
        change(&mut fixture, &[N1, N2]);
        fixture.expect_violation(
            "n1 appended n1 n2 at i4, but only the voters n1 can take the entry t2.i3 or have it",
        );
    }

    #[test]
    fn the_leader_alone_is_a_quorum_of_one() {
        let mut fixture = after_a_restore();
        change(&mut fixture, &[N1]);
        fixture.expect_holds();
    }

    #[test]
    fn a_voter_that_has_the_restore_counts() {
        let mut fixture = after_a_restore();
        fixture.replicate(N1, N2, 2);
        change(&mut fixture, &[N1, N2]);
        fixture.expect_holds();
    }

    #[test]
    fn a_snapshot_with_the_restore_is_enough() {
        let mut fixture = after_a_restore();
        let last = fixture.scripted(N1).view.last;
        fixture.set_view(N1, |scripted| scripted.view.snapshot = last);
        change(&mut fixture, &[N1, N2]);
        fixture.expect_no_violation();
    }
}
