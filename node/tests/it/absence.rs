//! Files that are missing when a server starts.

use crate::cluster::*;
use std::fs;
use std::path::{Path, PathBuf};
use wavetank_node::store::{FileSnapshotStore, InmemSnapshotStore, OpenError, RedbStore};
use wavetank_node::transport::InmemNetwork;
use wavetank_node::{Raft, StartError};
use wavetank_raft::{Config, Configuration, Member};

/// The error of a start, in words.
#[derive(Debug)]
struct Words(String);

impl From<OpenError> for Words {
    fn from(error: OpenError) -> Self {
        Self(error.to_string())
    }
}

impl From<StartError> for Words {
    fn from(error: StartError) -> Self {
        Self(error.to_string())
    }
}

async fn start(directory: &Path, trailing_logs: u64) -> Result<Node, Words> {
    let (fsm, lines) = Ledger::new();
    let config = Config { trailing_logs, ..config("n1") };
    let builder = Raft::builder(config, fsm, InmemNetwork::new().transport("n1"))
        .store(RedbStore::open(directory.join("raft.redb"))?)
        .snapshot_store(FileSnapshotStore::new(directory, 1)?);
    Ok(Node { raft: within(builder.start()).await?, lines })
}

/// Ten commands and a snapshot of them, and two more commands.
async fn fill(directory: &Path, trailing_logs: u64) {
    let node = start(directory, trailing_logs).await.unwrap();
    let first = Configuration::new(vec![Member::voter("n1", "n1")]).unwrap();
    node.raft.bootstrap_cluster(first, PATIENCE).await.unwrap();
    node.leads().await;
    for at in 0..12 {
        if at == 10 {
            within(node.raft.snapshot(PATIENCE)).await.unwrap();
        }
        node.apply(&at.to_string()).await;
    }
    within(node.raft.shutdown()).await;
}

/// The only snapshot.
fn snapshot(directory: &Path) -> PathBuf {
    fs::read_dir(directory.join("snapshots")).unwrap().next().unwrap().unwrap().path()
}

#[tokio::test]
async fn a_missing_file_is_told_in_one_line() {
    type Remove = fn(&Path);
    let cases: [(Remove, &str); 5] = [
        (
            |dir| fs::remove_file(dir.join("raft.redb")).unwrap(),
            "the vote record is missing, but the stores have",
        ),
        (
            |dir| fs::write(dir.join("raft.redb"), "").unwrap(),
            "the vote record is missing, but the stores have entries up to",
        ),
        (|dir| fs::remove_dir_all(dir.join("snapshots")).unwrap(), "the log was compacted up to"),
        (|dir| fs::remove_file(snapshot(dir).join("meta.json")).unwrap(), "the log was compacted up to"),
        (|dir| fs::remove_file(snapshot(dir).join("state.bin")).unwrap(), "state.bin"),
    ];
    for trailing_logs in [0, 5] {
        for (remove, expected) in cases {
            let directory = tempfile::tempdir().unwrap();
            fill(directory.path(), trailing_logs).await;
            remove(directory.path());
            let Words(words) = start(directory.path(), trailing_logs).await.err().expect("it is refused");
            assert!(words.contains(expected) && words.lines().count() == 1, "{words}");
        }
    }
}

/// Log and vote record may be in two files. Each of them shows that the other one is missing.
#[tokio::test]
async fn a_missing_store_is_told_in_one_line() {
    let start = async |directory: &Path| {
        let (fsm, lines) = Ledger::new();
        let builder = Raft::builder(config("n1"), fsm, InmemNetwork::new().transport("n1"))
            .log_store(RedbStore::open(directory.join("log"))?)
            .stable_store(RedbStore::open(directory.join("stable"))?)
            .snapshot_store(InmemSnapshotStore::default());
        Ok::<_, Words>(Node { raft: within(builder.start()).await?, lines })
    };
    for (missing, expected) in [
        ("log", "the log is missing: the log had entries after i0: damaged"),
        ("stable", "the vote record is missing, but the stores have entries up to i3: damaged"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let node = start(directory.path()).await.unwrap();
        let first = Configuration::new(vec![Member::voter("n1", "n1")]).unwrap();
        node.raft.bootstrap_cluster(first, PATIENCE).await.unwrap();
        node.leads().await;
        node.apply("a").await;
        within(node.raft.shutdown()).await;
        drop(node);
        fs::remove_file(directory.path().join(missing)).unwrap();
        let Words(words) = start(directory.path()).await.err().expect("it is refused");
        assert_eq!(words, expected);
    }
}
