//! What a read returns is what the key held, in the state that the read says it is of (K5, R3).

use super::record::Record;
use super::{Check, Moment};
use crate::callers::Told;
use crate::kv::wire::Got;
use std::fmt;
use wavetank_raft::Index;

/// Nothing is read that was not committed.
#[derive(Debug, Default)]
pub(super) struct NoPhantom(u64);

/// A value out of nowhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Breach {
    /// The answer makes no sense.
    NotUnderstood(u64),
    /// Nobody has applied so much.
    Unheard { operation: String, last: Index },
    /// The key held something else.
    Other { operation: String, held: Index },
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUnderstood(operation) => write!(f, "the answer to #{operation} is not one"),
            Self::Unheard { operation, last } => write!(f, "{operation}: nobody applied more than {last}"),
            Self::Other { operation, held } => write!(f, "{operation}: it held what {held} wrote"),
        }
    }
}

impl Check for NoPhantom {
    const NAME: &'static str = "no_phantom";
    const SECTION: &'static str = "thesis §6.4";
    type Breach = Breach;

    fn judge(&mut self, record: &Record, moment: &Moment<'_>) -> Option<Breach> {
        let operation = moment.done()?;
        let Some(Told::Got(bytes)) = operation.told() else { return None };
        self.0 += 1;
        let Some(got) = Got::decode(bytes) else { return Some(Breach::NotUnderstood(operation.number)) };
        let last = record.last_command();
        if last < got.applied {
            return Some(Breach::Unheard { operation: operation.to_string(), last });
        }
        let version = record.version(operation.wanted.key, got.applied);
        let is_so = version.index == got.version && version.is(got.value);
        (!is_so).then(|| Breach::Other { operation: operation.to_string(), held: version.index })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::judges::tale::{N1, N2, Tale};

    #[test]
    fn any_past_state_may_be_read() {
        let mut tale = Tale::new();
        tale.stale_read(1, N2).sees(1, 0, 0, "");
        tale.write(2, "a").applied(N1, 2, 2).write(3, "b").applied(N1, 3, 3);
        tale.stale_read(4, N2).sees(4, 2, 2, "a");
        tale.stale_read(5, N1).sees(5, 3, 3, "b").is_quiet();
        assert_eq!(tale.witnessed(NoPhantom::NAME), 3);
    }

    #[test]
    fn a_future_one_may_not() {
        let mut tale = Tale::new();
        tale.write(1, "a").stale_read(2, N2).sees(2, 1, 1, "a");
        let words = "c1 #2 stale-read k1 at n2: \"a\" of i1, state i1: nobody applied more than i0";
        tale.speaks("no_phantom", words);
    }

    #[test]
    fn nor_a_value_that_the_key_never_had() {
        let mut tale = Tale::new();
        tale.write(1, "a").applied(N1, 1, 1).stale_read(2, N2).sees(2, 1, 1, "aa");
        let words = "c1 #2 stale-read k1 at n2: \"aa\" of i1, state i1: it held what i1 wrote";
        tale.speaks("no_phantom", words);
    }

    #[test]
    fn nor_one_that_it_had_no_more() {
        let mut tale = Tale::new();
        tale.write(1, "a").applied(N1, 1, 1).write(2, "b").applied(N1, 2, 2);
        tale.stale_read(3, N2).sees(3, 2, 1, "a");
        let words = "c1 #3 stale-read k1 at n2: \"a\" of i1, state i2: it held what i2 wrote";
        tale.speaks("no_phantom", words);
    }
}
