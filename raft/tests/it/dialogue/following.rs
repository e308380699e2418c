//! AppendEntries at a follower: accepted, refused, and when it answers (thesis §3.5, §3.6).

use super::harness::{Harness, Start, append, id, reload, vote, voters};
use wavetank_raft::{
    AppendEntries, Configuration, Entry, Index, Input, NodeId, Payload, Request, RoleName, Span, Term, Time,
    Token,
};

/// A follower in term 3 with a log up to t2.i3, without contact with a leader yet.
fn follower() -> Harness {
    let mut harness = Start { term: 3, ..Start::of(&[1, 1, 2]) }.boot();
    harness.at(1_000);
    harness
}

/// The same, after the leader has sent commit index 2.
fn led() -> Harness {
    let mut harness = follower();
    assert_eq!(
        harness.receive("n2", append(3, (1, 2), &[], 2)),
        "leader n2; n2! append yes t3 last i3; commit i2"
    );
    harness
}

#[test]
fn entries_are_appended_where_the_previous_one_matches() {
    for (request, expected) in [
        // All entries, or some of them, are new.
        (append(3, (2, 3), &[3, 3], 0), "write w1 append t3.i4+2"),
        (append(3, (1, 2), &[2, 3], 0), "write w1 append t3.i4+1"),
        // All entries are known.
        (append(3, (1, 1), &[1, 2], 0), "n2! append yes t3 last i3"),
        (append(3, (1, 1), &[1], 0), "n2! append yes t3 last i3"),
        (append(3, (2, 3), &[], 0), "n2! append yes t3 last i3"),
        // The end is in conflict.
        (append(3, (1, 2), &[3], 0), "write w1 replace t3.i3+1"),
        (append(3, (1, 2), &[3, 3, 3], 0), "write w1 replace t3.i3+3"),
        // The previous entry is missing or differs.
        (append(3, (2, 5), &[], 0), "n2! append no t3 last i3 hint t2.i3 retry"),
        (append(3, (2, 4), &[3], 0), "n2! append no t3 last i3 hint t2.i3 retry"),
        (append(3, (1, 5), &[], 0), "n2! append no t3 last i3 hint t1.i2 retry"),
        (append(3, (3, 3), &[], 0), "n2! append no t3 last i3 hint t1.i2 retry"),
        // Committed entries cannot be replaced.
        (append(3, (1, 1), &[3], 0), "ignored BelowCommit; n2! append no t3 last i3"),
        // A message of another term.
        (append(2, (2, 3), &[2], 0), "n2! append no t3 last i3"),
        (append(4, (2, 3), &[4], 0), "Follower t4; no leader; leader n2; write w1 t4 - append t4.i4+1"),
    ] {
        assert_eq!(led().receive("n2", request.clone()), expected, "{request:?}");
    }
}

#[test]
fn malformed_entries_are_refused() {
    let entry = |term, index| Entry::new(Term(term), Index(index), Payload::Noop);
    for entries in [
        vec![entry(3, 5)],
        vec![entry(3, 3)],
        vec![entry(3, 4), entry(3, 6)],
        vec![entry(1, 4)],
        vec![entry(3, 4), entry(2, 5)],
        vec![entry(4, 4)],
    ] {
        let m = AppendEntries {
            term: Term(3),
            prev: id((2, 3)),
            entries: entries.into(),
            leader_commit: Index(0),
        };
        let request = Request::AppendEntries(m);
        assert_eq!(
            led().receive("n2", request.clone()),
            "ignored Malformed; n2! append no t3 last i3",
            "{request:?}"
        );
    }
    assert_eq!(led().receive("n2", append(3, (4, 3), &[], 0)), "ignored Malformed; n2! append no t3 last i3");
    // A malformed message does not make its sender the leader.
    let mut harness = follower();
    harness.receive("n2", append(3, (4, 3), &[], 0));
    assert_eq!(harness.node.leader(), None);
}

