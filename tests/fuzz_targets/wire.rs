//! Bytes become a message, a stored entry, or the fields of one. A decoder must return an error or a
//! value. A value must encode and decode to itself.

use crate::decisions::Decisions;
use std::sync::Arc;
use wavetank_node::store::codec;
use wavetank_node::wire::{self, Header, Kind, Scan, WireError};
use wavetank_raft::checksum::Checksum;
use wavetank_raft::{
    AppendEntries, AppendEntriesResponse, AppendedAt, Change, ClusterId, Configuration, Data, Dialect, Entry,
    Extended, Index, InstallSnapshot, InstallSnapshotResponse, LogId, Member, Payload, Request,
    RequestPreVote, RequestPreVoteResponse, RequestVote, RequestVoteResponse, Response, SnapshotMeta, Term,
    TimeoutNow, TimeoutNowResponse,
};

/// The longest message in bytes.
const LIMIT: u64 = 1 << 16;

/// Gives at most `LIMIT` bytes to every decoder.
///
/// # Panics
/// Panics when a decoder breaks one of these rules.
pub fn run(bytes: &[u8]) {
    let Some((&first, rest)) = bytes.split_first() else { return };
    match first % 8 {
        0 => expect_what_was_said(&mut Decisions::new(rest)),
        1 => expect_what_was_answered(&mut Decisions::new(rest)),
        2 => expect_what_was_stored(&mut Decisions::new(rest)),
        3 => read_request(rest),
        4 => (0..5).for_each(|kind| read_reply(kind, rest)),
        5 => read_members(rest),
        6 => read_entry(rest),
        _ => read_stored(rest),
    }
}

fn read_request(bytes: &[u8]) {
    let Ok((header, request)) = wire::decode_request(bytes) else { return };
    expect_whole(Scan::request(LIMIT), bytes);
    let again = written(&header, &request);
    let read = wire::decode_request(&again).expect("written bytes can be read");
    // Wavetank's extra fields are dropped from a message that is not marked as Wavetank's.
    let same = read == (header.clone(), request.clone()) || !header.is_ours();
    assert!(same, "{header:?} {request:?} came back as {read:?}");
    assert_eq!(written(&read.0, &read.1), again);
}

fn written(header: &Header, request: &Request) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::encode_request(header, request, &mut bytes);
    bytes
}

fn read_reply(kind: u8, bytes: &[u8]) {
    let kind = Kind::from_byte(kind).expect("there are five kinds of requests");
    let Ok(reply) = wire::decode_reply(kind, bytes) else { return };
    expect_whole(Scan::reply(LIMIT), bytes);
    let Ok((header, response)) = reply else { return };
    let mut again = Vec::new();
    wire::encode_response(&header, &response, &mut again);
    let read = wire::decode_reply(kind, &again).expect("written bytes can be read");
    let (same, answer) = read.expect("the response is not an error");
    assert_eq!(same, header);
    assert!(answer == response || !header.is_ours(), "{response:?} came back as {answer:?}");
}

/// A message that can be decoded must also be complete for the scan, unless it exceeds the limit of a
/// transport.
fn expect_whole(scan: Scan, bytes: &[u8]) {
    let end = scanned(scan, bytes);
    assert!(
        end.is_err() || end == Ok(Some(bytes.len())),
        "the scan found the end at {end:?} of {} bytes",
        bytes.len()
    );
}

/// The scan must find the same end of a message, in whatever pieces its bytes arrive.
fn scanned(scan: Scan, bytes: &[u8]) -> Result<Option<usize>, WireError> {
    let at_once = scan.clone().advance(bytes);
    let mut slow = scan;
    let half = bytes.len() / 2;
    let early = slow.advance(&bytes[..half]);
    let by_parts = if early == Ok(None) { slow.advance(bytes) } else { early };
    assert!(by_parts == at_once || (by_parts.is_err() && at_once.is_err()), "the bytes were cut at {half}");
    at_once
}

fn read_members(bytes: &[u8]) {
    if let Ok(members) = wire::decode_configuration(bytes) {
        assert_eq!(wire::decode_configuration(&wire::encode_configuration(&members)), Ok(members));
    }
    if let Ok(members) = wire::decode_peers(bytes) {
        assert_eq!(wire::decode_peers(&wire::encode_peers(&members)), Ok(members));
    }
}

