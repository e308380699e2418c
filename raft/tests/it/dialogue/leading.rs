//! Replication from a leader to its followers, and its handling of their responses (thesis §3.5,
//! §3.6.2, §6.2, §10.2).

use super::harness::{Harness, ScriptedAnswer, Start, entries, id, reload, response, voters};
use std::time::Duration;
use wavetank_raft::{
    ClientRequest, Config, DeadlineReason, Entries, Flow, Index, Input, NodeId, Payload, Response, RoleName,
    RpcId, Span, Time, TimeoutNowResponse,
};

/// A leader of three in term 3. Its log ends at its first entry, t3.i4, without any answer yet.
fn elected(config: Config) -> Harness {
    Start { config, ..Start::of(&[1, 1, 2]) }.elected()
}

/// The same, and all followers have all entries.
fn leader(config: Config) -> Harness {
    Start { config, ..Start::of(&[1, 1, 2]) }.leader()
}

fn defaults() -> Config {
    Start::of(&[]).config
}

fn propose(harness: &mut Harness, count: u64) -> String {
    harness.request(ClientRequest::Propose((0..count).map(|_| Payload::Command(vec![0; 8].into())).collect()))
}

fn next(harness: &Harness, name: &str) -> (u64, u64) {
    let mut followers = harness.node.followers();
    let (_, progress) = followers.find(|(id, _)| *id == NodeId::of(name)).expect("it follows");
    (progress.matched().0, progress.next().0)
}

#[test]
fn a_quorums_entries_are_committed_and_announced() {
    let mut harness = elected(defaults());
    assert_eq!(next(&harness, "n2"), (0, 4));
    assert_eq!(harness.yes("n2"), "commit i4");
    assert_eq!(next(&harness, "n2"), (4, 5));
    let now = harness.now;
    assert_eq!(
        (harness.node.deadline().reason, harness.node.deadline().at),
        (DeadlineReason::CommitFlush, now + Span::ms(50))
    );
    harness.now = now + Span::ms(49);
    assert_eq!(harness.timer(), "");
    assert_eq!(
        propose(&mut harness, 1),
        "appended t3.i5 +1; n2: append t3 t3.i4+1 commit i4; write w3 append t3.i5+1"
    );
    harness.now = now + Span::ms(50);
    assert_eq!(harness.timer(), "", "who has it was told along with the entries");

    let mut harness = elected(defaults());
    harness.yes("n2");
    assert_eq!(harness.wait(), "n2: append t3 t3.i4+0 commit i4", "n3 has nothing of it");
    assert_eq!(harness.node.deadline().reason, DeadlineReason::Heartbeat);
}

#[test]
fn followers_alone_are_a_quorum_and_the_leaders_own_disk_is_one_of_three() {
    let mut harness = leader(defaults());
    propose(&mut harness, 1);
    assert_eq!(harness.yes("n2"), "", "one of three");
    assert_eq!(harness.yes("n3"), "", "two of three; but here it is not on disk");
    assert_eq!((harness.node.commit(), harness.node.durable()), (Index(5), Index(4)));
    assert_eq!(harness.persisted(), "commit i5");

    let mut harness = leader(defaults());
    propose(&mut harness, 1);
    assert_eq!([harness.persisted(), harness.yes("n3")], ["", "commit i5"]);
    assert_eq!(propose(&mut harness, 0), "");
}

/// An entry of an earlier term is committed only together with one of the leader's term (thesis
/// §3.6.2, figure 3.7).
#[test]
fn an_older_entry_is_not_committed_by_counting() {
    let mut harness = elected(Config { max_append_entries: 1, ..defaults() });
    for name in ["n2", "n3"] {
        let back = ScriptedAnswer { hint: Some((1, 2)), ..harness.scripted(false) };
        assert_eq!(harness.answer(name, back), format!("{name}: append t3 t1.i2+1 commit i0"));
        assert_eq!(harness.yes(name), format!("{name}: append t3 t2.i3+1 commit i0"));
        assert_eq!((next(&harness, name), harness.node.commit()), ((3, 5), Index(0)));
    }
    assert_eq!(harness.yes("n2"), "commit i4");
}

