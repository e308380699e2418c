//! A staged server becomes a voter only after a catch-up round that took less than an election timeout. The
//! leader gives up the staging only after the configured number of rounds (thesis §4.2.1).
//!
//! A round ends when the server has all entries that the leader had at the start of the round. The check runs
//! whenever a leader makes a staged server a voter or gives up the staging.

use crate::check::ghost::{Facts, Ghost, StagingEnd};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const NEEDS: Parts =
    Parts::MESSAGES.or(Parts::ROLE).or(Parts::TERM).or(Parts::LOG).or(Parts::CONFIGURATION).or(Parts::SERVER);

pub(crate) const CHECK: Check =
    Check::new("staged_voter_catches_up", "thesis §4.2.1", JudgeLevel::Steps, Facts::STAGED, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (idx, (staging, end)) = (ghost.step.idx, ghost.step.staging?);
    let (node, rounds) = (staging.node, staging.rounds?);
    *witnessed += 1;
    let (took, limits) = (ghost.step.clock.since(rounds.began), &ghost.subject().limits);
    // The configuration may have been reloaded since the ghost last compared the rounds.
    let most = rounds.timeout.min(limits.election_timeout).times(limits.catch_up_rounds);
    match end {
        StagingEnd::Promoted if !rounds.caught_up => {
            violated(format_args!("{idx} made {node} a voter, but {node} had not caught up within a round"))
        }
        StagingEnd::TooSlow if took < most => violated(format_args!(
            "{idx} gave up the staging of {node} after {took}, but the rounds of {node} may take {most}"
        )),
        StagingEnd::Promoted | StagingEnd::TooSlow => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, N4, voters};
    use std::sync::Arc;
    use wavetank_raft::{
        Action, Call, Configuration, Entry, Event, Index, LogOp, Member, Payload, Refusal, RequestError,
        RequestId, Term, Time,
    };

    const CALL: RequestId = RequestId(700);

    fn append(fixture: &mut Fixture, event: &Event, index: u64, configuration: Arc<Configuration>) {
        let entry = Entry::new(Term(2), Index(index), Payload::Configuration(configuration));
        let write = fixture.write(None, LogOp::Append([entry].into()));
        fixture.step(N1, event, |_| {}, vec![write]);
    }

    /// n1 has added n4 as a non-voter at i3, and the round of n4 began at time 0. The log ends at i3.
    fn staging() -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        let call = Call::AddVoterStaged { id: N4.id(), address: N4.address(), prev_index: None };
        let mut members: Vec<Member> = voters(&[N1, N2, N3]).members().cloned().collect();
        members.push(Member::nonvoter(N4.id(), N4.address()));
        let configuration = Arc::new(Configuration::new(members).expect("sound"));
        append(&mut fixture, &Event::Call { request: CALL, call }, 3, configuration);
        let known = crate::check::ghost::Follower { node: N4.node(), matched: Index::ZERO, next: Index(4) };
        let applied = Event::Applied { upto: Index(3), responses: Vec::new() };
        fixture.step(
            N1,
            &applied,
            |scripted| {
                scripted.followers.push(known);
                (scripted.view.commit, scripted.view.applied) = (Index(3), Index(3));
            },
            Vec::new(),
        );
        fixture
    }

    /// At this time, n4 acknowledges the log up to an index.
    fn reach(fixture: &mut Fixture, ms: u64, index: u64) {
        fixture.clock = Time(ms * 1_000);
        fixture.set_matched(N1, N4, Index(index));
    }

    fn promote(mut fixture: Fixture, index: u64) -> Fixture {
        append(&mut fixture, &Event::Timer, index, voters(&[N1, N2, N3, N4]));
        fixture
    }

    fn give_up(mut fixture: Fixture, ms: u64) -> Fixture {
        fixture.clock = Time(ms * 1_000);
        let outcome = Err(RequestError::Refused(Refusal::TooSlow));
        fixture.step(N1, &Event::Timer, |_| {}, vec![Action::Answer { request: CALL, outcome }]);
        fixture
    }

    #[test]
    fn a_server_that_caught_up_becomes_a_voter() {
        let mut fixture = staging();
        reach(&mut fixture, 99, 3);
        promote(fixture, 4).expect_holds();
    }

    #[test]
    fn a_server_that_is_behind_does_not() {
        let mut fixture = staging();
        reach(&mut fixture, 10, 2);
        promote(fixture, 4).expect_violation("n1 made n4 a voter, but n4 had not caught up within a round");
    }

    #[test]
    fn a_slow_round_does_not_count() {
        let mut fixture = staging();
        fixture.propose(N1, 1);
        reach(&mut fixture, 100, 3);
        promote(fixture, 5).expect_violation("n1 made n4 a voter, but n4 had not caught up within a round");
    }

    #[test]
    fn a_server_has_all_its_rounds() {
        give_up(staging(), 300).expect_holds();
        give_up(staging(), 299).expect_violation("n1 gave up the staging of n4 after");
    }

    #[test]
    fn an_operator_may_make_it_a_voter_at_once() {
        let mut fixture = staging();
        let call = Call::Bootstrap((*voters(&[N1])).clone());
        let event = Event::Call { request: RequestId(701), call };
        append(&mut fixture, &event, 4, voters(&[N1, N2, N3, N4]));
        fixture.expect_no_violation();
    }
}
