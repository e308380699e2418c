//! A read that claims to be up to date knows everything that was applied anywhere when it began
//! (R1, R2).

use super::record::Record;
use super::{Check, Moment, Promises};
use crate::callers::Told;
use crate::kv::wire::Got;
use std::fmt;
use wavetank_raft::Index;

/// No read is stale.
#[derive(Debug)]
pub(super) struct FreshReads {
    promises: Promises,
    seen: u64,
}

/// A stale read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Breach {
    operation: String,
    floor: Index,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} was applied when it began", self.operation, self.floor)
    }
}

impl FreshReads {
    pub(super) const fn new(promises: Promises) -> Self {
        Self { promises, seen: 0 }
    }
}

impl Check for FreshReads {
    const NAME: &'static str = "fresh_reads";
    const SECTION: &'static str = "thesis §6.4";
    type Breach = Breach;

    fn judge(&mut self, record: &Record, moment: &Moment<'_>) -> Option<Breach> {
        let operation = moment.done()?;
        let Some(Told::Got(bytes)) = operation.told() else { return None };
        if !self.promises.is_current(&operation.wanted.want) {
            return None;
        }
        self.seen += 1;
        let (got, floor) = (Got::decode(bytes)?, record.floor(operation.number));
        (got.applied < floor).then(|| Breach { operation: operation.to_string(), floor })
    }

    fn witnessed(&self) -> u64 {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::judges::tale::{N1, N2, Tale};

    #[test]
    fn a_read_may_miss_what_was_applied_after_it_began() {
        let mut tale = Tale::new();
        tale.write(1, "a").read(2, N2).applied(N1, 1, 1).sees(2, 0, 0, "").is_quiet();
        assert_eq!(tale.witnessed(FreshReads::NAME), 1);
    }

    #[test]
    fn a_read_misses_nothing_that_was_applied_before() {
        let mut tale = Tale::new();
        tale.write(1, "a").applied(N1, 1, 1).read(2, N2).sees(2, 0, 0, "");
        let words = "c1 #2 read k1 at n2: \"\" of i0, state i0: i1 was applied when it began";
        tale.speaks("fresh_reads", words);
    }

    #[test]
    fn a_read_of_the_local_state_claims_nothing() {
        let mut tale = Tale::new();
        tale.write(1, "a").applied(N1, 1, 1).stale_read(2, N2).sees(2, 0, 0, "").is_quiet();
        assert_eq!(tale.witnessed(FreshReads::NAME), 0);
    }
}
