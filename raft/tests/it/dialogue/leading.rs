//! How entries flow from a leader to its followers, and what it makes of their answers
//! (thesis §3.5, §3.6.2, §6.2, §10.2).

use super::desk::{Desk, Say, Start, entries, id, reload, voters};
use wavetank_raft::{
    ClientRequest, Config, Entries, Flow, Index, Input, NodeId, Payload, Response, RoleName, RpcId, Span,
    Time, TimeoutNowResponse, Why,
};

/// Leads three in term 3 with a log that ends at its first entry, t3.i4. Nobody has answered.
fn elected(config: Config) -> Desk {
    Start { config, ..Start::of(&[1, 1, 2]) }.elected()
}

/// The same, and everybody has everything.
fn leader(config: Config) -> Desk {
    Start { config, ..Start::of(&[1, 1, 2]) }.leader()
}

fn defaults() -> Config {
    Start::of(&[]).config
}

fn propose(desk: &mut Desk, count: u64) -> String {
    desk.ask(ClientRequest::Propose((0..count).map(|_| Payload::Command(vec![0; 8].into())).collect()))
}

fn next(desk: &Desk, name: &str) -> (u64, u64) {
    let mut followers = desk.node.followers();
    let (_, progress) = followers.find(|(id, _)| *id == NodeId::of(name)).expect("it follows");
    (progress.matched().0, progress.next().0)
}

#[test]
fn what_a_quorum_has_is_committed_and_told() {
    let mut desk = elected(defaults());
    assert_eq!(next(&desk, "n2"), (0, 4));
    assert_eq!(desk.yes("n2"), "commit i4");
    assert_eq!(next(&desk, "n2"), (4, 5));
    let now = desk.now;
    assert_eq!((desk.node.deadline().why, desk.node.deadline().at), (Why::CommitFlush, now + Span::ms(50)));
    desk.now = now + Span::ms(49);
    assert_eq!(desk.timer(), "");
    assert_eq!(
        propose(&mut desk, 1),
        "appended t3.i5 +1; n2: append t3 t3.i4+1 commit i4; write w3 append t3.i5+1"
    );
    desk.now = now + Span::ms(50);
    assert_eq!(desk.timer(), "", "who has it was told along with the entries");

    let mut desk = elected(defaults());
    desk.yes("n2");
    assert_eq!(desk.wait(), "n2: append t3 t3.i4+0 commit i4", "n3 has nothing of it");
    assert_eq!(desk.node.deadline().why, Why::Heartbeat);
}

#[test]
fn followers_alone_are_a_quorum_and_the_leaders_own_disk_is_one_of_three() {
    let mut desk = leader(defaults());
    propose(&mut desk, 1);
    assert_eq!(desk.yes("n2"), "", "one of three");
    assert_eq!(desk.yes("n3"), "", "two of three; but here it is not on disk");
    assert_eq!((desk.node.commit(), desk.node.durable()), (Index(5), Index(4)));
    assert_eq!(desk.written(), "commit i5");

    let mut desk = leader(defaults());
    propose(&mut desk, 1);
    assert_eq!([desk.written(), desk.yes("n3")], ["", "commit i5"]);
    assert_eq!(propose(&mut desk, 0), "");
}

/// Figure 8 of the thesis: an older entry is committed only along with one of the leader's own.
#[test]
fn an_older_entry_is_not_committed_by_counting() {
    let mut desk = elected(Config { max_append_entries: 1, ..defaults() });
    for name in ["n2", "n3"] {
        let back = Say { hint: Some((1, 2)), ..desk.say(false) };
        assert_eq!(desk.answer(name, back), format!("{name}: append t3 t1.i2+1 commit i0"));
        assert_eq!(desk.yes(name), format!("{name}: append t3 t2.i3+1 commit i0"));
        assert_eq!((next(&desk, name), desk.node.commit()), ((3, 5), Index(0)));
    }
    assert_eq!(desk.yes("n2"), "commit i4");
}

#[test]
fn entries_flow_within_the_window() {
    let mut desk = leader(Config { max_append_entries: 2, max_inflight: 2, ..defaults() });
    assert_eq!(
        propose(&mut desk, 7),
        "appended t3.i5 +7; n2: append t3 t3.i4+2 commit i4; n2: append t3 t3.i6+2 commit i4; \
         n3: append t3 t3.i4+2 commit i4; n3: append t3 t3.i6+2 commit i4; write w3 append t3.i5+7"
    );
    assert_eq!(desk.yes("n2"), "n2: append t3 t3.i8+2 commit i4");
    assert_eq!(desk.yes("n2"), "n2: append t3 t3.i10+1 commit i4");
    // The newer of two answers comes first: it vouches for both.
    assert_eq!(desk.written(), "commit i8");
    let first = desk.calls.remove(0);
    assert_eq!(desk.yes("n3"), "n3: append t3 t3.i8+2 commit i8; n3: append t3 t3.i10+1 commit i8");
    desk.calls.insert(0, first);
    assert_eq!(desk.yes("n3"), "ignored UnknownRpc");
}

