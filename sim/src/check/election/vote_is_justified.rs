//! A server votes for another server only in a step in which it receives the vote request of this candidate.
//! The log of the candidate must be at least as new as the voter's log (thesis §3.6.1).
//!
//! The vote request must name the last entry of the candidate, not a newer entry. The check runs whenever a
//! server votes or asks for votes.

use crate::check::ghost::{Consumed, Facts, Ghost, Promise};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const WATCHES: Facts = Facts::VOTED.or(Facts::SENT_CANDIDACY);

const NEEDS: Parts = Parts::MESSAGES.or(Parts::TERM).or(Parts::VOTE).or(Parts::LOG);

pub(crate) const CHECK: Check =
    Check::new("vote_is_justified", "thesis §3.6.1", JudgeLevel::Steps, WATCHES, judge).needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ghost.step;
    let (voter, term, has) = (step.idx, step.now.term, step.now.last);
    for promise in &step.promises {
        // A request that waited for the disk may be sent after the term of the request is over.
        if let Promise::Candidacy { last: said, term: asked } = *promise
            && asked == term
            && has < said
        {
            return violated(format_args!(
                "{voter} asks for votes and says that its log ends at {said}, but the log ends at {has}"
            ));
        }
    }
    let candidate = step.now.vote.filter(|candidate| *candidate != voter.node())?;
    if step.was.vote == Some(candidate) && step.was.term == term {
        return None;
    }
    *witnessed += 1;
    let mine = step.was.last;
    match step.consumed {
        Consumed::VoteRequest { from, term: asked, last: theirs, .. }
            if from == candidate && asked == term =>
        {
            if mine <= theirs {
                return None;
            }
            violated(format_args!(
                "{voter} votes for {candidate}, but the log of {voter} ({mine}) \
                 is newer than the log of {candidate} ({theirs})"
            ))
        }
        _ => {
            violated(format_args!("{voter} votes for {candidate}, which did not ask for votes in this step"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};
    use wavetank_raft::{Action, Event, Index, LogId, Request, RequestVote, RpcId, Term};

    #[test]
    fn an_equal_log_is_new_enough() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.expect_holds();
    }

    #[test]
    fn a_newer_term_beats_a_longer_log() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.propose(N1, 3);
        fixture.campaign(N2, 3);
        fixture.grant(N3, 3, N2);
        fixture.become_leader(N2, 3);
        fixture.grant(N1, 4, N2);
        fixture.expect_holds();
    }

    #[test]
    fn an_older_log_is_refused() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.grant(N1, 3, N2);
        fixture.expect_violation(
            "n1 votes for n2, but the log of n1 (t2.i2) is newer than the log of n2 (t1.i1)",
        );
    }

    #[test]
    fn a_vote_is_given_in_the_step_that_compares() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.set_view(N3, |scripted| scripted.view.vote = Some(N2.node()));
        fixture.expect_violation("n3 votes for n2, which did not ask");
    }

    #[test]
    fn a_candidate_does_not_overstate_its_log() {
        let mut fixture = Fixture::three(&CHECK);
        let last_log = LogId::new(Term(7), Index(7));
        let request =
            Request::RequestVote(RequestVote { term: Term(1), last_log, leadership_transfer: false });
        let send = Action::Send { to: N2.node(), rpc: RpcId(1), request };
        fixture.step(N1, &Event::Timer, |_| {}, vec![send]);
        fixture.expect_violation(
            "n1 asks for votes and says that its log ends at t7.i7, but the log ends at t1.i1",
        );
    }
}
