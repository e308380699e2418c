//! A cluster of three under callers: applied commands a second, and how long one takes.
//!
//! In memory, and on loopback TCP with every write synced, on each durable log; then snapshots and a restart.
//! Prints the results of this machine; compare them only with results of the same minute. Before the durable
//! logs, it prints how long the disk and the loopback alone take. After them, it measures HashiCorp Raft with
//! boltdb in the same way, if the Debian packages of `hashicorp/mod.rs` are installed.
//!
//! ```text
//! cargo bench -p wavetank-node [-- memory | disk | snapshot | restart]
//! cargo bench -p wavetank-node -- disk 1
//! ```
//!
//! A number limits the measurement to that number of callers.

#![expect(
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::unwrap_used,
    reason = "a benchmark prints rates, and stops where it cannot go on"
)]

mod hashicorp;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use wavetank_node::store::{FileSnapshotStore, RedbStore, WalStore};
use wavetank_node::transport::{InmemNetwork, TcpTransport};
use wavetank_node::{LogDisk, Place, Raft};
use wavetank_raft::store::inmem::{InmemSnapshotStore, InmemStore};
use wavetank_raft::store::{Command, Fsm, FsmSnapshot, SnapshotReader, SnapshotWriter, StoreError};
use wavetank_raft::{Config, Configuration, Data, Member};

const NAMES: [&str; 3] = ["n1", "n2", "n3"];
const ANY: Duration = Duration::ZERO;
/// The time of each measurement. A tenth of it goes before as a warm-up.
const LENGTH: Duration = Duration::from_secs(2);

/// Counts commands; its snapshot is as large as wanted.
struct Counter {
    applied: u64,
    snapshot_bytes: usize,
}

struct Captured(usize);

impl Fsm for Counter {
    type Snapshot = Captured;

    fn apply(&mut self, _: &Command<'_>) -> Data {
        self.applied += 1;
        Data::default()
    }

    fn snapshot(&mut self) -> Result<Captured, StoreError> {
        Ok(Captured(self.snapshot_bytes))
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        std::io::copy(reader, &mut std::io::sink())?;
        Ok(())
    }
}

impl FsmSnapshot for Captured {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        let piece = [7; 64 << 10];
        let mut left = self.0;
        while 0 < left {
            let now = left.min(piece.len());
            writer.write_all(&piece[..now])?;
            left -= now;
        }
        Ok(())
    }
}

const fn counter(snapshot_bytes: usize) -> Counter {
    Counter { applied: 0, snapshot_bytes }
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let names: Vec<_> = wanted.iter().filter(|name| name.parse::<usize>().is_err()).collect();
    let wants = |name: &str| names.is_empty() || names.iter().any(|wanted| *wanted == name);
    println!("{:<40}{:>12}{:>12}{:>12}", "", "applied/s", "p50 us", "p99 us");
    if wants("memory") {
        for place in [Place::Inline, Place::Thread] {
            in_memory(place);
        }
    }
    if wants("disk") {
        on_disk();
    }
    if wants("snapshot") {
        snapshot();
    }
    if wants("restart") {
        restart();
    }
}

