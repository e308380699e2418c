//! Servers with sockets and disks that are stopped and started again.

use crate::cluster::*;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use wavetank_node::store::{FileSnapshotStore, RedbStore};
use wavetank_node::transport::{TcpTransport, Transport};
use wavetank_node::{Raft, has_existing_state, recover_cluster};
use wavetank_raft::{Config, Configuration, Member};

/// A server that outlives its process: its directory and its address.
pub(crate) struct Host {
    id: &'static str,
    directory: TempDir,
    pub(crate) address: String,
}

impl Host {
    pub(crate) fn new(id: &'static str) -> Self {
        Self { id, directory: tempfile::tempdir().unwrap(), address: "127.0.0.1:0".to_owned() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    fn stores(&self) -> (RedbStore, FileSnapshotStore) {
        let store = RedbStore::open(self.path().join("raft.redb")).unwrap();
        (store, FileSnapshotStore::new(self.path(), 2).unwrap())
    }

    /// Listens where it was before, if it was started before.
    pub(crate) async fn bind(&self) -> TcpTransport {
        within(TcpTransport::bind(&self.address, None, 3, Duration::from_secs(2))).await.unwrap()
    }

    pub(crate) async fn start(&mut self) -> Node {
        let transport = self.bind().await;
        self.start_on(transport).await
    }

    pub(crate) async fn start_on(&mut self, transport: impl Transport) -> Node {
        let (store, snapshots) = self.stores();
        let (fsm, lines) = Ledger::new();
        let config = Config { trailing_logs: 5, ..config(self.id) };
        let builder = Raft::builder(config, fsm, transport).store(store).snapshot_store(snapshots);
        let raft = within(builder.start()).await.unwrap();
        self.address = raft.local_addr().as_str().to_owned();
        Node { raft, lines }
    }

    pub(crate) fn member(&self) -> Member {
        Member::voter(self.id, self.address.as_str())
    }
}

async fn three() -> ([Host; 3], Vec<Node>) {
    let mut hosts = ["n1", "n2", "n3"].map(Host::new);
    let mut nodes = Vec::new();
    for host in &mut hosts {
        nodes.push(host.start().await);
    }
    let members = hosts.iter().map(Host::member).collect();
    nodes[0].raft.bootstrap_cluster(Configuration::new(members).unwrap(), PATIENCE).await.unwrap();
    (hosts, leader_first(nodes).await)
}

#[tokio::test]
async fn a_cluster_that_was_stopped_goes_on_where_it_was() {
    let (mut hosts, nodes) = three().await;
    for n in 0..50 {
        nodes[0].apply(&format!("{n}")).await;
    }
    let term = nodes[0].raft.current_term();
    for node in &nodes {
        node.raft.shutdown().await;
    }
    drop(nodes);
    let mut nodes = Vec::new();
    for host in &mut hosts {
        nodes.push(host.start().await);
    }
    let nodes = leader_first(nodes).await;
    assert!(term < nodes[0].raft.current_term());
    assert_eq!(nodes[0].apply("more").await, "51");
    for node in &nodes {
        let held = node.holds(|held| held.lines.len() == 51).await;
        assert_eq!((held.lines[49].as_str(), held.lines[50].as_str()), ("49", "more"));
    }
}

#[tokio::test]
async fn a_leader_that_is_killed_comes_back_as_a_follower() {
    let (mut hosts, nodes) = three().await;
    nodes[0].apply("a").await;
    let killed = nodes[0].raft.local_id().as_str().to_owned();
    nodes[0].raft.shutdown().await;
    let rest = leader_first(nodes[1..].to_vec()).await;
    drop(nodes);
    for line in ["b", "c", "d"] {
        rest[0].apply(line).await;
    }
    let host = hosts.iter_mut().find(|host| host.id == killed).unwrap();
    let back = host.start().await;
    assert_eq!(back.holds(|held| held.lines.len() == 4).await.lines, ["a", "b", "c", "d"]);
    assert_eq!(back.raft.leader().as_ref(), Some(rest[0].raft.local_addr()));
}

#[tokio::test]
async fn a_server_starts_from_its_snapshot_and_another_from_the_leaders() {
    let (mut hosts, nodes) = three().await;
    for n in 0..40 {
        nodes[0].apply(&format!("{n}")).await;
    }
    let behind = nodes[2].raft.local_id().as_str().to_owned();
    nodes[2].raft.shutdown().await;
    for n in 40..80 {
        nodes[0].apply(&format!("{n}")).await;
    }
    let meta = within(nodes[0].raft.snapshot(PATIENCE)).await.unwrap();
    let leader = nodes[0].raft.local_id().as_str().to_owned();
    nodes[0].apply("80").await;
    // The log no longer has the entries that this server lacks, so it is sent the snapshot.
    drop(nodes[2].clone());
    let at = |id: &str| hosts.iter().position(|host| host.id == id).unwrap();
    let (behind, leader) = (at(&behind), at(&leader));
    let back = hosts[behind].start().await;
    let held = back.holds(|held| held.lines.len() == 81).await;
    assert_eq!(held.restored, 1);

    nodes[0].raft.shutdown().await;
    drop(nodes);
    let again = hosts[leader].start().await;
    assert!(again.lines.borrow().restored == 1 && meta.last.index <= again.raft.last_index());
    let held = again.holds(|held| held.lines.len() == 81).await;
    assert_eq!(held.lines[80], "80");
}

#[tokio::test]
async fn a_cluster_without_a_quorum_is_recovered_by_hand() {
    let (mut hosts, nodes) = three().await;
    nodes[0].apply("a").await;
    let last = nodes[0].raft.last_index();
    for node in &nodes {
        node.raft.shutdown().await;
    }
    let left = nodes[0].raft.local_id().as_str().to_owned();
    drop(nodes);
    let host = hosts.iter_mut().find(|host| host.id == left).unwrap();
    let (mut store, mut snapshots) = host.stores();
    let mut stable = store.clone();
    assert!(has_existing_state(&mut store, &mut stable, &mut snapshots).unwrap());
    let alone = Configuration::new(vec![host.member()]).unwrap();
    let (fsm, _) = Ledger::new();
    let meta = recover_cluster(fsm, &mut store, &mut stable, &mut snapshots, alone).unwrap();
    assert!(last <= meta.last.index);
    drop((store, stable, snapshots));
    let node = host.start().await;
    node.leads().await;
    assert_eq!(node.apply("b").await, "2");
    assert_eq!(node.members(), left);

    let empty = Host::new("n9");
    let (mut store, mut snapshots) = empty.stores();
    let mut stable = store.clone();
    assert!(!has_existing_state(&mut store, &mut stable, &mut snapshots).unwrap());
    let alone = Configuration::new(vec![Member::voter("n9", "a9")]).unwrap();
    let error = recover_cluster(Ledger::new().0, &mut store, &mut stable, &mut snapshots, alone).unwrap_err();
    assert!(error.to_string().starts_with("refused to recover cluster with no initial state"), "{error}");
}

#[tokio::test]
async fn servers_join_and_leave_over_tcp() {
    let mut hosts = ["n1", "n2", "n3", "n4"].map(Host::new);
    let one = hosts[0].start().await;
    let alone = Configuration::new(vec![hosts[0].member()]).unwrap();
    one.raft.bootstrap_cluster(alone, PATIENCE).await.unwrap();
    one.leads().await;
    let mut nodes = Vec::new();
    for host in &mut hosts[1..] {
        let node = host.start().await;
        one.raft.add_voter_staged(host.id, host.address.as_str(), None, PATIENCE).await.unwrap();
        one.apply(host.id).await;
        nodes.push(node);
    }
    assert_eq!(one.members(), "n1 n2 n3 n4");
    one.raft.remove_server("n2", None, PATIENCE).await.unwrap();
    nodes[0].raft.shutdown().await;
    one.apply("x").await;
    assert_eq!(nodes[2].holds(|held| held.lines.len() == 4).await.lines, ["n2", "n3", "n4", "x"]);
    // Servers are distinguished by name, not by address.
    let held = nodes[1].holds(|held| held.members == 3).await;
    assert_eq!(held.members, 3);
}
