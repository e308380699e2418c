//! As long as a server may read under its lease, nobody leads a newer term, and nothing is
//! committed that it does not know of.
//!
//! Void where clocks do not keep the bound that leases assume.

use crate::check::ghost::{Asked, Facts, Ledger};
use crate::check::reads::verified_leader::is_outdated;
use crate::check::{Check, say};
use crate::plan::judge_level::Column;

/// Leases are exclusive (R4).
pub(crate) const CHECK: Check =
    Check::new("lease_exclusivity", "thesis §6.4.1", Column::Ghosts, Facts::READABLE, judge)
        .with_bounded_clocks();

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    let slot = ledger.step.slot;
    ledger.step.allowed.iter().filter(|allowed| allowed.asked.leased).find_map(|allowed| {
        *witnessed += 1;
        let Asked { request, term, led, committed, .. } = allowed.asked;
        if is_outdated(&allowed.asked) {
            return say(format_args!(
                "{slot} answers {request} under a lease of {term}; {led} had a leader by then"
            ));
        }
        let index = allowed.index?;
        if committed <= index {
            return None;
        }
        say(format_args!(
            "{slot} lets {request} read at {index} under a lease; {committed} was committed by then"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, Tale};
    use crate::check::{Clocks, Options};
    use wavetank_raft::{Answer, Index, ReadPath};

    #[test]
    fn one_leader_under_its_lease() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.read(N1, 50, ReadPath::Lease);
        tale.allow(N1, 50, Answer::Readable { index: Index(2) });
        tale.is_quiet();
    }

    #[test]
    fn a_newer_leader_ends_it() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.campaign(N2, 3);
        tale.usurp(N2, 3);
        tale.read(N1, 50, ReadPath::Lease);
        tale.allow(N1, 50, Answer::Readable { index: Index(2) });
        tale.speaks("n1 answers r50 under a lease of t2; t3 had a leader by then");
    }

    #[test]
    fn clocks_without_a_bound_show_nothing() {
        let bounded = Options::default();
        assert!(CHECK.is_wanted(&bounded));
        assert!(!CHECK.is_wanted(&Options { clocks: Clocks::Unbounded, ..bounded }));
    }
}
