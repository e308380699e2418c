//! Files and messages as released versions wrote them. They are in `tests/golden`, one folder a version.
//!
//! The files of this version are written by `cargo test -p wavetank-node --test it -- --ignored golden`.
//! Those of earlier versions were written by the same code on them, and never change.

use crate::cluster::*;
use crate::sparse;
use std::path::Path;
use std::sync::Arc;
use wavetank_node::Raft;
use wavetank_node::store::{FileSnapshotStore, RedbStore};
use wavetank_node::transport::InmemNetwork;
use wavetank_node::wire::{
    Header, Kind, decode_reply, decode_request, encode_refusal, encode_request, encode_response,
};
use wavetank_raft::{
    AppendEntries, AppendEntriesResponse, Change, ClusterId, Config, Configuration, Dialect, Entry, Extended,
    Index, InstallSnapshot, InstallSnapshotResponse, LogId, Member, Payload, Request, RequestPreVote,
    RequestPreVoteResponse, RequestVote, RequestVoteResponse, Response, SnapshotMeta, Term, TimeoutNow,
    TimeoutNowResponse,
};

const DIRECTORIES: [(&str, &str); 2] = [
    ("0.1.0", include_str!("../golden/0.1.0/directory.txt")),
    ("0.2.0", include_str!("../golden/0.2.0/directory.txt")),
];
/// The messages of version 0.1.0: no identity of a cluster, and no reason in the refusal of a vote.
const WIRE_0_1: &str = include_str!("../golden/0.1.0/wire.txt");
const WIRE_0_2: &str = include_str!("../golden/0.2.0/wire.txt");

#[tokio::test]
async fn this_version_starts_with_the_files_of_earlier_versions() {
    for (version, files) in DIRECTORIES {
        let directory = tempfile::tempdir().unwrap();
        sparse::unpack(files, directory.path());
        let node = start(directory.path()).await;
        node.leads().await;
        let held = node.holds(|held| held.lines.len() == 7).await;
        assert_eq!(held.lines.join(""), "abcdefg", "{version}");
        assert_eq!(node.members(), "n1 (n2)", "{version}");
        assert!(0 < held.restored, "{version}");
        assert_eq!(node.apply("h").await, "8", "{version}");
        let cluster = within(node.raft.stats()).await.unwrap().cluster;
        assert_eq!(cluster.is_some(), version != "0.1.0");
        within(node.raft.shutdown()).await;
    }
}

#[test]
fn this_version_reads_the_messages_of_earlier_versions() {
    let old = Version { has_cluster: false, has_reason: false };
    let new = Version { has_cluster: true, has_reason: true };
    for (version, golden) in [(old, WIRE_0_1), (new, WIRE_0_2)] {
        let golden: Vec<Vec<u8>> = golden.lines().map(sparse::unhex).collect();
        let (requests, answers) = golden.split_at(version.requests().len());
        for (bytes, expected) in requests.iter().zip(version.requests()) {
            assert_eq!(decode_request(bytes), Ok(expected));
        }
        assert_eq!(answers.len(), version.responses().len() + 1);
        for (bytes, (header, kind, response)) in answers.iter().zip(version.responses()) {
            assert_eq!(decode_reply(kind, bytes), Ok(Ok((header, response))));
        }
        let refusal = decode_reply(Kind::RequestVote, answers.last().unwrap());
        assert_eq!(refusal, Ok(Err("node is not the leader".to_owned())));
    }
    assert_eq!(WIRE_0_2, new.written(), "write the golden files of this version again");
}

#[tokio::test]
#[ignore = "writes the golden files of this version into the source"]
async fn write_the_golden_files_of_this_version() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(env!("CARGO_PKG_VERSION"));
    std::fs::create_dir_all(&folder).unwrap();
    let version = Version { has_cluster: true, has_reason: true };
    std::fs::write(folder.join("wire.txt"), version.written()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path()).await;
    std::fs::write(folder.join("directory.txt"), sparse::pack(directory.path())).unwrap();
}

async fn start(directory: &Path) -> Node {
    let (fsm, lines) = Ledger::new();
    let config = Config { trailing_logs: 2, ..config("n1") };
    let builder = Raft::builder(config, fsm, InmemNetwork::new().transport("n1"))
        .store(RedbStore::open(directory.join("raft.redb")).unwrap())
        .snapshot_store(FileSnapshotStore::new(directory, 2).unwrap());
    Node { raft: within(builder.start()).await.unwrap(), lines }
}

/// A log with an entry of each kind, and a snapshot.
async fn fill(directory: &Path) {
    let node = start(directory).await;
    let first = Configuration::new(vec![Member::voter("n1", "n1")]).unwrap();
    node.raft.bootstrap_cluster(first, PATIENCE).await.unwrap();
    node.leads().await;
    for line in ["a", "b", "c", "d", "e"] {
        node.apply(line).await;
    }
    within(node.raft.snapshot(PATIENCE)).await.unwrap();
    within(node.raft.add_nonvoter("n2", "n2", None, PATIENCE)).await.unwrap();
    within(node.raft.restore(bytes("a\nb\nc\nd\ne\nf"), PATIENCE)).await.unwrap();
    within(node.raft.barrier(ANY)).await.unwrap();
    within(node.raft.apply_log(bytes("g"), bytes("extension"), PATIENCE)).await.unwrap();
    within(node.raft.shutdown()).await;
}

