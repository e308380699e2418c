//! Election Safety: a term has at most one leader.

use crate::check::ghost::{Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;
use crate::plan::server_set::Slot;
use wavetank_raft::Term;

/// Election Safety (T5).
pub(crate) const CHECK: Check =
    Check::new("election_safety", "thesis §3.4", Column::Outcomes, Facts::LEADS, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (leader, term) = (ledger.step.slot, ledger.step.now.term);
    two_leaders(ledger.terms.leader(term), leader, term)
}

/// What is wrong if this server leads a term that had this leader first.
pub(crate) fn two_leaders(first: Option<Slot>, leader: Slot, term: Term) -> Option<String> {
    let first = first.filter(|first| *first != leader)?;
    say(format_args!("{first} and {leader} both lead {term}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, Tale};

    #[test]
    fn one_leader_a_term_is_legal() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.elect(N2, 3);
        tale.is_quiet();
    }

    #[test]
    fn the_same_leader_once_more_is_legal() {
        assert_eq!(two_leaders(Some(N1), N1, Term(2)), None);
    }

    #[test]
    fn two_leaders_of_a_term_are_not() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.usurp(N3, 2);
        tale.speaks("n1 and n3 both lead t2");
    }
}
