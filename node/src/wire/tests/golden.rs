//! The bytes that HashiCorp's library writes.

use super::super::entry::{Data, Log};
use super::super::message::{AppendEntriesRequest, InstallSnapshotRequest, RequestVoteRequest};
use super::super::*;
use super::{hex, unhex};
use std::sync::Arc;
use wavetank_raft::*;

/// Decodes the bytes to the message, and encodes the message to the bytes.
#[track_caller]
fn both<'i, T: Field<'i> + PartialEq + core::fmt::Debug>(message: &T, golden: &'i [u8]) {
    let mut out = Vec::new();
    message.put(&mut Packer::new(&mut out));
    assert_eq!(hex(&out), hex(golden));
    let mut input = Unpacker::new(golden);
    assert_eq!(&T::get(&mut input).unwrap(), message);
    input.end().unwrap();
}

fn n1() -> Header {
    Header {
        protocol_version: 3,
        id: Some("n1".into()),
        address: Some("127.0.0.1:8300".into()),
        to: None,
        cluster: None,
        dialect: Dialect::HashiCorp,
    }
}

#[track_caller]
fn request(header: &Header, request: &Request, golden: &str) {
    let mut out = Vec::new();
    encode_request(header, request, &mut out);
    assert_eq!(hex(&out), golden);
    assert_eq!(decode_request(&out).unwrap(), (header.clone(), request.clone()));
}

#[track_caller]
fn response(header: &Header, response: &Response, kind: Kind, golden: &str) {
    let mut out = Vec::new();
    encode_response(header, response, &mut out);
    assert_eq!(hex(&out), golden);
    assert_eq!(decode_reply(kind, &out).unwrap(), Ok((header.clone(), response.clone())));
}

#[test]
fn an_append_with_a_no_op() {
    let log = Log { index: 101, term: 4, kind: 1, ..Log::default() };
    let append = AppendEntriesRequest {
        addr: Some(b"cartman"),
        term: 10,
        prev_log_entry: 100,
        prev_log_term: 4,
        leader_commit_index: 90,
        entries: Some(vec![log]),
        ..AppendEntriesRequest::default()
    };
    both(
        &append,
        &unhex(
            "89a441646472a7636172746d616ea7456e74726965739186aa417070656e6465644174af01000000000000000000000000ffffa444617461c0aa457874656e73696f6e73c0a5496e64657865a45465726d04a45479706501a24944c0a64c6561646572c0b14c6561646572436f6d6d6974496e6465785aac507265764c6f67456e74727964ab507265764c6f675465726d04af50726f746f636f6c56657273696f6e00a45465726d0a",
        ),
    );
}

#[test]
fn a_heartbeat() {
    let header = Header {
        protocol_version: 3,
        id: None,
        address: Some("cartman".into()),
        to: None,
        cluster: None,
        dialect: Dialect::HashiCorp,
    };
    let beat =
        AppendEntries { term: Term(10), prev: LogId::ZERO, entries: Arc::from([]), leader_commit: Index(0) };
    request(
        &header,
        &Request::AppendEntries(beat),
        "0089a441646472a7636172746d616ea7456e7472696573c0a24944c0a64c6561646572a7636172746d616eb14c6561646572436f6d6d6974496e64657800ac507265764c6f67456e74727900ab507265764c6f675465726d00af50726f746f636f6c56657273696f6e03a45465726d0a",
    );
}

#[test]
fn an_empty_append_is_not_a_heartbeat() {
    let empty =
        AppendEntries { term: Term(2), prev: LogId::ZERO, entries: Arc::from([]), leader_commit: Index(1) };
    let mut out = Vec::new();
    encode_request(&n1(), &Request::AppendEntries(empty), &mut out);
    assert!(hex(&out).contains(&format!("{}90", hex(b"\xa7Entries"))));
}

#[test]
fn the_answer_to_an_append() {
    let answer = AppendEntriesResponse {
        term: Term(4),
        success: true,
        last_log: Index(90),
        no_retry_backoff: false,
        hint: None,
    };
    response(
        &Header::EMPTY,
        &Response::AppendEntries(answer),
        Kind::AppendEntries,
        "a087a441646472c0a24944c0a74c6173744c6f675aae4e6f52657472794261636b6f6666c2af50726f746f636f6c56657273696f6e00a753756363657373c3a45465726d04",
    );
}

