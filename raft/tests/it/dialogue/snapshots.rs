//! Snapshots: how a follower installs one, and how a leader sends one (thesis §5).

use super::harness::{Harness, ScriptedAnswer, Start, append, id, reply, voters};
use std::sync::Arc;
use wavetank_raft::{
    Change, ClientRequest, Config, Configuration, DeadlineReason, Effect, Effects, Index, Input,
    InstallSnapshot, Node, NodeId, Payload, ReadPath, Request, RequestId, RpcId, SnapshotMeta, SnapshotPiece,
    Span, Term, Time,
};

/// The description of a snapshot of ten bytes, with four members since i2.
fn meta(last: (u64, u64)) -> Arc<SnapshotMeta> {
    let configuration = Configuration::new(voters(&["n1", "n2", "n3", "n4"])).expect("names differ");
    SnapshotMeta { last: id(last), configuration, configuration_index: Index(2), size: 10, checksum: 0 }
        .into()
}

/// Bytes from `begin` to `end` of a snapshot.
fn piece(term: u64, last: (u64, u64), begin: u64, end: u64) -> Request {
    let data = vec![0; usize::try_from(end - begin).expect("a few")].into();
    let (term, meta, offset, done) = (Term(term), meta(last), begin, end == 10);
    Request::InstallSnapshot(InstallSnapshot { term, meta, offset, data, done })
}

/// A follower in term 3, with a log from i1 to t2.i3.
fn follower() -> Harness {
    let mut harness = Start { term: 3, ..Start::of(&[1, 1, 2]) }.boot();
    harness.at(1_000).receive("n2", append(3, (1, 1), &[], 1));
    harness
}

/// The report for the last ticket.
fn kept(harness: &mut Harness, ticket: u64, ok: bool) -> String {
    harness.step(Input::SnapshotWritten { ticket: RpcId(ticket), ok })
}

const MEMBERS: &str = "members i2 n1 n2 n3 n4; ";

#[test]
fn a_snapshot_takes_the_place_of_a_log_that_does_not_reach_it() {
    let mut harness = follower();
    assert_eq!(harness.receive("n2", piece(3, (3, 9), 0, 4)), "keep t3.i9 0+4");
    assert_eq!(kept(&mut harness, 1, true), "n2! install yes t3 next 4");
    assert_eq!(harness.receive("n2", piece(3, (3, 9), 4, 10)), "keep t3.i9 4+6 done");
    assert_eq!(kept(&mut harness, 2, true), format!("{MEMBERS}installed t3.i9; write w1 discard"));
    let node = &harness.node;
    assert_eq!((node.log().base(), node.log().last()), (id((3, 9)), id((3, 9))));
    assert_eq!((node.commit(), node.durable(), node.snapshot()), (Index(9), Index(9), id((3, 9))));
    assert_eq!(node.voters().iter().count(), 4);
    assert_eq!(
        harness.persisted(),
        "n2! install yes t3 next 10",
        "without the record of the write, a lost snapshot would not be noticed"
    );
    assert_eq!(kept(&mut harness, 2, true), "ignored UnknownTicket");
}

/// The entries after the snapshot stay only if the log has the snapshot's last entry (HashiCorp
/// Raft issue #697).
#[test]
fn a_suffix_after_a_snapshot_stays_only_if_it_matches() {
    let config = |trailing_logs| Config { trailing_logs, ..Start::of(&[]).config };
    for (trailing, last, effect, end, base) in [
        (0, (1, 2), "write w1 compact i2; n2! install yes t3 next 10", 3, 2),
        (1, (1, 2), "write w1 compact i2; n2! install yes t3 next 10", 3, 2),
        (2, (1, 2), "write w1 compact i1; n2! install yes t3 next 10", 3, 1),
        (3, (1, 2), "n2! install yes t3 next 10", 3, 0),
        (0, (2, 2), "write w1 discard", 2, 2),
        (0, (2, 3), "write w1 compact i3; n2! install yes t3 next 10", 3, 3),
    ] {
        let mut harness = Start { term: 3, config: config(trailing), ..Start::of(&[1, 1, 2]) }.boot();
        harness.receive("n2", piece(3, last, 0, 10));
        let id = id(last);
        assert_eq!(
            kept(&mut harness, 1, true),
            format!("{MEMBERS}installed {id}; {effect}"),
            "{id}, {trailing} trailing"
        );
        let log = harness.node.log();
        assert_eq!((log.last().index.0, log.base().index.0, harness.node.commit()), (end, base, id.index));
        assert_eq!(harness.node.durable().0, end);
    }
}

