//! From one configuration only certain others may follow: one voter more or less, or a joint one,
//! which is left for what it led to, and only once it is committed.

use super::{Check, Column};
use crate::ledger::{Conf, Facts, Ledger, Placed};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::Index;

/// Legal transitions (M5).
#[derive(Debug, Default)]
pub struct LegalTransition(u64);

/// A transition that is not legal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Illegal {
    /// Who leads.
    pub leader: Slot,
    /// From here.
    pub from: Placed,
    /// To here.
    pub to: Placed,
    /// Why not.
    pub why: Why,
}

/// Why a transition is not legal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// More than one voter came or went.
    ManyVoters,
    /// The old voters of the joint configuration are not those that were in force.
    OtherOld,
    /// The joint configuration led somewhere else.
    OtherNew,
    /// It was left before it was committed.
    LeftEarly,
    /// A joint configuration follows a joint one.
    JointTwice,
}

impl fmt::Display for Illegal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { leader, from, to, why } = self;
        write!(f, "{leader} went from {from} to {to}: ")?;
        f.write_str(match why {
            Why::ManyVoters => "more than one voter came or went",
            Why::OtherOld => "the old voters are not those that were in force",
            Why::OtherNew => "the joint configuration led somewhere else",
            Why::LeftEarly => "the joint configuration was not committed yet",
            Why::JointTwice => "one joint configuration follows another",
        })
    }
}

/// What is wrong with a step, if its first configuration is committed or not.
#[must_use]
pub fn judged(from: Conf, to: Conf, committed: bool) -> Option<Why> {
    match (from.is_joint(), to.is_joint()) {
        (false, false) => {
            let came = to.incoming.minus(from.incoming).len();
            let went = from.incoming.minus(to.incoming).len();
            (1 < came + went).then_some(Why::ManyVoters)
        }
        (false, true) => (to.outgoing != from.incoming).then_some(Why::OtherOld),
        (true, false) if to.incoming != from.incoming => Some(Why::OtherNew),
        (true, false) => (!committed).then_some(Why::LeftEarly),
        (true, true) => Some(Why::JointTwice),
    }
}

impl Check for LegalTransition {
    const NAME: &'static str = "legal_transition";
    const SECTION: &'static str = "thesis §4.1, §4.3";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::CHANGED;
    type Breach = Illegal;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Illegal> {
        let commit: Index = ledger.step.now.commit;
        ledger.step.changed.iter().find_map(|(from, to)| {
            let (from, to) = ((*from)?, *to);
            self.0 += 1;
            let why = judged(from.conf, to.conf, from.index <= commit)?;
            Some(Illegal { leader: ledger.step.slot, from, to, why })
        })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale, voters};
    use crate::slot::Slots;
    use wavetank_raft::Payload;

    fn conf(incoming: u16, outgoing: u16) -> Conf {
        let (incoming, outgoing) = (Slots(incoming), Slots(outgoing));
        Conf { incoming, outgoing, members: incoming.or(outgoing), digest: 0 }
    }

    #[test]
    fn simple_steps() {
        let three = conf(0b0111, 0);
        assert_eq!(judged(three, conf(0b1111, 0), true), None);
        assert_eq!(judged(three, conf(0b0011, 0), true), None);
        assert_eq!(judged(three, three, true), None, "an identical one, or only an address");
        assert_eq!(judged(three, conf(0b1011, 0), true), Some(Why::ManyVoters), "one for another");
        assert_eq!(judged(three, conf(0b11111, 0), true), Some(Why::ManyVoters));
    }

    #[test]
    fn joint_steps() {
        let (old, joint, new) = (conf(0b00111, 0), conf(0b11001, 0b00111), conf(0b11001, 0));
        assert_eq!(judged(old, joint, true), None);
        assert_eq!(judged(joint, new, true), None);
        assert_eq!(judged(joint, new, false), Some(Why::LeftEarly));
        assert_eq!(judged(joint, old, true), Some(Why::OtherNew));
        assert_eq!(judged(joint, joint, true), Some(Why::JointTwice));
        assert_eq!(judged(conf(0b01111, 0), joint, true), Some(Why::OtherOld));
    }

    #[test]
    fn in_a_story() {
        let mut tale = Tale::<LegalTransition>::three();
        tale.settle(N1, 2);
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        tale.is_quiet();
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N3]))]);
        tale.speaks("n1 went from n1 n2 at i3 to n1 n3 at i4: more than one voter came or went");
    }
}
