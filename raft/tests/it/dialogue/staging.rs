//! A new server catches up in rounds and is then promoted to voter (thesis §4.2.1).

use super::harness::{Harness, ScriptedAnswer, Start};
use wavetank_raft::{Change, ClientRequest, Config, DeadlineReason, Index, NodeId, Payload, RequestId, Span};

/// A leader of three voters and the non-voter `n4`, which has not answered yet. A server gets at
/// most two rounds.
fn leader() -> Harness {
    leader_that_sends(64)
}

/// The same, with at most this many entries in a message.
fn leader_that_sends(max_append_entries: u64) -> Harness {
    let config = Config { max_catch_up_rounds: 2, max_append_entries, ..Start::of(&[]).config };
    let mut harness = Start { config, ..Start::of(&[1, 1, 2]) }.elected();
    harness.agree();
    change(&mut harness, Change::AddNonvoter("n4".into(), "n4".into()));
    harness.persisted();
    harness.yes("n2");
    harness.yes("n3");
    assert_eq!(harness.node.commit(), Index(5));
    harness
}

fn change(harness: &mut Harness, change: Change) -> String {
    harness.request(ClientRequest::Change { change, prev_index: None })
}

fn stage(harness: &mut Harness, request: u64, name: &str) -> String {
    harness.request(ClientRequest::Stage { request: RequestId(request), node: NodeId::of(name) })
}

fn propose(harness: &mut Harness) {
    harness.request(ClientRequest::Propose(vec![Payload::Noop]));
}

/// The old voters answer all requests after this time.
fn pass(harness: &mut Harness, span: Span) -> Vec<String> {
    let until = harness.now + span;
    let mut text = Vec::new();
    for _ in 0..200 {
        if until < harness.node.deadline().at {
            break;
        }
        text.push(harness.wait());
        text.extend(harness.yes_to_all_of(&["n2", "n3"]));
        harness.persisted();
    }
    harness.now = until;
    text.retain(|text| text.contains("r1") || text.contains("r2"));
    text
}

const PROMOTED: &str = "members i6 n1 n2 n3 n4; n2: append t3 t3.i5+1 commit i5; \
    n3: append t3 t3.i5+1 commit i5; n4: append t3 t3.i5+1 commit i5; r1 staged t3.i6; write w4 append t3.i6+1";

#[test]
fn a_server_that_catches_up_in_time_is_promoted() {
    let mut harness = leader();
    assert_eq!(stage(&mut harness, 1, "n4"), "");
    assert_eq!(stage(&mut harness, 2, "n4"), "r2 ChangeInProgress", "one at a time");
    assert_eq!(stage(&mut harness, 3, "n9"), "r3 UnknownTarget(n9)");
    assert_eq!(harness.yes("n4"), PROMOTED);
    harness.agree();
    assert_eq!(stage(&mut harness, 4, "n4"), "", "the next one may come");
}

#[test]
fn a_partial_log_has_not_caught_up() {
    let mut harness = leader_that_sends(1);
    stage(&mut harness, 1, "n4");
    let nothing = ScriptedAnswer { hint: Some((0, 0)), ..harness.scripted(false) };
    assert_eq!(harness.answer("n4", nothing), "n4: append t3 t0.i0+1 commit i1");
    for index in 1..5 {
        assert!(!harness.yes("n4").contains("r1"), "it has i{index} of i5");
    }
    assert!(harness.yes("n4").contains("r1 staged t3.i6"));
}

#[test]
fn a_caught_up_server_is_promoted_at_the_next_heartbeat() {
    let mut harness = leader();
    harness.yes("n4");
    assert_eq!(stage(&mut harness, 1, "n4"), "");
    let text = harness.next_heartbeat();
    assert!(text.contains("r1 staged t3.i6"), "{text}");
}

