//! Servers in one process.

use crate::cluster::*;
use std::time::Duration;
use wavetank_node::transport::InmemNetwork;
use wavetank_node::{CallError, LatestConfiguration, RaftState};
use wavetank_raft::{Config, Halt, Index, Member, Observed, Refusal, Reloadable, RoleName};

#[tokio::test]
async fn one_server_is_a_cluster() {
    let network = InmemNetwork::new();
    let [one] = inmem_cluster(&network).await;
    assert_eq!(one.apply("a").await, "1");
    assert_eq!(one.apply("b").await, "2");
    let index = one.raft.barrier(ANY).await.unwrap();
    assert_eq!(one.raft.applied_index(), index);
    assert_eq!(one.raft.last_index(), index);
    assert_eq!(one.raft.commit_index(), index);
    assert_eq!(one.raft.read_index(PATIENCE).await.unwrap(), index);
    assert_eq!(one.raft.read_lease(PATIENCE).await.unwrap(), index);
    one.raft.verify_leader(PATIENCE).await.unwrap();
    assert_eq!(one.lines.borrow().lines, ["a", "b"]);
    assert_eq!(one.raft.to_string(), "Node at n1 [Leader]");
    assert_eq!(one.raft.leader().unwrap().as_str(), "n1");
    assert!(one.raft.last_contact().is_some());

    let stats = one.raft.stats().await.unwrap().to_map();
    let of = |key| stats[key].clone();
    assert_eq!(
        (of("state"), of("num_peers"), of("last_contact")),
        ("Leader".into(), "0".into(), "0.000ms".into())
    );
    assert_eq!(of("applied_index"), index.0.to_string());

    one.raft.shutdown().await;
    one.raft.shutdown().await;
    assert_eq!(one.raft.state().to_string(), "Shutdown");
    assert_eq!(one.raft.stopped().await, Some(Halt::Shutdown));
    assert_eq!(one.raft.stats().await.unwrap().state, RaftState::Shutdown);
}

#[tokio::test]
async fn many_callers_get_each_their_own_answer() {
    let network = InmemNetwork::new();
    let [leader, two, three] = inmem_cluster(&network).await;
    let callers: Vec<_> = (0..500)
        .map(|n| {
            let raft = leader.raft.clone();
            tokio::spawn(async move { (n, raft.apply(format!("{n}").into_bytes(), PATIENCE).await.unwrap()) })
        })
        .collect();
    let mut answers = Vec::new();
    for caller in callers {
        answers.push(within(caller).await.unwrap());
    }
    for node in [&leader, &two, &three] {
        let held = node.holds(|held| held.lines.len() == 500).await;
        for (n, applied) in &answers {
            let place: usize = String::from_utf8(applied.response.to_vec()).unwrap().parse().unwrap();
            assert_eq!(held.lines[place - 1], n.to_string());
        }
    }
}

#[tokio::test]
async fn servers_come_and_go() {
    let network = InmemNetwork::new();
    let [one] = inmem_cluster(&network).await;
    one.apply("a").await;
    let two = inmem(&network, config("n2")).await;
    let three = inmem(&network, config("n3")).await;
    let index = one.raft.get_configuration().unwrap().index;
    let index = one.raft.add_voter("n2", "n2", Some(index), PATIENCE).await.unwrap();
    assert_eq!(one.raft.get_configuration().unwrap().index, index);
    let stale = one.raft.add_voter("n3", "n3", Some(Index(1)), PATIENCE).await.unwrap_err();
    assert_eq!(stale, Refusal::ConfigurationChanged { since: Index(1), latest: index }.into());
    one.raft.add_nonvoter("n3", "n3", None, PATIENCE).await.unwrap();
    assert_eq!(one.members(), "n1 n2 (n3)");
    one.apply("b").await;
    for node in [&two, &three] {
        let held = node.holds(|held| held.lines.len() == 2 && held.members == 3).await;
        assert_eq!(held.lines, ["a", "b"]);
    }

    one.raft.add_voter("n3", "n3", None, PATIENCE).await.unwrap();
    one.raft.demote_voter("n2", None, PATIENCE).await.unwrap();
    assert_eq!(one.members(), "n1 (n2) n3");
    one.raft.remove_server("n2", None, PATIENCE).await.unwrap();
    assert_eq!(one.members(), "n1 n3");
    let members = vec![Member::voter("n1", "n1"), Member::voter("n2", "n2"), Member::voter("n3", "n3")];
    one.raft.change_membership(members, None, PATIENCE).await.unwrap();
    let mut seen = one.raft.configuration_changes();
    let is_left = |latest: &Option<LatestConfiguration>| latest.as_ref().is_some_and(left_joint);
    within(seen.wait_for(is_left)).await.unwrap();
    assert_eq!(one.members(), "n1 n2 n3");

    one.raft.barrier(PATIENCE).await.unwrap();
    let four = inmem(&network, config("n4")).await;
    one.raft.add_voter_staged("n4", "n4", None, PATIENCE).await.unwrap();
    assert_eq!(one.members(), "n1 n2 n3 n4");
    four.holds(|held| held.members == 4).await;
}

fn left_joint(latest: &LatestConfiguration) -> bool {
    let latest = &latest.configuration;
    !latest.is_joint()
}

