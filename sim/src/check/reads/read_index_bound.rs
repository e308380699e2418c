//! A read sees at least everything that was committed anywhere when it was asked for.

use crate::check::ghost::{Asked, Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;

/// The bound of a read index (R1).
pub(crate) const CHECK: Check =
    Check::new("read_index_bound", "thesis §6.4", Column::Ghosts, Facts::READABLE, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    let slot = ledger.step.slot;
    ledger.step.allowed.iter().find_map(|allowed| {
        let Asked { request, committed, indexed, leased, .. } = allowed.asked;
        let index = allowed.index?;
        // What a lease shows is judged with the lease.
        if !indexed || leased {
            return None;
        }
        *witnessed += 1;
        if committed <= index {
            return None;
        }
        say(format_args!(
            "{slot} lets {request} read at {index}; when it was asked, {committed} was committed"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, Tale};
    use wavetank_raft::{Answer, Index, ReadPath};

    #[test]
    fn what_was_committed_is_seen() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.read(N1, 50, ReadPath::Index);
        tale.allow(N1, 50, Answer::Readable { index: Index(2) });
        tale.is_quiet();
    }

    #[test]
    fn the_past_is_not() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.read(N1, 50, ReadPath::Index);
        tale.allow(N1, 50, Answer::Readable { index: Index(1) });
        tale.speaks("n1 lets r50 read at i1; when it was asked, i2 was committed");
    }
}