#[test]
fn pieces_come_in_order_and_one_at_a_time() {
    let mut harness = follower();
    assert_eq!(
        harness.receive("n2", piece(3, (3, 9), 4, 10)),
        "n2! install no t3 next 0",
        "it begins at zero"
    );
    assert_eq!(harness.receive("n2", piece(3, (3, 9), 0, 4)), "keep t3.i9 0+4");
    assert_eq!(harness.receive("n2", piece(3, (3, 9), 0, 4)), "", "the request is there twice");
    assert_eq!(harness.receive("n2", piece(3, (3, 9), 4, 10)), "n2! install no t3 next 0");
    assert_eq!(kept(&mut harness, 9, true), "ignored UnknownTicket");
    assert_eq!(kept(&mut harness, 1, true), "n2! install yes t3 next 4");
    assert_eq!(harness.receive("n2", piece(3, (3, 9), 6, 10)), "n2! install no t3 next 4", "there is a gap");
    assert_eq!(harness.receive("n2", piece(3, (3, 8), 4, 10)), "n2! install no t3 next 0", "another one");
    assert_eq!(harness.receive("n2", piece(3, (3, 9), 4, 6)), "keep t3.i9 4+2");
    assert_eq!(kept(&mut harness, 2, true), "n2! install yes t3 next 6");
    assert_eq!(harness.receive("n2", piece(3, (3, 9), 0, 4)), "keep t3.i9 0+4", "it begins anew");
    assert_eq!(harness.receive("n2", piece(3, (3, 8), 0, 10)), "keep t3.i8 0+10 done", "and so does another");
    assert_eq!(kept(&mut harness, 3, true), "ignored UnknownTicket", "nobody waits for that one any more");
    assert_eq!(kept(&mut harness, 4, false), "n2! install no t3 next 0");
    assert_eq!(harness.receive("n2", piece(3, (3, 8), 4, 10)), "n2! install no t3 next 0");
}

/// A write can last longer than the leader waits for the answer, for example while the state machine
/// loads another snapshot.
#[test]
fn the_newest_request_for_a_piece_gets_the_result_of_its_write() {
    let mut harness = follower();
    let mut receive = |rpc, text: &str| {
        let (from, request) = (NodeId::of("n2"), piece(3, (3, 9), 0, 4));
        assert_eq!(harness.step(Input::Request { from, rpc: RpcId(rpc), request }), text);
    };
    receive(1, "keep t3.i9 0+4");
    receive(3, "n2! install no t3 next 0");
    receive(2, "n2! install no t3 next 0");
    let mut fx = Effects::default();
    harness.node.step(harness.now, Input::SnapshotWritten { ticket: RpcId(1), ok: true }, &mut fx);
    let answered = fx.iter().find_map(|effect| match effect {
        Effect::Reply { rpc, response, .. } => Some((*rpc, reply(response))),
        _ => None,
    });
    assert_eq!(answered, Some((RpcId(3), "install yes t3 next 4".into())));
}

#[test]
fn a_snapshot_below_the_commit_index_is_not_installed() {
    let mut harness = follower();
    harness.receive("n2", append(3, (2, 3), &[3], 4));
    assert_eq!(harness.receive("n2", piece(3, (2, 3), 0, 4)), "n2! install yes t3 next 10");
    assert_eq!(harness.receive("n2", piece(3, (3, 4), 0, 4)), "", "that is not durable here yet");
    assert_eq!(harness.persisted(), "n2! append yes t3 last i3; n2! install yes t3 next 10; commit i4");
    // The entries may have been committed while the snapshot was in flight.
    assert_eq!(harness.receive("n2", piece(3, (3, 5), 0, 10)), "keep t3.i5 0+10 done");
    harness.receive("n2", append(3, (3, 4), &[3], 5));
    assert_eq!(kept(&mut harness, 1, true), "n2! install yes t3 next 10");
    assert_eq!(harness.node.snapshot(), id((3, 5)), "the store has it");
}