#[test]
fn a_vote_asked_for() {
    let vote = RequestVoteRequest {
        addr: Some(b"butters"),
        term: 20,
        last_log_index: 100,
        last_log_term: 19,
        ..RequestVoteRequest::default()
    };
    both(
        &vote,
        &unhex(
            "88a441646472a762757474657273a943616e646964617465c0a24944c0ac4c6173744c6f67496e64657864ab4c6173744c6f675465726d13b24c6561646572736869705472616e73666572c2af50726f746f636f6c56657273696f6e00a45465726d14",
        ),
    );
}

#[test]
fn a_vote_refused() {
    let answer = RequestVoteResponse { term: Term(100), granted: false, refused_for_term: false };
    response(
        &Header::EMPTY,
        &Response::RequestVote(answer),
        Kind::RequestVote,
        "a086a441646472c0a74772616e746564c2a24944c0a55065657273c0af50726f746f636f6c56657273696f6e00a45465726d64",
    );
}

#[test]
fn a_snapshot_of_the_old_kind() {
    let install = InstallSnapshotRequest {
        addr: Some(b"kyle"),
        term: 10,
        last_log_index: 100,
        last_log_term: 9,
        peers: Some(b"blah blah"),
        size: 10,
        ..InstallSnapshotRequest::default()
    };
    let golden = unhex(
        "8ca441646472a46b796c65ad436f6e66696775726174696f6ec0b2436f6e66696775726174696f6e496e64657800a24944c0ac4c6173744c6f67496e64657864ab4c6173744c6f675465726d09a64c6561646572c0a55065657273a9626c616820626c6168af50726f746f636f6c56657273696f6e00a453697a650aaf536e617073686f7456657273696f6e00a45465726d0a",
    );
    both(&install, &golden);
    // Its list of peers is empty, which is refused without a panic.
    let mut call = vec![2];
    call.extend_from_slice(&golden);
    assert!(decode_request(&call).is_err());
}

#[test]
fn the_answer_to_a_snapshot() {
    let answer = InstallSnapshotResponse { term: Term(10), success: true, next_offset: 0 };
    response(
        &Header::EMPTY,
        &Response::InstallSnapshot(answer),
        Kind::InstallSnapshot,
        "a085a441646472c0a24944c0af50726f746f636f6c56657273696f6e00a753756363657373c3a45465726d0a",
    );
}

#[test]
fn pre_votes() {
    let vote = RequestPreVote { term: Term(6), last_log: LogId::new(Term(5), Index(8)) };
    request(
        &n1(),
        &Request::RequestPreVote(vote),
        "0486a441646472ae3132372e302e302e313a38333030a24944a26e31ac4c6173744c6f67496e64657808ab4c6173744c6f675465726d05af50726f746f636f6c56657273696f6e03a45465726d06",
    );
    let answer = RequestPreVoteResponse { term: Term(6), granted: true };
    response(
        &n1(),
        &Response::RequestPreVote(answer),
        Kind::RequestPreVote,
        "a085a441646472ae3132372e302e302e313a38333030a74772616e746564c3a24944a26e31af50726f746f636f6c56657273696f6e03a45465726d06",
    );
}

#[test]
fn a_timeout_now_call() {
    request(
        &n1(),
        &Request::TimeoutNow(TimeoutNow { term: None }),
        "0383a441646472ae3132372e302e302e313a38333030a24944a26e31af50726f746f636f6c56657273696f6e03",
    );
    response(
        &Header::EMPTY,
        &Response::TimeoutNow(TimeoutNowResponse { accepted: true }),
        Kind::TimeoutNow,
        "a083a441646472c0a24944c0af50726f746f636f6c56657273696f6e00",
    );
}

#[test]
fn a_membership() {
    let two = Configuration::new(vec![
        Member::voter("n1", "127.0.0.1:8300"),
        Member::nonvoter("n2", "127.0.0.1:8301"),
    ])
    .unwrap();
    let golden = "81a7536572766572739283a741646472657373ae3132372e302e302e313a38333030a24944a26e31a853756666726167650083a741646472657373ae3132372e302e302e313a38333031a24944a26e32a8537566667261676501";
    assert_eq!(hex(&encode_configuration(&two)), golden);
    assert_eq!(decode_configuration(&unhex(golden)).unwrap(), two);
    assert_eq!(hex(&encode_peers(&two)), "91ae3132372e302e302e313a38333030");
    let peers = decode_peers(&encode_peers(&two)).unwrap();
    assert_eq!(peers.servers(), [Member::voter("127.0.0.1:8300", "127.0.0.1:8300")]);
}