/// However it comes about that a call is no longer waited for, there is room for the next one.
#[test]
fn the_window_opens_when_nobody_waits_for_what_filled_it() {
    let sent = "n2: append t3 t3.i5+1 commit i4";
    let full = || {
        let mut desk = leader(Config { max_inflight: 1, ..defaults() });
        propose(&mut desk, 1);
        assert!(!propose(&mut desk, 1).contains("n2: "));
        desk
    };
    // It was refused, though what precedes had matched.
    assert_eq!(full().no("n2"), sent);
    // A later call was answered, which vouches for it.
    let mut desk = full();
    desk.lose("n2");
    while !desk.beat().starts_with("n2: append t3 t3.i5+0") {
        desk.lose("n2");
        desk.yes_to_all_of(&["n3"]);
        assert!(desk.node.role() == RoleName::Leader);
    }
    assert_eq!(desk.yes("n2"), sent);
    // It is so old that it was forgotten.
    let mut desk = full();
    let first = desk.calls[0].clone();
    for _ in 0..32 {
        desk.lose("n2");
        assert!(!desk.beat().contains(sent));
        desk.yes_to_all_of(&["n3"]);
    }
    assert!(desk.beat().contains(sent));
    desk.calls.insert(0, first);
    assert_eq!(desk.yes("n2"), "ignored UnknownRpc");
}

#[test]
fn a_probe_is_alone_until_it_is_answered() {
    let mut desk = elected(defaults());
    assert_eq!(propose(&mut desk, 1), "appended t3.i5 +1; write w3 append t3.i5+1");
    let beat = desk.node.deadline();
    assert_eq!(beat.why, Why::Heartbeat);
    desk.now = beat.at - Span(1);
    assert_eq!(desk.timer(), "");
    assert_eq!(desk.wait(), "n2: append t3 t2.i3+0 commit i0; n3: append t3 t2.i3+0 commit i0");
    assert_eq!(desk.node.deadline().at, beat.at + Span::ms(100));
    // The heartbeat matches, and with it the flow begins where the probe has ended.
    desk.calls.remove(0);
    desk.calls.remove(0);
    assert_eq!(desk.yes("n2"), "n2: append t3 t3.i4+1 commit i0");
    assert_eq!(next(&desk, "n2"), (3, 6));
}

#[test]
fn a_refusal_is_followed_back_to_where_the_logs_part() {
    // The log of the leader is t1 t1 t2 t2 t3, and it asks from the end on.
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
        let mut desk = Start::of(&[1, 1, 2, 2]).elected();
        let say = Say { hint, number: last_log, ..desk.say(false) };
        desk.answer("n2", say);
        let (_, progress) = desk.node.followers().next().expect("n2");
        assert_eq!(*progress.flow(), Flow::Probe { next: Index(next), waiting: true }, "{hint:?} {last_log}");
    }
}

#[test]
fn an_old_refusal_is_not_believed() {
    // What matched cannot come apart, whatever an answer says.
    let mut desk = leader(defaults());
    desk.wait();
    let heartbeat = desk.calls[0].clone();
    propose(&mut desk, 1);
    desk.calls = vec![heartbeat];
    let say = Say { hint: Some((1, 1)), ..desk.say(false) };
    assert_eq!(desk.answer("n2", say), "");
    assert_eq!(next(&desk, "n2"), (4, 6));
    // A probe that went further back meanwhile is not moved by an answer to the one before.
    let mut desk = elected(defaults());
    desk.wait();
    let first = Say { hint: Some((1, 2)), ..desk.say(false) };
    assert_eq!(desk.answer("n2", first), "n2: append t3 t1.i2+2 commit i0");
    let second = Say { hint: Some((1, 1)), ..desk.say(false) };
    assert_eq!(desk.answer("n2", second), "", "that was the heartbeat before");
    assert_eq!(next(&desk, "n2"), (0, 3));
}