#[test]
fn entries_flow_within_the_window() {
    let mut harness = leader(Config { max_append_entries: 2, max_inflight: 2, ..defaults() });
    assert_eq!(
        propose(&mut harness, 7),
        "appended t3.i5 +7; n2: append t3 t3.i4+2 commit i4; n2: append t3 t3.i6+2 commit i4; \
         n3: append t3 t3.i4+2 commit i4; n3: append t3 t3.i6+2 commit i4; write w3 append t3.i5+7"
    );
    assert_eq!(harness.yes("n2"), "n2: append t3 t3.i8+2 commit i4");
    assert_eq!(harness.yes("n2"), "n2: append t3 t3.i10+1 commit i4");
    // The newer of two responses comes first: it covers both requests.
    assert_eq!(harness.persisted(), "commit i8");
    let first = harness.calls.remove(0);
    assert_eq!(harness.yes("n3"), "n3: append t3 t3.i8+2 commit i8; n3: append t3 t3.i10+1 commit i8");
    harness.calls.insert(0, first);
    assert_eq!(harness.yes("n3"), "ignored UnknownRpc");
}

/// Each way in which a request is settled frees its place in the window.
#[test]
fn the_window_opens_when_its_calls_are_settled() {
    let sent = "n2: append t3 t3.i5+1 commit i4";
    let full = || {
        let mut harness = leader(Config { max_inflight: 1, ..defaults() });
        propose(&mut harness, 1);
        assert!(!propose(&mut harness, 1).contains("n2: "));
        harness
    };
    // The request was refused, although the previous entry had matched.
    let mut refused = full();
    assert_eq!(refused.answer("n2", ScriptedAnswer { number: 4, ..refused.scripted(false) }), sent);
    // The response to a later request covers it.
    let mut harness = full();
    harness.lose("n2");
    while !harness.next_heartbeat().starts_with("n2: append t3 t3.i5+0") {
        harness.lose("n2");
        harness.yes_to_all_of(&["n3"]);
        assert!(harness.node.role() == RoleName::Leader);
    }
    assert_eq!(harness.yes("n2"), sent);
    // The request was so old that the leader dropped it.
    let mut harness = full();
    let first = harness.calls[0].clone();
    for _ in 0..32 {
        harness.lose("n2");
        assert!(!harness.next_heartbeat().contains(sent));
        harness.yes_to_all_of(&["n3"]);
    }
    assert!(harness.next_heartbeat().contains(sent));
    harness.calls.insert(0, first);
    assert_eq!(harness.yes("n2"), "ignored UnknownRpc");
}

#[test]
fn a_probe_is_alone_until_it_is_answered() {
    let mut harness = elected(defaults());
    assert_eq!(propose(&mut harness, 1), "appended t3.i5 +1; write w3 append t3.i5+1");
    let next_heartbeat = harness.node.deadline();
    assert_eq!(next_heartbeat.reason, DeadlineReason::Heartbeat);
    harness.now = next_heartbeat.at - Span(1);
    assert_eq!(harness.timer(), "");
    assert_eq!(harness.wait(), "n2: append t3 t2.i3+0 commit i0; n3: append t3 t2.i3+0 commit i0");
    assert_eq!(harness.node.deadline().at, next_heartbeat.at + Span::ms(100));
    // The heartbeat matches, so the leader continues after the entries of the probe.
    harness.calls.remove(0);
    harness.calls.remove(0);
    assert_eq!(harness.yes("n2"), "n2: append t3 t3.i4+1 commit i0");
    assert_eq!(next(&harness, "n2"), (3, 6));
}

#[test]
fn a_refusal_moves_the_probe_back_to_the_last_match() {
    // The log of the leader is t1 t1 t2 t2 t3. It probes from the end backwards.
    for (hint, last_log, next) in [
        (Some((2, 4)), 4, 4),
        (Some((2, 3)), 9, 4),
        (Some((1, 3)), 9, 3),
        (Some((1, 1)), 9, 2),
        (Some((0, 9)), 9, 1),
        (None, 2, 3),
        (None, 0, 1),
        (None, 9, 4),
    ] {
        let mut harness = Start::of(&[1, 1, 2, 2]).elected();
        let scripted = ScriptedAnswer { hint, number: last_log, ..harness.scripted(false) };
        harness.answer("n2", scripted);
        let (_, progress) = harness.node.followers().next().expect("n2");
        assert_eq!(*progress.flow(), Flow::Probe { next: Index(next), waiting: true }, "{hint:?} {last_log}");
    }
}

