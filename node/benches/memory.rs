//! The memory of a server that applies 2,000 commands of one size: the peak and the end.
//!
//! ```text
//! cargo bench -p wavetank-node --bench memory [-- BYTES]
//! ```
//!
//! Without a size, it measures 16 B, 64 KiB and 1 MiB, each in a process of its own. The log is a file,
//! and 64 callers wait at a time. Linux only.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints figures, and stops where it cannot go on"
)]

use std::process::Command as Process;
use std::time::Duration;
use wavetank_node::store::{FileSnapshotStore, RedbStore};
use wavetank_node::transport::InmemNetwork;
use wavetank_node::{
    Command, Config, Configuration, Data, Fsm, FsmSnapshot, Member, Raft, SnapshotReader, SnapshotWriter,
    StoreError,
};

const COMMANDS: usize = 2_000;
const CALLERS: usize = 64;

/// A state machine without a state, so that only the server's memory counts.
struct Nothing;

impl Fsm for Nothing {
    type Snapshot = Self;

    fn apply(&mut self, _: &Command<'_>) -> Data {
        Data::from([])
    }

    fn snapshot(&mut self) -> Result<Self, StoreError> {
        Ok(Self)
    }

    fn restore(&mut self, _: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        Ok(())
    }
}

impl FsmSnapshot for Nothing {
    fn persist(&mut self, _: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A line of `/proc/self/status`: its value in MiB.
fn mib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

async fn apply_all(size: usize) {
    let directory = tempfile::tempdir().unwrap();
    // A busy disk must not end the measurement.
    let disk_stall_timeout = Duration::from_secs(600);
    let config = Config { local_id: "n1".into(), disk_stall_timeout, ..Config::default() };
    let raft = Raft::builder(config, Nothing, InmemNetwork::new().transport("n1"))
        .store(RedbStore::open(directory.path().join("raft.redb")).unwrap())
        .snapshot_store(FileSnapshotStore::new(directory.path(), 1).unwrap())
        .start()
        .await
        .unwrap();
    raft.bootstrap_cluster(Configuration::new(vec![Member::voter("n1", "n1")]).unwrap(), Duration::ZERO)
        .await
        .unwrap();
    raft.leader_changes().wait_for(|seen| seen.is_self).await.unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let raft = raft.clone();
        let share = (caller..COMMANDS).step_by(CALLERS);
        callers.spawn(async move {
            for _ in share {
                raft.apply(vec![7; size], Duration::ZERO).await.unwrap();
            }
        });
    }
    callers.join_all().await;
    println!("{size:>8} B: peak {} MiB, end {} MiB", mib("VmHWM"), mib("VmRSS"));
    raft.shutdown().await;
}

fn main() {
    let size = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    match size {
        Some(size) => {
            tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(apply_all(size));
        }
        None => {
            for size in [16, 64 << 10, 1 << 20] {
                Process::new(std::env::current_exe().unwrap()).arg(size.to_string()).status().unwrap();
            }
        }
    }
}
