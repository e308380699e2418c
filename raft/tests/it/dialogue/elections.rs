//! Votes and elections (thesis §3.4, §3.6.1, §4.2.3, §9.6).

use super::harness::{
    HEARTBEAT_TIMEOUT, Harness, ScriptedAnswer, Start, append, pre_vote, transfer_vote, vote, voters,
};
use wavetank_raft::{
    Config, DeadlineReason, Input, Member, NodeId, Request, RequestVoteResponse, Response, RoleName, RpcId,
    Span, Term, Time, TimeoutNow, Token,
};

const FIVE: [&str; 5] = ["n1", "n2", "n3", "n4", "n5"];

/// A follower in term 2, without a leader, past its quiet time, with a log that ends at t2.i3.
fn follower() -> Harness {
    let mut harness = Start::of(&[1, 1, 2]).boot();
    harness.at(1_000);
    harness
}

/// The same, with `n2` as its leader since 1000 ms.
fn led() -> Harness {
    let mut harness = follower();
    assert_eq!(harness.receive("n2", append(2, (2, 3), &[], 0)), "leader n2; n2! append yes t2 last i3");
    harness
}

#[test]
fn a_vote_goes_to_a_log_at_least_as_up_to_date() {
    for (request, expected) in [
        (vote(3, (2, 3)), "Follower t3; write w1 t3 n3"),
        (vote(3, (2, 4)), "Follower t3; write w1 t3 n3"),
        (vote(3, (3, 1)), "Follower t3; write w1 t3 n3"),
        (vote(3, (2, 2)), "Follower t3; write w1 t3 -"),
        (vote(3, (1, 9)), "Follower t3; write w1 t3 -"),
        (vote(2, (2, 3)), "write w1 t2 n3"),
        (vote(2, (1, 9)), "n3! vote no t2"),
        (vote(1, (2, 3)), "n3! vote no t2 for the term"),
        (vote(1, (1, 9)), "n3! vote no t2"),
        (pre_vote(3, (2, 3)), "n3! prevote yes t3"),
        (pre_vote(9, (3, 1)), "n3! prevote yes t9"),
        (pre_vote(3, (2, 2)), "n3! prevote no t2"),
        (pre_vote(3, (1, 9)), "n3! prevote no t2"),
        (pre_vote(2, (2, 3)), "n3! prevote no t2"),
    ] {
        assert_eq!(follower().receive("n3", request.clone()), expected, "{request:?}");
    }
}

#[test]
fn a_vote_is_granted_once_and_answered_when_it_is_persisted() {
    let mut harness = follower();
    assert_eq!(harness.receive("n3", vote(2, (2, 3))), "write w1 t2 n3");
    assert_eq!(harness.receive("n3", vote(2, (2, 3))), "", "it was given, but is not on disk yet");
    assert_eq!(harness.receive("n2", vote(2, (2, 9))), "", "so is what the refusal rests on");
    assert_eq!(harness.persisted(), "n3! vote yes t2; n3! vote yes t2; n2! vote no t2");
    assert_eq!(harness.node.vote(), Some(NodeId::of("n3")));
    assert_eq!(harness.receive("n2", vote(2, (2, 9))), "n2! vote no t2");
    assert_eq!(harness.receive("n3", vote(2, (2, 3))), "n3! vote yes t2");
}

#[test]
fn a_granted_vote_restarts_the_election_timer() {
    let mut harness = follower();
    let due = harness.node.deadline();
    assert_eq!(due.reason, DeadlineReason::Election);
    harness.now = due.at - Span(1);
    assert_eq!(harness.timer(), "");
    harness.receive("n3", vote(2, (2, 3)));
    assert_eq!(harness.node.deadline().at.since(harness.now), due.at.since(Time(0)));

    let mut harness = follower();
    harness.receive("n3", vote(3, (1, 9)));
    assert_eq!(harness.node.deadline(), due, "a newer term alone is no reason to wait");
}

#[test]
fn a_follower_with_a_leader_refuses_other_candidates() {
    let until = Time(1_000_000) + HEARTBEAT_TIMEOUT;
    for (now, from, request, expected) in [
        (until - Span(1), "n3", vote(3, (2, 3)), "n3! vote no t2"),
        (until - Span(1), "n3", pre_vote(3, (2, 3)), "n3! prevote no t2"),
        (until - Span(1), "n3", transfer_vote(3, (2, 3)), "Follower t3; no leader; write w1 t3 n3"),
        (until - Span(1), "n2", vote(3, (2, 3)), "Follower t3; no leader; write w1 t3 n2"),
        (until - Span(1), "n2", pre_vote(3, (2, 3)), "n2! prevote yes t3"),
        (until, "n3", vote(3, (2, 3)), "Follower t3; no leader; write w1 t3 n3"),
        (until, "n3", pre_vote(3, (2, 3)), "n3! prevote yes t3"),
        // No other server can win a term that has a leader, at any time.
        (until, "n3", vote(2, (2, 3)), "n3! vote no t2"),
        (until, "n3", transfer_vote(2, (2, 3)), "n3! vote no t2"),
    ] {
        let mut harness = led();
        harness.now = now;
        assert_eq!(harness.receive(from, request.clone()), expected, "{from} at {now}: {request:?}");
    }
}

