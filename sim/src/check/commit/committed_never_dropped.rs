//! A server that has told others of the term in which an entry was committed never drops that entry.
//!
//! What counts is what it has told, not the term it is in: a server that never reached that term
//! was not needed for the commit and may lose its copy to a leader of an older term.

use crate::check::ghost::{Committed, Facts, Ledger, Link};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;
use wavetank_raft::{LogId, Term};

/// Committed entries are never dropped (L5).
pub(crate) const CHECK: Check =
    Check::new("committed_never_dropped", "thesis §3.6.3", Column::Ghosts, Facts::CUT, judge);

/// Whether this entry may not go.
fn is_bound(gone: Link, committed: Committed, exposed: Term) -> bool {
    gone == committed.link && committed.term <= exposed
}

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ledger.step;
    let (slot, exposed) = (step.slot, step.exposed_before);
    let (index, committed) = step.gone.iter().rev().find_map(|gone| {
        let committed = ledger.history.at(gone.index)?;
        is_bound(gone.link, committed, exposed).then_some((gone.index, committed))
    })?;
    let Committed { link, term, by } = committed;
    let id = LogId::new(link.term, index);
    say(format_args!(
        "{slot}, which has told others of {exposed}, dropped {id}, which {by} declared committed in {term}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, Tale};
    use wavetank_raft::Index;

    #[test]
    fn what_was_never_committed_may_go() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.elect(N2, 3);
        tale.replicate(N2, N1, 1);
        tale.is_quiet();
    }

    #[test]
    fn what_a_quorum_was_needed_for_may_not() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.replicate(N1, N2, 0);
        tale.commit(N1, 2);
        tale.usurp(N3, 3);
        tale.replicate(N3, N2, 1);
        tale.speaks("n2, which has told others of t2, dropped t2.i2, which n1 declared committed in t2");
    }

    #[test]
    fn who_never_heard_of_the_commit_term_may_lose_its_copy() {
        // n3 holds an entry of t2 that a leader of t5 commits without it; a late append of t3's
        // leader, which never had that entry, may still overwrite it.
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.deliver(N1, N3, 0);
        tale.replicate(N1, N2, 0);
        tale.usurp(N1, 5);
        tale.replicate(N1, N2, 2);
        tale.commit(N1, 3);
        tale.crash(N3);
        tale.boot(N3);
        tale.deliver(N1, N3, 0);
        let link = tale.ledger.shadow(N3).log.link(Index(2)).expect("it was delivered");
        let committed = tale.ledger.history.at(Index(2)).expect("it is committed");
        assert!(!is_bound(link, committed, Term(3)));
        assert!(is_bound(link, committed, Term(5)));
    }
}