fn read_entry(bytes: &[u8]) {
    if let Ok(entry) = wire::decode_entry(bytes) {
        let mut again = Vec::new();
        wire::encode_entry(&entry, &mut again);
        assert_eq!(wire::decode_entry(&again), Ok(entry));
    }
}

/// Decodes the bytes as they are, and again with a correct checksum.
fn read_stored(bytes: &[u8]) {
    let index = Index(7);
    read_stored_at(index, bytes);
    let mut checksum = Checksum::default();
    checksum.update(&index.0.to_le_bytes());
    checksum.update(bytes);
    let head = u32::try_from(checksum.finish() >> 32).expect("the upper half has 32 bits");
    read_stored_at(index, &[&head.to_le_bytes(), bytes].concat());
}

fn read_stored_at(index: Index, bytes: &[u8]) {
    if let Ok(entry) = codec::decode(index, bytes) {
        let mut again = Vec::new();
        codec::encode(&entry, &mut again);
        assert_eq!(codec::decode(index, &again), Ok(entry));
    }
}

fn expect_what_was_said(d: &mut Decisions<'_>) {
    let mut header = header(d);
    header.to = (header.is_ours() && d.coin()).then(|| "n2".into());
    let request = request(d);
    let bytes = written(&header, &request);
    assert_eq!(scanned(Scan::request(LIMIT), &bytes), Ok(Some(bytes.len())));
    let (read, same) = wire::decode_request(&bytes).expect("written bytes can be read");
    assert_eq!(read, header);
    assert_eq!(same, if header.is_ours() { request } else { plain_request(request) });
}

fn expect_what_was_answered(d: &mut Decisions<'_>) {
    let header = header(d);
    let (kind, response) = response(d);
    let mut bytes = Vec::new();
    wire::encode_response(&header, &response, &mut bytes);
    assert_eq!(scanned(Scan::reply(LIMIT), &bytes), Ok(Some(bytes.len())));
    let read = wire::decode_reply(kind, &bytes).expect("written bytes can be read");
    let (read, same) = read.expect("the response is not an error");
    assert_eq!(read, header);
    assert_eq!(same, if header.is_ours() { response } else { plain_response(response) });
}

fn expect_what_was_stored(d: &mut Decisions<'_>) {
    let entry = entry(d);
    let mut bytes = Vec::new();
    codec::encode(&entry, &mut bytes);
    assert_eq!(codec::decode(entry.id.index, &bytes), Ok(entry));
}

/// The message as a HashiCorp server would understand it.
fn plain_request(request: Request) -> Request {
    match request {
        Request::TimeoutNow(_) => Request::TimeoutNow(TimeoutNow { term: None }),
        Request::InstallSnapshot(install) => {
            let meta = SnapshotMeta { checksum: 0, ..SnapshotMeta::clone(&install.meta) };
            Request::InstallSnapshot(InstallSnapshot { meta: meta.into(), ..install })
        }
        same @ (Request::AppendEntries(_) | Request::RequestVote(_) | Request::RequestPreVote(_)) => same,
    }
}

fn plain_response(response: Response) -> Response {
    match response {
        Response::AppendEntries(answer) => {
            Response::AppendEntries(AppendEntriesResponse { hint: None, ..answer })
        }
        Response::InstallSnapshot(answer) => {
            Response::InstallSnapshot(InstallSnapshotResponse { next_offset: 0, ..answer })
        }
        Response::TimeoutNow(_) => Response::TimeoutNow(TimeoutNowResponse { accepted: true }),
        Response::RequestVote(answer) => {
            Response::RequestVote(RequestVoteResponse { refused_for_term: false, ..answer })
        }
        same @ Response::RequestPreVote(_) => same,
    }
}

fn header(d: &mut Decisions<'_>) -> Header {
    let protocol_version = i64::try_from(d.pick(4)).expect("the number is small");
    let (id, address) = (d.coin().then(|| "n1".into()), d.coin().then(|| "a1".into()));
    let dialect = d.one_of(&[Dialect::Wavetank, Dialect::HashiCorp]);
    let cluster = (id.is_some() && dialect == Dialect::Wavetank).then_some(ClusterId(u64::MAX));
    Header { protocol_version, id, address, to: None, cluster, dialect }
}