#[test]
fn an_old_refusal_is_ignored() {
    // A match does not go back for a hint.
    let mut harness = leader(defaults());
    harness.wait();
    let heartbeat = harness.calls[0].clone();
    propose(&mut harness, 1);
    harness.calls = vec![heartbeat];
    let scripted = ScriptedAnswer { number: 4, hint: Some((1, 1)), ..harness.scripted(false) };
    assert_eq!(harness.answer("n2", scripted), "");
    assert_eq!(next(&harness, "n2"), (4, 6));
    // A late response to an earlier probe does not move the current probe.
    let mut harness = elected(defaults());
    harness.wait();
    let first = ScriptedAnswer { hint: Some((1, 2)), ..harness.scripted(false) };
    assert_eq!(harness.answer("n2", first), "n2: append t3 t1.i2+2 commit i0");
    let second = ScriptedAnswer { hint: Some((1, 1)), ..harness.scripted(false) };
    assert_eq!(harness.answer("n2", second), "", "that was the heartbeat before");
    assert_eq!(next(&harness, "n2"), (0, 3));
}

#[test]
fn unanswered_entries_are_probed_after_an_interval() {
    let mut harness = leader(defaults());
    harness.now = harness.node.deadline().at;
    assert!(propose(&mut harness, 2).contains("n2: append t3 t3.i4+2 commit i4; n3"));
    harness.lose("n2");
    for _ in ["at once", "after a whole interval"] {
        assert!(harness.wait().starts_with("n2: append t3 t3.i4+0 commit i4; n3: append t3 t3.i4+0"));
    }
    harness.lose("n2");
    assert!(harness.wait().starts_with("n2: append t3 t3.i6+0 commit i4; n3: append t3 t3.i6+0"));
    let scripted = ScriptedAnswer { number: 4, hint: Some((3, 4)), ..harness.scripted(false) };
    assert_eq!(harness.answer("n2", scripted), "n2: append t3 t3.i4+2 commit i4");
}

#[test]
fn answers_to_unknown_calls_change_nothing() {
    let mut harness = leader(defaults());
    harness.wait();
    let call = harness.calls[0].clone();
    for term in [2, 4] {
        let mut harness = elected(defaults());
        let scripted = ScriptedAnswer { term, ..harness.scripted(true) };
        let expected = if term == 2 { "ignored UnknownRpc" } else { "Follower t4; no leader; write w3 t4 -" };
        assert_eq!(harness.answer("n2", scripted), expected);
    }
    harness.calls.insert(0, (NodeId::of("n9"), call.1, call.2.clone()));
    assert_eq!(harness.yes("n9"), "ignored UnknownRpc");
    harness.calls.insert(0, (NodeId::of("n3"), call.1, call.2));
    assert_eq!(harness.yes("n3"), "ignored UnknownRpc", "that was n2's");
    let response = Response::TimeoutNow(TimeoutNowResponse { accepted: true });
    let unasked = Input::Response { from: NodeId::of("n2"), rpc: RpcId(99), response };
    assert_eq!(harness.step(unasked), "ignored UnknownRpc");
    assert_eq!(
        harness.step(Input::Fetched { ticket: RpcId(99), entries: Entries::default() }),
        "ignored UnknownTicket"
    );
}

/// The time counts from the moment when the answered requests were sent (thesis §6.2).
#[test]
fn a_leader_without_a_quorum_of_answers_steps_down() {
    let mut harness = elected(Config { leader_lease_timeout: Duration::from_millis(550), ..defaults() });
    let begin = harness.now;
    harness.calls.clear();
    harness.wait();
    harness.now = begin + Span::ms(150);
    assert_eq!(harness.yes("n3"), "", "the call of 100 ms");
    let due = harness.until(DeadlineReason::Lease);
    assert_eq!(due, begin + Span::ms(650));
    harness.now = due - Span(1);
    harness.timer();
    assert_eq!(harness.node.role(), RoleName::Leader);
    harness.now = due;
    assert_eq!(harness.timer(), "Follower t3; no leader");
}

