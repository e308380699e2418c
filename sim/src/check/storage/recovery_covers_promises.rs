//! A restarted server still has everything that the server promised to keep: the term, the vote, and the
//! committed entries that the server acknowledged (thesis §3.8).
//!
//! The check runs at every restart of a server that keeps its disk.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::Index;

const NEEDS: Parts = Parts::MESSAGES.or(Parts::TERM).or(Parts::VOTE).or(Parts::COMMIT).or(Parts::LOG);

pub(crate) const CHECK: Check =
    Check::new("recovery_covers_promises", "thesis §3.8", JudgeLevel::Steps, Facts::BOOTED, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (idx, found) = (ghost.step.idx, &ghost.step.recovered);
    if !found.returning {
        return None;
    }
    *witnessed += 1;
    let (term, announced_term) = (found.hard.term, ghost.subject().announced_term);
    if term < announced_term {
        return violated(format_args!("{idx} restarts at {term}, but {idx} has sent {announced_term}"));
    }
    if let Some(voted) = ghost.terms.vote_of(idx, term)
        && found.hard.vote != Some(voted.node())
    {
        return violated(format_args!("{idx} restarts at {term} without its vote for {voted}"));
    }
    let (committed, last) = (committed_and_kept(ghost), found.last);
    if committed <= found.end() {
        return None;
    }
    violated(format_args!(
        "{idx} restarts with a log that ends at {last}, but its disk held committed entries up to {committed}"
    ))
}

/// Returns the last committed index that was on the disk of the server before the start. Ignores commits in
/// terms above the newest term that the server has sent. Returns zero if there is no such index.
fn committed_and_kept(ghost: &Ghost) -> Index {
    let kept = &ghost.step.recovered.kept.log;
    let committed = ghost.history.committed_before(ghost.subject().announced_term.next());
    let index = committed.min(kept.last().index);
    // If the entry there differs from the committed entry, the disk held no part of the committed log.
    let has = ghost.history.link(index).is_some_and(|link| kept.link(index) == Some(link));
    if has { index } else { Index::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, meta};
    use std::sync::Arc;
    use wavetank_raft::{Boot, CacheLimits, Entropy, HardState, LogId, LogImage, SnapshotMeta, Term};

    #[test]
    fn a_server_that_recovers_everything_is_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.crash(N2);
        fixture.boot(N2);
        fixture.expect_holds();
    }

    #[test]
    fn a_server_recovers_its_vote() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.crash(N3);
        fixture.boot_with_vote(N3, 2, None);
        fixture.expect_violation("n3 restarts at t2 without its vote for n1");
    }

    #[test]
    fn a_server_recovers_its_term() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.crash(N3);
        fixture.boot_with_vote(N3, 1, None);
        fixture.expect_violation("n3 restarts at t1, but n3 has sent t2");
    }

    /// n2 has the committed entry t2.i2 and the uncommitted entry t2.i3. n2 restarts with fewer entries.
    fn fixture(kept: usize, snapshot: Option<Arc<SnapshotMeta>>) -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.propose(N1, 1);
        fixture.replicate(N1, N2, 2);
        let entries = fixture.scripted(N2).entries[..kept].to_vec();
        fixture.crash(N2);
        let mut log = LogImage::new(LogId::ZERO, CacheLimits::entries(1));
        entries.iter().for_each(|entry| log.push(entry.clone()));
        let hard_state = HardState { term: Term(2), vote: Some(N1.node()) };
        fixture.boot_as(
            N2,
            &Boot { entropy: Entropy(0), incarnation: 1, hard_state, log, snapshot, catch_up: LogId::ZERO },
            &entries,
        );
        fixture
    }

    #[test]
    fn a_server_recovers_the_committed_entries_it_acknowledged() {
        fixture(3, None).expect_holds();
        // An uncommitted entry may be missing.
        fixture(2, None).expect_holds();
        fixture(1, None).expect_violation(
            "n2 restarts with a log that ends at t1.i1, but its disk held committed entries up to i2",
        );
        // The snapshot covers the committed entry.
        fixture(0, Some(Arc::new(meta(LogId::new(Term(2), Index(2)))))).expect_holds();
    }
}