#[test]
fn a_server_that_has_just_started_grants_no_vote() {
    for (now, expected) in [
        (Time(0) + HEARTBEAT_TIMEOUT - Span(1), "n3! vote no t2"),
        (Time(0) + HEARTBEAT_TIMEOUT, "Follower t3; write w1 t3 n3"),
    ] {
        let mut harness = Start::of(&[1, 1, 2]).boot();
        harness.now = now;
        assert_eq!(harness.receive("n3", vote(3, (2, 3))), expected, "at {now}");
    }
    // In a new cluster no server can have made a promise.
    let mut harness = Start::of(&[1]).boot();
    assert_eq!(harness.receive("n3", vote(2, (1, 1))), "Follower t2; write w1 t2 n3");
}

#[test]
fn an_election_timeout_starts_a_pre_vote_and_then_an_election() {
    let mut harness = led();
    assert_eq!(harness.wait(), "no leader; PreCandidate t2; n2: prevote t3 t2.i3; n3: prevote t3 t2.i3");
    assert_eq!(harness.node.deadline().reason, DeadlineReason::Ballot);
    assert_eq!(harness.yes("n3"), "Candidate t3; write w1 t3 n1");
    assert_eq!(harness.persisted(), "n2: vote t3 t2.i3; n3: vote t3 t2.i3");
    assert_eq!(harness.yes("n2"), "ignored UnknownRpc", "an answer to what was tried before");
    assert_eq!(
        harness.yes("n2"),
        "Leader t3; leader n1; n2: append t3 t2.i3+1 commit i0; n3: append t3 t2.i3+1 commit i0; \
         write w2 append t3.i4+1",
    );
}

/// One of five that asks for votes in term 3. Its own vote is not persisted yet.
fn candidate() -> Harness {
    let config = Config { pre_vote_disabled: true, local_id: "n1".into(), ..Config::default() };
    let mut harness = Start { config, members: voters(&FIVE), ..Start::of(&[1, 1, 2]) }.boot();
    assert_eq!(harness.wait(), "Candidate t3; write w1 t3 n1");
    harness
}

#[test]
fn a_candidate_needs_more_than_half() {
    let mut harness = candidate();
    harness.persisted();
    assert_eq!(harness.yes("n2"), "");
    assert_eq!(harness.node.role(), RoleName::Candidate);
    assert_eq!(harness.no("n3"), "");
    assert!(harness.yes("n4").starts_with("Leader t3; leader n1; "));

    let mut harness = candidate();
    harness.persisted();
    assert_eq!([harness.no("n2"), harness.no("n3"), harness.no("n4")], ["", "", ""]);
    assert_eq!(harness.yes("n5"), "", "it was lost already");
    assert_eq!(harness.wait(), "Candidate t4; write w2 t4 n1", "and begins anew");
}

#[test]
fn a_vote_counts_once_and_only_in_its_term() {
    let mut harness = candidate();
    harness.persisted();
    let calls = harness.calls.clone();
    assert_eq!(harness.yes("n2"), "");
    harness.calls.clone_from(&calls);
    assert_eq!(harness.yes("n2"), "ignored UnknownRpc", "it comes twice");
    let older = ScriptedAnswer { yes: true, term: 2, number: 0, hint: None };
    assert_eq!(harness.answer("n3", older), "ignored UnknownRpc", "it says another term");
    harness.wait();
    harness.persisted();
    harness.calls = calls;
    assert_eq!(harness.yes("n4"), "ignored UnknownRpc", "the election before this");
}

#[test]
fn the_candidates_own_vote_counts_once_it_is_persisted() {
    // Two of three would be enough, and one of them is not persisted.
    let mut harness = Start::of(&[1, 1, 2]).boot();
    harness.wait();
    harness.yes("n2");
    assert_eq!(harness.node.role(), RoleName::Candidate);
    assert_eq!(harness.step(Input::Persisted(Token(0))), "");
    harness.persisted();
    harness.calls.retain(|(_, _, request)| matches!(request, Request::RequestVote(_)));
    assert!(harness.yes("n3").starts_with("Leader t3"));

    // Here its own vote is the last one that is missing.
    let mut harness = Start { members: voters(&["n1"]), ..Start::of(&[1]) }.boot();
    assert_eq!(harness.wait(), "PreCandidate t1; Candidate t2; write w1 t2 n1");
    assert_eq!(harness.persisted(), "Leader t2; leader n1; write w2 append t2.i2+1");
    assert_eq!(harness.persisted(), "commit i2");
}

