//! Reads that everybody can believe (thesis §6.4): by a round of heartbeats, or under the lease.

use super::desk::{Desk, Say, Start, voters};
use wavetank_raft::{Change, ClientRequest, Index, Member, ReadPath, RequestId, Span};

/// Leads three up to t3.i4, and nobody has answered.
fn elected() -> Desk {
    Start::of(&[1, 1, 2]).elected()
}

/// The same, and everybody has everything. The membership stands at i1.
fn leader() -> Desk {
    Start::of(&[1, 1, 2]).leader()
}

fn read(desk: &mut Desk, request: u64, path: ReadPath) -> String {
    desk.ask(ClientRequest::Read { request: RequestId(request), path })
}

#[test]
fn only_a_leader_lets_anybody_read() {
    let mut desk = Start::of(&[1, 1, 2]).boot();
    for path in [ReadPath::Index, ReadPath::Lease, ReadPath::Verify] {
        assert_eq!(read(&mut desk, 1, path), "r1 NotLeader(None)");
    }
}

#[test]
fn a_read_waits_for_a_round_that_left_after_it() {
    for (path, index) in [(ReadPath::Index, 4), (ReadPath::Verify, 0)] {
        let mut desk = leader();
        assert_eq!(
            read(&mut desk, 1, path),
            "n2: append t3 t3.i4+0 commit i4; n3: append t3 t3.i4+0 commit i4"
        );
        assert_eq!(read(&mut desk, 2, path), "", "a round is under way");
        assert_eq!(
            desk.yes("n3"),
            format!("r1 reads i{index}; n2: append t3 t3.i4+0 commit i4; n3: append t3 t3.i4+0 commit i4"),
            "that round has left before the second"
        );
        assert_eq!(desk.yes("n2"), "", "that was the first round");
        assert_eq!(desk.yes("n2"), format!("r2 reads i{index}"));
        assert_eq!(desk.yes("n3"), "");
        assert_eq!(
            read(&mut desk, 3, path),
            "n2: append t3 t3.i4+0 commit i4; n3: append t3 t3.i4+0 commit i4",
            "the next one begins a round of its own"
        );
    }
}

#[test]
fn a_refusal_proves_leadership_too() {
    let mut desk = leader();
    read(&mut desk, 1, ReadPath::Index);
    assert_eq!(desk.no("n2"), "r1 reads i4");
}

#[test]
fn a_heartbeat_that_was_due_anyway_serves_as_the_next_round() {
    let mut desk = leader();
    read(&mut desk, 1, ReadPath::Index);
    read(&mut desk, 2, ReadPath::Index);
    desk.calls.clear();
    desk.wait();
    assert_eq!(desk.yes("n2"), "r1 reads i4; r2 reads i4");
}

/// What was committed when it came is not known before the first commit of the term.
#[test]
fn a_read_by_index_waits_for_the_first_commit_of_the_term() {
    for (path, early) in [(ReadPath::Index, ""), (ReadPath::Verify, "r1 reads i0")] {
        let mut desk = elected();
        let first = desk.calls[0].clone();
        read(&mut desk, 1, path);
        desk.calls.drain(..2);
        assert_eq!(desk.yes("n2"), early, "leadership is shown");
        desk.calls.insert(0, first);
        let late = if path == ReadPath::Index { "r1 reads i4; commit i4" } else { "commit i4" };
        assert_eq!(desk.yes("n2"), late);
    }
}

#[test]
fn an_answer_to_an_older_call_proves_nothing_for_a_read() {
    let mut desk = elected();
    read(&mut desk, 1, ReadPath::Index);
    assert_eq!(desk.yes("n2"), "commit i4", "that call had left before");
    assert_eq!(desk.yes("n2"), "r1 reads i4");
}

#[test]
fn only_voters_prove_leadership() {
    let members = vec![Member::voter("n1", "n1"), Member::voter("n2", "n2"), Member::nonvoter("n3", "n3")];
    let mut desk = Start { members, ..Start::of(&[1, 1, 2]) }.elected();
    desk.agree();
    desk.calls.clear();
    read(&mut desk, 1, ReadPath::Index);
    assert_eq!([desk.yes("n3"), desk.yes("n2")], ["", "r1 reads i4"]);
}

#[test]
fn reads_end_with_leadership() {
    let mut desk = leader();
    read(&mut desk, 1, ReadPath::Index);
    read(&mut desk, 2, ReadPath::Verify);
    let newer = Say { term: 4, ..desk.say(false) };
    assert_eq!(
        desk.answer("n2", newer),
        "r1 LeadershipLost; r2 LeadershipLost; Follower t4; no leader; write w3 t4 -"
    );
}

/// Half a second from when a quorum's newest answered call was sent, less 500 in a million.
#[test]
fn a_lease_lasts_from_when_what_was_answered_was_sent() {
    let heard = leader().now;
    for (after, expected) in [(499_749, "r1 reads i4"), (499_750, "r1 NoLease")] {
        let mut desk = leader();
        desk.now = heard + Span::us(after);
        assert_eq!(read(&mut desk, 1, ReadPath::Lease), expected, "{after} us later");
    }
    // Of three, one that answers is enough; and it counts from the call, not from the answer.
    let mut desk = leader();
    desk.wait();
    let sent = desk.now;
    desk.now = sent + Span::ms(90);
    desk.yes("n3");
    desk.now = sent + Span::us(499_749);
    assert_eq!(read(&mut desk, 1, ReadPath::Lease), "r1 reads i4");
    desk.now = sent + Span::us(499_750);
    assert_eq!(read(&mut desk, 2, ReadPath::Lease), "r2 NoLease");
}

#[test]
fn there_is_no_lease_before_the_first_commit_or_from_who_never_answered() {
    let mut desk = elected();
    desk.wait();
    desk.calls.drain(..2);
    desk.yes("n2");
    assert_eq!(read(&mut desk, 1, ReadPath::Lease), "r1 NoLease");
    // Alone a server has its lease, until another one counts that it has not heard of.
    let mut desk = Start { members: voters(&["n1"]), ..Start::of(&[1]) }.elected();
    assert_eq!(read(&mut desk, 1, ReadPath::Lease), "r1 reads i2");
    let change = Change::AddVoter("n2".into(), "n2".into());
    desk.ask(ClientRequest::Change { change, prev_index: Index::ZERO });
    assert_eq!(read(&mut desk, 2, ReadPath::Lease), "r2 NoLease");
    desk.yes("n2");
    assert_eq!(read(&mut desk, 3, ReadPath::Lease), "r3 reads i2");
}
