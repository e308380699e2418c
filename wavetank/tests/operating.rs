//! The code of `docs/operating.md`: backup, restore, a lost quorum, the replacement of a server.

use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;
use wavetank::node::recover_cluster;
use wavetank::prelude::*;
use wavetank::transport::InmemNetwork;
use wavetank::{CallLimit, Lag, Observed, SnapshotStore};

const TIMEOUT: Duration = Duration::from_secs(20);

type Done<T = ()> = Result<T, Box<dyn Error>>;

#[derive(Clone, Default, Serialize, Deserialize)]
struct Counter(u64);

impl StateMachine for Counter {
    type Command = u64;
    type Query = ();
    type Reply = u64;

    fn apply(&mut self, amount: u64) -> u64 {
        self.0 += amount;
        self.0
    }

    fn query(&self, (): ()) -> u64 {
        self.0
    }
}

/// A server with its stores in a directory.
struct Server {
    raft: Raft,
    snapshots: FileSnapshotStore,
    counter: Replicated<Counter>,
}

async fn start(network: &InmemNetwork, id: &str, directory: &Path) -> Done<Server> {
    let config = Config {
        local_id: id.into(),
        heartbeat_timeout: Duration::from_millis(400),
        election_timeout: Duration::from_millis(400),
        leader_lease_timeout: Duration::from_millis(400),
        ..Config::default()
    };
    let counter = Replicated::new(Counter::default());
    let snapshots = FileSnapshotStore::new(directory, 2)?;
    let raft = Raft::builder(config, counter.clone(), network.transport(id))
        .store(WalStore::open(directory.join("wal"))?)
        .snapshot_store(snapshots.clone())
        .start()
        .await?;
    Ok(Server { raft, snapshots, counter })
}

/// Servers n1, n2, ... in directories of these names. The first one founds the cluster, and the others join.
async fn cluster(network: &InmemNetwork, directory: &Path, ids: &[&str]) -> Done<Vec<Server>> {
    let mut servers: Vec<Server> = Vec::new();
    for id in ids {
        let server = start(network, id, &directory.join(id)).await?;
        if let Some(leader) = servers.first() {
            leader.raft.add_voter_staged(*id, *id, None, TIMEOUT).await?;
        } else {
            let alone = Configuration::new(vec![Member::voter(*id, *id)])?;
            server.raft.bootstrap_cluster(alone, TIMEOUT).await?;
            leads(&server.raft).await?;
        }
        servers.push(server);
    }
    Ok(servers)
}

async fn leads(raft: &Raft) -> Done {
    tokio::time::timeout(TIMEOUT, raft.leader_changes().wait_for(|seen| seen.is_self)).await??;
    Ok(raft.barrier(TIMEOUT).await.map(drop)?)
}

async fn add(raft: &Raft, amount: u64) -> Done<u64> {
    let applied = raft.apply(Replicated::<Counter>::encode_command(&amount), TIMEOUT).await?;
    Ok(Replicated::<Counter>::decode_reply(&applied.response)?)
}

/// Returns one line for each thing that an operator should look at.
async fn complaints(raft: &Raft) -> Result<Vec<String>, CallError> {
    let stats = raft.stats().await?;
    let lagging = stats.peers.iter().filter(|peer| peer.lag != Lag::None).map(ToString::to_string);
    Ok(stats.no_quorum.iter().map(ToString::to_string).chain(lagging).collect())
}