/// The state machine may not have the entries of a snapshot that is not installed.
#[test]
fn a_snapshot_that_is_not_installed_compacts_nothing() {
    let config = Config { trailing_logs: 0, ..Start::of(&[]).config };
    let mut harness = Start { term: 3, config, ..Start::of(&[1, 1, 2]) }.boot();
    harness.at(1_000).receive("n2", append(3, (2, 3), &[3, 3], 3));
    harness.persisted();
    harness.receive("n2", piece(3, (3, 5), 0, 10));
    harness.receive("n2", append(3, (3, 5), &[], 5));
    assert_eq!(kept(&mut harness, 1, true), "n2! install yes t3 next 10");
    assert_eq!((harness.node.snapshot(), harness.node.log().base()), (id((3, 5)), id((0, 0))));
    assert_eq!(harness.step(Input::SnapshotTaken(id((2, 3)))), "write w2 compact i3");
}

/// The store has the snapshot, although nobody waits for its report any more.
#[test]
fn a_snapshot_that_is_written_after_a_change_of_term_is_the_newest() {
    for (commit, ok, expected) in [(5, true, (3, 5)), (5, false, (0, 0)), (4, true, (0, 0))] {
        let mut harness = follower();
        harness.receive("n2", append(3, (2, 3), &[3, 3], 4));
        harness.persisted();
        assert_eq!(harness.receive("n2", piece(3, (3, 5), 0, 10)), "keep t3.i5 0+10 done");
        harness.receive("n3", append(4, (3, 5), &[], commit));
        assert_eq!(kept(&mut harness, 1, ok), "ignored UnknownTicket");
        assert_eq!(harness.node.snapshot(), id(expected), "commit i{commit}, written: {ok}");
    }
}

#[test]
fn only_the_leader_may_send_a_snapshot() {
    let mut harness = follower();
    assert_eq!(harness.receive("n3", piece(3, (3, 9), 0, 4)), "ignored SecondLeader");
    assert_eq!(harness.receive("n2", piece(2, (2, 9), 0, 4)), "n2! install no t3 next 0");
    assert_eq!(
        harness.receive("n3", piece(4, (3, 9), 0, 4)),
        "Follower t4; no leader; leader n3; keep t3.i9 0+4; write w1 t4 -"
    );
    harness.wait();
    assert_eq!(kept(&mut harness, 1, true), "ignored UnknownTicket", "it has begun to campaign");
}

/// The log may still have entries that a snapshot includes. After an offline recovery only the
/// snapshot has the new membership.
#[test]
fn the_membership_of_a_snapshot_counts_and_not_that_of_the_entry_it_ends_with() {
    let (settings, mut boot) = Start::of(&[1, 1, 2]).recovered();
    boot.snapshot = Some(meta((1, 1)));
    let node = Node::boot(settings, boot, Time(0));
    assert_eq!(node.voters().iter().count(), 4);
}

#[test]
fn a_local_snapshot_compacts_the_log() {
    let config = |trailing_logs| Config { trailing_logs, ..Start::of(&[]).config };
    for (trailing, last, expected) in [
        (0, (1, 2), "write w1 compact i2"),
        (2, (1, 2), "write w1 compact i1"),
        (3, (1, 2), ""),
        (0, (2, 3), ""),
    ] {
        let mut harness = Start { term: 3, config: config(trailing), ..Start::of(&[1, 1, 2]) }.boot();
        harness.at(1_000).receive("n2", append(3, (1, 2), &[], 2));
        assert_eq!(harness.step(Input::SnapshotTaken(id(last))), expected, "{last:?}, {trailing} trailing");
        harness.step(Input::SnapshotTaken(id((1, 1))));
        let kept = if last == (2, 3) { (1, 1) } else { last };
        assert_eq!(harness.node.snapshot(), id(kept), "one that is not committed, or older, is none");
    }
    // Entries that are not persisted cannot be deleted from the disk.
    let mut harness = Start { term: 3, config: config(0), ..Start::of(&[1, 1, 2]) }.boot();
    harness.at(1_000).receive("n2", append(3, (2, 3), &[3, 3], 5));
    assert_eq!(harness.step(Input::SnapshotTaken(id((3, 4)))), "write w2 compact i3");
}

