//! A write that was acknowledged is there, stays there, and did what was said (K1, K2).

use super::record::Record;
use super::{Check, Moment, Taken};
use crate::callers::Told;
use crate::kv::clients::Operation;
use crate::kv::wire::{Outcome, Response};
use crate::observe::Ending;
use crate::slot::Slot;
use std::collections::BTreeMap;
use std::fmt;
use wavetank_raft::Index;

/// Acknowledged writes are kept.
#[derive(Debug, Default)]
pub(super) struct AckedWrites {
    /// Where acknowledged writes stand.
    acked: BTreeMap<Index, u64>,
    seen: u64,
}

/// An acknowledged write that is not what was said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Breach {
    /// It does not stand where it was said to.
    NotThere { operation: String, said: Index },
    /// Something else came of it.
    OtherOutcome { operation: String, came: Option<Outcome> },
    /// A server applied something else in its place.
    Replaced { operation: u64, index: Index, at: Slot },
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere { operation, said } => write!(f, "{operation}: nobody applied it at {said}"),
            Self::OtherOutcome { operation, came: Some(outcome) } => {
                write!(f, "{operation}: what came of it is {outcome:?}")
            }
            Self::OtherOutcome { operation, came: None } => write!(f, "{operation}: nothing came of it"),
            Self::Replaced { operation, index, at } => {
                write!(f, "#{operation} was acknowledged at {index}, and {at} applied something else there")
            }
        }
    }
}

impl Check for AckedWrites {
    const NAME: &'static str = "acked_writes";
    const SECTION: &'static str = "thesis §6.3";
    type Breach = Breach;

    fn judge(&mut self, record: &Record, moment: &Moment<'_>) -> Option<Breach> {
        match moment {
            Moment::Returned(operation) if operation.ended(Ending::Ok) => self.acked(record, operation),
            Moment::Other(taken) => self.replaced(taken),
            Moment::Invoked(_) | Moment::Returned(_) | Moment::First(_) | Moment::Broke(_) => None,
        }
    }

    fn witnessed(&self) -> u64 {
        self.seen
    }
}

impl AckedWrites {
    fn acked(&mut self, record: &Record, operation: &Operation) -> Option<Breach> {
        let (bytes, command) = (operation.bytes()?, operation.command()?);
        let Some(Told::Applied(said, response)) = operation.told() else { return None };
        self.seen += 1;
        if record.command(*said) != Some(bytes) {
            return Some(Breach::NotThere { operation: operation.to_string(), said: *said });
        }
        self.acked.insert(*said, operation.number);
        let told = Response::decode(response).map(|response| response.outcome);
        let came = record.effect(&command).map(|effect| effect.outcome);
        let is_so = told == came && matches!(told, Some(Outcome::Done | Outcome::Mismatch));
        (!is_so).then(|| Breach::OtherOutcome { operation: operation.to_string(), came })
    }

    fn replaced(&self, taken: &Taken<'_>) -> Option<Breach> {
        let &operation = self.acked.get(&taken.index)?;
        Some(Breach::Replaced { operation, index: taken.index, at: taken.slot })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::judges::tale::{N1, N2, Tale};

    #[test]
    fn what_was_applied_may_be_acknowledged() {
        let mut tale = Tale::new();
        tale.write(1, "a").applied(N1, 3, 1).acks(1, 3, Outcome::Done, 3);
        tale.applied(N2, 3, 1).is_quiet();
        assert_eq!(tale.witnessed(AckedWrites::NAME), 1);
    }

    #[test]
    fn what_nobody_applied_may_not() {
        let mut tale = Tale::new();
        tale.write(1, "a").acks(1, 3, Outcome::Done, 3);
        tale.speaks(
            "acked_writes",
            "c0 #1 put k1 = \"a\" (s1.1): done by i3, said i3: nobody applied it at i3",
        );
    }

    #[test]
    fn nor_what_stands_elsewhere() {
        let mut tale = Tale::new();
        tale.write(1, "a").write(2, "b").applied(N1, 1, 1).applied(N1, 2, 2);
        tale.acks(1, 2, Outcome::Done, 2);
        tale.speaks(
            "acked_writes",
            "c0 #1 put k1 = \"a\" (s1.1): done by i2, said i2: nobody applied it at i2",
        );
    }

    #[test]
    fn nor_with_an_outcome_that_is_not_so() {
        let mut tale = Tale::new();
        tale.write(1, "a").applied(N1, 1, 1).acks(1, 1, Outcome::Mismatch, 1);
        let words = "c0 #1 put k1 = \"a\" (s1.1): mismatch, said i1: what came of it is Done";
        tale.speaks("acked_writes", words);
    }

    #[test]
    fn an_acknowledged_write_is_never_replaced() {
        let mut tale = Tale::new();
        tale.write(1, "a").write(2, "b").applied(N1, 1, 1).acks(1, 1, Outcome::Done, 1);
        tale.applied(N2, 1, 2);
        let words = "#1 was acknowledged at i1, and n2 applied something else there";
        tale.speaks("acked_writes", words);
    }
}
