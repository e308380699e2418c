//! Hostile bytes on the port for peers. The server keeps running in bounded memory, logs one line for
//! each broken connection, and its cluster goes on.

use crate::cluster::Cluster;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use wavetank_node::wire::{Header, Scan, decode_request, encode_request};
use wavetank_raft::*;
use wavetank_sim::plan::rng::{Domain, Stream};

/// The number of well-formed calls that a connection sends before its hostile bytes.
const POLITE: u64 = 9;
/// The number of connections at the same time.
const CROWD: u64 = 4;
/// The memory by which the process may grow. Its own limits allow several times as much.
const GROWTH_KIB: u64 = 256 << 10;

#[test]
fn hostile_bytes_do_not_disturb_the_cluster() {
    attack(20_000);
}

#[test]
#[ignore = "takes minutes"]
fn a_million_hostile_frames_do_not_disturb_the_cluster() {
    attack(1_000_000);
}

/// Sends this many frames. A tenth of them are malformed.
fn attack(frames: u64) {
    let mut cluster = Cluster::of(3);
    cluster.until_all_accept_writes();
    let leader = cluster.leader();
    let port = cluster.port(&leader);
    let before = (cluster.memory_kib(&leader), cluster.log(&leader).matches(CLOSED).count());
    let sent = Arc::new(AtomicU64::new(0));
    let crowd: Vec<_> = (0..CROWD)
        .map(|who| {
            let (port, sent, chance) = (port, sent.clone(), Stream::new(1, Domain::Workload, who, 1));
            thread::spawn(move || Attacker { port, sent, chance }.run(frames / CROWD / (POLITE + 1)))
        })
        .collect();
    // Meanwhile the cluster must accept writes at each of its servers.
    let mut writes = 0;
    while crowd.iter().any(|attacker| !attacker.is_finished()) {
        cluster.until_all_accept_writes();
        writes += 1;
    }
    let broken: u64 = crowd.into_iter().map(|attacker| attacker.join().unwrap()).sum();
    cluster.until_all_accept_writes();
    let growth = cluster.memory_kib(&leader).saturating_sub(before.0);
    let told = cluster.log(&leader).matches(CLOSED).count() - before.1;
    println!(
        "{} frames on {broken} connections, {told} of them logged, {writes} rounds of writes, {growth} KiB more memory",
        sent.load(Ordering::Relaxed)
    );
    assert!(growth < GROWTH_KIB, "the process grew by {growth} KiB");
    assert!(told as u64 <= broken, "the server logged {told} of {broken} broken connections");
    assert!(broken / 2 < told as u64, "the server logged {told} of {broken} broken connections");
}

#[test]
fn each_broken_connection_is_logged_once() {
    const CONNECTIONS: usize = 50;
    let mut cluster = Cluster::of(1);
    let leader = cluster.leader();
    let places: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let mut stream = TcpStream::connect(cluster.port(&leader)).unwrap();
            stream.write_all(&[9, 0x80]).unwrap();
            // The server logs the connection before it closes it.
            let _ = stream.read_to_end(&mut Vec::new());
            stream.local_addr().unwrap()
        })
        .collect();
    let log = cluster.log(&leader);
    for place in places {
        let told = log.lines().filter(|line| line.contains(CLOSED) && line.contains(&place.to_string()));
        let told: Vec<_> = told.collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("unknown rpc type 9"), "{told:?}");
    }
}

/// The text that a server logs when it closes a connection.
const CLOSED: &str = "connection closed";

struct Attacker {
    port: SocketAddr,
    sent: Arc<AtomicU64>,
    chance: Stream,
}

impl Attacker {
    /// Makes this many connections, and returns the number of broken ones.
    fn run(mut self, connections: u64) -> u64 {
        for _ in 0..connections {
            let mut bytes = Vec::new();
            for _ in 0..POLITE {
                self.call(&mut bytes);
            }
            self.hostile(&mut bytes);
            // The server may close the connection before it has read everything.
            let _ = exchange(self.port, &bytes);
            self.sent.fetch_add(POLITE + 1, Ordering::Relaxed);
        }
        connections
    }

    /// A well-formed call with random contents. Its term is zero, which is past on every server. A call
    /// of a later term would come from a hostile peer, against which Raft does not protect.
    fn call(&mut self, out: &mut Vec<u8>) {
        let mut request = self.request();
        if let Request::InstallSnapshot(install) = &mut request {
            Arc::make_mut(&mut install.meta).size = self.chance.below(2_000);
        }
        encode_request(&self.header(), &request, out);
        if let Request::InstallSnapshot(install) = request {
            let data = (0..install.meta.size).map(|_| self.chance.word() as u8);
            out.extend(data);
        }
    }

