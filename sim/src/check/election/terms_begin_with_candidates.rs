//! A server enters a new term only if some server was a candidate in this term or in a newer term (thesis §3.3,
//! §3.4).
//!
//! Only a candidate increments a term; all other servers learn the term from messages. If a server entered a
//! term that no candidate began, the leader would lose its role without need. The check runs at every change
//! of a term while a server runs. Term 1 needs no candidate, because the entry of the first configuration has
//! this term.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::Term;

/// The term of the first configuration.
const FIRST: Term = Term(1);

pub(crate) const CHECK: Check =
    Check::new("terms_begin_with_candidates", "thesis §3.3, §3.4", JudgeLevel::Steps, Facts::TERM, judge)
        .needing(Parts::ROLE.or(Parts::TERM));

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    if facts.touches(Facts::BOOTED) {
        return None;
    }
    let (idx, now, begun) = (ghost.step.idx, ghost.step.now.term, ghost.terms.begun().max(FIRST));
    *witnessed += 1;
    if now <= begun {
        return None;
    }
    violated(format_args!("{idx} enters {now}, but no server was a candidate in a term after {begun}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};

    #[test]
    fn a_voter_enters_the_term_of_a_candidate() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.campaign(N1, 4);
        fixture.grant(N2, 4, N1);
        fixture.set_view(N3, |scripted| scripted.view.term = Term(3));
        fixture.expect_holds();
    }

    #[test]
    fn a_term_that_no_candidate_began_is_an_invention() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.set_view(N3, |scripted| scripted.view.term = Term(3));
        fixture.expect_violation("n3 enters t3, but no server was a candidate in a term after t2");
    }
}
