//! A server that knows that a store failed promises nothing more until it has started anew: what the
//! disk holds is not known.

use crate::check::ghost::{Facts, Ledger};
use crate::check::storage::persist_before_send::PROMISES;
use crate::check::{Check, say};
use crate::plan::judge_level::Column;

/// Fail-stop on a storage error (P4).
pub(crate) const CHECK: Check =
    Check::new("silent_after_disk_error", "thesis §3.8", Column::Steps, PROMISES, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    if !ledger.subject().poisoned {
        return None;
    }
    let (slot, promise) = (ledger.step.slot, ledger.step.exposures.first()?);
    say(format_args!("a store of {slot} failed, and then it promised {promise:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, Tale};
    use wavetank_raft::Event;
    use wavetank_raft::store::{StoreError, StoreErrorKind};

    fn fail(tale: &mut Tale) {
        let error = StoreError::new(StoreErrorKind::Io, "log");
        tale.step(N2, &Event::StoreFailed(error), |_| {}, Vec::new());
    }

    #[test]
    fn silence() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        fail(&mut tale);
        tale.crash(N2);
        tale.boot(N2);
        tale.replicate(N1, N2, 0);
        tale.is_quiet();
    }

    #[test]
    fn a_promise() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        fail(&mut tale);
        tale.replicate(N1, N2, 0);
        tale.speaks("a store of n2 failed, and then it promised Ack");
    }
}
