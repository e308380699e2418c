//! A server confirms its leadership only if no newer term had a leader when the confirmation was requested
//! (thesis §6.4).
//!
//! The check runs at every confirmation and every read without a lease. A server that has entered a newer
//! term since the request may have asked the leader of the newer term for the read index. Therefore this
//! check does not judge the read of such a server, and `read_index_bound` judges this read.

use crate::check::ghost::{AllowedRead, Facts, Ghost, PendingRead};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

pub(crate) const CHECK: Check =
    Check::new("verified_leader", "thesis §6.4", JudgeLevel::History, Facts::READABLE, judge)
        .needing(Parts::ROLE.or(Parts::TERM));

/// True if a newer term had a leader when this read was requested.
pub(crate) fn is_outdated(asked: &PendingRead) -> bool {
    asked.term < asked.led
}

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let idx = ghost.step.idx;
    // `lease_exclusivity` judges reads under a lease.
    let has_moved_on =
        |allowed: &AllowedRead| allowed.index.is_some() && allowed.asked.led <= ghost.step.now.term;
    let by_itself = ghost.step.allowed.iter().filter(|allowed| !has_moved_on(allowed));
    by_itself.map(|allowed| &allowed.asked).filter(|asked| !asked.leased).find_map(|asked| {
        *witnessed += 1;
        if !is_outdated(asked) {
            return None;
        }
        let PendingRead { request, term, led, .. } = asked;
        violated(format_args!(
            "{idx} answers {request} as leader of {term}, but the newer term {led} had a leader before the request"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};
    use wavetank_raft::{Answer, Index, ReadPath};

    #[test]
    fn an_election_after_the_request_does_not_matter() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.read(N1, 50, ReadPath::Verify);
        fixture.campaign(N2, 3);
        fixture.become_leader(N2, 3);
        fixture.allow(N1, 50, Answer::Done);
        fixture.expect_holds();
    }

    #[test]
    fn a_follower_may_read_at_the_index_of_a_later_leader() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.elect(N2, 3);
        // The check must have something to judge.
        fixture.read(N2, 40, ReadPath::Verify);
        fixture.allow(N2, 40, Answer::Done);
        fixture.read(N3, 50, ReadPath::Index);
        fixture.elect(N1, 4);
        fixture.allow(N3, 50, Answer::Readable { index: Index(2) });
        fixture.expect_holds();
    }

    #[test]
    fn an_election_before_the_request_matters() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.campaign(N2, 3);
        fixture.become_leader(N2, 3);
        fixture.read(N1, 50, ReadPath::Verify);
        fixture.allow(N1, 50, Answer::Done);
        fixture.expect_violation(
            "n1 answers r50 as leader of t2, but the newer term t3 had a leader before the request",
        );
    }
}
