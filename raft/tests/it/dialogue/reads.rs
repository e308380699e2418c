//! Linearizable reads (thesis §6.4): by a round of heartbeats, or under the lease.

use super::harness::{Harness, ScriptedAnswer, Start, voters};
use wavetank_raft::{Change, ClientRequest, Member, ReadPath, RequestId, Span};

/// A leader of three with a log up to t3.i4, without any answer yet.
fn elected() -> Harness {
    Start::of(&[1, 1, 2]).elected()
}

/// The same, and all followers have all entries. The configuration is at i1.
fn leader() -> Harness {
    Start::of(&[1, 1, 2]).leader()
}

fn read(harness: &mut Harness, request: u64, path: ReadPath) -> String {
    harness.request(ClientRequest::Read { request: RequestId(request), path })
}

#[test]
fn only_a_leader_serves_reads() {
    let mut harness = Start::of(&[1, 1, 2]).boot();
    for path in [ReadPath::Index, ReadPath::Lease, ReadPath::Verify] {
        assert_eq!(read(&mut harness, 1, path), "r1 NotLeader(None)");
    }
}

#[test]
fn a_read_waits_for_a_round_that_left_after_it() {
    for (path, index) in [(ReadPath::Index, 4), (ReadPath::Verify, 0)] {
        let mut harness = leader();
        assert_eq!(
            read(&mut harness, 1, path),
            "n2: append t3 t3.i4+0 commit i4; n3: append t3 t3.i4+0 commit i4"
        );
        assert_eq!(read(&mut harness, 2, path), "", "a round is under way");
        assert_eq!(
            harness.yes("n3"),
            format!("r1 reads i{index}; n2: append t3 t3.i4+0 commit i4; n3: append t3 t3.i4+0 commit i4"),
            "that round has left before the second"
        );
        assert_eq!(harness.yes("n2"), "", "that was the first round");
        assert_eq!(harness.yes("n2"), format!("r2 reads i{index}"));
        assert_eq!(harness.yes("n3"), "");
        assert_eq!(
            read(&mut harness, 3, path),
            "n2: append t3 t3.i4+0 commit i4; n3: append t3 t3.i4+0 commit i4",
            "the next one begins a round of its own"
        );
    }
}

#[test]
fn a_refusal_proves_leadership_too() {
    let mut harness = leader();
    read(&mut harness, 1, ReadPath::Index);
    let refusal = ScriptedAnswer { number: 4, ..harness.scripted(false) };
    assert_eq!(harness.answer("n2", refusal), "r1 reads i4");
}

#[test]
fn a_heartbeat_that_was_due_anyway_serves_as_the_next_round() {
    let mut harness = leader();
    read(&mut harness, 1, ReadPath::Index);
    read(&mut harness, 2, ReadPath::Index);
    harness.calls.clear();
    harness.wait();
    assert_eq!(harness.yes("n2"), "r1 reads i4; r2 reads i4");
}

/// The commit index is not known before the first commit of the term.
#[test]
fn a_read_by_index_waits_for_the_first_commit_of_the_term() {
    for (path, early) in [(ReadPath::Index, ""), (ReadPath::Verify, "r1 reads i0")] {
        let mut harness = elected();
        let first = harness.calls[0].clone();
        read(&mut harness, 1, path);
        harness.calls.drain(..2);
        assert_eq!(harness.yes("n2"), early, "leadership is shown");
        harness.calls.insert(0, first);
        let late = if path == ReadPath::Index { "r1 reads i4; commit i4" } else { "commit i4" };
        assert_eq!(harness.yes("n2"), late);
    }
}

#[test]
fn an_answer_to_an_older_call_does_not_confirm_a_read() {
    let mut harness = elected();
    read(&mut harness, 1, ReadPath::Index);
    assert_eq!(harness.yes("n2"), "commit i4", "that call had left before");
    assert_eq!(harness.yes("n2"), "r1 reads i4");
}

#[test]
fn only_voters_confirm_leadership() {
    let members = vec![Member::voter("n1", "n1"), Member::voter("n2", "n2"), Member::nonvoter("n3", "n3")];
    let mut harness = Start { members, ..Start::of(&[1, 1, 2]) }.elected();
    harness.agree();
    harness.calls.clear();
    read(&mut harness, 1, ReadPath::Index);
    assert_eq!([harness.yes("n3"), harness.yes("n2")], ["", "r1 reads i4"]);
}

#[test]
fn reads_end_with_leadership() {
    let mut harness = leader();
    read(&mut harness, 1, ReadPath::Index);
    read(&mut harness, 2, ReadPath::Verify);
    let newer = ScriptedAnswer { term: 4, ..harness.scripted(false) };
    assert_eq!(
        harness.answer("n2", newer),
        "r1 LeadershipLost; r2 LeadershipLost; Follower t4; no leader; write w3 t4 -"
    );
}

/// The lease lasts half a second less 500 ppm. It starts when the newest requests that a quorum
/// answered were sent.
#[test]
fn a_lease_starts_when_the_answered_call_was_sent() {
    let heard = leader().now;
    for (after, expected) in [(499_749, "r1 reads i4"), (499_750, "r1 NoLease")] {
        let mut harness = leader();
        harness.now = heard + Span::us(after);
        assert_eq!(read(&mut harness, 1, ReadPath::Lease), expected, "{after} us later");
    }
    // With three voters one response is enough, and the lease starts at the request, not at the
    // response.
    let mut harness = leader();
    harness.wait();
    let sent = harness.now;
    harness.now = sent + Span::ms(90);
    harness.yes("n3");
    harness.now = sent + Span::us(499_749);
    assert_eq!(read(&mut harness, 1, ReadPath::Lease), "r1 reads i4");
    harness.now = sent + Span::us(499_750);
    assert_eq!(read(&mut harness, 2, ReadPath::Lease), "r2 NoLease");
}

#[test]
fn there_is_no_lease_before_the_first_commit_or_first_answer() {
    let mut harness = elected();
    harness.wait();
    harness.calls.drain(..2);
    harness.yes("n2");
    assert_eq!(read(&mut harness, 1, ReadPath::Lease), "r1 NoLease");
    // A single voter has its lease until another voter is added that has not answered.
    let mut harness = Start { members: voters(&["n1"]), ..Start::of(&[1]) }.elected();
    assert_eq!(read(&mut harness, 1, ReadPath::Lease), "r1 reads i2");
    let change = Change::AddVoter("n2".into(), "n2".into());
    harness.request(ClientRequest::Change { change, prev_index: None });
    assert_eq!(read(&mut harness, 2, ReadPath::Lease), "r2 NoLease");
    harness.yes("n2");
    assert_eq!(read(&mut harness, 3, ReadPath::Lease), "r3 reads i2");
}
