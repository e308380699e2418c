//! A leader changes the membership only after the previous change is committed (thesis §4.1).
//!
//! The previous change may come from this leader or from an earlier leader. The check runs whenever a leader
//! appends a configuration.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

pub(crate) const CHECK: Check =
    Check::new("one_change_at_a_time", "thesis §4.1", JudgeLevel::History, Facts::CHANGED, judge)
        .needing(Parts::ROLE.or(Parts::COMMIT).or(Parts::LOG));

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (leader, commit) = (ghost.step.idx, ghost.step.now.commit);
    ghost.step.changed.iter().find_map(|(pending, next)| {
        let pending = (*pending)?;
        *witnessed += 1;
        if pending.index <= commit {
            return None;
        }
        violated(format_args!(
            "{leader} appended {next}, but {pending} is not committed: {leader} has commit index {commit}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, voters};
    use crate::plan::server_set::ServerIdx;
    use wavetank_raft::Payload;

    fn change(fixture: &mut Fixture, leader: ServerIdx, to: &[ServerIdx]) {
        fixture.append(leader, vec![Payload::Configuration(voters(to))]);
    }

    #[test]
    fn a_change_after_a_committed_one_is_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        change(&mut fixture, N1, &[N1, N2]);
        fixture.replicate(N1, N2, 2);
        fixture.commit(N1, 3);
        change(&mut fixture, N1, &[N1]);
        fixture.expect_holds();
    }

    #[test]
    fn two_pending_changes_are_not() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        change(&mut fixture, N1, &[N1, N2]);
        change(&mut fixture, N1, &[N1]);
        fixture.expect_violation(
            "n1 appended n1 at i4, but n1 n2 at i3 is not committed: n1 has commit index i2",
        );
    }

    #[test]
    fn an_inherited_change_is_pending_too() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        change(&mut fixture, N1, &[N1, N2]);
        fixture.replicate(N1, N3, 2);
        fixture.elect(N3, 3);
        change(&mut fixture, N3, &[N3]);
        fixture.expect_violation("n3 appended n3 at i5, but n1 n2 at i3 is not committed");
    }
}
