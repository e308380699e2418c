//! Every quorum of a new configuration shares a server with every quorum of the previous configuration
//! (thesis §4.1, §4.3).
//!
//! The check runs whenever a leader appends a configuration.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

pub(crate) const CHECK: Check =
    Check::new("configurations_overlap", "thesis §4.1, §4.3", JudgeLevel::Steps, Facts::CHANGED, judge)
        .needing(Parts::ROLE.or(Parts::LOG));

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let leader = ghost.step.idx;
    ghost.step.changed.iter().find_map(|(before, now)| {
        let (before, now) = ((*before)?.conf, now.conf);
        *witnessed += 1;
        let (one, other) = before.disjoint_quorums(now)?;
        violated(format_args!(
            "{leader} changed {before} to {now}, but {one:?} and {other:?} are quorums without a common server"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, N4, voters};
    use wavetank_raft::Payload;

    #[test]
    fn adding_one_voter_overlaps() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.append(N1, vec![Payload::Configuration(voters(&[N1, N2, N3, N4]))]);
        fixture.expect_holds();
    }

    #[test]
    fn replacing_two_voters_by_one_does_not() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.append(N1, vec![Payload::Configuration(voters(&[N1, N4]))]);
        fixture.expect_violation(
            "n1 changed n1 n2 n3 to n1 n4, but {n2 n3} and {n1 n4} are quorums without a common server",
        );
    }
}
