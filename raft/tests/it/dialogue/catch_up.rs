//! A server that was removed and is added again with a blank disk does not campaign before its log has
//! caught up (docs/names.md). It votes all the same.

use super::harness::{Harness, Start, append, id, persisted, vote, voters};
use wavetank_raft::{
    AppendEntries, Boot, Configuration, Effect, Entry, Index, Input, InstallSnapshot, LogId, Node, NodeId,
    Payload, Request, RoleName, RpcId, SnapshotMeta, StoreJob, Term, Time, TimeoutNow, Token,
};

/// A blank server, with the leader `n2` in term 3. The log of the leader ends at t3.i9, where it has just
/// added this server.
fn contacted() -> Harness {
    let mut harness = Start::of(&[]).boot();
    let refused = harness.receive("n2", append(3, (3, 9), &[], 5));
    assert_eq!(refused, "Follower t3; leader n2; write w1 t3 - catch up t3.i9");
    harness
}

/// The first entry of the log, with which this server founded the cluster alone, and entries after it.
fn beginning(terms: &[u64]) -> Request {
    let founder = Configuration::new(voters(&["n1"])).expect("one voter");
    let first = Entry::new(Term(1), id((1, 1)).index, Payload::Configuration(founder.into()));
    let rest = super::harness::entries(first.id.index, terms);
    let entries = [first].into_iter().chain(rest.iter().cloned()).collect();
    Request::AppendEntries(AppendEntries {
        term: Term(3),
        prev: LogId::ZERO,
        entries,
        leader_commit: Index(1),
    })
}

#[test]
fn the_answer_to_a_leader_waits_until_its_position_is_persisted() {
    let mut harness = contacted();
    assert_eq!(harness.step(Input::Persisted(Token(0))), "");
    assert_eq!(harness.persisted(), "n2! append no t3 last i0 hint t0.i0 retry");
}

#[test]
fn old_entries_that_name_it_as_the_only_voter_are_no_reason_to_campaign() {
    let mut harness = contacted();
    harness.receive("n2", beginning(&[1, 1]));
    harness.persisted();
    for _ in 0..3 {
        assert_eq!(harness.wait().replace("no leader", ""), "", "its log ends at t1.i3");
    }
    harness.receive("n2", append(3, (1, 3), &[2, 2, 3, 3, 3, 3], 9));
    harness.persisted();
    harness.wait();
    assert_eq!(harness.node.role(), RoleName::Candidate);
}

/// If leaders changed often, the server would never catch up.
#[test]
fn only_the_first_position_counts() {
    let mut harness = contacted();
    harness.persisted();
    let later = harness.receive("n3", append(4, (3, 12), &[], 5));
    assert_eq!(later, "Follower t4; no leader; leader n3; write w2 t4 -");
    // A server with entries notes nothing.
    let mut with_entries = Start { term: 3, ..Start::of(&[1, 3]) }.boot();
    let refused = with_entries.receive("n2", append(3, (3, 9), &[], 0));
    assert_eq!(refused, "leader n2; n2! append no t3 last i2 hint t3.i2 retry");
}

#[test]
fn it_votes_for_a_server_with_more_entries() {
    let mut harness = contacted();
    harness.receive("n2", beginning(&[1, 1]));
    harness.persisted();
    harness.at(60_000);
    harness.timer();
    assert_eq!(harness.receive("n3", vote(4, (3, 9))), "Follower t4; write w3 t4 n3");
    assert_eq!(harness.persisted(), "n3! vote yes t4");
}

#[test]
fn it_does_not_campaign_when_it_is_asked_to() {
    let mut harness = contacted();
    harness.receive("n2", beginning(&[1, 1]));
    harness.persisted();
    let now = Request::TimeoutNow(TimeoutNow { term: Some(Term(3)) });
    assert_eq!(harness.receive("n2", now), "ignored StaleTimeoutNow; n2! campaign no");
}

#[test]
fn the_position_survives_a_restart() {
    let (settings, boot) = Start { members: voters(&["n1"]), ..Start::of(&[1, 1, 1]) }.recovered();
    for (catch_up, role) in [((3, 9), RoleName::Follower), ((1, 3), RoleName::Candidate)] {
        let boot = Boot { catch_up: id(catch_up), ..boot.clone() };
        let node = Node::boot(settings.clone(), boot, Time(0));
        let mut harness = Harness { node, now: Time(0), calls: Vec::new(), ticket: RpcId(0) };
        harness.at(60_000);
        harness.timer();
        assert_eq!(harness.node.role(), role, "{catch_up:?}");
    }
}

#[test]
fn the_end_of_a_snapshot_is_a_position_too() {
    let mut harness = Start::of(&[]).boot();
    let meta = SnapshotMeta {
        last: id((2, 7)),
        configuration: Configuration::new(voters(&["n1", "n2"])).expect("two voters"),
        configuration_index: id((2, 4)).index,
        size: 8,
        checksum: 0,
    };
    let request = Request::InstallSnapshot(InstallSnapshot {
        term: Term(3),
        meta: meta.into(),
        offset: 0,
        data: [0; 4].as_slice().into(),
        done: false,
    });
    let mut effects = Vec::new();
    let input = Input::Request { from: NodeId::of("n2"), rpc: RpcId(1), request };
    harness.node.step(Time(0), input, &mut effects);
    let writes = effects.iter().filter_map(|effect| match effect {
        Effect::Store(StoreJob::Persist(write)) => Some(persisted(write)),
        _ => None,
    });
    assert_eq!(writes.collect::<Vec<_>>().join("; "), "write w1 t3 - catch up t2.i7");
}