#[test]
fn a_round_that_took_too_long_is_followed_by_another() {
    let election_timeout = Span::ms(1_000);
    // The first case is in time. The second is just too late. The third is too late, but the server
    // has all entries.
    let just_in_time = Span::us(999_999);
    for (after, more, expected) in
        [(just_in_time, true, true), (election_timeout, true, false), (election_timeout, false, true)]
    {
        let mut harness = leader();
        stage(&mut harness, 1, "n4");
        if more {
            propose(&mut harness);
        }
        pass(&mut harness, after);
        assert_eq!(harness.yes("n4").contains("r1 staged"), expected, "after {after}, more: {more}");
    }
    // The second round is for the entries that arrived during the first one. It has its own limit.
    let mut harness = leader();
    stage(&mut harness, 1, "n4");
    pass(&mut harness, Span::ms(600));
    propose(&mut harness);
    pass(&mut harness, Span::ms(600));
    assert_eq!(harness.yes("n4"), "n4 is back; n4: append t3 t3.i5+1 commit i6");
    propose(&mut harness);
    harness.calls.sort_by_key(|(_, _, request)| !format!("{request:?}").contains("Noop"));
    let text = harness.yes("n4");
    assert!(text.contains("r1 staged t3.i8"), "{text}");
}

#[test]
fn a_server_that_is_too_slow_stays_a_nonvoter() {
    // The last round takes too long.
    let mut harness = leader();
    stage(&mut harness, 1, "n4");
    pass(&mut harness, Span::ms(1_100));
    propose(&mut harness);
    assert_eq!(harness.yes("n4"), "n4 is back; n4: append t3 t3.i5+1 commit i5");
    assert_eq!(pass(&mut harness, Span::ms(1_100)), [""; 0]);
    harness.calls.sort_by_key(|(_, _, request)| !format!("{request:?}").contains("Noop"));
    assert_eq!(harness.yes("n4"), "n4 is back; r1 TooSlow");
    // Or the round never ends: then the first heartbeat after its time ends the staging.
    let mut harness = leader();
    stage(&mut harness, 1, "n4");
    assert_eq!(pass(&mut harness, Span::ms(2_000)), [""; 0]);
    let text = pass(&mut harness, Span::ms(100));
    assert!(text.len() == 1 && text[0].ends_with("r1 TooSlow"), "{text:?}");
    assert_eq!(stage(&mut harness, 2, "n4"), "", "the next one may come");
}

#[test]
fn a_promotion_waits_for_the_change_before_it() {
    let mut harness = leader();
    stage(&mut harness, 1, "n4");
    change(&mut harness, Change::AddNonvoter("n5".into(), "n5".into()));
    assert!(!harness.yes("n4").contains("r1"));
    harness.agree();
    let text = harness.next_heartbeat();
    assert!(text.contains("r1 staged t3.i7"), "{text}");
}

/// The server is added again before the leader's next heartbeat, perhaps with an empty disk.
#[test]
fn a_server_that_is_removed_and_added_again_is_staged_anew() {
    let mut harness = leader();
    harness.yes("n4");
    stage(&mut harness, 1, "n4");
    let change_and_commit = |harness: &mut Harness, next| {
        let text = change(harness, next);
        harness.persisted();
        harness.yes_to_all_of(&["n2", "n3"]);
        text
    };
    let text = change_and_commit(&mut harness, Change::RemoveServer("n4".into()));
    assert!(text.contains("r1 StagingAborted"), "{text}");
    change_and_commit(&mut harness, Change::AddNonvoter("n4".into(), "n4".into()));
    harness.next_heartbeat();
    assert!(!harness.node.voters().contains(NodeId::of("n4")), "it has not caught up since");
}

#[test]
fn a_removed_server_is_not_promoted() {
    let mut harness = leader();
    stage(&mut harness, 1, "n4");
    let text = change(&mut harness, Change::RemoveServer("n4".into()));
    assert!(text.contains("r1 StagingAborted"), "{text}");
    assert_eq!(stage(&mut harness, 2, "n4"), "r2 UnknownTarget(n4)");

    let mut harness = leader();
    stage(&mut harness, 1, "n4");
    let newer = ScriptedAnswer { term: 4, ..harness.scripted(false) };
    assert_eq!(harness.answer("n4", newer), "r1 StagingAborted; Follower t4; no leader; write w4 t4 -");
    assert_eq!(harness.node.deadline().reason, DeadlineReason::Election);
}