/// A number whose encoding may have any length. It stays below values that no cluster reaches.
fn number(d: &mut Decisions<'_>) -> u64 {
    d.wide() << d.one_of(&[0, 8, 16, 32, 46])
}

fn id(d: &mut Decisions<'_>) -> LogId {
    LogId::new(Term(number(d)), Index(number(d)))
}

fn bytes(d: &mut Decisions<'_>) -> Data {
    let length = d.one_of(&[0, 1, 31, 32, 255, 256, 3_000]);
    (0..length).map(|_| u8::try_from(d.pick(256)).expect("the number fits into a byte")).collect()
}

fn members(d: &mut Decisions<'_>) -> Configuration {
    let list = |d: &mut Decisions<'_>| {
        let more = (2..2 + d.pick(20)).map(|number| {
            let (id, address) = (format!("n{number}"), format!("a{number}"));
            if number % 3 == 0 { Member::nonvoter(id, address) } else { Member::voter(id, address) }
        });
        std::iter::once(Member::voter("n1", "a1")).chain(more).collect::<Vec<_>>()
    };
    let one = Configuration::new(list(d)).expect("ids and addresses differ");
    let next = d.coin().then(|| one.next(&Change::Members(list(d))));
    next.and_then(Result::ok).unwrap_or(one)
}

fn payload(d: &mut Decisions<'_>) -> Payload {
    match d.pick(6) {
        0 => Payload::Command(bytes(d)),
        1 => Payload::Noop,
        2 => Payload::Barrier,
        3 => Payload::Restore(bytes(d)),
        4 => Payload::Configuration(Arc::new(members(d))),
        // Without extensions, the payload is a command like any other.
        _ => Payload::Extended(Arc::new(Extended { data: bytes(d), extensions: [1, 2].into() })),
    }
}

fn entry(d: &mut Decisions<'_>) -> Entry {
    let LogId { term, index } = id(d);
    let appended_at = AppendedAt::from_unix_nanos(i64::try_from(index.0).unwrap_or(i64::MIN));
    Entry { appended_at, ..Entry::new(term, index, payload(d)) }
}

fn request(d: &mut Decisions<'_>) -> Request {
    let term = Term(number(d));
    match d.pick(5) {
        0 => Request::AppendEntries(AppendEntries {
            term,
            prev: id(d),
            entries: (0..d.pick(5)).map(|_| entry(d)).collect(),
            leader_commit: Index(number(d)),
        }),
        1 => Request::RequestVote(RequestVote { term, last_log: id(d), leadership_transfer: d.coin() }),
        2 => Request::RequestPreVote(RequestPreVote { term, last_log: id(d) }),
        3 => Request::TimeoutNow(TimeoutNow { term: d.coin().then_some(term) }),
        _ => Request::InstallSnapshot(install(d, term)),
    }
}

/// The head of an InstallSnapshot request. The bytes of the snapshot follow it.
fn install(d: &mut Decisions<'_>, term: Term) -> InstallSnapshot {
    let size = number(d) >> 1;
    let meta = SnapshotMeta {
        last: id(d),
        configuration: members(d),
        configuration_index: Index(number(d)),
        size,
        checksum: number(d),
    };
    InstallSnapshot { term, meta: meta.into(), offset: 0, data: [].into(), done: size == 0 }
}

fn response(d: &mut Decisions<'_>) -> (Kind, Response) {
    let term = Term(number(d));
    let yes = d.coin();
    match d.pick(5) {
        0 => {
            let answer = AppendEntriesResponse {
                term,
                success: yes,
                last_log: Index(number(d)),
                no_retry_backoff: d.coin(),
                hint: d.coin().then(|| id(d)),
            };
            (Kind::AppendEntries, Response::AppendEntries(answer))
        }
        1 => {
            let answer = RequestVoteResponse { term, granted: yes, refused_for_term: d.coin() };
            (Kind::RequestVote, Response::RequestVote(answer))
        }
        2 => (Kind::RequestPreVote, Response::RequestPreVote(RequestPreVoteResponse { term, granted: yes })),
        3 => (Kind::TimeoutNow, Response::TimeoutNow(TimeoutNowResponse { accepted: yes })),
        _ => {
            let answer = InstallSnapshotResponse { term, success: yes, next_offset: number(d) };
            (Kind::InstallSnapshot, Response::InstallSnapshot(answer))
        }
    }
}
