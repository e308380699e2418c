//! What an operator may mix up: the stores of two servers, and addresses at which no server can be called.

use crate::cluster::*;
use crate::tcp::Host;
use std::time::Duration;
use wavetank_node::store::{FileSnapshotStore, InmemSnapshotStore, InmemStore, RedbStore};
use wavetank_node::transport::{InmemNetwork, TcpTransport, TransportError};
use wavetank_node::{
    AddressError, CallError, ClusterId, NodeId, Observed, Observer, Raft, StartError, recover_cluster,
};
use wavetank_raft::store::LogStore;
use wavetank_raft::{Configuration, Entry, Index, Member, Payload, Term};

const TIMEOUT: Duration = Duration::from_secs(2);
const UNCALLABLE: [(&str, &str); 6] = [
    ("::1", "[::1]:7000"),
    ("2001:db8::1:7000", "[2001:db8::1]:7000"),
    (":7000", "10.0.0.1:7000"),
    ("host with spaces:7000", "hostwithspaces:7000"),
    ("http://10.0.0.1:7000", "10.0.0.1:7000"),
    ("nowhere", "nowhere:7000"),
];

#[tokio::test]
async fn the_stores_of_another_server_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let start = async |name: &str| {
        let transport = InmemNetwork::new().transport(name);
        let builder = Raft::builder(config(name), Ledger::new().0, transport)
            .store(RedbStore::open(directory.path().join("raft.redb")).unwrap())
            .snapshot_store(FileSnapshotStore::new(directory.path(), 2).unwrap());
        let raft = within(builder.start()).await?;
        within(raft.shutdown()).await;
        Ok::<_, StartError>(())
    };
    assert_eq!(start("n1").await, Ok(()));
    let error = start("n2").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the stores belong to server n1, so server n2 cannot use these stores: \
         start server n1 with these stores, or start server n2 with empty stores"
    );
    assert_eq!(start("n1").await, Ok(()));
}

/// A server that bootstraps a cluster alone and applies a command.
async fn founder(host: &mut Host, line: &str) -> Node {
    let node = host.start().await;
    node.raft.bootstrap_cluster(Configuration::new(vec![host.member()]).unwrap(), PATIENCE).await.unwrap();
    node.leads().await;
    node.apply(line).await;
    node
}

/// A server n1 that bootstraps a cluster alone, and a non-voter n2. Both have applied the command `a`.
async fn founder_and_nonvoter(network: &InmemNetwork) -> (Node, Node) {
    let one = inmem(network, config("n1")).await;
    one.raft.bootstrap_cluster(alone("n1"), PATIENCE).await.unwrap();
    one.leads().await;
    within(one.raft.barrier(ANY)).await.unwrap();
    let two = inmem(network, config("n2")).await;
    within(one.raft.add_nonvoter("n2", "n2", None, TIMEOUT)).await.unwrap();
    one.apply("a").await;
    two.holds(|held| held.lines == ["a"]).await;
    (one, two)
}

async fn cluster_of(node: &Node) -> ClusterId {
    within(node.raft.stats()).await.unwrap().cluster.unwrap()
}

