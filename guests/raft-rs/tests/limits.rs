//! The limits of raft-rs 0.7 that storms have shown, each in a few calls. README.md explains them.

use raft::eraftpb::{ConfState, HardState, Message, MessageType, Snapshot};
use raft::storage::MemStorage;
use raft::{Config, RawNode};

fn node(hard_state: HardState, config: &Config) -> RawNode<MemStorage> {
    let state = ConfState { voters: vec![1, 2, 3], ..ConfState::default() };
    let storage = MemStorage::new_with_conf_state(state);
    storage.wl().set_hardstate(hard_state);
    RawNode::new(config, storage, &slog::Logger::root(slog::Discard, slog::o!())).expect("it is valid")
}

fn at(term: u64) -> HardState {
    HardState { term, commit: 1, ..HardState::default() }
}

fn config() -> Config {
    Config { id: 1, election_tick: 10, heartbeat_tick: 2, ..Config::default() }
}

fn message(kind: MessageType, term: u64) -> Message {
    let mut message = Message { from: 2, to: 1, term, ..Message::default() };
    message.set_msg_type(kind);
    message
}

#[test]
#[should_panic(expected = "unexpected error getting unapplied entries")]
fn a_campaign_before_a_snapshot_is_applied_panics() {
    let mut node = node(at(1), &config());
    let mut snapshot = Snapshot::default();
    let metadata = snapshot.mut_metadata();
    (metadata.index, metadata.term) = (9, 1);
    metadata.mut_conf_state().set_voters(vec![1, 2, 3]);
    let mut install = message(MessageType::MsgSnapshot, 1);
    install.set_snapshot(snapshot.clone());
    node.step(install).expect("the message is valid");
    let ready = node.ready();
    node.mut_store().wl().apply_snapshot(snapshot).expect("it is new");
    let _ = node.advance_append(ready);
    // The application has not called `advance_apply_to` yet, because its state machine still loads the snapshot.
    let _ = node.campaign();
}

#[test]
fn an_old_leader_and_an_old_candidate_get_no_answer() {
    for kind in [MessageType::MsgHeartbeat, MessageType::MsgAppend, MessageType::MsgRequestVote] {
        let mut node = node(at(5), &config());
        node.step(message(kind, 3)).expect("the message is valid");
        assert!(!node.has_ready(), "{kind:?}");
    }
}

#[test]
fn a_candidate_that_gets_no_vote_resets_the_election_timer() {
    let mut node = node(at(1), &config());
    (0..5).for_each(|_| drop(node.tick()));
    assert_eq!(node.raft.election_elapsed, 5);
    // Its log is empty, so it gets no vote.
    node.step(message(MessageType::MsgRequestVote, 2)).expect("the message is valid");
    let answer = node.raft.msgs.last().expect("a vote request is answered");
    assert!(answer.reject);
    assert_eq!(node.raft.election_elapsed, 0);
}
