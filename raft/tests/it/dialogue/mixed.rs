//! A server whose peers are servers of HashiCorp Raft.

use super::harness::{Harness, ScriptedAnswer, Start, append, pre_vote};
use wavetank_raft::{
    ClientRequest, Config, Dialect, Entries, Entry, Index, Input, LogId, NodeId, Payload, ReadPath, Request,
    RequestId, RoleName, Term, TimeoutNow,
};

fn leader() -> Harness {
    Start::of(&[1, 1, 2]).leader()
}

fn hashicorp(harness: &mut Harness, peers: &[&str]) {
    for peer in peers {
        harness.node.set_dialect(NodeId::of(peer), Dialect::HashiCorp);
    }
}

fn lease_read(harness: &mut Harness, request: u64) -> String {
    let request = RequestId(request);
    harness.request(ClientRequest::Read { request, path: ReadPath::Lease })
}

#[test]
fn a_lease_rests_on_peers_that_promise_silence() {
    let mut harness = leader();
    assert_eq!(lease_read(&mut harness, 1), "r1 reads i4");
    hashicorp(&mut harness, &["n3"]);
    assert_eq!(lease_read(&mut harness, 2), "r2 reads i4", "n1 and n2 are a quorum");
    hashicorp(&mut harness, &["n2"]);
    assert_eq!(lease_read(&mut harness, 3), "r3 NoLease");
}

/// The clock of a server begins at zero. A server that is elected soon after its start has a small time.
#[test]
fn the_beginning_of_the_clock_is_no_promise() {
    let mut harness = Start::of(&[1, 1, 2]).boot();
    hashicorp(&mut harness, &["n2", "n3"]);
    harness.at(1);
    harness.receive("n2", append(2, (2, 3), &[], 3));
    harness.receive("n2", Request::TimeoutNow(TimeoutNow { term: Some(Term(2)) }));
    harness.persisted();
    harness.agree();
    assert_eq!((harness.node.role(), harness.node.commit()), (RoleName::Leader, Index(4)));
    assert_eq!(lease_read(&mut harness, 1), "r1 NoLease");
}

#[test]
fn the_term_that_a_pre_vote_asked_for_is_no_news_from_a_hashicorp_server() {
    for (peer_is_hashicorp, term) in [(true, 2), (false, 3)] {
        let mut harness = Start::of(&[1, 1, 2]).boot();
        if peer_is_hashicorp {
            hashicorp(&mut harness, &["n2", "n3"]);
        }
        harness.wait();
        harness.answer("n2", ScriptedAnswer { term: 3, ..harness.scripted(false) });
        assert_eq!(harness.node.term(), Term(term));
        harness.answer("n3", ScriptedAnswer { term: 5, ..harness.scripted(false) });
        let (newer, known) = (Term(5), harness.node.term());
        assert!(known == newer || !peer_is_hashicorp, "a term above the question is news: {known}");
    }
}

#[test]
fn a_hashicorp_candidate_gets_a_pre_vote_for_the_own_term() {
    let mut harness = Start::of(&[1, 1, 2]).boot();
    harness.at(2_000);
    assert_eq!(harness.receive("n2", pre_vote(2, (2, 3))), "n2! prevote no t2");
    hashicorp(&mut harness, &["n2"]);
    assert_eq!(harness.receive("n2", pre_vote(2, (2, 3))), "n2! prevote yes t2");
    assert_eq!(harness.receive("n2", pre_vote(1, (2, 3))), "n2! prevote no t2");
    // A server that is not in the configuration yet has never answered.
    assert_eq!(harness.receive("n9", pre_vote(2, (2, 3))), "n9! prevote yes t2");
}

#[test]
fn a_late_refusal_of_a_hashicorp_server_is_no_news() {
    let mut harness = Start::of(&[1, 1, 2]).boot();
    hashicorp(&mut harness, &["n2", "n3"]);
    harness.wait();
    // The candidate gives up, so the request to n2 is not open any more.
    harness.receive("n3", append(2, (2, 3), &[], 3));
    harness.answer("n2", ScriptedAnswer { term: 9, ..harness.scripted(false) });
    assert_eq!(harness.node.term(), Term(2));
}

#[test]
fn a_heartbeat_without_a_position_says_nothing_about_the_log() {
    let mut harness = Start::of(&[1, 1, 2]).boot();
    hashicorp(&mut harness, &["n2", "n3"]);
    harness.elect();
    harness.calls.clear();
    harness.next_heartbeat();
    let (_, _, bare) = &harness.calls[0];
    assert!(matches!(bare, Request::AppendEntries(append) if append.is_bare_heartbeat()), "{bare:?}");
    let next = |harness: &Harness| {
        let id = harness.calls[0].0;
        harness.node.followers().find(|(follower, _)| *follower == id).expect("a follower").1.next()
    };
    let before = next(&harness);
    let peer = harness.calls[0].0.to_string();
    assert_eq!(harness.yes(&peer), "", "nothing is sent from the first entry on");
    assert_eq!(next(&harness), before);
}

#[test]
fn a_hashicorp_server_gets_a_heartbeat_that_it_answers_while_it_works() {
    let mut harness = leader();
    hashicorp(&mut harness, &["n3"]);
    let text = harness.next_heartbeat();
    let calls: Vec<_> = text.split("; ").filter(|call| call.starts_with("n3")).collect();
    assert_eq!(calls, ["n3: append t3 t0.i0+0 commit i0", "n3: append t3 t3.i4+0 commit i4"]);
    assert_eq!(text.matches("n2:").count(), 1, "{text}");
}

#[test]
fn a_restore_is_replaced_by_a_snapshot() {
    let mut harness = leader();
    hashicorp(&mut harness, &["n3"]);
    let payloads = vec![Payload::Command(vec![1].into()), Payload::Restore(vec![2].into())];
    harness.request(ClientRequest::Propose(payloads));
    let sent = |harness: &Harness| {
        let to_n3 = harness.calls.iter().filter(|(to, ..)| *to == NodeId::of("n3"));
        to_n3.map(|(.., request)| format!("{request:?}")).any(|request| request.contains("Restore"))
    };
    assert!(!sent(&harness));
    let text = harness.yes("n3");
    assert_eq!(text, "n3 needs a snapshot past t3.i6");
    harness.agree();
    harness.step(Input::SnapshotTaken(LogId::new(Term(3), Index(6))));
    let text = harness.next_heartbeat();
    assert!(text.contains("read"), "the snapshot is read for n3: {text}");
    assert!(!sent(&harness));
}

#[test]
fn entries_from_the_store_are_skipped_too() {
    let config = Config { log_cache_capacity: 1, local_id: "n1".into(), ..Config::default() };
    let mut harness = Start { config, ..Start::of(&[1, 1, 2]) }.leader();
    hashicorp(&mut harness, &["n3"]);
    let restore = Payload::Restore(vec![2].into());
    let command = Payload::Command(vec![1].into());
    harness.request(ClientRequest::Propose(vec![restore.clone(), command.clone(), command]));
    harness.persisted();
    let text = harness.next_heartbeat();
    assert!(text.contains("fetch i5..i7"), "the restore is no longer in memory: {text}");
    let entries: Entries = [Entry::new(Term(3), Index(5), restore)].into();
    let text = harness.step(Input::Fetched { ticket: harness.ticket, entries });
    assert_eq!(text, "n3 needs a snapshot past t3.i5");
}