/// Waits for an observation.
async fn observed(observer: &mut Observer, what: impl Fn(&Observed) -> bool) -> Observed {
    within(async {
        loop {
            let observed = observer.recv().await.unwrap();
            if what(&observed) {
                return observed;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_server_of_another_cluster_is_no_follower() {
    let (mut n1, mut n2, mut foreign) = (Host::new("n1"), Host::new("n2"), Host::new("n2"));
    let (leader, follower) = (founder(&mut n1, "a").await, n2.start().await);
    within(leader.raft.add_voter("n2", n2.address.as_str(), None, TIMEOUT)).await.unwrap();
    follower.holds(|held| held.lines == ["a"]).await;
    let own = cluster_of(&leader).await;
    assert_eq!(cluster_of(&follower).await, own);
    within(follower.raft.shutdown()).await;

    // A server of another cluster comes up at the address and under the name of the follower.
    within(founder(&mut foreign, "b").await.raft.shutdown()).await;
    foreign.address = n2.address;
    let mut seen_by_leader = within(leader.raft.register_observer(64, |_| true)).await.unwrap();
    let foreign = foreign.start().await;
    let mut seen_by_foreign = within(foreign.raft.register_observer(64, |_| true)).await.unwrap();
    foreign.leads().await;
    let other = cluster_of(&foreign).await;

    let why = format!("this server belongs to cluster {other}, but the caller belongs to cluster {own}");
    let refused = Observed::CallsRefused { peer: NodeId::of("n2"), why };
    assert_eq!(observed(&mut seen_by_leader, |seen| *seen == refused).await, refused);
    let called = Observed::OtherCluster { peer: NodeId::of("n1"), own: other, other: own };
    assert_eq!(observed(&mut seen_by_foreign, |seen| *seen == called).await, called);
    let stats = within(foreign.raft.stats()).await.unwrap();
    assert!(0 < stats.calls_of_other_clusters);
    assert_eq!(stats.to_map()["cluster"], other.to_string());

    // It has no vote in the leader's cluster, and none of its commands.
    leader.sees(|seen| seen.leader.is_none()).await;
    assert!(within(leader.raft.apply(bytes("c"), TIMEOUT)).await.is_err());
    foreign.apply("d").await;
    assert_eq!(foreign.holds(|held| 1 < held.lines.len()).await.lines, ["b", "d"]);
}

#[tokio::test]
async fn a_candidate_of_another_cluster_gets_no_vote() {
    let network = InmemNetwork::new();
    let nodes: [Node; 3] = inmem_cluster(&network).await;
    let term = nodes[0].raft.current_term();
    let mut observer = within(nodes[1].raft.register_observer(64, |_| true)).await.unwrap();
    // It takes two of the members for its own.
    let foreign = inmem(&network, config("n4")).await;
    let members = ["n4", "n2", "n3"].map(|name| Member::voter(name, name)).to_vec();
    let mut refusals = within(foreign.raft.register_observer(64, |_| true)).await.unwrap();
    foreign.raft.bootstrap_cluster(Configuration::new(members).unwrap(), PATIENCE).await.unwrap();
    observed(
        &mut observer,
        |seen| matches!(seen, Observed::OtherCluster { peer, .. } if *peer == NodeId::of("n4")),
    )
    .await;
    let mut refusing = Vec::new();
    while refusing.len() < 2 {
        if let Observed::CallsRefused { peer, .. } = within(refusals.recv()).await.unwrap() {
            refusing.push(peer);
        }
    }
    refusing.sort();
    assert_eq!(refusing, [NodeId::of("n2"), NodeId::of("n3")]);
    assert_eq!(foreign.raft.leader(), None);
    assert_eq!(nodes[0].apply("a").await, "1");
    assert_eq!(nodes[0].raft.current_term(), term);
}

#[tokio::test]
async fn a_member_that_is_wiped_and_bootstrapped_alone_is_refused() {
    let network = InmemNetwork::new();
    let (one, two) = founder_and_nonvoter(&network).await;
    within(two.raft.shutdown()).await;

    network.isolate("n2");
    let wiped = inmem(&network, config("n2")).await;
    wiped.raft.bootstrap_cluster(alone("n2"), PATIENCE).await.unwrap();
    wiped.leads().await;
    let mut observer = within(one.raft.register_observer(64, |_| true)).await.unwrap();
    network.heal();
    observed(&mut observer, |seen| matches!(seen, Observed::CallsRefused { .. })).await;
    wiped.apply("b").await;
    assert_eq!(wiped.lines.borrow().lines, ["b"]);
    within(wiped.raft.shutdown()).await;

    let blank = inmem(&network, config("n2")).await;
    blank.holds(|held| held.lines == ["a"]).await;
    assert_eq!(cluster_of(&blank).await, cluster_of(&one).await);
}

#[tokio::test]
async fn a_cluster_that_is_founded_again_under_the_old_name_is_another_one() {
    let network = InmemNetwork::new();
    let (one, two) = founder_and_nonvoter(&network).await;
    within(one.raft.shutdown()).await;

    let again = inmem(&network, config("n1")).await;
    let mut observer = within(again.raft.register_observer(64, |_| true)).await.unwrap();
    again.raft.bootstrap_cluster(alone("n1"), PATIENCE).await.unwrap();
    again.leads().await;
    within(again.raft.barrier(ANY)).await.unwrap();
    within(again.raft.add_nonvoter("n2", "n2", None, TIMEOUT)).await.unwrap();
    observed(&mut observer, |seen| matches!(seen, Observed::CallsRefused { .. })).await;
    assert_eq!(two.lines.borrow().lines, ["a"]);
}

/// A server without entries joins the cluster whose leader comes first.
#[tokio::test]
async fn a_blank_server_that_two_clusters_add_belongs_to_the_first() {
    let network = InmemNetwork::new();
    let mut leaders = Vec::new();
    for name in ["n1", "n2"] {
        let leader = inmem(&network, config(name)).await;
        leader.raft.bootstrap_cluster(alone(name), PATIENCE).await.unwrap();
        leader.leads().await;
        leader.apply(name).await;
        leaders.push(leader);
    }
    let blank = inmem(&network, config("n3")).await;
    within(leaders[0].raft.add_nonvoter("n3", "n3", None, TIMEOUT)).await.unwrap();
    blank.holds(|held| held.lines == ["n1"]).await;
    let mut observer = within(leaders[1].raft.register_observer(64, |_| true)).await.unwrap();
    within(leaders[1].raft.add_nonvoter("n3", "n3", None, TIMEOUT)).await.unwrap();
    observed(&mut observer, |seen| matches!(seen, Observed::CallsRefused { .. })).await;
    assert_eq!(blank.lines.borrow().lines, ["n1"]);
    assert_eq!(cluster_of(&blank).await, cluster_of(&leaders[0]).await);
}

fn alone(name: &str) -> Configuration {
    Configuration::new(vec![Member::voter(name, name)]).unwrap()
}

#[tokio::test]
async fn voters_that_are_all_bootstrapped_alike_form_one_cluster() {
    let network = InmemNetwork::new();
    let names = ["n1", "n2", "n3"];
    let members = || names.map(|name| Member::voter(name, name)).to_vec();
    let mut nodes = Vec::new();
    for name in names {
        let node = inmem(&network, config(name)).await;
        within(node.raft.bootstrap_cluster(Configuration::new(members()).unwrap(), PATIENCE)).await.unwrap();
        nodes.push(node);
    }
    let nodes = leader_first(nodes).await;
    assert_eq!(nodes[0].apply("a").await, "1");
    let mut clusters = Vec::new();
    for node in &nodes {
        node.holds(|held| held.lines == ["a"]).await;
        clusters.push(cluster_of(node).await);
    }
    assert_eq!(clusters, [clusters[0]; 3]);
}

#[tokio::test]
async fn a_bootstrap_that_is_refused_makes_no_cluster() {
    let network = InmemNetwork::new();
    let [n1, n2] = [inmem(&network, config("n1")).await, inmem(&network, config("n2")).await];
    let other = Configuration::new(vec![Member::voter("n9", "n9")]).unwrap();
    assert_eq!(n2.raft.bootstrap_cluster(other, PATIENCE).await, Err(CallError::NotVoter));
    assert_eq!(within(n2.raft.stats()).await.unwrap().cluster, None);

    let first = Configuration::new(vec![Member::voter("n1", "n1")]).unwrap();
    n1.raft.bootstrap_cluster(first.clone(), PATIENCE).await.unwrap();
    let own = cluster_of(&n1).await;
    assert_eq!(n1.raft.bootstrap_cluster(first, PATIENCE).await, Err(CallError::CantBootstrap));
    assert_eq!(cluster_of(&n1).await, own);
}

#[tokio::test]
async fn the_snapshots_of_another_cluster_are_refused() {
    let mut hosts = [Host::new("n1"), Host::new("n1")];
    let mut clusters = Vec::new();
    for host in &mut hosts {
        let node = founder(host, "a").await;
        within(node.raft.snapshot(PATIENCE)).await.unwrap();
        clusters.push(cluster_of(&node).await);
        within(node.raft.shutdown()).await;
    }
    let store = RedbStore::open(hosts[0].path().join("raft.redb")).unwrap();
    let snapshots = FileSnapshotStore::new(hosts[1].path(), 2).unwrap();
    let builder = Raft::builder(config("n1"), Ledger::new().0, InmemNetwork::new().transport("n1"));
    let error = within(builder.store(store).snapshot_store(snapshots).start()).await.unwrap_err();
    let expected = format!(
        "the log belongs to cluster {}, and the snapshots belong to cluster {}: \
         start the server with a log and snapshots of the same cluster",
        clusters[0], clusters[1]
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_server_without_its_vote_record_is_refused() {
    let mut log = InmemStore::new();
    let first = Configuration::new(vec![Member::voter("n1", "n1")]).unwrap();
    let first = Entry::new(Term(1), Index(1), Payload::Configuration(first.into()));
    log.store_logs(&[first]).unwrap();
    let builder = Raft::builder(config("n1"), Ledger::new().0, InmemNetwork::new().transport("n1"))
        .log_store(log)
        .stable_store(InmemStore::new())
        .snapshot_store(InmemSnapshotStore::default());
    let error = within(builder.start()).await.unwrap_err();
    let expected = "the vote record is missing, but the stores have entries up to i1: damaged";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn an_address_that_nobody_can_call_is_refused_where_it_enters() {
    let transport = within(TcpTransport::bind("127.0.0.1:0", None, 3, TIMEOUT)).await.unwrap();
    let builder = Raft::builder(config("n1"), Ledger::new().0, transport)
        .log_store(InmemStore::new())
        .stable_store(InmemStore::new())
        .snapshot_store(InmemSnapshotStore::default());
    let raft = within(builder.start()).await.unwrap();
    for (bad, right) in UNCALLABLE {
        let error = AddressError { address: bad.into(), example: right.into() };
        let refused = Err(CallError::Address(error.clone()));
        let member = Member::voter("n2", bad);
        assert_eq!(raft.add_voter("n2", bad, None, TIMEOUT).await, refused);
        assert_eq!(raft.add_voter_staged("n2", bad, None, TIMEOUT).await, refused);
        assert_eq!(raft.add_nonvoter("n2", bad, None, TIMEOUT).await, refused);
        assert_eq!(raft.change_membership(vec![member.clone()], None, TIMEOUT).await, refused);
        let founders = Configuration::new(vec![member]).unwrap();
        assert_eq!(raft.bootstrap_cluster(founders, PATIENCE).await, Err(CallError::Address(error.clone())));
        let advertised = TcpTransport::bind("127.0.0.1:0", Some(bad), 3, TIMEOUT).await.map(|_| ());
        assert_eq!(advertised, Err(TransportError::NotCallable(error)));
    }
}

#[test]
fn a_recovery_refuses_an_address_that_nobody_can_call() {
    let [mut log, mut stable] = [InmemStore::new(), InmemStore::new()];
    let bad = Configuration::new(vec![Member::voter("n1", "http://10.0.0.1:7000")]).unwrap();
    let mut snapshots = InmemSnapshotStore::default();
    let error = recover_cluster(Ledger::new().0, &mut log, &mut stable, &mut snapshots, bad).unwrap_err();
    let expected = "no server can be called at `http://10.0.0.1:7000`: \
                    write a host and a port, as in `10.0.0.1:7000`";
    assert_eq!(error.to_string(), expected);
}
