//! What an operator sees of a cluster, and how calls end without a quorum.

use crate::cluster::*;
use std::io::{Cursor, Error, Read};
use std::time::Duration;
use wavetank_node::transport::InmemNetwork;
use wavetank_node::{CallError, CallLimit, Dialect, Lag, Observed, Reloadable, Stats};
use wavetank_raft::{Config, RequestError};

/// Waits until the statistics of a server satisfy the condition.
async fn stats(node: &Node, what: impl Fn(&Stats) -> bool) -> Stats {
    within(async {
        loop {
            let stats = node.raft.stats().await.unwrap();
            if what(&stats) {
                return stats;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

fn lag<'s>(stats: &'s Stats, id: &str) -> &'s Lag {
    &stats.peers.iter().find(|peer| peer.id.as_str() == id).expect("the leader knows the member").lag
}

#[tokio::test]
async fn a_leader_says_what_each_member_speaks_and_why_it_lags() {
    let network = InmemNetwork::new();
    let [leader, two, three] = inmem_cluster(&network).await;
    leader.apply("a").await;
    let all = stats(&leader, |stats| stats.peers.iter().all(|peer| peer.lag == Lag::None)).await;
    assert_eq!(all.peers.len(), 2);
    assert!(all.peers.iter().all(|peer| peer.dialect == Some(Dialect::Wavetank)));
    assert!(all.to_map()["peers"].contains("(Wavetank) has all entries"), "{all}");
    assert_eq!(all.to_map()["quorum"], "answers");
    assert_eq!(two.raft.stats().await.unwrap().peers, []);

    let gone = three.raft.local_id().as_str();
    network.isolate(gone);
    leader.apply("b").await;
    let behind = |stats: &Stats| matches!(lag(stats, gone), Lag::Entries(1));
    stats(&leader, behind).await;
    let silent = |stats: &Stats| matches!(lag(stats, gone), Lag::Unreachable(_));
    let stats = stats(&leader, silent).await;
    assert_eq!(stats.no_quorum, None, "two of three answer");
    assert!(stats.to_map()["peers"].contains("has not answered for"), "{stats}");
}

#[tokio::test]
async fn a_call_without_a_quorum_ends_with_the_voters_that_do_not_answer() {
    let network = InmemNetwork::new();
    let [leader, two, three] = inmem_cluster(&network).await;
    let is_quorum = |observed: &Observed| matches!(observed, Observed::NoQuorum(_) | Observed::QuorumAgain);
    let mut observer = leader.raft.register_observer(16, is_quorum).await.unwrap();
    network.isolate(leader.raft.local_id().as_str());

    let limit = CallLimit::NONE.or_no_quorum();
    let (applied, read) =
        tokio::join!(within(leader.raft.apply(*b"a", limit)), within(leader.raft.read_index(limit)));
    let CallError::NoQuorum { reason, is_unknown: true } = applied.unwrap_err() else {
        panic!("wrong error")
    };
    let mut silent = [two.raft.local_id().clone(), three.raft.local_id().clone()];
    silent.sort();
    assert_eq!(reason.silent, silent);
    assert!(matches!(read.unwrap_err(), CallError::NoQuorum { .. }));
    assert_eq!(within(observer.recv()).await, Some(Observed::NoQuorum(reason.clone())));
    let stats = leader.raft.stats().await.unwrap();
    assert_eq!(stats.no_quorum.as_ref(), Some(&reason));
    assert_eq!(stats.to_map()["quorum"], reason.to_string());

    let refused = within(leader.raft.apply(*b"b", limit)).await;
    assert_eq!(refused, Err(CallError::NoQuorum { reason, is_unknown: false }));
    let no_leader = within(leader.raft.apply(*b"b", PATIENCE)).await.unwrap_err();
    assert_eq!(no_leader, RequestError::NotLeader(None).into(), "this caller did not ask for the reason");

    network.heal();
    assert_eq!(within(observer.recv()).await, Some(Observed::QuorumAgain));
    let nodes = leader_first(vec![leader, two, three]).await;
    within(nodes[0].raft.apply(*b"c", limit)).await.unwrap();
    assert_eq!(nodes[0].raft.stats().await.unwrap().no_quorum, None);
}

/// Such a leader stays the leader, since all voters answer it, and without the limit a call would wait for ever.
#[tokio::test]
async fn a_leader_whose_followers_lost_their_entries_has_no_quorum() {
    let network = InmemNetwork::new();
    let [leader, two, three] = inmem_cluster(&network).await;
    leader.apply("a").await;
    stats(&leader, |stats| stats.peers.iter().all(|peer| peer.lag == Lag::None)).await;
    let mut again = Vec::new();
    for node in [two, three] {
        let id = node.raft.local_id().clone();
        node.raft.shutdown().await;
        again.push(inmem(&network, config(id.as_str())).await);
        stats(&leader, |stats| *lag(stats, id.as_str()) == Lag::LostEntries).await;
    }
    let limit = CallLimit::after(PATIENCE).or_no_quorum();
    let error = leader.raft.apply(*b"b", limit).await.unwrap_err().to_string();
    assert!(error.starts_with("no quorum: n") && error.contains("have lost entries"), "{error}");
    assert_eq!(leader.raft.state(), wavetank_node::RaftState::Leader);
}

#[tokio::test]
async fn every_call_has_a_timeout() {
    let network = InmemNetwork::new();
    let [leader, _two, _three] = inmem_cluster(&network).await;
    network.isolate(leader.raft.local_id().as_str());
    let short = Duration::from_millis(1);
    let raft = &leader.raft;
    assert_eq!(raft.verify_leader(short).await, Err(CallError::Timeout));
    assert_eq!(raft.read_index(short).await, Err(CallError::Timeout));
    assert_eq!(raft.leadership_transfer(short).await, Err(CallError::Timeout));
}

#[tokio::test]
async fn a_state_is_restored_from_a_reader() {
    let network = InmemNetwork::new();
    let one = inmem(&network, Config { max_command_bytes: 8, ..config("n1") }).await;
    let alone = wavetank_raft::Configuration::new(vec![wavetank_raft::Member::voter("n1", "n1")]).unwrap();
    one.raft.bootstrap_cluster(alone, PATIENCE).await.unwrap();
    one.leads().await;
    one.raft.restore_from(Cursor::new("x\ny"), PATIENCE).await.unwrap();
    assert_eq!(one.holds(|held| held.lines.len() == 2).await.lines, ["x", "y"]);

    let error = one.raft.restore_from(std::io::repeat(b'x'), PATIENCE).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the state: the state is larger than max_command_bytes, which is 8 bytes"
    );
    let error = one.raft.restore_from(Broken, PATIENCE).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot read the state: the disk is gone");
    assert!(!error.is_unknown());
    assert_eq!(one.lines.borrow().lines, ["x", "y"]);
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(Error::other("the disk is gone"))
    }
}

#[tokio::test]
async fn one_setting_is_changed_and_the_others_stay() {
    let network = InmemNetwork::new();
    let [one] = inmem_cluster(&network).await;
    let before = one.raft.reloadable_config().await.unwrap();
    assert_eq!(before, Reloadable::from(&config("n1")));
    one.raft.reload_config(Reloadable { trailing_logs: 7, ..before.clone() }).await.unwrap();
    let after = one.raft.reloadable_config().await.unwrap();
    assert_eq!(after, Reloadable { trailing_logs: 7, ..before });
}