#[test]
fn a_silent_follower_is_reported_once() {
    let mut harness = elected(defaults());
    let begin = harness.now;
    let mut describe_answer = Vec::new();
    for _ in 0..25 {
        harness.lose("n3");
        harness.agree();
        let text = harness.wait();
        let silent = text.split("; ").find(|word| word.contains("silent"));
        describe_answer.extend(silent.map(|word| (harness.now.since(begin), word.to_owned())));
    }
    // At 1000 ms the follower has not been silent for longer than the timeout.
    assert_eq!(describe_answer, [(Span::ms(1_100), format!("n3 silent since {begin}"))]);
    assert_eq!(harness.yes("n3"), "n3 is back");
    assert!(!harness.wait().contains("silent") && !harness.yes("n3").contains("back"));
}

#[test]
fn a_leader_with_a_stalled_disk_steps_down() {
    let mut harness = leader(Config { disk_stall_timeout: Duration::from_millis(1_030), ..defaults() });
    propose(&mut harness, 1);
    let begin = harness.now;
    for _ in 0..20 {
        if harness.node.deadline().reason != DeadlineReason::DiskStall {
            harness.wait();
            harness.all_yes();
        }
    }
    let due = harness.node.deadline();
    assert_eq!((due.reason, due.at), (DeadlineReason::DiskStall, begin + Span::ms(1_030)));
    harness.now = begin + Span::us(1_029_999);
    harness.timer();
    assert_eq!(harness.node.role(), RoleName::Leader);
    harness.now = begin + Span::ms(1_030);
    assert_eq!(harness.timer(), "Follower t3; no leader");
}

#[test]
fn uncached_entries_are_fetched() {
    let config = || Config { log_cache_capacity: 1, max_append_entries: 2, ..defaults() };
    let mut harness = elected(config());
    let back = ScriptedAnswer { hint: Some((1, 1)), ..harness.scripted(false) };
    assert_eq!(harness.answer("n2", back), "fetch i2..i3");
    let ticket = harness.ticket;
    for (what, terms) in [("nothing", &[][..]), ("another log", &[2, 2]), ("what was asked for", &[1, 2])] {
        let mut harness = elected(config());
        harness.answer("n2", back);
        let fetched = Input::Fetched { ticket, entries: entries(Index(1), terms) };
        let sent = match terms {
            [] => "",
            [1, 2] => "n2: append t3 t1.i1+2 commit i0",
            _ => "fetch i2..i3",
        };
        assert_eq!(harness.step(fetched.clone()), sent, "{what}");
        assert_eq!(harness.step(fetched), "ignored UnknownTicket", "{what}, twice");
    }
    let elsewhere = Input::Fetched { ticket, entries: entries(Index(2), &[2]) };
    assert_eq!(harness.step(elsewhere), "fetch i2..i3", "these are not the next entries");
    assert!(harness.wait().starts_with("n2: append t3 t1.i1+0 commit i0; n3"));
    assert_eq!(harness.node.followers().count(), 2);
}

/// The log may be compacted while entries are fetched.
#[test]
fn fetched_entries_are_not_sent_when_the_previous_one_is_compacted() {
    let config = Config { log_cache_capacity: 1, max_append_entries: 2, trailing_logs: 0, ..defaults() };
    let mut harness = elected(config);
    let back = ScriptedAnswer { hint: Some((1, 1)), ..harness.scripted(false) };
    assert_eq!(harness.answer("n2", back), "fetch i2..i3");
    assert_eq!(harness.yes("n3"), "commit i4");
    assert_eq!(harness.step(Input::SnapshotTaken(id((1, 2)))), "write w3 compact i2");
    let fetched = Input::Fetched { ticket: harness.ticket, entries: entries(Index(1), &[1, 2]) };
    assert_eq!(harness.step(fetched), "read newest at 0");
}