/// A leader of three in term 4, with a snapshot at t2.i5 and a log up to t4.i8, which is committed.
/// `n2` has almost no entries; the leader is about to read the snapshot for it.
fn leader() -> Harness {
    let mut harness = Start { snapshot: Some((2, 5)), ..Start::of(&[2, 3]) }.elected();
    assert_eq!(harness.node.log().last(), id((4, 8)));
    let back = ScriptedAnswer { hint: Some((1, 3)), ..harness.scripted(false) };
    assert_eq!(harness.answer("n2", back), "n2: append t4 t2.i5+3 commit i5");
    assert_eq!(harness.answer("n2", back), "read newest at 0");
    harness.agree();
    harness
}

/// The piece that the store has read.
fn read(harness: &mut Harness, begin: u64, end: u64) -> String {
    let data = vec![0; usize::try_from(end - begin).expect("a few")].into();
    let piece = Some(SnapshotPiece { meta: meta((2, 5)), offset: begin, data });
    harness.step(Input::SnapshotRead { ticket: harness.ticket, piece })
}

/// `n2` has everything before this offset, or asks for the piece at this offset.
fn taken(harness: &mut Harness, yes: bool, number: u64) -> String {
    harness.answer("n2", ScriptedAnswer { number, ..harness.scripted(yes) })
}

#[test]
fn a_snapshot_goes_out_piece_by_piece() {
    let mut harness = leader();
    assert_eq!(read(&mut harness, 0, 4), "n2: install t4 t2.i5 0+4");
    assert_eq!(read(&mut harness, 0, 4), "ignored UnknownTicket");
    let call = harness.calls[0].clone();
    let older = ScriptedAnswer { term: 3, number: 4, ..harness.scripted(true) };
    assert_eq!(harness.answer("n2", older), "ignored UnknownRpc", "it says another term");
    harness.calls.push(call.clone());
    assert_eq!(taken(&mut harness, true, 4), "read t2.i5 at 4");
    harness.calls.push(call);
    assert_eq!(taken(&mut harness, true, 4), "ignored UnknownRpc", "it is answered twice");
    assert_eq!(read(&mut harness, 4, 9), "n2: install t4 t2.i5 4+5");
    assert_eq!(taken(&mut harness, true, 9), "read t2.i5 at 9");
    assert_eq!(read(&mut harness, 9, 10), "n2: install t4 t2.i5 9+1 done");
    let call = harness.calls[0].clone();
    assert_eq!(taken(&mut harness, true, 10), "n2: append t4 t2.i5+3 commit i8");
    harness.calls.insert(0, call);
    assert_eq!(taken(&mut harness, true, 10), "ignored UnknownRpc", "it has all of it");
    let (_, progress) = harness.node.followers().next().expect("n2");
    assert_eq!(progress.matched(), Index(5));
}

#[test]
fn a_follower_names_the_next_offset() {
    let mut harness = leader();
    read(&mut harness, 0, 4);
    assert_eq!(taken(&mut harness, false, 0), "", "busy with that very piece");
    assert!(harness.next_heartbeat().starts_with("read t2.i5 at 0; "), "the next heartbeat asks again");
    read(&mut harness, 0, 8);
    harness.lose("n3");
    harness.calls.drain(..harness.calls.len() - 1);
    assert_eq!(taken(&mut harness, true, 8), "read t2.i5 at 8");
    read(&mut harness, 8, 10);
    assert_eq!(taken(&mut harness, false, 4), "read t2.i5 at 4");
    read(&mut harness, 4, 10);
    assert_eq!(taken(&mut harness, false, 99), "read t2.i5 at 10", "there is no more");
}

/// The removed server may have got a new disk meanwhile, and the membership of the snapshot is older than its
/// removal.
#[test]
fn a_removed_server_gets_no_snapshot() {
    let mut harness = leader();
    harness.request(ClientRequest::Change { change: Change::RemoveServer("n2".into()), prev_index: None });
    assert_eq!(read(&mut harness, 0, 4), "ignored UnknownTicket");
    harness.agree();
    for _ in 0..3 {
        let text = harness.next_heartbeat();
        assert!(text.contains("n2: append t4 t0.i0+0") && !text.contains("read"), "{text}");
        harness.agree();
    }
}

