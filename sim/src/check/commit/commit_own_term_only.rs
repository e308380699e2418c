//! A leader commits by counting only entries of its own term; older ones come along.

use crate::check::commit::committed_is_durable_on_quorum::counted;
use crate::check::ghost::{Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;
use wavetank_raft::LogId;

/// The commit rule (C5).
pub(crate) const CHECK: Check =
    Check::new("commit_own_term_only", "thesis §3.6.2", Column::Steps, Facts::COMMIT, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ledger.step;
    if !counted(step) {
        return None;
    }
    *witnessed += 1;
    let (leader, term, commit) = (step.slot, step.now.term, step.now.commit);
    let entry = LogId::new(ledger.subject().log.link(commit)?.term, commit);
    if entry.term == term {
        return None;
    }
    say(format_args!("{leader}, leader of {term}, committed {entry} by counting"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, Tale};

    #[test]
    fn an_own_entry_takes_the_old_ones_along() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.propose(N1, 2);
        tale.replicate(N1, N2, 0);
        tale.elect(N2, 3);
        tale.replicate(N2, N1, 4);
        tale.commit(N2, 5);
        tale.commit(N1, 5);
        tale.is_quiet();
    }

    #[test]
    fn an_old_entry_is_not_counted() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.replicate(N1, N2, 0);
        tale.elect(N2, 3);
        tale.commit(N2, 2);
        tale.speaks("n2, leader of t3, committed t2.i2 by counting");
    }
}
