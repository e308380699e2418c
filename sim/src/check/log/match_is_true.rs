//! A leader's match index of a follower is true: all entries up to this index are on the follower's disk
//! (thesis §3.5).
//!
//! The check runs whenever a match index grows. The check ignores a follower that has sent or stored a newer
//! term, a follower whose disk was lost, and a removed server with a new disk.

use crate::check::ghost::{Facts, Follower, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::ServerIdx;
use crate::subject::Parts;
use wavetank_raft::Index;

const NEEDS: Parts =
    Parts::MESSAGES.or(Parts::ROLE).or(Parts::TERM).or(Parts::LOG).or(Parts::CONFIGURATION).or(Parts::SERVER);

pub(crate) const CHECK: Check =
    Check::new("match_is_true", "thesis §3.5", JudgeLevel::History, Facts::PROGRESS, judge).needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let followers = &ghost.subject().followers;
    news(&ghost.step.followers_before, followers).find_map(|belief| one(ghost, belief, witnessed))
}

/// Returns the progress records whose match index grew.
fn news<'a>(before: &'a [Follower], now: &'a [Follower]) -> impl Iterator<Item = &'a Follower> {
    now.iter().filter(move |follower| {
        let known = before.iter().find(|known| known.node == follower.node);
        known.map_or(Index::ZERO, |known| known.matched) < follower.matched
    })
}

fn one(ghost: &Ghost, belief: &Follower, witnessed: &mut u64) -> Option<String> {
    let Follower { node: follower, matched, .. } = *belief;
    let link = ghost.subject().log.link(matched).or_else(|| ghost.history.link(matched))?;
    let ghost_server = ghost.ghost_server_of(follower)?;
    *witnessed += 1;
    let (leader, term) = (ghost.step.idx, ghost.step.now.term);
    // A server that has sent a newer term may have dropped the entries. A server that has stored a newer term
    // may also have dropped the entries, even if it crashed before it sent a message (storm 585) or has lost
    // the disk since (storm 1000416616). A disk that was lost as a whole has no entries. A server that was
    // removed and has a new disk may have answered before the removal. The leader no longer counts this
    // server, and may receive the answer late.
    let is_member = ghost.step.now_conf.zip(ServerIdx::of(follower));
    let is_member = is_member.is_some_and(|(placed, idx)| placed.conf.members.contains(idx));
    let was_exchanged = ghost_server.new_disk_at.is_some() && !is_member;
    let newest_term =
        ghost_server.announced_term.max(ghost_server.disk.hard.term).max(ghost_server.lost_term);
    let excused = term < newest_term || matched <= ghost_server.lost || was_exchanged;
    if ghost_server.disk_holds(matched, link) || excused {
        return None;
    }
    let disk = ghost_server.disk.log.last();
    violated(format_args!(
        "{leader} leads {term} and has match index {matched} for {follower}, \
         but the disk of {follower} has another log, which ends at {disk}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, voters};
    use wavetank_raft::Payload;

    #[test]
    fn a_durable_match_is_true() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.expect_holds();
    }

    #[test]
    fn entries_in_memory_do_not_match() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.deliver(N1, N2, 0);
        fixture.set_matched(N1, N2, Index(2));
        fixture.expect_violation(
            "n1 leads t2 and has match index i2 for n2, but the disk of n2 has another log, which ends at t1.i1",
        );
    }

    #[test]
    fn another_log_of_the_same_length_does_not_match() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N2, 2);
        fixture.elect(N1, 3);
        fixture.set_matched(N1, N2, Index(2));
        fixture.expect_violation("n1 leads t3 and has match index i2 for n2");
    }

    #[test]
    fn a_follower_in_a_newer_term_is_excused() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        let rpc = fixture.deliver(N1, N2, 0);
        fixture.sync(N2);
        let yes = fixture.acknowledgement(N1, N2, rpc);
        fixture.step(N2, &wavetank_raft::Event::Timer, |_| {}, vec![yes]);
        fixture.elect(N3, 3);
        fixture.replicate(N3, N2, 1);
        fixture.set_matched(N1, N2, Index(2));
        fixture.expect_holds();
    }

    #[test]
    fn an_older_leader_may_believe_in_entries_that_were_dropped_before_the_disk_was_lost() {
        let lost_in = |term| {
            let mut fixture = Fixture::three(&CHECK);
            fixture.settle(N1, 2);
            fixture.propose(N1, 1);
            if let Some(term) = term {
                fixture.campaign(N3, term);
                fixture.grant(N2, term, N3);
            }
            fixture.ghost.crashed(N2, true);
            fixture.set_matched(N1, N2, Index(3));
            fixture
        };
        lost_in(Some(3)).expect_holds();
        lost_in(None).expect_violation("n1 leads t2 and has match index i3 for n2");
    }

    #[test]
    fn a_late_answer_of_a_removed_server_with_a_new_disk_is_no_belief() {
        let says = |members: &[ServerIdx]| {
            let mut fixture = Fixture::three(&CHECK);
            fixture.settle(N1, 2);
            fixture.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
            fixture.replicate(N1, N2, 2);
            fixture.ghost.crashed(N3, true);
            fixture.append(N1, vec![Payload::Configuration(voters(members))]);
            fixture.set_matched(N1, N3, Index(3));
            fixture
        };
        says(&[N1, N2]).expect_holds();
        says(&[N1, N2, N3]).expect_violation("n1 leads t2 and has match index i3 for n3");
    }
}
