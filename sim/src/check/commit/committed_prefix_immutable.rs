//! A server never cuts its log at or below its own commit index.

use crate::check::ghost::{Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;

/// The committed prefix is immutable (C3).
pub(crate) const CHECK: Check =
    Check::new("committed_prefix_immutable", "thesis §3.6.3", Column::Ghosts, Facts::CUT, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (slot, commit) = (ledger.step.slot, ledger.step.was.commit);
    let from = ledger.step.gone.last()?.index;
    if commit < from {
        return None;
    }
    say(format_args!("{slot} cut its log from {from} on, and had committed {commit}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, Tale};

    #[test]
    fn above_the_commit_index_it_may() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.propose(N1, 2);
        tale.elect(N2, 3);
        tale.replicate(N2, N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn at_the_commit_index_it_may_not() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.elect(N2, 3);
        tale.replicate(N2, N3, 1);
        tale.speaks("n3 cut its log from i2 on, and had committed i2");
    }
}