    fn header(&mut self) -> Header {
        let name = format!("x{}", self.chance.below(1000));
        let to = self.chance.chance(1, 8).then(|| "n77".into());
        let dialect = self.chance.one_of(&[Dialect::HashiCorp, Dialect::Wavetank]);
        let protocol_version = self.chance.one_of(&[3, 3, 3, 2, 0, -1, i64::MAX]);
        let (id, address) = (Some(name.as_str().into()), Some(name.as_str().into()));
        let cluster = self.chance.chance(1, 8).then(|| ClusterId(self.chance.below(1000)));
        Header { protocol_version, id, address, to, cluster, dialect }
    }

    fn request(&mut self) -> Request {
        let last = LogId::new(Term(self.chance.below(9)), Index(self.chance.below(1 << 20)));
        match self.chance.below(5) {
            0 => Request::RequestVote(RequestVote {
                term: Term(0),
                last_log: last,
                leadership_transfer: self.chance.chance(1, 2),
            }),
            1 => Request::RequestPreVote(RequestPreVote { term: Term(0), last_log: last }),
            2 => Request::TimeoutNow(TimeoutNow { term: Some(Term(0)) }),
            3 => {
                let configuration = Configuration::new(vec![Member::voter("x1", "x1")]).unwrap();
                let (size, checksum) = (0, self.chance.word());
                let configuration_index = Index(self.chance.below(9));
                let meta = SnapshotMeta { last, configuration, configuration_index, size, checksum };
                let (meta, data) = (Arc::new(meta), Arc::from([]));
                Request::InstallSnapshot(InstallSnapshot { term: Term(0), meta, offset: 0, data, done: true })
            }
            _ => {
                let command = Payload::Command(vec![7; 40].into());
                let entries = (1..1 + self.chance.below(6))
                    .map(|at| Entry::new(Term(self.chance.below(3)), last.index.plus(at), command.clone()))
                    .collect();
                let leader_commit = Index(self.chance.below(1 << 20));
                Request::AppendEntries(AppendEntries { term: Term(0), prev: last, entries, leader_commit })
            }
        }
    }

    /// Bytes that are not a call.
    fn hostile(&mut self, out: &mut Vec<u8>) {
        match self.chance.below(8) {
            // Random bytes, mostly after the beginning of a real call.
            0..3 => {
                out.push(self.chance.below(6) as u8);
                out.push(0x80 | self.chance.below(16) as u8);
                out.extend((0..self.chance.below(200)).map(|_| self.chance.word() as u8));
            }
            // A call with some changed bytes, which is no longer a call.
            3..5 => self.mutant(out),
            // A call that ends too early.
            5 => {
                let mut call = Vec::new();
                encode_request(&self.header(), &self.request(), &mut call);
                let length = 1 + self.chance.below(call.len() as u64 - 1);
                out.extend_from_slice(&call[..usize::try_from(length).unwrap()]);
            }
            // A length of four billion, of a list or of a text.
            6 => out.extend_from_slice(b"\x00\x81\xa7Entries\xdd\xff\xff\xff\xff"),
            // Sometimes a long text whose end never comes.
            _ => {
                out.extend_from_slice(&[0, 0x81, 0xdb, 0x03, 0xff, 0xff, 0xff]);
                let length = if self.chance.chance(1, 200) { 16 << 20 } else { 1 << 10 };
                out.resize(out.len() + length, b'a');
            }
        }
    }

    fn mutant(&mut self, out: &mut Vec<u8>) {
        loop {
            let mut call = Vec::new();
            encode_request(&self.header(), &self.request(), &mut call);
            for _ in 0..1 + self.chance.below(5) {
                let at = usize::try_from(self.chance.below(call.len() as u64)).unwrap();
                call[at] = self.chance.word() as u8;
            }
            let is_call = match Scan::request(1 << 20).advance(&call) {
                Ok(Some(length)) => decode_request(&call[..length]).is_ok(),
                Ok(None) | Err(_) => false,
            };
            if !is_call {
                return out.extend_from_slice(&call);
            }
        }
    }
}

/// Sends everything, and reads until the server closes the connection.
fn exchange(port: SocketAddr, bytes: &[u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect(port)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(bytes)?;
    stream.shutdown(Shutdown::Write)?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}