#[tokio::test]
async fn leadership_is_transferred_and_taken_after_a_crash() {
    let network = InmemNetwork::new();
    let [one, two, three] = inmem_cluster(&network).await;
    one.apply("a").await;
    within(one.raft.leadership_transfer_to_server(two.raft.local_id().clone(), PATIENCE)).await.unwrap();
    two.leads().await;
    one.sees(|seen| seen.leader.as_ref().is_some_and(|leader| leader.id == *two.raft.local_id())).await;
    assert_eq!(one.raft.state(), RaftState::Follower);
    within(two.raft.leadership_transfer(PATIENCE)).await.unwrap();

    let nodes = leader_first(vec![one, two, three]).await;
    let (gone, rest) = nodes.split_first().unwrap();
    gone.raft.shutdown().await;
    assert_eq!(gone.raft.leader(), None);
    let rest = leader_first(rest.to_vec()).await;
    assert_eq!(rest[0].apply("b").await, "2");
    assert_eq!(rest[1].holds(|held| held.lines.len() == 2).await.lines, ["a", "b"]);
}

#[tokio::test]
async fn a_leader_without_a_quorum_steps_down_and_its_open_calls_are_unknown() {
    let network = InmemNetwork::new();
    let [old, two, three] = inmem_cluster(&network).await;
    let mut seen =
        old.raft.register_observer(16, |seen| matches!(seen, Observed::State { .. })).await.unwrap();
    network.isolate(old.raft.local_addr().clone());
    let lost = within(old.raft.apply(bytes("lost"), PATIENCE)).await.unwrap_err();
    assert_eq!(lost, CallError::LeadershipLost);
    assert!(lost.is_unknown());
    let is_follower =
        |seen: Option<Observed>| matches!(seen, Some(Observed::State { role: RoleName::Follower, .. }));
    assert!(is_follower(within(seen.recv()).await));

    let rest = leader_first(vec![two, three]).await;
    rest[0].apply("kept").await;
    network.heal();
    assert_eq!(old.holds(|held| !held.lines.is_empty()).await.lines, ["kept"]);
    let refused = old.raft.apply(bytes("x"), PATIENCE).await.unwrap_err();
    assert!(refused.is_not_leader(), "{refused}");
    assert!(refused.to_string().starts_with("node is not the leader; call n"), "{refused}");
}

#[tokio::test]
async fn a_new_server_is_sent_a_snapshot() {
    let network = InmemNetwork::new();
    let few = |id| Config { trailing_logs: 2, snapshot_chunk_bytes: 64, ..config(id) };
    let one = inmem(&network, few("n1")).await;
    let alone = wavetank_raft::Configuration::new(vec![Member::voter("n1", "n1")]).unwrap();
    one.raft.bootstrap_cluster(alone, PATIENCE).await.unwrap();
    one.leads().await;
    for n in 0..100 {
        one.apply(&format!("line {n}")).await;
    }
    let meta = within(one.raft.snapshot(PATIENCE)).await.unwrap();
    assert!(Index(100) < meta.last.index && 0 < meta.size);
    let again = one.raft.snapshot(PATIENCE).await.unwrap_err();
    assert_eq!(again, CallError::NothingNewToSnapshot);
    one.apply("after").await;
    let two = inmem(&network, few("n2")).await;
    one.raft.add_voter("n2", "n2", None, PATIENCE).await.unwrap();
    let held = two.holds(|held| held.lines.len() == 101).await;
    assert_eq!(held.restored, 1);
    assert_eq!(held.lines, one.lines.borrow().lines);

    let index = one.raft.restore(bytes("x\ny"), PATIENCE).await.unwrap();
    assert!(meta.last.index < index);
    for node in [&one, &two] {
        assert_eq!(node.holds(|held| held.lines.len() == 2).await.lines, ["x", "y"]);
    }
}

#[tokio::test]
async fn snapshots_are_taken_when_they_are_due() {
    let network = InmemNetwork::new();
    let often = Config {
        snapshot_threshold: 10,
        snapshot_interval: Duration::from_millis(5),
        trailing_logs: 1,
        ..config("n1")
    };
    let one = inmem(&network, often).await;
    let alone = wavetank_raft::Configuration::new(vec![Member::voter("n1", "n1")]).unwrap();
    one.raft.bootstrap_cluster(alone, PATIENCE).await.unwrap();
    one.leads().await;
    let took = async {
        for n in 0.. {
            one.apply(&format!("{n}")).await;
            if Index(0) < one.raft.stats().await.unwrap().server.last_snapshot.index {
                return;
            }
        }
    };
    within(took).await;
}

#[tokio::test]
async fn a_leader_that_removes_itself_stops() {
    let network = InmemNetwork::new();
    let [leader, two, three] = inmem_cluster(&network).await;
    let id = leader.raft.local_id().clone();
    leader.raft.remove_server(id, None, PATIENCE).await.unwrap();
    assert_eq!(within(leader.raft.stopped()).await, Some(Halt::Removed));
    assert_eq!(leader.raft.state(), RaftState::Shutdown);
    let rest = leader_first(vec![two, three]).await;
    rest[0].apply("a").await;
}

#[tokio::test]
async fn settings_change_while_the_server_runs() {
    let network = InmemNetwork::new();
    let [one] = inmem_cluster(&network).await;
    let reloadable = Reloadable {
        trailing_logs: 7,
        snapshot_interval: Duration::from_secs(60),
        snapshot_threshold: 5,
        heartbeat_timeout: Duration::from_millis(500),
        election_timeout: Duration::from_millis(500),
    };
    one.raft.reload_config(reloadable.clone()).await.unwrap();
    let refused =
        one.raft.reload_config(Reloadable { election_timeout: Duration::from_millis(1), ..reloadable }).await;
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("election_timeout"), "{error}");
}
