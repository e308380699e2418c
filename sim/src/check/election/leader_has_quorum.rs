//! A new leader has received votes from a quorum of its configuration (thesis §3.4, §4.3).
//!
//! The check counts the votes that the ghost state has recorded, not the votes that the leader counted. The
//! check runs whenever a server becomes leader.

use crate::check::ghost::{Conf, Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const NEEDS: Parts = Parts::MESSAGES.or(Parts::ROLE).or(Parts::TERM).or(Parts::VOTE).or(Parts::CONFIGURATION);

pub(crate) const CHECK: Check =
    Check::new("leader_has_quorum", "thesis §3.4, §4.3", JudgeLevel::History, Facts::LEADS, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (leader, term) = (ghost.step.idx, ghost.step.now.term);
    let votes = ghost.terms.votes_for(leader, term);
    // The configuration may change between the start and the end of a campaign. A quorum of either
    // configuration is enough.
    let now = ghost.step.was_conf.map_or_else(Conf::default, |placed| placed.conf);
    let then = ghost.subject().campaign.unwrap_or(now);
    if now.is_quorum(votes) || then.is_quorum(votes) {
        return None;
    }
    violated(format_args!(
        "{leader} leads {term} with the votes {votes:?}, which are {}",
        now.no_quorum_of_either(then)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, N4};

    #[test]
    fn two_of_three_are_enough() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.campaign(N1, 2);
        fixture.grant(N2, 2, N1);
        fixture.become_leader(N1, 2);
        fixture.expect_holds();
    }

    #[test]
    fn one_of_three_is_not() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.campaign(N1, 2);
        fixture.become_leader(N1, 2);
        fixture.expect_violation("n1 leads t2 with the votes {n1}, which are not a quorum of n1 n2 n3");
    }

    #[test]
    fn a_vote_of_an_older_term_does_not_count() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.campaign(N1, 2);
        fixture.grant(N3, 2, N1);
        fixture.campaign(N1, 3);
        fixture.become_leader(N1, 3);
        fixture.expect_violation("n1 leads t3 with the votes {n1}");
    }

    #[test]
    fn a_vote_of_a_non_member_does_not_count() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.campaign(N1, 2);
        fixture.grant(N4, 2, N1);
        fixture.become_leader(N1, 2);
        fixture.expect_violation("n1 leads t2 with the votes {n1 n4}");
    }
}