/// Waits until there is nothing to look at. A follower may still be writing the last command.
async fn until_healthy(raft: &Raft) -> Result<(), CallError> {
    while !complaints(raft).await?.is_empty() {
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Writes the state of a server into a file.
async fn backup(raft: &Raft, snapshots: &FileSnapshotStore, file: &Path) -> Result<Index, Box<dyn Error>> {
    let last = match raft.snapshot(TIMEOUT).await {
        Ok(meta) => meta.last,
        // The newest snapshot has everything.
        Err(CallError::NothingNewToSnapshot) => snapshots.newest_end()?,
        Err(error) => return Err(error.into()),
    };
    let (_, mut source) = snapshots.open(last)?;
    let mut file = File::create(file)?;
    io::copy(&mut SnapshotReader::new(&mut source), &mut file)?;
    file.sync_all()?;
    Ok(last.index)
}

/// Replaces the state of the whole cluster with the state in a file. Call this on the leader.
async fn restore(raft: &Raft, file: &Path) -> Result<Index, Box<dyn Error>> {
    Ok(raft.restore_from(File::open(file)?, TIMEOUT).await?)
}

#[tokio::test]
async fn a_backup_is_restored_into_a_new_cluster() -> Done {
    let (network, directory) = (InmemNetwork::new(), tempfile::tempdir()?);
    let file = directory.path().join("backup");
    let old = cluster(&network, &directory.path().join("old"), &["n1"]).await?;
    assert_eq!(add(&old[0].raft, 40).await?, 40);
    let index = backup(&old[0].raft, &old[0].snapshots, &file).await?;
    assert!(index <= old[0].raft.applied_index());
    assert_eq!(backup(&old[0].raft, &old[0].snapshots, &file).await?, index, "nothing is new");
    old[0].raft.shutdown().await;

    let new = cluster(&network, &directory.path().join("new"), &["n1", "n2", "n3"]).await?;
    restore(&new[0].raft, &file).await?;
    assert_eq!(add(&new[0].raft, 2).await?, 42);
    Ok(())
}

/// Makes a cluster of these members from the stores of one server. All servers of the old cluster must be stopped.
fn recover(
    directory: &Path,
    machine: Replicated<Counter>,
    members: Vec<Member>,
) -> Result<(), Box<dyn Error>> {
    let mut log = WalStore::open(directory.join("wal"))?;
    let mut snapshots = FileSnapshotStore::new(directory, 2)?;
    recover_cluster(machine, &mut log.clone(), &mut log, &mut snapshots, Configuration::new(members)?)?;
    Ok(())
}

#[tokio::test]
async fn the_remaining_server_goes_on_after_the_quorum_was_lost() -> Done {
    let (network, directory) = (InmemNetwork::new(), tempfile::tempdir()?);
    let servers = cluster(&network, directory.path(), &["n1", "n2", "n3"]).await?;
    assert_eq!(add(&servers[0].raft, 40).await?, 40);
    tokio::time::timeout(TIMEOUT, until_healthy(&servers[0].raft)).await??;
    for lost in &servers[1..] {
        lost.raft.shutdown().await;
    }
    let limit = CallLimit::after(TIMEOUT).or_no_quorum();
    let error = servers[0].raft.barrier(limit).await.expect_err("two servers of three are lost");
    assert!(matches!(error, CallError::NoQuorum { .. }), "{error}");
    let complaints = complaints(&servers[0].raft).await?;
    assert!(complaints[0].starts_with("no quorum: n2, n3 do not answer"), "{complaints:?}");
    servers[0].raft.shutdown().await;
    drop(servers);

    let alone = vec![Member::voter("n1", "n1")];
    recover(&directory.path().join("n1"), Replicated::new(Counter::default()), alone)?;
    let one = start(&network, "n1", &directory.path().join("n1")).await?;
    leads(&one.raft).await?;
    assert_eq!(one.counter.query(()), 40);
    Ok(())
}

/// Replaces the member `old` with the running blank server `new` at `address`. Call this on the leader.
async fn replace(raft: &Raft, old: &str, new: &str, address: &str) -> Result<(), CallError> {
    let limit = CallLimit::after(TIMEOUT).or_no_quorum();
    raft.add_voter_staged(new, address, None, limit).await?;
    raft.remove_server(old, None, limit).await?;
    Ok(())
}

#[tokio::test]
async fn a_lost_server_is_replaced_under_a_new_name() -> Done {
    let (network, directory) = (InmemNetwork::new(), tempfile::tempdir()?);
    let servers = cluster(&network, directory.path(), &["n1", "n2", "n3"]).await?;
    let leader = &servers[0].raft;
    add(leader, 40).await?;
    let is_failed = |observed: &Observed| matches!(observed, Observed::FailedHeartbeat { .. });
    let mut failed = leader.register_observer(1, is_failed).await?;
    servers[2].raft.shutdown().await;
    tokio::time::timeout(TIMEOUT, failed.recv()).await?;
    let lost = complaints(leader).await?;
    assert!(lost.len() == 1 && lost[0].starts_with("n3 (Wavetank) has not answered for "), "{lost:?}");

    let _four = start(&network, "n4", &directory.path().join("n4")).await?;
    replace(leader, "n3", "n4", "n4").await?;
    assert_eq!(leader.get_configuration().expect("it is bootstrapped").to_string(), "n1 n2 n4");
    add(leader, 2).await?;
    Ok(())
}
