//! A write of which it was said that it was not done is never done (K4).

use super::record::Record;
use super::{Check, Moment};
use crate::kv::clients::Operation;
use crate::observe::Ending;
use std::collections::BTreeMap;
use std::fmt;
use wavetank_raft::Index;

/// Refusals are true.
#[derive(Debug, Default)]
pub(super) struct HonestFailures {
    /// Sessions and sequence numbers of what was refused for certain, and its operation.
    refused: BTreeMap<(u32, u32), u64>,
    seen: u64,
}

/// A refused write that was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Breach {
    operation: u64,
    index: Index,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, index } = self;
        write!(f, "#{operation} was refused for certain, and was applied at {index}")
    }
}

impl Check for HonestFailures {
    const NAME: &'static str = "honest_failures";
    const SECTION: &'static str = "thesis §6.2";
    type Breach = Breach;

    fn judge(&mut self, record: &Record, moment: &Moment<'_>) -> Option<Breach> {
        match moment {
            Moment::Returned(operation) if operation.ended(Ending::Failed) => self.refuse(record, operation),
            Moment::First(taken) => {
                let command = taken.command.as_ref()?;
                let &operation = self.refused.get(&(command.session, command.sequence))?;
                Some(Breach { operation, index: taken.index })
            }
            Moment::Invoked(_) | Moment::Returned(_) | Moment::Other(_) | Moment::Broke(_) => None,
        }
    }

    fn witnessed(&self) -> u64 {
        self.seen
    }
}

impl HonestFailures {
    fn refuse(&mut self, record: &Record, operation: &Operation) -> Option<Breach> {
        let command = operation.command()?;
        self.seen += 1;
        self.refused.insert((command.session, command.sequence), operation.number);
        let effect = record.effect(&command)?;
        Some(Breach { operation: operation.number, index: effect.index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::judges::tale::{N1, Tale};

    #[test]
    fn what_was_refused_stays_undone() {
        let mut tale = Tale::new();
        tale.write(1, "a").fails(1).write(2, "b").applied(N1, 1, 2).is_quiet();
        assert_eq!(tale.witnessed(HonestFailures::NAME), 1);
    }

    #[test]
    fn it_is_not_done_later() {
        let mut tale = Tale::new();
        tale.write(1, "a").fails(1).applied(N1, 4, 1);
        tale.speaks("honest_failures", "#1 was refused for certain, and was applied at i4");
    }

    #[test]
    fn nor_was_it_done_before() {
        let mut tale = Tale::new();
        tale.write(1, "a").applied(N1, 4, 1).fails(1);
        tale.speaks("honest_failures", "#1 was refused for certain, and was applied at i4");
    }

    #[test]
    fn what_came_to_an_unknown_end_may_be_done() {
        let mut tale = Tale::new();
        tale.write(1, "a").unknown(1).applied(N1, 4, 1).is_quiet();
    }
}
