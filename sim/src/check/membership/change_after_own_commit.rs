//! A leader changes the membership only after the leader has committed an entry of its own term. Diego Ongaro
//! published this correction of thesis §4.1 in 2015.
//!
//! The check runs whenever a leader appends a configuration.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::LogId;

const SECTION: &str = "Ongaro 2015, correction of thesis §4.1";

const NEEDS: Parts = Parts::ROLE.or(Parts::TERM).or(Parts::COMMIT).or(Parts::LOG);

pub(crate) const CHECK: Check =
    Check::new("change_after_own_commit", SECTION, JudgeLevel::History, Facts::CHANGED, judge).needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ghost.step;
    let (_, change) = *step.changed.first()?;
    let commit = LogId::new(ghost.subject().log.link(step.now.commit)?.term, step.now.commit);
    *witnessed += 1;
    let (leader, term) = (step.idx, step.now.term);
    if commit.term == term {
        return None;
    }
    violated(format_args!(
        "{leader} leads {term} and appended {change}, but has committed no entry of {term}: its last committed entry is {commit}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, voters};
    use wavetank_raft::Payload;

    #[test]
    fn a_change_after_an_own_commit_is_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        fixture.expect_holds();
    }

    #[test]
    fn a_change_before_an_own_commit_is_not() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.elect(N2, 3);
        fixture.append(N2, vec![Payload::Configuration(voters(&[N1, N2]))]);
        fixture.expect_violation(
            "n2 leads t3 and appended n1 n2 at i4, but has committed no entry of t3: its last committed entry is t2.i2",
        );
    }
}
