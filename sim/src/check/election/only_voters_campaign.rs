//! Only a voter campaigns; a server that an uncommitted change leaves out may, and sometimes must.

use crate::check::ghost::{Chain, Facts, Ledger, Placed};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;
use crate::plan::server_set::Slot;
use wavetank_raft::Index;

/// Only eligible servers campaign (T8).
pub(crate) const CHECK: Check =
    Check::new("only_voters_campaign", "thesis §4.2.2", Column::Ghosts, Facts::CAMPAIGNED, judge);

/// Whether a server may campaign under a configuration of its log, or under one before it that may
/// still come back: as far as it knows what is committed.
fn is_eligible(slot: Slot, log: &Chain, conf: Placed, commit: Index) -> bool {
    let mut placed = conf;
    while !placed.conf.voters().contains(slot) {
        let before = log.conf_before(placed.index).filter(|_| commit < placed.index);
        let Some(before) = before else { return false };
        placed = before;
    }
    true
}

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ledger.step;
    let (slot, term) = (step.slot, step.now.term);
    let Some(conf) = step.was_conf else {
        return say(format_args!("{slot} campaigns at {term} without knowing any configuration"));
    };
    if is_eligible(slot, &ledger.subject().log, conf, step.was.commit) {
        return None;
    }
    say(format_args!("{slot} campaigns at {term}, but has no vote in {conf}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, N4, Tale, voters};
    use wavetank_raft::Payload;

    #[test]
    fn a_voter_campaigns() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn a_server_that_knows_nobody_does_not() {
        let mut tale = Tale::three(&CHECK);
        tale.campaign(N4, 2);
        tale.speaks("n4 campaigns at t2 without knowing any configuration");
    }

    #[test]
    fn a_server_left_out_may_until_that_is_committed() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        tale.replicate(N1, N3, 2);
        tale.campaign(N3, 3);
        tale.is_quiet();

        tale.commit(N3, 3);
        tale.campaign(N3, 4);
        tale.speaks("n3 campaigns at t4, but has no vote in n1 n2 at i3");
    }
}