#[test]
fn what_goes_unanswered_for_an_interval_is_asked_for() {
    let mut desk = leader(defaults());
    desk.now = desk.node.deadline().at;
    assert!(propose(&mut desk, 2).contains("n2: append t3 t3.i4+2 commit i4; n3"));
    desk.lose("n2");
    for _ in ["at once", "after a whole interval"] {
        assert!(desk.wait().starts_with("n2: append t3 t3.i4+0 commit i4; n3: append t3 t3.i4+0"));
    }
    desk.lose("n2");
    assert!(desk.wait().starts_with("n2: append t3 t3.i6+0 commit i4; n3: append t3 t3.i6+0"));
    let say = Say { hint: Some((3, 4)), ..desk.say(false) };
    assert_eq!(desk.answer("n2", say), "n2: append t3 t3.i4+2 commit i4");
}

#[test]
fn answers_that_nobody_waits_for_change_nothing() {
    let mut desk = leader(defaults());
    desk.wait();
    let call = desk.calls[0].clone();
    for term in [2, 4] {
        let mut desk = elected(defaults());
        let say = Say { term, ..desk.say(true) };
        let expected = if term == 2 { "ignored UnknownRpc" } else { "Follower t4; no leader; write w3 t4 -" };
        assert_eq!(desk.answer("n2", say), expected);
    }
    desk.calls.insert(0, (NodeId::of("n9"), call.1, call.2.clone()));
    assert_eq!(desk.yes("n9"), "ignored UnknownRpc");
    desk.calls.insert(0, (NodeId::of("n3"), call.1, call.2));
    assert_eq!(desk.yes("n3"), "ignored UnknownRpc", "that was n2's");
    let response = Response::TimeoutNow(TimeoutNowResponse { accepted: true });
    let unasked = Input::Response { from: NodeId::of("n2"), rpc: RpcId(99), response };
    assert_eq!(desk.step(unasked), "ignored UnknownRpc");
    assert_eq!(
        desk.step(Input::Fetched { ticket: RpcId(99), entries: Entries::default() }),
        "ignored UnknownTicket"
    );
}

/// Counted from when the answered calls were sent (thesis §6.2).
#[test]
fn a_leader_that_no_quorum_answers_steps_down() {
    let mut desk = elected(Config { leader_lease_timeout: Span::ms(550), ..defaults() });
    let begin = desk.now;
    desk.calls.clear();
    desk.wait();
    desk.now = begin + Span::ms(150);
    assert_eq!(desk.yes("n3"), "", "the call of 100 ms");
    let due = desk.until(Why::Lease);
    assert_eq!(due, begin + Span::ms(650));
    desk.now = due - Span(1);
    desk.timer();
    assert_eq!(desk.node.role(), RoleName::Leader);
    desk.now = due;
    assert_eq!(desk.timer(), "Follower t3; no leader");
}

#[test]
fn a_follower_that_is_silent_is_told_of_once() {
    let mut desk = elected(defaults());
    let begin = desk.now;
    let mut told = Vec::new();
    for _ in 0..25 {
        desk.lose("n3");
        desk.agree();
        let words = desk.wait();
        let silent = words.split("; ").find(|word| word.contains("silent"));
        told.extend(silent.map(|word| (desk.now.since(begin), word.to_owned())));
    }
    // Not at 1000 ms yet, when it had been silent for no longer than it may.
    assert_eq!(told, [(Span::ms(1_100), format!("n3 silent since {begin}"))]);
    assert_eq!(desk.yes("n3"), "n3 is back");
    assert!(!desk.wait().contains("silent") && !desk.yes("n3").contains("back"));
}

#[test]
fn a_leader_whose_disk_hangs_steps_down() {
    let mut desk = leader(Config { disk_stall_timeout: Span::ms(1_030), ..defaults() });
    propose(&mut desk, 1);
    let begin = desk.now;
    for _ in 0..20 {
        if desk.node.deadline().why != Why::DiskStall {
            desk.wait();
            desk.all_yes();
        }
    }
    let due = desk.node.deadline();
    assert_eq!((due.why, due.at), (Why::DiskStall, begin + Span::ms(1_030)));
    desk.now = begin + Span::us(1_029_999);
    desk.timer();
    assert_eq!(desk.node.role(), RoleName::Leader);
    desk.now = begin + Span::ms(1_030);
    assert_eq!(desk.timer(), "Follower t3; no leader");
}

