//! A server never drops a committed entry if the server has sent a message with the term of the commit or a
//! newer term (thesis §3.6.3).
//!
//! The current term of the server does not matter. If a server never sent a message with such a term, the
//! server's copy was not needed for the commit, so a leader of an older term may overwrite the copy. The
//! check runs whenever a server truncates its log.

use crate::check::ghost::{ChainLink, CommitRecord, Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::{LogId, Term};

pub(crate) const CHECK: Check =
    Check::new("committed_never_dropped", "thesis §3.6.3", JudgeLevel::History, Facts::CUT, judge)
        .needing(Parts::TERM.or(Parts::COMMIT).or(Parts::LOG));

/// True if the server had to keep the removed entry `gone`.
fn is_bound(gone: ChainLink, committed: CommitRecord, announced_term: Term) -> bool {
    gone == committed.link && committed.term <= announced_term
}

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ghost.step;
    let (idx, announced_term) = (step.idx, step.announced_term_before);
    let (index, committed) = step.removed.iter().rev().find_map(|gone| {
        let committed = ghost.history.at(gone.index)?;
        is_bound(gone.link, committed, announced_term).then_some((gone.index, committed))
    })?;
    let CommitRecord { link, term, by } = committed;
    let id = LogId::new(link.term, index);
    violated(format_args!(
        "{idx} dropped {id}, but {by} committed {id} in {term} and {idx} has sent {announced_term}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};
    use wavetank_raft::Index;

    #[test]
    fn an_uncommitted_entry_may_be_dropped() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.elect(N2, 3);
        fixture.replicate(N2, N1, 1);
        fixture.expect_holds();
    }

    #[test]
    fn a_committed_entry_may_not_be_dropped() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.replicate(N1, N2, 0);
        fixture.commit(N1, 2);
        fixture.become_leader(N3, 3);
        fixture.replicate(N3, N2, 1);
        fixture.expect_violation("n2 dropped t2.i2, but n1 committed t2.i2 in t2 and n2 has sent t2");
    }

    #[test]
    fn a_server_below_the_commit_term_may_lose_its_copy() {
        // n3 holds an entry of t2. A leader of t5 commits this entry without n3. The leader of t3 never
        // had the entry, so its late append may overwrite the copy of n3.
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.deliver(N1, N3, 0);
        fixture.replicate(N1, N2, 0);
        fixture.become_leader(N1, 5);
        fixture.replicate(N1, N2, 2);
        fixture.commit(N1, 3);
        fixture.crash(N3);
        fixture.boot(N3);
        fixture.deliver(N1, N3, 0);
        let link = fixture.ghost.ghost_server(N3).log.link(Index(2)).expect("it was delivered");
        let committed = fixture.ghost.history.at(Index(2)).expect("it is committed");
        assert!(!is_bound(link, committed, Term(3)));
        assert!(is_bound(link, committed, Term(5)));
    }
}
