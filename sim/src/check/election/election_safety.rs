//! Election Safety: a term has at most one leader (thesis §3.4).
//!
//! The check runs whenever a server becomes leader.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::ServerIdx;
use crate::subject::Parts;
use wavetank_raft::Term;

pub(crate) const CHECK: Check =
    Check::new("election_safety", "thesis §3.4", JudgeLevel::Outcomes, Facts::LEADS, judge)
        .needing(Parts::ROLE.or(Parts::TERM));

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (leader, term) = (ghost.step.idx, ghost.step.now.term);
    two_leaders(ghost.terms.leader(term), leader, term)
}

/// Returns a message if the first leader of the term, `first`, is not `leader`. `first` is `None` if the term
/// had no leader before.
pub(crate) fn two_leaders(first: Option<ServerIdx>, leader: ServerIdx, term: Term) -> Option<String> {
    let first = first.filter(|first| *first != leader)?;
    violated(format_args!("{first} and {leader} both lead {term}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};

    #[test]
    fn one_leader_a_term_is_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.elect(N2, 3);
        fixture.expect_holds();
    }

    #[test]
    fn the_same_leader_once_more_is_legal() {
        assert_eq!(two_leaders(Some(N1), N1, Term(2)), None);
    }

    #[test]
    fn two_leaders_of_a_term_are_not() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.become_leader(N3, 2);
        fixture.expect_violation("n1 and n3 both lead t2");
    }
}