#[test]
fn an_election_that_times_out_starts_again() {
    let mut harness = follower();
    harness.wait();
    let (start, due) = (harness.now, harness.node.deadline().at);
    assert!(HEARTBEAT_TIMEOUT <= due.since(start) && due.since(start) < HEARTBEAT_TIMEOUT.times(2));
    harness.now = due - Span(1);
    assert_eq!(harness.timer(), "");
    harness.now = due;
    assert_eq!(harness.timer(), "PreCandidate t2; n2: prevote t3 t2.i3; n3: prevote t3 t2.i3");
    let begin = harness.now;
    assert_ne!(harness.node.deadline().at.since(begin), due.since(start), "each time is drawn anew");
}

/// The refusal of a voter in this term.
fn refusal(term: u64, refused_for_term: bool) -> Response {
    Response::RequestVote(RequestVoteResponse { term: Term(term), granted: false, refused_for_term })
}

impl Harness {
    /// This peer answers the oldest request to it with this response.
    fn respond(&mut self, from: &str, response: Response) -> String {
        let from = NodeId::of(from);
        let at = self.calls.iter().position(|(to, ..)| *to == from).expect("it was called");
        let (_, rpc, _) = self.calls.remove(at);
        self.step(Input::Response { from, rpc, response })
    }
}

#[test]
fn a_candidate_refused_for_its_term_alone_campaigns_once_more_at_once() {
    let mut harness = candidate();
    harness.persisted();
    assert_eq!(harness.respond("n2", refusal(7, true)), "Follower t7; Candidate t8; write w2 t8 n1");
    let requests = "n2: vote t8 t2.i3; n3: vote t8 t2.i3; n4: vote t8 t2.i3; n5: vote t8 t2.i3";
    assert_eq!(harness.persisted(), requests);
    // The second campaign has no third one, or two candidates could outbid each other for ever.
    harness.calls.drain(..4);
    assert_eq!(harness.respond("n3", refusal(9, true)), "Follower t9; write w3 t9 -");
    // An election timeout begins anew.
    harness.persisted();
    assert_eq!(harness.wait(), "Candidate t10; write w4 t10 n1");
    harness.persisted();
    harness.calls.drain(..3);
    assert_eq!(harness.respond("n4", refusal(11, true)), "Follower t11; Candidate t12; write w5 t12 n1");
}

#[test]
fn a_candidate_refused_for_another_reason_waits() {
    let follows = "Follower t7; write w2 t7 -";
    let mut harness = candidate();
    harness.persisted();
    assert_eq!(harness.respond("n2", refusal(7, false)), follows, "for its log, or for a leader");

    let mut harness = candidate();
    harness.persisted();
    let (from, rpc, response) = (NodeId::of("n2"), RpcId(99), refusal(7, true));
    assert_eq!(
        harness.step(Input::Response { from, rpc, response }),
        follows,
        "of no request of this election"
    );

    // Pre-vote makes sure that no term begins that cannot be won.
    let mut harness = follower();
    harness.wait();
    harness.yes("n2");
    harness.persisted();
    harness.calls.retain(|(_, _, request)| matches!(request, Request::RequestVote(_)));
    assert_eq!(harness.respond("n2", refusal(7, true)), follows);
}

#[test]
fn a_refusal_is_for_the_term_alone_if_no_leader_is_known() {
    let until = Time(1_000_000) + HEARTBEAT_TIMEOUT;
    for (now, request, expected) in [
        (until, vote(1, (2, 3)), "n3! vote no t2 for the term"),
        (until, transfer_vote(1, (2, 3)), "n3! vote no t2 for the term"),
        (until - Span(1), vote(1, (2, 3)), "n3! vote no t2"),
        (until - Span(1), transfer_vote(1, (2, 3)), "n3! vote no t2"),
    ] {
        let mut harness = led();
        harness.now = now;
        assert_eq!(harness.receive("n3", request.clone()), expected, "at {now}: {request:?}");
    }
    let mut harness = follower();
    harness.elect();
    assert_eq!(harness.receive("n3", transfer_vote(2, (3, 9))), "n3! vote no t3", "a leader");
}

#[test]
fn a_newer_term_makes_a_follower() {
    let newer = ScriptedAnswer { yes: false, term: 7, number: 0, hint: None };
    let mut harness = candidate();
    harness.persisted();
    assert_eq!(harness.answer("n2", newer), "Follower t7; write w2 t7 -");

    let mut harness = follower();
    harness.wait();
    let granted = ScriptedAnswer { yes: true, ..newer };
    assert_eq!(harness.answer("n2", granted), "Candidate t3; write w1 t3 n1", "that is the term asked for");
    let mut harness = follower();
    harness.wait();
    assert_eq!(harness.answer("n2", newer), "Follower t7; write w1 t7 -");
}