/// The fields that a version sends.
#[derive(Clone, Copy)]
struct Version {
    has_cluster: bool,
    has_reason: bool,
}

impl Version {
    fn header(self, is_call: bool, dialect: Dialect) -> Header {
        let is_ours = is_call && dialect == Dialect::Wavetank;
        Header {
            protocol_version: 3,
            id: Some("n1".into()),
            address: Some("10.0.0.1:7000".into()),
            to: Some("n2".into()).filter(|_| is_ours),
            cluster: Some(ClusterId(0x0123_4567_89ab_cdef)).filter(|_| is_ours && self.has_cluster),
            dialect,
        }
    }

    fn requests(self) -> Vec<(Header, Request)> {
        let ours = self.header(true, Dialect::Wavetank);
        let mut requests: Vec<_> = requests().into_iter().map(|request| (ours.clone(), request)).collect();
        let vote = RequestVote { term: Term(9), last_log: LogId::ZERO, leadership_transfer: false };
        requests.push((self.header(true, Dialect::HashiCorp), Request::RequestVote(vote)));
        requests
    }

    fn responses(self) -> Vec<(Header, Kind, Response)> {
        let header = self.header(false, Dialect::Wavetank);
        let vote = RequestVoteResponse { term: Term(1), granted: false, refused_for_term: self.has_reason };
        let answer = AppendEntriesResponse {
            term: Term(1),
            success: false,
            last_log: Index(77),
            no_retry_backoff: true,
            hint: Some(LogId::new(Term(2), Index(70))),
        };
        let install = InstallSnapshotResponse { term: Term(1), success: true, next_offset: 9 };
        let pre_vote = RequestPreVoteResponse { term: Term(1), granted: true };
        [
            (Kind::AppendEntries, Response::AppendEntries(answer)),
            (Kind::RequestVote, Response::RequestVote(vote)),
            (Kind::RequestPreVote, Response::RequestPreVote(pre_vote)),
            (Kind::InstallSnapshot, Response::InstallSnapshot(install)),
            (Kind::TimeoutNow, Response::TimeoutNow(TimeoutNowResponse { accepted: false })),
        ]
        .into_iter()
        .map(|(kind, response)| (header.clone(), kind, response))
        .collect()
    }

    /// The messages in hexadecimal digits, one a line.
    fn written(self) -> String {
        let mut lines = Vec::new();
        for (header, request) in self.requests() {
            let mut out = Vec::new();
            encode_request(&header, &request, &mut out);
            lines.push(out);
        }
        for (header, _, response) in self.responses() {
            let mut out = Vec::new();
            encode_response(&header, &response, &mut out);
            lines.push(out);
        }
        let mut refusal = Vec::new();
        encode_refusal("node is not the leader", &mut refusal);
        lines.push(refusal);
        lines.iter().map(|bytes| sparse::hex(bytes) + "\n").collect()
    }
}

fn joint() -> Configuration {
    let one = Configuration::new(vec![Member::voter("n1", "a1"), Member::nonvoter("n2", "a2")]).unwrap();
    one.next(&Change::Members(vec![Member::voter("n2", "a2"), Member::voter("n3", "a3")])).unwrap()
}

fn requests() -> [Request; 5] {
    let extended = Extended { data: bytes("data"), extensions: bytes("more") };
    let payloads = [
        Payload::Noop,
        Payload::Barrier,
        Payload::Command(bytes("command")),
        Payload::Restore(bytes("state")),
        Payload::Configuration(Arc::new(joint())),
        Payload::Extended(Arc::new(extended)),
    ];
    let append = AppendEntries {
        term: Term(5),
        prev: LogId::new(Term(2), Index(3)),
        entries: payloads
            .into_iter()
            .zip(4..)
            .map(|(payload, at)| Entry::new(Term(3), Index(at), payload))
            .collect(),
        leader_commit: Index(3),
    };
    let meta = SnapshotMeta {
        last: LogId::new(Term(4), Index(1 << 40)),
        configuration: joint(),
        configuration_index: Index(9),
        size: 1 << 33,
        checksum: 7,
    };
    let install =
        InstallSnapshot { term: Term(5), meta: Arc::new(meta), offset: 0, data: Arc::from([]), done: false };
    let last_log = LogId::new(Term(2), Index(7));
    [
        Request::AppendEntries(append),
        Request::RequestVote(RequestVote { term: Term(6), last_log, leadership_transfer: true }),
        Request::RequestPreVote(RequestPreVote { term: Term(6), last_log }),
        Request::InstallSnapshot(install),
        Request::TimeoutNow(TimeoutNow { term: Some(Term(8)) }),
    ]
}