/// One thread if nothing blocks; two if disks do.
fn runtime(workers: usize) -> tokio::runtime::Runtime {
    let mut builder = match workers {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(workers).enable_all().build().unwrap()
}

fn config(id: &str) -> Config {
    Config { local_id: id.into(), snapshot_threshold: u64::MAX, ..Config::default() }
}

fn in_memory(place: Place) {
    runtime(1).block_on(async {
        let network = InmemNetwork::new();
        let mut nodes = Vec::new();
        for name in NAMES {
            let config = Config { snapshot_threshold: 100_000, ..config(name) };
            let builder = Raft::builder(config, counter(0), network.transport(name))
                .log_store(InmemStore::new())
                .stable_store(InmemStore::new())
                .snapshot_store(InmemSnapshotStore::default())
                .log_place(place)
                .fsm_place(place);
            nodes.push(builder.start().await.unwrap());
        }
        measure_all(&format!("memory, {place:?}"), &elect(&nodes).await).await;
    });
}

fn on_disk() {
    let hashicorp = hashicorp::build();
    println!("load average: {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    floor();
    on_store("redb", redb);
    on_store("segmented log", wal);
    if let Some(binary) = hashicorp {
        hashicorp::measure(&binary, &loads(), LENGTH);
    }
}

/// The time that no cluster of three can go below: each server writes and syncs, and a message goes there and back.
fn floor() {
    const SYNCS: usize = 2_000;
    let directory = TempDir::new_in(".").unwrap();
    let writers: Vec<_> = NAMES
        .map(|name| directory.path().join(name))
        .into_iter()
        .map(|path| std::thread::spawn(move || write_and_sync(&path, SYNCS)))
        .collect();
    let syncs = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    print_times("floor: 3 writers, fdatasync, 128 B", syncs);
    print_times("floor: round trip on loopback", round_trips(10_000));
}

fn write_and_sync(path: &Path, syncs: usize) -> Vec<Duration> {
    const RECORD: [u8; 128] = [7; 128];
    let mut file = File::create(path).unwrap();
    file.write_all(&vec![0; syncs * RECORD.len()]).unwrap();
    file.sync_all().unwrap();
    let write = |nth: usize| {
        let start = Instant::now();
        file.seek(SeekFrom::Start((nth * RECORD.len()) as u64)).unwrap();
        file.write_all(&RECORD).unwrap();
        file.sync_data().unwrap();
        start.elapsed()
    };
    (0..syncs).map(write).collect()
}

fn round_trips(trips: usize) -> Vec<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut far, _) = listener.accept().unwrap();
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    let echo = std::thread::spawn(move || {
        let mut message = [0; 128];
        for _ in 0..trips {
            far.read_exact(&mut message).unwrap();
            far.write_all(&message).unwrap();
        }
    });
    let mut message = [7; 128];
    let trip = |_| {
        let start = Instant::now();
        near.write_all(&message).unwrap();
        near.read_exact(&mut message).unwrap();
        start.elapsed()
    };
    let times = (0..trips).map(trip).collect();
    echo.join().unwrap();
    times
}

fn print_times(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    println!("{name:<40}{:>12}{:>12}{:>12}", "", at(&times, 50), at(&times, 99));
}

/// The microseconds within which this part of the calls was answered, in percent.
fn at(sorted: &[Duration], percent: usize) -> u128 {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)].as_micros()
}

fn redb(directory: &Path) -> RedbStore {
    RedbStore::open(directory.join("raft.redb")).unwrap()
}

fn wal(directory: &Path) -> WalStore {
    WalStore::open(directory.join("wal")).unwrap()
}

fn on_store<D: LogDisk>(what: &str, store: impl Fn(&Path) -> D) {
    let directory = TempDir::new_in(".").unwrap();
    runtime(2).block_on(async {
        let mut nodes = Vec::new();
        for name in NAMES {
            let home = directory.path().join(name);
            nodes.push(start(name, &home, store(&home), 0).await);
        }
        measure_all(what, &elect(&nodes).await).await;
        for node in nodes {
            node.shutdown().await;
        }
    });
}

async fn open(name: &str, directory: &Path, snapshot_bytes: usize) -> Raft {
    let home = directory.join(name);
    start(name, &home, redb(&home), snapshot_bytes).await
}

async fn start(name: &str, home: &Path, store: impl LogDisk, snapshot_bytes: usize) -> Raft {
    let transport = TcpTransport::bind("127.0.0.1:0", None, 3, Duration::from_secs(10)).await.unwrap();
    let snapshots = FileSnapshotStore::new(home, 2).unwrap();
    let builder = Raft::builder(config(name), counter(snapshot_bytes), transport);
    // The state machine only counts, so a thread of its own would cost more than the work.
    builder.store(store).snapshot_store(snapshots).fsm_place(Place::Inline).start().await.unwrap()
}

