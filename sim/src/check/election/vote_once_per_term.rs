//! A server votes for at most one candidate in a term, even if the server crashes and restarts (thesis §3.4).
//!
//! The check runs whenever a server votes, sends a vote, asks for votes or becomes leader.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const WATCHES: Facts = Facts::SENT_GRANT.or(Facts::SENT_CANDIDACY).or(Facts::LEADS).or(Facts::VOTED);

pub(crate) const CHECK: Check =
    Check::new("vote_once_per_term", "thesis §3.4", JudgeLevel::History, WATCHES, judge)
        .needing(Parts::TERM.or(Parts::VOTE));

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ghost.step;
    let voter = step.idx;
    for &(term, now) in step.votes.iter().rev() {
        if let Some(before) = ghost.terms.vote_of(voter, term).filter(|before| *before != now) {
            return violated(format_args!("{voter} voted for {before} and for {now} in {term}"));
        }
    }
    let term = step.now.term;
    let before = step.was.vote.filter(|_| step.was.term == term)?;
    match step.now.vote {
        Some(now) if now == before => None,
        Some(now) => violated(format_args!("{voter} changed its vote in {term} from {before} to {now}")),
        None => violated(format_args!("{voter} forgot its vote for {before} in {term}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};
    use wavetank_raft::Term;

    #[test]
    fn once_a_term_is_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.elect(N2, 3);
        fixture.expect_holds();
    }

    #[test]
    fn a_crash_gives_no_second_vote() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.grant(N3, 2, N1);
        fixture.crash(N3);
        fixture.boot_with_vote(N3, 1, None);
        fixture.grant(N3, 2, N2);
        fixture.expect_violation("n3 voted for n1 and for n2 in t2");
    }

    #[test]
    fn a_candidate_has_voted_for_itself() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.campaign(N1, 2);
        fixture.grant(N1, 2, N2);
        fixture.expect_violation("n1 changed its vote in t2 from n1 to n2");
    }

    #[test]
    fn a_vote_is_not_taken_back_in_memory() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.grant(N3, 2, N1);
        fixture.set_view(N3, |scripted| scripted.view.vote = None);
        fixture.expect_violation("n3 forgot its vote for n1 in t2");
    }

    #[test]
    fn an_unsent_vote_may_be_lost_in_a_crash() {
        let mut fixture = Fixture::three(&CHECK);
        fixture
            .set_view(N3, |scripted| (scripted.view.term, scripted.view.vote) = (Term(2), Some(N1.node())));
        fixture.crash(N3);
        fixture.boot_with_vote(N3, 1, None);
        fixture.grant(N3, 2, N2);
        fixture.expect_holds();
    }
}
