//! Leadership transfer (thesis §3.10).

use super::harness::{Harness, ScriptedAnswer, Start, voters};
use wavetank_raft::{
    Change, ClientRequest, DeadlineReason, Member, NodeId, Payload, ReadPath, RequestId, Span,
};

/// A leader of three with a log up to t3.i4, without any answer yet.
fn elected() -> Harness {
    Start::of(&[1, 1, 2]).elected()
}

/// The same, and all followers have all entries. The configuration is at i1.
fn leader() -> Harness {
    Start::of(&[1, 1, 2]).leader()
}

fn transfer(harness: &mut Harness, request: u64, target: Option<&str>) -> String {
    harness.request(ClientRequest::Transfer { request: RequestId(request), target: target.map(NodeId::of) })
}

#[test]
fn an_up_to_date_target_is_told_at_once_and_proposals_are_refused() {
    let mut harness = leader();
    assert_eq!(transfer(&mut harness, 1, Some("n3")), "n3: campaign Some(t3)");
    assert_eq!(transfer(&mut harness, 2, Some("n2")), "r2 TransferInProgress");
    assert_eq!(harness.request(ClientRequest::Propose(vec![Payload::Noop])), "refused TransferInProgress");
    let newer = ScriptedAnswer { term: 4, ..harness.scripted(false) };
    harness.next_heartbeat();
    assert_eq!(harness.answer("n2", newer), "r1 transferred; Follower t4; no leader; write w3 t4 -");
}

#[test]
fn a_target_behind_catches_up_first() {
    let mut harness = elected();
    harness.yes("n2");
    assert_eq!(transfer(&mut harness, 1, Some("n3")), "");
    assert_eq!(harness.yes("n3"), "n3: campaign Some(t3)");
    harness.until(DeadlineReason::Heartbeat);
    harness.next_heartbeat();
    harness.lose("n2");
    harness.calls.remove(0);
    assert_eq!(harness.yes("n3"), "", "once is enough");
}

#[test]
fn the_default_target_is_the_most_advanced_voter() {
    for name in ["n2", "n3"] {
        let mut harness = elected();
        harness.yes(name);
        assert_eq!(transfer(&mut harness, 1, None), format!("{name}: campaign Some(t3)"));
    }
    // A non-voter cannot take over, even with the whole log.
    let members = vec![Member::voter("n1", "n1"), Member::voter("n2", "n2"), Member::nonvoter("n3", "n3")];
    let mut harness = Start { members, ..Start::of(&[1, 1, 2]) }.elected();
    harness.yes("n3");
    assert_eq!(transfer(&mut harness, 1, None), "");
    assert_eq!(harness.yes("n2"), "n2: campaign Some(t3); commit i4");
}

#[test]
fn only_another_voter_can_be_the_target() {
    let mut harness = leader();
    assert_eq!(transfer(&mut harness, 1, Some("n1")), "r1 TransferToSelf");
    assert_eq!(transfer(&mut harness, 2, Some("n9")), "r2 UnknownTarget(n9)");
    let mut alone = Start { members: voters(&["n1"]), ..Start::of(&[1]) }.elected();
    assert_eq!(transfer(&mut alone, 3, None), "r3 NoTarget");
}

#[test]
fn a_target_that_does_not_take_over_in_time_is_given_up() {
    let mut harness = elected();
    harness.yes("n2");
    harness.now = harness.now + Span::ms(30);
    let begin = harness.now;
    transfer(&mut harness, 1, Some("n3"));
    for _ in 0..40 {
        if harness.node.deadline().reason != DeadlineReason::Transfer {
            harness.wait();
            harness.lose("n3");
            harness.all_yes();
        }
    }
    let due = harness.node.deadline();
    assert_eq!((due.reason, due.at), (DeadlineReason::Transfer, begin + Span::ms(1_000)));
    harness.now = due.at - Span(1);
    assert!(!harness.timer().contains("r1"));
    harness.now = due.at;
    assert_eq!(harness.timer(), "r1 TransferTimeout");
    assert!(harness.request(ClientRequest::Propose(vec![Payload::Noop])).starts_with("appended"));
}

/// A server that obeys TimeoutNow, even a late one, may lead inside the lease.
#[test]
fn after_a_call_to_campaign_there_is_no_lease_any_more() {
    let read = |harness: &mut Harness| {
        harness.request(ClientRequest::Read { request: RequestId(9), path: ReadPath::Lease })
    };
    let mut harness = elected();
    harness.yes("n2");
    transfer(&mut harness, 1, Some("n3"));
    assert_eq!(read(&mut harness), "r9 reads i4", "it has not left yet");
    harness.yes("n3");
    assert_eq!(read(&mut harness), "r9 NoLease");
}

#[test]
fn no_membership_changes_while_leadership_is_handed_over() {
    let mut harness = leader();
    harness.request(ClientRequest::Stage { request: RequestId(7), node: NodeId::of("n2") });
    transfer(&mut harness, 1, Some("n3"));
    let change = Change::DemoteVoter("n3".into());
    assert_eq!(
        harness.request(ClientRequest::Change { change, prev_index: None }),
        "refused TransferInProgress"
    );
    assert!(!harness.next_heartbeat().contains("r7"), "nor is anybody promoted");
}

/// Only a joint configuration is left at once.
#[test]
fn a_target_that_loses_its_vote_is_given_up() {
    for (target, is_given_up) in [("n3", true), ("n2", false)] {
        let mut harness = leader();
        let change = Change::Members(voters(&["n1", "n2"]));
        harness.request(ClientRequest::Change { change, prev_index: None });
        assert_eq!(transfer(&mut harness, 1, Some(target)), "");
        harness.persisted();
        let text = harness.yes("n2");
        assert!(text.contains("members i6 n1 n2; "), "{text}");
        assert_eq!(text.contains("r1 UnknownTarget(n3)"), is_given_up, "{text}");
    }
}