#[test]
fn a_lost_piece_of_a_snapshot_is_sent_again() {
    let install = |text: &str| text.contains("read t2.i5 at 0");
    let mut harness = leader();
    assert!(!harness.next_heartbeat().contains("read"), "it is being read");
    harness.until(DeadlineReason::Heartbeat);
    read(&mut harness, 0, 4);
    let sent = harness.now;
    let mut asked = Vec::new();
    for _ in 0..15 {
        harness.lose("n2");
        harness.agree();
        let text = harness.next_heartbeat();
        assert!(text.contains("n2: append t4 t0.i0+0 commit i0; "), "it lives: {text}");
        asked.extend(install(&text).then(|| harness.now.since(sent)));
    }
    // After more than a heartbeat timeout; a pending read is not repeated.
    assert_eq!(asked, [Span::ms(1_100)]);
}

#[test]
fn a_missing_snapshot_is_replaced_by_the_newest() {
    let mut harness = leader();
    read(&mut harness, 0, 4);
    taken(&mut harness, true, 4);
    assert_eq!(harness.step(Input::SnapshotRead { ticket: harness.ticket, piece: None }), "");
    let text = harness.next_heartbeat();
    assert!(text.starts_with("read newest at 0; "), "{text}");
}

#[test]
fn a_snapshot_answer_counts_as_contact() {
    let mut harness = leader();
    harness.request(ClientRequest::Read { request: RequestId(1), path: ReadPath::Index });
    harness.calls.clear();
    read(&mut harness, 0, 4);
    assert_eq!(taken(&mut harness, true, 4), "read t2.i5 at 4; r1 reads i8");
}

/// Entries that a follower needs may be compacted while they are in flight.
#[test]
fn a_follower_behind_the_log_gets_a_snapshot() {
    let config = Config { trailing_logs: 0, max_append_entries: 1, max_inflight: 1, ..Start::of(&[]).config };
    let leader = |count| {
        let mut harness = Start { config: config.clone(), ..Start::of(&[1, 1, 2]) }.leader();
        harness.request(ClientRequest::Propose(vec![Payload::Noop; count]));
        harness.lose("n2");
        harness.agree();
        harness
    };
    // The last entry was sent to it, and it answers that it does not have it.
    let mut harness = leader(1);
    assert_eq!(harness.step(Input::SnapshotTaken(id((3, 5)))), "write w4 compact i5");
    assert!(
        harness.next_heartbeat().starts_with("n2: append t3 t0.i0+0 commit i0; "),
        "what matched is not known any more"
    );
    harness.lose("n2");
    assert!(harness.next_heartbeat().starts_with("n2: append t3 t3.i5+0 commit i5; "));
    let back = ScriptedAnswer { number: 4, hint: Some((3, 4)), ..harness.scripted(false) };
    assert_eq!(harness.answer("n2", back), "read newest at 0");
    // The compacted entries were never sent to it.
    let mut harness = leader(3);
    assert_eq!(harness.step(Input::SnapshotTaken(id((3, 7)))), "write w4 compact i7");
    assert!(!harness.next_heartbeat().contains("read"), "it may have them yet");
    assert!(harness.next_heartbeat().starts_with("n2: append t3 t0.i0+0 commit i0; read newest at 0; "));
}

/// Requests with entries are forgotten; heartbeats are kept.
#[test]
fn a_starting_snapshot_forgets_entry_calls_and_keeps_heartbeats() {
    let config = Config { trailing_logs: 0, max_append_entries: 1, max_inflight: 2, ..Start::of(&[]).config };
    let mut harness = Start { config, ..Start::of(&[1, 1, 2]) }.leader();
    harness.request(ClientRequest::Propose(vec![Payload::Noop; 3]));
    harness.persisted();
    harness.yes_to_all_of(&["n3"]);
    assert_eq!(harness.step(Input::SnapshotTaken(id((3, 7)))), "write w4 compact i7");
    harness.request(ClientRequest::Read { request: RequestId(1), path: ReadPath::Index });
    assert_eq!(harness.yes("n2"), "read newest at 0", "it has i5, and i7 is gone");
    assert_eq!([harness.yes("n2"), harness.yes("n2")], ["ignored UnknownRpc", "r1 reads i7"]);
}
