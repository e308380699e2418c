//! Leader Completeness: what was committed in a term is in the logs of the leaders of all later
//! terms.
//!
//! What is declared committed in the leader's own term or later is exempt: a leader that comes
//! late, with the votes of an older term, may well lack it.

use crate::check::ghost::{Committed, Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;
use wavetank_raft::LogId;

/// Leader Completeness (L3).
pub(crate) const CHECK: Check =
    Check::new("leader_completeness", "thesis §3.6.3", Column::Ghosts, Facts::LEADS, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ledger.step;
    let (leader, term, last) = (step.slot, step.now.term, step.was.last);
    let index = ledger.history.committed_before(term);
    let Committed { link, term: declared, by } = ledger.history.at(index)?;
    *witnessed += 1;
    if ledger.subject().holds(index, link) {
        return None;
    }
    let id = LogId::new(link.term, index);
    say(format_args!(
        "{leader} leads {term} with a log that ends at {last}, without {id}, which {by} declared committed in {declared}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, Tale};

    #[test]
    fn a_leader_with_everything() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.settle(N2, 3);
        tale.is_quiet();
    }

    #[test]
    fn a_leader_without_a_committed_entry() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.replicate(N1, N2, 0);
        tale.commit(N1, 2);
        tale.usurp(N3, 3);
        tale.speaks(
            "n3 leads t3 with a log that ends at t1.i1, without t2.i2, which n1 declared committed in t2",
        );
    }

    #[test]
    fn a_late_leader_of_an_older_term_may_lack_what_a_newer_one_committed() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N2, 2);
        tale.elect(N1, 4);
        tale.replicate(N1, N2, 1);
        tale.commit(N1, 3);
        tale.usurp(N3, 3);
        tale.is_quiet();
    }
}
