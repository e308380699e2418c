//! A server's log in memory is what it has asked its disk to keep: no entry is known that no write
//! carries, and no write changes a log that the server does not know.

use crate::check::ghost::{Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;

const WATCHES: Facts = Facts::UNWRITTEN.or(Facts::APPENDED);

/// The log is written.
pub(crate) const CHECK: Check = Check::new("log_is_written", "thesis §3.8", Column::Steps, WATCHES, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (slot, memory, writes) = (ledger.step.slot, ledger.step.now.last, ledger.subject().log.last());
    if memory == writes {
        return None;
    }
    say(format_args!("the log of {slot} ends at {memory}; by its writes it ends at {writes}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, Tale};
    use wavetank_raft::{Index, LogId, Term};

    #[test]
    fn every_entry_has_its_write() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn one_in_memory_only() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.pose(N1, |posed| posed.glimpse.last = LogId::new(Term(2), Index(3)));
        tale.speaks("the log of n1 ends at t2.i3; by its writes it ends at t2.i2");
    }
}