#[test]
fn the_entry_that_bootstraps() {
    let one = Configuration::new(vec![Member::voter("n1", "127.0.0.1:8300")]).unwrap();
    let entry = Entry::new(Term(1), Index(1), Payload::Configuration(Arc::new(one)));
    let golden = "86aa417070656e6465644174af01000000000000000000000000ffffa444617461da003281a7536572766572739183a741646472657373ae3132372e302e302e313a38333030a24944a26e31a8537566667261676500aa457874656e73696f6e73c0a5496e64657801a45465726d01a45479706505";
    let mut out = Vec::new();
    encode_entry(&entry, &mut out);
    assert_eq!(hex(&out), golden);
    assert_eq!(decode_entry(&out).unwrap(), entry);
}

#[test]
fn a_command_with_extensions_keeps_both() {
    let both = Extended { data: Arc::from(*b"data"), extensions: Arc::from(*b"more") };
    let payloads = [
        Payload::Extended(Arc::new(both)),
        Payload::Command(Arc::from(vec![7; 70_000])),
        Payload::Command(Arc::from([])),
        Payload::Barrier,
        Payload::Restore(Arc::from(*b"state")),
    ];
    for payload in payloads {
        let entry = Entry::new(Term(3), Index(300), payload);
        let mut out = Vec::new();
        encode_entry(&entry, &mut out);
        assert_eq!(decode_entry(&out).unwrap(), entry);
    }
}

#[test]
fn peers_of_the_first_protocol_become_a_membership() {
    for kind in [2, 3] {
        let peers = unhex("92a26131a26132");
        let log = Log { index: 1, term: 1, kind, data: Data(Some(peers.into())), ..Log::default() };
        let mut out = Vec::new();
        log.put(&mut Packer::new(&mut out));
        let Payload::Configuration(configuration) = decode_entry(&out).unwrap().payload else { panic!() };
        assert_eq!(configuration.servers(), [Member::voter("a1", "a1"), Member::voter("a2", "a2")]);
    }
}

#[test]
fn signed_sizes_take_signed_forms() {
    for (value, golden) in [
        (0_i64, "00"),
        (127, "7f"),
        (200, "d100c8"),
        (70_000, "d200011170"),
        (1 << 40, "d30000010000000000"),
        (-1, "ff"),
        (-32, "e0"),
        (-33, "d0df"),
    ] {
        both(&value, &unhex(golden));
    }
    // Before its version 2, HashiCorp's codec wrote unsigned forms into the same fields.
    assert_eq!(i64::get(&mut Unpacker::new(&unhex("ce00011170"))), Ok(70_000));
}

#[test]
fn numbers_take_the_shortest_form() {
    for (value, golden) in [
        (127_u64, "7f"),
        (128, "cc80"),
        (256, "cd0100"),
        (65_536, "ce00010000"),
        (1 << 32, "cf0000000100000000"),
    ] {
        both(&value, &unhex(golden));
    }
}

#[test]
fn a_refusal_with_a_text() {
    let mut out = Vec::new();
    encode_refusal("node is not the leader", &mut out);
    assert_eq!(hex(&out), format!("b6{}c0", hex(b"node is not the leader")));
    let reply = decode_reply(Kind::RequestVote, &out).unwrap();
    assert_eq!(reply, Err("node is not the leader".to_owned()));
}

#[test]
fn keys_in_any_order_new_raw_forms_unknown_keys_and_lists_are_read() {
    // {"Term": 9, "New": [1.0, {"a": nil}], "ID": bin8 "n7"}
    let map = unhex("0083a45465726d09a34e657792cb3ff000000000000081a161c0a24944c4026e37");
    let (header, request) = decode_request(&map).unwrap();
    assert_eq!(header.id, Some("n7".into()));
    assert_eq!(request.term(), Some(Term(9)));
    // [3, nil, str8 "a1", 7, nil, 5, and one more than there are fields]
    let list = unhex("049703c0d902613107c00590");
    let (header, request) = decode_request(&list).unwrap();
    assert_eq!((header.protocol_version, header.address), (3, Some("a1".into())));
    assert_eq!(request.term(), Some(Term(7)));
}
