//! Only a voter campaigns (thesis §4.2.2).
//!
//! A server that an uncommitted change removes may also campaign, because the change may be rolled back. The
//! check runs whenever a server starts a campaign.

use crate::check::ghost::{Chain, Facts, Ghost, IndexedConf};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::ServerIdx;
use crate::subject::Parts;
use wavetank_raft::Index;

const NEEDS: Parts = Parts::ROLE.or(Parts::TERM).or(Parts::COMMIT).or(Parts::LOG).or(Parts::CONFIGURATION);

pub(crate) const CHECK: Check =
    Check::new("only_voters_campaign", "thesis §4.2.2", JudgeLevel::History, Facts::CAMPAIGNED, judge)
        .needing(NEEDS);

/// True if a server is a voter of `conf`, or of an earlier configuration that may come into force again. An
/// earlier configuration in the server's log may come into force again if all later configurations are
/// uncommitted.
fn is_eligible(idx: ServerIdx, log: &Chain, conf: IndexedConf, commit: Index) -> bool {
    let mut placed = conf;
    while !placed.conf.voters().contains(idx) {
        let before = log.conf_before(placed.index).filter(|_| commit < placed.index);
        let Some(before) = before else { return false };
        placed = before;
    }
    true
}

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ghost.step;
    let (idx, term) = (step.idx, step.now.term);
    let Some(conf) = step.was_conf else {
        return violated(format_args!("{idx} campaigns at {term}, but {idx} knows no configuration"));
    };
    if is_eligible(idx, &ghost.subject().log, conf, step.was.commit) {
        return None;
    }
    violated(format_args!("{idx} campaigns at {term}, but {idx} is not a voter of {conf}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, N4, voters};
    use wavetank_raft::Payload;

    #[test]
    fn a_voter_campaigns() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.expect_holds();
    }

    #[test]
    fn a_server_without_a_configuration_does_not() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.campaign(N4, 2);
        fixture.expect_violation("n4 campaigns at t2, but n4 knows no configuration");
    }

    #[test]
    fn a_removed_server_may_until_the_removal_is_committed() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        fixture.replicate(N1, N3, 2);
        fixture.campaign(N3, 3);
        fixture.expect_holds();

        fixture.commit(N3, 3);
        fixture.campaign(N3, 4);
        fixture.expect_violation("n3 campaigns at t4, but n3 is not a voter of n1 n2 at i3");
    }
}
