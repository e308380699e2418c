//! A leader's progress record of a follower is consistent, and its match index only grows.

use crate::check::ghost::{Facts, Follower, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::ServerIdx;
use wavetank_raft::Index;

pub(crate) const CHECK: Check =
    Check::new("progress_is_sane", "thesis §3.5", JudgeLevel::History, Facts::PROGRESS, judge);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ghost.step;
    ghost.subject().followers.iter().find_map(|now| {
        // A server that comes back after it was removed is a new follower.
        let member = |idx| step.was_conf.is_some_and(|placed| placed.conf.members.contains(idx));
        let stayed = ServerIdx::of(now.node).is_some_and(member);
        let was = step.followers_before.iter().find(|was| stayed && was.node == now.node);
        insane(step.idx, step.now.last.index, was.map_or(Index::ZERO, |was| was.matched), now)
    })
}

/// What is wrong with a progress record of a leader whose log ends at `last`, if `was` was the match
/// index before.
fn insane(leader: ServerIdx, last: Index, was: Index, now: &Follower) -> Option<String> {
    let Follower { node, matched, next } = now;
    if *matched < was {
        return violated(format_args!(
            "{leader} knew that {node} matches up to {was}, and now believes {matched}"
        ));
    }
    if next <= matched {
        return violated(format_args!(
            "{leader} knows that {node} matches up to {matched}, and would send {next} next"
        ));
    }
    if last < *matched {
        return violated(format_args!(
            "{leader} believes that {node} matches up to {matched}; its own log ends at {last}"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};

    #[test]
    fn matched_grows() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.settle(N2, 3);
        fixture.expect_holds();
    }

    #[test]
    fn matched_does_not_shrink() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.set_matched(N1, N3, Index(1));
        fixture.expect_violation("n1 knew that n3 matches up to i2, and now believes i1");
    }

    #[test]
    fn a_new_term_of_leadership_resets_progress() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.elect(N1, 3);
        fixture.expect_holds();
    }

    #[test]
    fn matched_is_within_the_log_and_below_next() {
        let belief = |matched, next| Follower { node: N2.node(), matched: Index(matched), next: Index(next) };
        let says = |matched, next| insane(N1, Index(9), Index::ZERO, &belief(matched, next));
        assert_eq!(says(9, 10), None);
        let again = "n1 knows that n2 matches up to i9, and would send i9 next";
        assert_eq!(says(9, 9).as_deref(), Some(again));
        let beyond = "n1 believes that n2 matches up to i10; its own log ends at i9";
        assert_eq!(says(10, 11).as_deref(), Some(beyond));
    }
}
