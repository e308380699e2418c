//! Who knows that a store failed promises nothing more until it has started anew: what the disk
//! holds is not known.

use super::{Check, Column};
use crate::ledger::{Exposure, Facts, Ledger};
use crate::slot::Slot;
use std::fmt;

/// Fail-stop on a storage error (P4).
#[derive(Debug, Default)]
pub struct SilentAfterDiskError(u64);

/// A promise after an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spoke {
    /// Whose.
    pub slot: Slot,
    /// The promise.
    pub promise: Exposure,
}

impl fmt::Display for Spoke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a store of {} failed, and then it promised {:?}", self.slot, self.promise)
    }
}

impl Check for SilentAfterDiskError {
    const NAME: &'static str = "silent_after_disk_error";
    const SECTION: &'static str = "thesis §3.8";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::SENT_GRANT
        .or(Facts::SENT_CANDIDACY)
        .or(Facts::SENT_ACK)
        .or(Facts::SENT_SNAPSHOT_ACK);
    type Breach = Spoke;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Spoke> {
        self.0 += 1;
        if !ledger.subject().poisoned {
            return None;
        }
        let promise = *ledger.step.exposures.first()?;
        Some(Spoke { slot: ledger.step.slot, promise })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, Tale};
    use wavetank_raft::Event;
    use wavetank_raft::store::{StoreError, StoreErrorKind};

    fn fail(tale: &mut Tale<SilentAfterDiskError>) {
        let error = StoreError::new(StoreErrorKind::Io, "log");
        tale.step(N2, &Event::StoreFailed(error), |_| {}, Vec::new());
    }

    #[test]
    fn silence() {
        let mut tale = Tale::<SilentAfterDiskError>::three();
        tale.elect(N1, 2);
        fail(&mut tale);
        tale.crash(N2);
        tale.boot(N2);
        tale.replicate(N1, N2, 0);
        tale.is_quiet();
    }

    #[test]
    fn a_promise() {
        let mut tale = Tale::<SilentAfterDiskError>::three();
        tale.elect(N1, 2);
        fail(&mut tale);
        tale.replicate(N1, N2, 0);
        tale.speaks("a store of n2 failed, and then it promised Ack");
    }
}
