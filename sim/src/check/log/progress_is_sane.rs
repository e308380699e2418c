//! The match index that a leader keeps for a follower never falls, unless the follower may have lost its
//! disk. The match index is below the next index and within the leader's log (thesis §3.5).
//!
//! The check runs whenever a progress record changes.

use crate::check::ghost::{Facts, Follower, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::ServerIdx;
use crate::subject::Parts;
use wavetank_raft::Index;

const NEEDS: Parts = Parts::ROLE.or(Parts::LOG).or(Parts::CONFIGURATION).or(Parts::SERVER);

pub(crate) const CHECK: Check =
    Check::new("progress_is_sane", "thesis §3.5", JudgeLevel::History, Facts::PROGRESS, judge).needing(NEEDS);

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ghost.step;
    ghost.subject().followers.iter().find_map(|now| {
        // A server that was removed and added again, or that has moved, may have lost its disk, so the match
        // index of this server starts at zero.
        let has_moved = |idx| facts.touches(Facts::CONFIGURED) && ghost.subject().moved.contains(idx);
        let member = |idx| step.was_conf.is_some_and(|it| it.conf.members.contains(idx)) && !has_moved(idx);
        let stayed = ServerIdx::of(now.node).is_some_and(member);
        // The disk of a server may be lost, and the leader notices the loss. In a newer term, the server may have
        // dropped entries before the loss.
        let is_whole = |was: &&Follower| {
            let follower = ghost.ghost_server_of(was.node);
            follower.is_some_and(|it| it.lost < was.matched && it.lost_term <= step.now.term)
        };
        let was = step.followers_before.iter().find(|was| stayed && was.node == now.node).filter(is_whole);
        insane(step.idx, step.now.last.index, was.map_or(Index::ZERO, |was| was.matched), now)
    })
}

/// Returns a message if a progress record is wrong. `last` is the last index of the leader's log. `was` is
/// the match index before the step.
fn insane(leader: ServerIdx, last: Index, was: Index, now: &Follower) -> Option<String> {
    let Follower { node, matched, next } = now;
    if *matched < was {
        return violated(format_args!("{leader} lowered its match index for {node} from {was} to {matched}"));
    }
    if next <= matched {
        return violated(format_args!(
            "{leader} has match index {matched} for {node}, but next index {next}"
        ));
    }
    if last < *matched {
        return violated(format_args!(
            "{leader} has match index {matched} for {node}, but the log of {leader} ends at {last}"
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
        fixture.expect_violation("n1 lowered its match index for n3 from i2 to i1");
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
        let again = "n1 has match index i9 for n2, but next index i9";
        assert_eq!(says(9, 9).as_deref(), Some(again));
        let beyond = "n1 has match index i10 for n2, but the log of n1 ends at i9";
        assert_eq!(says(10, 11).as_deref(), Some(beyond));
    }
}