#[test]
fn what_is_not_in_memory_is_fetched() {
    let config = || Config { log_cache_capacity: 1, max_append_entries: 2, ..defaults() };
    let mut desk = elected(config());
    let back = Say { hint: Some((1, 1)), ..desk.say(false) };
    assert_eq!(desk.answer("n2", back), "fetch i2..i3");
    let ticket = desk.ticket;
    for (what, terms) in [("nothing", &[][..]), ("another log", &[2, 2]), ("what was asked for", &[1, 2])] {
        let mut desk = elected(config());
        desk.answer("n2", back);
        let fetched = Input::Fetched { ticket, entries: entries(Index(1), terms) };
        let sent = if terms == [1, 2] { "n2: append t3 t1.i1+2 commit i0" } else { "" };
        assert_eq!(desk.step(fetched.clone()), sent, "{what}");
        assert_eq!(desk.step(fetched), "ignored UnknownTicket", "{what}, twice");
    }
    let elsewhere = Input::Fetched { ticket, entries: entries(Index(2), &[2]) };
    assert_eq!(desk.step(elsewhere), "");
    // The next heartbeat asks again.
    assert!(desk.wait().starts_with("n2: append t3 t1.i1+0 commit i0; n3"));
    assert_eq!(desk.node.followers().count(), 2);
}

/// What was fetched may have been compacted meanwhile.
#[test]
fn what_was_fetched_is_not_sent_without_what_precedes_it() {
    let config = Config { log_cache_capacity: 1, max_append_entries: 2, trailing_logs: 0, ..defaults() };
    let mut desk = elected(config);
    let back = Say { hint: Some((1, 1)), ..desk.say(false) };
    assert_eq!(desk.answer("n2", back), "fetch i2..i3");
    assert_eq!(desk.yes("n3"), "commit i4");
    assert_eq!(desk.step(Input::SnapshotTaken(id((1, 2)))), "write w3 compact i2");
    let fetched = Input::Fetched { ticket: desk.ticket, entries: entries(Index(1), &[1, 2]) };
    assert_eq!(desk.step(fetched), "");
    assert!(desk.beat().starts_with("n2: append t3 t0.i0+0 commit i0; read newest at 0; n3"));
}

/// A probe whose answer is still awaited may carry what is compacted by now.
#[test]
fn a_probe_into_what_is_compacted_is_followed_by_a_snapshot() {
    let mut desk = elected(Config { trailing_logs: 0, ..defaults() });
    let back = Say { hint: Some((1, 1)), ..desk.say(false) };
    assert_eq!(desk.answer("n2", back), "n2: append t3 t1.i1+3 commit i0");
    assert_eq!(desk.yes("n3"), "commit i4");
    assert_eq!(desk.step(Input::SnapshotTaken(id((1, 2)))), "write w3 compact i2");
    assert!(desk.beat().starts_with("n2: append t3 t0.i0+0 commit i0; read newest at 0; n3"));
}

#[test]
fn what_is_being_fetched_is_asked_for_again_when_its_time_is_over() {
    for (beats, again) in [(1, false), (3, true)] {
        let config = Config { log_cache_capacity: 1, max_append_entries: 1, max_inflight: 2, ..defaults() };
        let mut desk = leader(config);
        propose(&mut desk, 4);
        desk.written();
        assert_eq!(desk.yes("n2"), "fetch i7..i7; commit i5", "and i6 is on its way");
        let ticket = desk.ticket;
        let words: String = (0..beats).map(|_| desk.beat()).collect();
        assert_eq!(words.contains("fetch i7..i7"), again, "{words}");
        let fetched = Input::Fetched { ticket, entries: entries(Index(6), &[3]) };
        let expected = if again { "ignored UnknownTicket" } else { "n2: append t3 t3.i6+1 commit i5" };
        assert_eq!(desk.step(fetched), expected);
    }
}

#[test]
fn a_shorter_interval_counts_at_once() {
    let mut desk = elected(defaults());
    let due = desk.node.deadline().at;
    assert_eq!(desk.ask(reload(Span::ms(2_000))), "");
    assert_eq!(desk.node.deadline().at, due);
    desk.ask(reload(Span::ms(500)));
    assert_eq!(desk.node.deadline().at, desk.now + Span::ms(50));
    assert_eq!(desk.node.last_contact(desk.now), Some(Span::ZERO));
}

#[test]
fn a_leader_of_one_commits_what_is_on_its_disk() {
    let mut desk = Start { members: voters(&["n1"]), ..Start::of(&[1]) }.elected();
    assert_eq!(propose(&mut desk, 2), "appended t2.i3 +2; write w3 append t2.i3+2");
    assert_eq!(desk.written(), "commit i4");
    assert_eq!(desk.node.deadline().why, Why::CommitFlush);
    desk.at(9_000_000);
    assert_eq!(desk.timer(), "", "and hears itself always");
    assert_eq!((desk.node.role(), desk.now), (RoleName::Leader, Time(9_000_000_000)));
}