#[test]
fn a_candidate_follows_only_a_leader_of_its_term() {
    let mut harness = candidate();
    assert_eq!(harness.receive("n2", vote(3, (2, 3))), "", "it waits for the disk to say no");
    assert_eq!(
        harness.persisted(),
        "n2: vote t3 t2.i3; n3: vote t3 t2.i3; n4: vote t3 t2.i3; \
        n5: vote t3 t2.i3; n2! vote no t3"
    );
    assert_eq!(harness.receive("n2", pre_vote(4, (2, 3))), "n2! prevote yes t4");
    assert_eq!(harness.receive("n2", append(2, (2, 3), &[], 0)), "n2! append no t3 last i3");
    assert_eq!(
        harness.receive("n2", append(3, (2, 3), &[], 0)),
        "Follower t3; leader n2; n2! append yes t3 last i3",
    );
    assert_eq!(harness.receive("n3", append(3, (2, 3), &[], 0)), "ignored SecondLeader");
    assert_eq!(harness.receive("n1", append(3, (2, 3), &[], 0)), "ignored FromSelf");
}

#[test]
fn a_leader_grants_votes_only_in_a_transfer() {
    let mut harness = follower();
    harness.elect();
    for (request, expected) in [
        (vote(4, (3, 9)), "n3! vote no t3"),
        (vote(3, (3, 9)), "n3! vote no t3"),
        (pre_vote(4, (3, 9)), "n3! prevote no t3"),
        (transfer_vote(3, (3, 9)), "n3! vote no t3"),
        (append(3, (3, 9), &[], 0), "ignored SecondLeader"),
        (transfer_vote(4, (3, 9)), "Follower t4; no leader; write w3 t4 n3"),
    ] {
        assert_eq!(harness.receive("n3", request.clone()), expected, "{request:?}");
    }
}

#[test]
fn timeout_now_is_obeyed_only_from_the_leader() {
    let campaign = |term: Option<u64>| Request::TimeoutNow(TimeoutNow { term: term.map(Term) });
    let refused = |from| format!("ignored StaleTimeoutNow; {from}! campaign no");
    for (from, term) in [("n3", Some(2)), ("n3", None), ("n2", Some(1)), ("n2", Some(3))] {
        assert_eq!(led().receive(from, campaign(term)), refused(from), "{from} in {term:?}");
    }
    assert_eq!(follower().receive("n2", campaign(Some(2))), refused("n2"), "no leader is known");
    for term in [Some(2), None] {
        let mut harness = led();
        assert_eq!(harness.receive("n2", campaign(term)), "Candidate t3; no leader; write w1 t3 n1");
        assert_eq!(
            harness.persisted(),
            "n2! campaign yes; n2: vote t3 t2.i3 transfer; n3: vote t3 t2.i3 transfer",
        );
    }
}

#[test]
fn a_nonvoter_does_not_campaign() {
    let members = vec![Member::nonvoter("n1", "n1"), Member::voter("n2", "n2")];
    let mut harness = Start { members, ..Start::of(&[1, 1, 2]) }.boot();
    harness.at(1_000);
    harness.receive("n2", append(2, (2, 3), &[], 3));
    let campaign = Request::TimeoutNow(TimeoutNow { term: Some(Term(2)) });
    assert_eq!(harness.receive("n2", campaign), "ignored StaleTimeoutNow; n2! campaign no");
    assert_eq!(harness.wait(), "no leader");
    assert_eq!(harness.wait(), "");
    assert_eq!(harness.node.role(), RoleName::Follower);
}

#[test]
fn a_restarted_server_keeps_its_vote() {
    let mut harness = Start { vote: Some("n3"), ..Start::of(&[1, 1, 2]) }.boot();
    harness.at(1_000);
    assert_eq!(harness.receive("n2", vote(2, (2, 3))), "n2! vote no t2");
    assert_eq!(harness.receive("n3", vote(2, (2, 3))), "n3! vote yes t2");
}

#[test]
fn rpc_ids_are_not_reused_after_a_restart() {
    let calls = |incarnation| {
        let mut harness = Start::of(&[1, 1, 2]).boot_as(incarnation);
        harness.wait();
        harness.calls.iter().map(|(_, rpc, _)| rpc.0).collect::<Vec<_>>()
    };
    assert_eq!(
        [calls(0), calls(1), calls(2)],
        [[1, 2], [(1 << 32) + 1, (1 << 32) + 2], [(2 << 32) + 1, (2 << 32) + 2]]
    );
}
