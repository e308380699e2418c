//! A leader adds or removes one voter at a time, or enters a joint configuration. A leader leaves a joint
//! configuration only after this configuration is committed. The voters of the next configuration are the new
//! voters of the joint configuration (thesis §4.1, §4.3).
//!
//! The check runs whenever a leader appends a configuration.

use crate::check::ghost::{Conf, Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

pub(crate) const CHECK: Check =
    Check::new("legal_transition", "thesis §4.1, §4.3", JudgeLevel::History, Facts::CHANGED, judge)
        .needing(Parts::ROLE.or(Parts::COMMIT).or(Parts::LOG));

const MANY_VOTERS: &str = "more than one voter changed";
const OTHER_OLD: &str =
    "the old voters of the joint configuration are not the voters of the previous configuration";
const OTHER_NEW: &str =
    "the voters of the next configuration are not the new voters of the joint configuration";
const LEFT_EARLY: &str = "the joint configuration was not committed";
const JOINT_TWICE: &str = "one joint configuration follows another";

/// Returns the rule that a change from one configuration to another breaks. `committed` is true if `from` is
/// committed. Returns `None` if the change is legal.
fn wrong(from: Conf, to: Conf, committed: bool) -> Option<&'static str> {
    match (from.is_joint(), to.is_joint()) {
        (false, false) => {
            let came = to.incoming.minus(from.incoming).len();
            let went = from.incoming.minus(to.incoming).len();
            (1 < came + went).then_some(MANY_VOTERS)
        }
        (false, true) => (to.outgoing != from.incoming).then_some(OTHER_OLD),
        (true, false) if to.incoming != from.incoming => Some(OTHER_NEW),
        (true, false) => (!committed).then_some(LEFT_EARLY),
        (true, true) => Some(JOINT_TWICE),
    }
}

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (leader, commit) = (ghost.step.idx, ghost.step.now.commit);
    ghost.step.changed.iter().find_map(|(from, to)| {
        let from = (*from)?;
        *witnessed += 1;
        let why = wrong(from.conf, to.conf, from.index <= commit)?;
        violated(format_args!("{leader} changed {from} to {to}, but {why}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, voters};
    use crate::plan::server_set::ServerSet;
    use wavetank_raft::Payload;

    fn conf(incoming: u16, outgoing: u16) -> Conf {
        let (incoming, outgoing) = (ServerSet(incoming), ServerSet(outgoing));
        Conf { incoming, outgoing, members: incoming.or(outgoing), digest: 0 }
    }

    #[test]
    fn simple_changes() {
        let three = conf(0b0111, 0);
        assert_eq!(wrong(three, conf(0b1111, 0), true), None);
        assert_eq!(wrong(three, conf(0b0011, 0), true), None);
        assert_eq!(wrong(three, three, true), None, "the same voters, perhaps with another address");
        assert_eq!(wrong(three, conf(0b1011, 0), true), Some(MANY_VOTERS), "one for another");
        assert_eq!(wrong(three, conf(0b11111, 0), true), Some(MANY_VOTERS));
    }

    #[test]
    fn joint_changes() {
        let (old, joint, new) = (conf(0b00111, 0), conf(0b11001, 0b00111), conf(0b11001, 0));
        assert_eq!(wrong(old, joint, true), None);
        assert_eq!(wrong(joint, new, true), None);
        assert_eq!(wrong(joint, new, false), Some(LEFT_EARLY));
        assert_eq!(wrong(joint, old, true), Some(OTHER_NEW));
        assert_eq!(wrong(joint, joint, true), Some(JOINT_TWICE));
        assert_eq!(wrong(conf(0b01111, 0), joint, true), Some(OTHER_OLD));
    }

    #[test]
    fn a_change_by_a_leader() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        fixture.expect_holds();
        fixture.append(N1, vec![Payload::Configuration(voters(&[N1, N3]))]);
        fixture.expect_violation("n1 changed n1 n2 at i3 to n1 n3 at i4, but more than one voter changed");
    }
}