#[test]
fn a_follower_commits_no_further_than_the_message_verified() {
    for (request, commit) in [
        (append(3, (2, 3), &[], 3), 3),
        (append(3, (2, 3), &[], 9), 3),
        (append(3, (2, 3), &[], 1), 2),
        (append(3, (1, 1), &[1], 9), 2),
        (append(3, (1, 1), &[1, 2], 9), 3),
        (append(3, (2, 4), &[], 4), 2),
    ] {
        let mut harness = led();
        harness.receive("n2", request.clone());
        assert_eq!(harness.node.commit(), Index(commit), "{request:?}");
    }
    // Only persisted entries are applied.
    let mut harness = led();
    assert_eq!(harness.receive("n2", append(3, (2, 3), &[3], 4)), "write w1 append t3.i4+1; commit i3");
    assert_eq!(harness.node.commit(), Index(4));
    assert_eq!(harness.persisted(), "n2! append yes t3 last i3; commit i4");
}

#[test]
fn an_answer_waits_until_its_entries_are_persisted() {
    let mut harness = led();
    harness.receive("n2", append(3, (2, 3), &[3], 0));
    harness.receive("n2", append(3, (3, 4), &[3], 0));
    assert_eq!(harness.receive("n2", append(3, (3, 4), &[], 0)), "", "it needs the first of them");
    assert_eq!(
        harness.receive("n2", append(3, (2, 3), &[], 0)),
        "n2! append yes t3 last i5",
        "it needs neither"
    );
    assert_eq!(harness.node.durable(), Index(3));
    assert_eq!(
        harness.step(Input::Persisted(Token(1))),
        "n2! append yes t3 last i3; n2! append yes t3 last i5"
    );
    assert_eq!(harness.node.durable(), Index(4));
    assert_eq!(harness.step(Input::Persisted(Token(1))), "", "told again");
    assert_eq!(harness.step(Input::Persisted(Token(3))), "ignored UnknownToken");
    assert_eq!(harness.step(Input::Persisted(Token(2))), "n2! append yes t3 last i4");
    assert_eq!(harness.node.durable(), Index(5));
}

/// The report of a write whose entries were overwritten makes nothing durable (A-B-A).
#[test]
fn a_late_persist_report_does_not_cover_replacement_entries() {
    let mut harness = led();
    harness.receive("n2", append(3, (2, 3), &[3, 3], 0));
    assert_eq!(
        harness.receive("n3", append(4, (2, 3), &[4], 4)),
        "Follower t4; no leader; leader n3; write w2 t4 - replace t4.i4+1; commit i3"
    );
    assert_eq!(harness.step(Input::Persisted(Token(1))), "n2! append yes t3 last i3");
    assert_eq!((harness.node.durable(), harness.node.commit()), (Index(3), Index(4)));
    assert_eq!(harness.step(Input::Persisted(Token(2))), "n3! append yes t4 last i5; commit i4");
    // Persisted entries that were truncated are not durable any more.
    let mut harness = led();
    assert_eq!(harness.receive("n2", append(3, (1, 2), &[3, 3], 4)), "write w1 replace t3.i3+2");
    assert_eq!(harness.node.durable(), Index(2));
}

#[test]
fn a_configuration_is_in_force_from_append_to_truncation() {
    let two = Configuration::new(voters(&["n1", "n2"])).expect("names differ");
    let entry = Entry::new(Term(3), Index(4), Payload::Configuration(two.into()));
    let m = |entries: Vec<Entry>| AppendEntries {
        term: Term(3),
        prev: id((2, 3)),
        entries: entries.into(),
        leader_commit: Index(0),
    };
    let mut harness = led();
    assert_eq!(
        harness.receive("n2", Request::AppendEntries(m(vec![entry]))),
        "members i4 n1 n2; write w1 append t3.i4+1"
    );
    assert_eq!(harness.node.voters().iter().count(), 2);
    assert_eq!(
        harness.receive("n3", append(4, (2, 3), &[4], 0)),
        "Follower t4; no leader; leader n3; members i1 n1 n2 n3; write w2 t4 - replace t4.i4+1"
    );
    assert_eq!(harness.node.voters().iter().count(), 3);
    assert_eq!(
        harness.receive("n2", append(5, (2, 3), &[5], 0)),
        "Follower t5; no leader; leader n2; write w3 t5 - replace t5.i4+1",
        "nothing to tell"
    );
}