async fn elect(nodes: &[Raft]) -> Raft {
    let members = nodes.iter().map(|node| Member::voter(node.local_id().clone(), node.local_addr().clone()));
    nodes[0].bootstrap_cluster(Configuration::new(members.collect()).unwrap(), Duration::ZERO).await.unwrap();
    let mut changes = nodes[0].leader_changes();
    let leader = changes.wait_for(|seen| seen.leader.is_some()).await.unwrap().leader.clone().unwrap().id;
    let leader = nodes.iter().find(|node| *node.local_id() == leader).unwrap().clone();
    leader.barrier(ANY).await.unwrap();
    leader
}

/// Numbers of callers, each with the bytes of a command.
fn loads() -> Vec<(usize, usize)> {
    let wanted: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let is_wanted = |callers: &usize| wanted.is_empty() || wanted.contains(callers);
    let callers = || [1, 64, 256].into_iter().filter(is_wanted);
    [16, 256].into_iter().flat_map(|bytes| callers().map(move |callers| (callers, bytes))).collect()
}

async fn measure_all(what: &str, leader: &Raft) {
    for (callers, bytes) in loads() {
        measure(leader, callers, bytes, within(LENGTH / 10)).await;
        let (rate, mut times) = measure(leader, callers, bytes, within(LENGTH)).await;
        times.sort_unstable();
        let name = format!("{what}, {callers} callers, {bytes} B");
        println!("{name:<40}{rate:>12.0}{:>12}{:>12}", at(&times, 50), at(&times, 99));
    }
}

fn within(length: Duration) -> impl Fn(usize) -> bool + Copy + Send {
    let start = Instant::now();
    move |_| start.elapsed() < length
}

/// Each caller makes its next call while `has_more` is true of the number of its calls.
async fn measure(
    leader: &Raft,
    callers: usize,
    bytes: usize,
    has_more: impl Fn(usize) -> bool + Copy + Send + 'static,
) -> (f64, Vec<Duration>) {
    let start = Instant::now();
    let calling: Vec<_> = (0..callers)
        .map(|_| {
            let leader = leader.clone();
            tokio::spawn(async move {
                let command: Data = vec![7; bytes].into();
                let mut times = Vec::new();
                while has_more(times.len()) {
                    let start = Instant::now();
                    leader.apply(command.clone(), ANY).await.unwrap();
                    times.push(start.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for caller in calling {
        times.extend(caller.await.unwrap());
    }
    (times.len() as f64 / start.elapsed().as_secs_f64(), times)
}

fn snapshot() {
    const BYTES: usize = 256 << 20;
    let directory = TempDir::new_in(".").unwrap();
    runtime(2).block_on(async {
        let one = open("n1", directory.path(), BYTES).await;
        let leader = elect(std::slice::from_ref(&one)).await;
        let start = Instant::now();
        leader.snapshot(Duration::ZERO).await.unwrap();
        report("snapshot taken, 256 MiB", start, BYTES);
        one.shutdown().await;
        let start = Instant::now();
        let one = open("n1", directory.path(), BYTES).await;
        report("snapshot loaded, 256 MiB", start, BYTES);
        one.shutdown().await;
    });
}

fn report(what: &str, start: Instant, bytes: usize) {
    let mib = bytes as f64 / f64::from(1 << 20);
    println!("{what:<40}{:>9.0} MiB/s", mib / start.elapsed().as_secs_f64());
}

fn restart() {
    let directory = TempDir::new_in(".").unwrap();
    runtime(2).block_on(async {
        let one = open("n1", directory.path(), 0).await;
        let leader = elect(std::slice::from_ref(&one)).await;
        measure(&leader, 256, 256, |calls| calls < 100_000 / 256).await;
        let last = leader.last_index();
        one.shutdown().await;
        drop((one, leader));
        let start = Instant::now();
        let one = open("n1", directory.path(), 0).await;
        println!("{:<40}{:>9} ms", "restart, 100,000 entries: open", start.elapsed().as_millis());
        let mut changes = one.leader_changes();
        changes.wait_for(|seen| seen.is_self).await.unwrap();
        let leads = Instant::now();
        one.barrier(ANY).await.unwrap();
        println!("{:<40}{:>9} ms", "  and, leading again, applied", leads.elapsed().as_millis());
        assert!(last < one.applied_index());
        one.shutdown().await;
    });
}
