//! A server that comes back stands by what it said before: its term, its vote, its part in every
//! commit.

use crate::check::ghost::{Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;
use wavetank_raft::Index;

/// Recovery covers exposure (P2).
pub(crate) const CHECK: Check =
    Check::new("recovery_covers_exposure", "thesis §3.8", Column::Steps, Facts::BOOTED, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (slot, found) = (ledger.step.slot, &ledger.step.found);
    if !found.returning {
        return None;
    }
    *witnessed += 1;
    let (term, exposed) = (found.hard.term, ledger.subject().exposed);
    if term < exposed {
        return say(format_args!("{slot} comes back at {term}, and had told others of {exposed}"));
    }
    if let Some(voted) = ledger.terms.vote_of(slot, term)
        && found.hard.vote != Some(voted.node())
    {
        return say(format_args!("{slot} comes back at {term} and has forgotten its vote for {voted}"));
    }
    let (committed, last) = (committed_and_kept(ledger), found.last);
    if committed <= found.end() {
        return None;
    }
    say(format_args!(
        "{slot} comes back with a log up to {last}; committed, and on its disk, was {committed}"
    ))
}

/// How much of what was committed, in terms that the server has told others of, its disk had.
fn committed_and_kept(ledger: &Ledger) -> Index {
    let kept = &ledger.step.found.kept.log;
    let committed = ledger.history.committed_before(ledger.subject().exposed.next());
    let index = committed.min(kept.last().index);
    // A log that ends in another history has no part in it.
    let has = ledger.history.link(index).is_some_and(|link| kept.link(index) == Some(link));
    if has { index } else { Index::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, Tale, meta};
    use std::sync::Arc;
    use wavetank_raft::{Boot, Entropy, HardState, LogId, LogImage, SnapshotMeta, Term};

    #[test]
    fn all_is_there() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.crash(N2);
        tale.boot(N2);
        tale.is_quiet();
    }

    #[test]
    fn the_vote_is_there() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.crash(N3);
        tale.boot_with_vote(N3, 2, None);
        tale.speaks("n3 comes back at t2 and has forgotten its vote for n1");
    }

    #[test]
    fn the_term_is_there() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.crash(N3);
        tale.boot_with_vote(N3, 1, None);
        tale.speaks("n3 comes back at t1, and had told others of t2");
    }

    /// n2 has t2.i2, which is committed, and t2.i3, which is not, and comes back with less.
    fn tale(kept: usize, snapshot: Option<Arc<SnapshotMeta>>) -> Tale {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.propose(N1, 1);
        tale.replicate(N1, N2, 2);
        let entries = tale.posed(N2).entries[..kept].to_vec();
        tale.crash(N2);
        let mut log = LogImage::new(LogId::ZERO, 1);
        entries.iter().for_each(|entry| log.push(entry.clone()));
        let hard_state = HardState { term: Term(2), vote: Some(N1.node()) };
        tale.boot_as(N2, &Boot { entropy: Entropy(0), incarnation: 1, hard_state, log, snapshot }, &entries);
        tale
    }

    #[test]
    fn its_part_in_a_commit_is_there() {
        tale(3, None).is_quiet();
        // What was not committed may be missing.
        tale(2, None).is_quiet();
        tale(1, None).speaks("n2 comes back with a log up to t1.i1; committed, and on its disk, was i2");
        // A snapshot stands for it.
        tale(0, Some(Arc::new(meta(LogId::new(Term(2), Index(2)))))).is_quiet();
    }
}