#[test]
fn a_compacted_previous_entry_matches() {
    let mut harness = Start { snapshot: Some((2, 5)), term: 3, ..Start::of(&[2, 3]) }.boot();
    harness.at(1_000);
    assert_eq!(harness.node.commit(), Index(5));
    for (request, expected) in [
        (append(3, (1, 2), &[], 0), "leader n2; n2! append yes t3 last i7"),
        (append(3, (1, 2), &[1, 1], 9), "n2! append yes t3 last i7"),
        (append(3, (1, 3), &[1, 2, 2, 3], 0), "n2! append yes t3 last i7"),
        (append(3, (1, 3), &[1, 1, 1], 0), "ignored BelowCommit; n2! append no t3 last i7"),
        (append(3, (2, 5), &[2, 3], 0), "n2! append yes t3 last i7"),
        (append(3, (1, 5), &[], 0), "n2! append no t3 last i7 hint t2.i5 retry"),
        (append(3, (1, 3), &[1, 2, 3], 0), "write w1 replace t3.i6+1"),
    ] {
        assert_eq!(harness.receive("n2", request.clone()), expected, "{request:?}");
    }
}

#[test]
fn an_append_restarts_the_election_timer() {
    let mut harness = led();
    let due = harness.node.deadline().at;
    harness.at(1_500).receive("n2", append(3, (2, 3), &[], 0));
    assert_eq!(harness.node.deadline().at, due + Span::ms(500));
    assert_eq!(harness.node.last_contact(Time(1_700_000)), Some(Span::ms(200)));
    assert_eq!(harness.node.leader(), Some(NodeId::of("n2")));
    harness.receive("n3", append(2, (2, 3), &[], 0));
    assert_eq!(harness.node.deadline().at, due + Span::ms(500), "one of the past is no leader");
    assert_eq!(harness.wait(), "no leader; PreCandidate t3; n2: prevote t4 t2.i3; n3: prevote t4 t2.i3");
    assert_eq!((harness.node.leader(), harness.node.last_contact(harness.now)), (None, None));
}

#[test]
fn a_reloaded_timeout_applies_at_once() {
    let mut harness = led();
    let timeout = Span::ms(500);
    assert_eq!(harness.request(reload(timeout)), "");
    let patience = harness.node.deadline().at.since(harness.now);
    assert!(timeout <= patience && patience < timeout.times(2));
}

/// A server with a stalled disk must not campaign (HashiCorp Raft issues #503 and #614).
#[test]
fn a_server_with_a_stalled_disk_does_not_campaign() {
    let stall = Span::ms(5_000);
    for (after, role) in [(Span::us(4_999_999), RoleName::PreCandidate), (stall, RoleName::Follower)] {
        let mut harness = follower();
        assert_eq!(harness.receive("n3", vote(3, (2, 3))), "write w1 t3 n3");
        harness.now = harness.now + after;
        harness.timer();
        assert_eq!(harness.node.role(), role, "{after} after the write");
    }
    let mut harness = follower();
    harness.wait();
    assert_eq!(harness.yes("n3"), "Candidate t4; write w1 t4 n1");
    harness.now = harness.now + stall;
    assert_eq!(harness.timer(), "Follower t4");
    harness.wait();
    assert_eq!(harness.node.role(), RoleName::Follower);
    harness.persisted();
    harness.wait();
    assert_eq!(harness.node.role(), RoleName::PreCandidate);
}
