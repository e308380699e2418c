//! A command takes effect once, however often it is sent, and after it was first sent (K3).

use super::record::Record;
use super::{Check, Moment};
use crate::callers::Told;
use crate::kv::wire::Response;
use std::fmt;
use wavetank_raft::Index;

/// Sessions make retries harmless.
#[derive(Debug, Default)]
pub(super) struct ExactlyOnce(u64);

/// A command with more or other effects than one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Breach {
    /// It took effect at one index, and is said to have done so at another.
    Elsewhere { operation: String, first: Index },
    /// It is said to have taken effect before anybody sent it.
    TooEarly { operation: String, floor: Index },
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elsewhere { operation, first } => {
                write!(f, "{operation}: it had taken effect at {first}")
            }
            Self::TooEarly { operation, floor } => {
                write!(f, "{operation}: {floor} was applied when it was first sent")
            }
        }
    }
}

impl Check for ExactlyOnce {
    const NAME: &'static str = "exactly_once";
    const SECTION: &'static str = "thesis §6.3";
    type Breach = Breach;

    fn judge(&mut self, record: &Record, moment: &Moment<'_>) -> Option<Breach> {
        let operation = moment.done()?;
        let command = operation.command()?;
        let Some(Told::Applied(_, response)) = operation.told() else { return None };
        let told = Response::decode(response)?.effective;
        self.0 += 1;
        let floor = record.floor(operation.number);
        if told <= floor {
            return Some(Breach::TooEarly { operation: operation.to_string(), floor });
        }
        let first = record.effect(&command)?.index;
        (first != told).then(|| Breach::Elsewhere { operation: operation.to_string(), first })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::judges::tale::{N1, Tale};
    use crate::kv::wire::Outcome;

    #[test]
    fn a_command_that_came_twice_is_answered_with_its_first_effect() {
        let mut tale = Tale::new();
        tale.write(1, "a").applied(N1, 1, 1).applied(N1, 2, 1).acks(1, 2, Outcome::Done, 1);
        tale.is_quiet();
        assert_eq!(tale.witnessed(ExactlyOnce::NAME), 1);
    }

    #[test]
    fn a_second_effect_is_one_too_many() {
        let mut tale = Tale::new();
        tale.write(1, "a").applied(N1, 1, 1).applied(N1, 2, 1).acks(1, 2, Outcome::Done, 2);
        let words = "c0 #1 put k1 = \"a\" (s1.1): done by i2, said i2: it had taken effect at i1";
        tale.speaks("exactly_once", words);
    }

    #[test]
    fn a_command_is_not_answered_with_what_was_done_before_it() {
        let mut tale = Tale::new();
        tale.write(1, "a").applied(N1, 1, 1).write(2, "b").applied(N1, 2, 2);
        tale.acks(2, 2, Outcome::Done, 1);
        let words = "c0 #2 put k1 = \"b\" (s1.2): done by i1, said i2: i1 was applied when it was first sent";
        tale.speaks("exactly_once", words);
    }
}
