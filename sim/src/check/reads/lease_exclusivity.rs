//! If a leader answers a read under its lease, no newer term had a leader when the read was requested. The
//! index in the answer covers all entries that any server had committed by then (thesis §6.4.1).
//!
//! The check runs at every read under a lease, unless the clocks in the run break the bound on which leases
//! rely.

use crate::check::ghost::{Facts, Ghost, PendingRead};
use crate::check::reads::verified_leader::is_outdated;
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const NEEDS: Parts = Parts::ROLE.or(Parts::TERM).or(Parts::COMMIT).or(Parts::LOG);

pub(crate) const CHECK: Check =
    Check::new("lease_exclusivity", "thesis §6.4.1", JudgeLevel::History, Facts::READABLE, judge)
        .needing(NEEDS)
        .with_bounded_clocks();

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let idx = ghost.step.idx;
    ghost.step.allowed.iter().filter(|allowed| allowed.asked.leased).find_map(|allowed| {
        *witnessed += 1;
        let PendingRead { request, term, led, committed, .. } = allowed.asked;
        if is_outdated(&allowed.asked) {
            return violated(format_args!(
                "{idx} answers {request} under a lease of {term}, but the newer term {led} had a leader"
            ));
        }
        let index = allowed.index?;
        if committed <= index {
            return None;
        }
        violated(format_args!(
            "{idx} answers {request} at {index} under a lease, but {committed} was committed before the request"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2};
    use crate::check::{ClockBound, Options};
    use wavetank_raft::{Answer, Index, ReadPath};

    #[test]
    fn a_read_of_the_only_leader_is_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.read(N1, 50, ReadPath::Lease);
        fixture.allow(N1, 50, Answer::Readable { index: Index(2) });
        fixture.expect_holds();
    }

    #[test]
    fn a_newer_leader_ends_the_lease() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.campaign(N2, 3);
        fixture.become_leader(N2, 3);
        fixture.read(N1, 50, ReadPath::Lease);
        fixture.allow(N1, 50, Answer::Readable { index: Index(2) });
        fixture.expect_violation("n1 answers r50 under a lease of t2, but the newer term t3 had a leader");
    }

    #[test]
    fn the_check_is_off_if_clocks_are_unbounded() {
        let bounded = Options::default();
        assert!(CHECK.is_enabled(&bounded));
        assert!(!CHECK.is_enabled(&Options { clocks: ClockBound::Unbounded, ..bounded }));
    }
}
