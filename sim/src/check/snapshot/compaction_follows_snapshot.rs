//! The beginning of a log goes only when a durable snapshot stands for it.

use crate::check::ghost::{Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;

/// Compaction follows the snapshot.
pub(crate) const CHECK: Check =
    Check::new("compaction_follows_snapshot", "thesis §5.1", Column::Steps, Facts::COMPACTED, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (slot, snapshot) = (ledger.step.slot, ledger.subject().disk.snapshot);
    let index = ledger.step.compacted?;
    if index <= snapshot.index {
        return None;
    }
    say(format_args!("{slot} drops its log up to {index}; its newest durable snapshot is of {snapshot}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, Tale};
    use wavetank_raft::{Event, Index, LogId, LogOp, Term};

    fn compact(tale: &mut Tale, index: u64) {
        let write = tale.write(None, LogOp::Compact(Index(index)));
        tale.step(N1, &Event::Timer, |_| {}, vec![write]);
    }

    #[test]
    fn after_the_snapshot() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.captured(N1, LogId::new(Term(2), Index(2)), 7);
        compact(&mut tale, 2);
        tale.is_quiet();
    }

    #[test]
    fn not_before_it() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        compact(&mut tale, 2);
        tale.speaks("n1 drops its log up to i2; its newest durable snapshot is of t0.i0");
    }
}