/// The entries of an unanswered probe may be compacted.
#[test]
fn a_probe_below_the_log_starts_a_snapshot() {
    let mut harness = elected(Config { trailing_logs: 0, ..defaults() });
    let back = ScriptedAnswer { hint: Some((1, 1)), ..harness.scripted(false) };
    assert_eq!(harness.answer("n2", back), "n2: append t3 t1.i1+3 commit i0");
    assert_eq!(harness.yes("n3"), "commit i4");
    assert_eq!(harness.step(Input::SnapshotTaken(id((1, 2)))), "write w3 compact i2");
    assert!(harness.next_heartbeat().starts_with("n2: append t3 t0.i0+0 commit i0; read newest at 0; n3"));
}

/// Otherwise the disk gets reads faster than it can do them, and none of their reports is wanted.
#[test]
fn a_fetch_is_not_repeated_while_the_disk_does_it() {
    for beats in [1, 3] {
        let config = Config { log_cache_capacity: 1, max_append_entries: 1, max_inflight: 2, ..defaults() };
        let mut harness = leader(config);
        propose(&mut harness, 4);
        harness.persisted();
        assert_eq!(harness.yes("n2"), "fetch i7..i7; commit i5", "and i6 is on its way");
        let ticket = harness.ticket;
        let text: String = (0..beats).map(|_| harness.next_heartbeat()).collect();
        assert!(!text.contains("fetch"), "{text}");
        let fetched = Input::Fetched { ticket, entries: entries(Index(6), &[3]) };
        assert_eq!(harness.step(fetched), "n2: append t3 t3.i6+1 commit i5");
    }
}

#[test]
fn a_reloaded_heartbeat_interval_applies_at_once() {
    let mut harness = elected(defaults());
    let due = harness.node.deadline().at;
    assert_eq!(harness.request(reload(Span::ms(2_000))), "");
    assert_eq!(harness.node.deadline().at, due);
    harness.request(reload(Span::ms(500)));
    assert_eq!(harness.node.deadline().at, harness.now + Span::ms(50));
    assert_eq!(harness.node.last_contact(harness.now), Some(Span::ZERO));
}

#[test]
fn a_single_voter_commits_what_it_has_persisted() {
    let mut harness = Start { members: voters(&["n1"]), ..Start::of(&[1]) }.elected();
    assert_eq!(propose(&mut harness, 2), "appended t2.i3 +2; write w3 append t2.i3+2");
    assert_eq!(harness.persisted(), "commit i4");
    assert_eq!(harness.node.deadline().reason, DeadlineReason::CommitFlush);
    harness.at(9_000_000);
    assert_eq!(harness.timer(), "", "and hears itself always");
    assert_eq!((harness.node.role(), harness.now), (RoleName::Leader, Time(9_000_000_000)));
}

/// A member that lost its disk without having been removed is outside Raft's model.
#[test]
fn a_member_that_lost_what_it_acknowledged_counts_no_more() {
    let mut harness = leader(defaults());
    harness.next_heartbeat();
    let blank = ScriptedAnswer { hint: Some((0, 0)), ..harness.scripted(false) };
    let said = harness.answer("n2", blank);
    assert_eq!(said, "n2 lost i0..i4; n2: append t3 t0.i0+4 commit i4");
    harness.yes_to_all_of(&["n2"]);
    propose(&mut harness, 1);
    harness.persisted();
    harness.yes_to_all_of(&["n2"]);
    assert_eq!((next(&harness, "n2"), harness.node.commit()), ((5, 6), Index(4)), "its copy does not count");
    harness.yes_to_all_of(&["n3"]);
    assert_eq!(harness.node.commit(), Index(5));
}

/// The answer to a request that was sent before the acknowledgement may arrive after it.
#[test]
fn a_late_refusal_is_no_loss() {
    let mut harness = elected(defaults());
    let probe = harness.calls.iter().position(|(to, ..)| *to == NodeId::of("n2")).expect("n2 was called");
    let (_, late, request) = harness.calls.remove(probe);
    harness.next_heartbeat();
    harness.yes_to_all_of(&["n2"]);
    let refusal = response(&request, harness.scripted(false));
    let said = harness.step(Input::Response { from: NodeId::of("n2"), rpc: late, response: refusal });
    assert!(!said.contains("lost"), "{said}");
}
