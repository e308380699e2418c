//! Conversions between HashiCorp's messages and the messages of this library.

use super::entry::{
    decode_configuration, decode_peers, encode_configuration, encode_peers, entry_of, log_of, text,
};
use super::error::WireError;
use super::fields::{Field, Raw};
use super::pack::Packer;
use super::{Header, message as go};
use std::sync::Arc;
use wavetank_raft::{
    AppendEntries, AppendEntriesResponse, ClusterId, Dialect, Index, InstallSnapshot,
    InstallSnapshotResponse, LogId, Request, RequestPreVote, RequestPreVoteResponse, RequestVote,
    RequestVoteResponse, Response, ServerAddress, ServerId, SnapshotMeta, Term, TimeoutNow,
    TimeoutNowResponse,
};

/// The value of the additional field that marks a message of a Wavetank server.
const OURS: u64 = 1;
/// The number of the snapshot version that is written. The metadata of this version has the configuration.
const SNAPSHOT: i64 = 1;
/// The number of the snapshot version before [`SNAPSHOT`]. The metadata of this version has a list of peers
/// in place of a configuration.
const SNAPSHOT_WITH_PEERS: i64 = 0;

/// The fields that every message has.
struct Common<'i> {
    addr: Raw<'i>,
    id: Raw<'i>,
    protocol_version: i64,
    dialect: Option<u64>,
    to: Option<Raw<'i>>,
    cluster: Option<u64>,
}

macro_rules! common {
    ($message:expr) => {
        Common {
            addr: $message.addr,
            id: $message.id,
            protocol_version: $message.protocol_version,
            dialect: $message.dialect,
            to: $message.to,
            cluster: $message.cluster,
        }
    };
}

impl Common<'_> {
    fn of(header: &Header) -> Common<'_> {
        Common {
            addr: header.address.as_ref().map(|address| address.as_str().as_bytes()),
            id: header.id.as_ref().map(|id| id.as_str().as_bytes()),
            protocol_version: header.protocol_version,
            dialect: header.is_ours().then_some(OURS),
            to: header.to.as_ref().filter(|_| header.is_ours()).map(|to| Some(to.as_str().as_bytes())),
            cluster: header.cluster.filter(|_| header.is_ours()).map(|cluster| cluster.0),
        }
    }

    /// Returns the header. `legacy` is the field in which an older version of HashiCorp Raft writes the
    /// address of the sender; `None` if the message has no such field.
    fn header(&self, legacy: Raw<'_>) -> Result<Header, WireError> {
        let legacy = legacy.filter(|legacy| !legacy.is_empty());
        let addr = self.addr.filter(|addr| !addr.is_empty()).or(legacy);
        Ok(Header {
            protocol_version: self.protocol_version,
            id: named(self.id, "the sender's id")?.map(ServerId::from),
            address: named(addr, "the sender's address")?.map(ServerAddress::from),
            to: named(self.to.flatten(), "the receiver's id")?.map(ServerId::from),
            cluster: self.cluster.map(ClusterId),
            dialect: if self.dialect.is_some() { Dialect::Wavetank } else { Dialect::HashiCorp },
        })
    }
}

/// Returns the name in the field `raw`; `None` if the field is empty. `what` is the name of the field in the
/// error.
fn named<'i>(raw: Raw<'i>, what: &'static str) -> Result<Option<&'i str>, WireError> {
    text(raw, what).map(|text| Some(text).filter(|text| !text.is_empty()))
}

macro_rules! with_common {
    ($name:ident { $($field:ident: $value:expr),* $(,)? }, $common:expr) => {
        go::$name {
            addr: $common.addr,
            id: $common.id,
            protocol_version: $common.protocol_version,
            dialect: $common.dialect,
            to: $common.to,
            cluster: $common.cluster,
            $($field: $value,)*
        }
    };
}

pub(super) fn put_request(header: &Header, request: &Request, out: &mut Packer<'_>) {
    let common = Common::of(header);
    match request {
        Request::AppendEntries(append) => append_entries(&common, append).put(out),
        Request::RequestVote(vote) => request_vote(&common, vote).put(out),
        Request::RequestPreVote(vote) => with_common!(
            RequestPreVoteRequest {
                last_log_index: vote.last_log.index.0,
                last_log_term: vote.last_log.term.0,
                term: vote.term.0,
            },
            common
        )
        .put(out),
        Request::InstallSnapshot(install) => put_install_snapshot(header, install, out),
        Request::TimeoutNow(now) => with_common!(
            TimeoutNowRequest { term: now.term.filter(|_| header.is_ours()).map(|term| term.0) },
            common
        )
        .put(out),
    }
}

fn append_entries<'i>(common: &Common<'i>, append: &'i AppendEntries) -> go::AppendEntriesRequest<'i> {
    with_common!(
        AppendEntriesRequest {
            entries: (!append.is_bare_heartbeat()).then(|| append.entries.iter().map(log_of).collect()),
            leader: common.addr,
            leader_commit_index: append.leader_commit.0,
            prev_log_entry: append.prev.index.0,
            prev_log_term: append.prev.term.0,
            term: append.term.0,
        },
        common
    )
}

fn request_vote<'i>(common: &Common<'i>, vote: &RequestVote) -> go::RequestVoteRequest<'i> {
    with_common!(
        RequestVoteRequest {
            candidate: common.addr,
            last_log_index: vote.last_log.index.0,
            last_log_term: vote.last_log.term.0,
            leadership_transfer: vote.leadership_transfer,
            term: vote.term.0,
        },
        common
    )
}

fn put_install_snapshot(header: &Header, install: &InstallSnapshot, out: &mut Packer<'_>) {
    let common = Common::of(header);
    let meta = &install.meta;
    let configuration = encode_configuration(&meta.configuration);
    let peers = encode_peers(&meta.configuration);
    let checksum = Some(meta.checksum).filter(|checksum| header.is_ours() && *checksum != 0);
    with_common!(
        InstallSnapshotRequest {
            configuration: Some(&configuration[..]),
            configuration_index: meta.configuration_index.0,
            last_log_index: meta.last.index.0,
            last_log_term: meta.last.term.0,
            leader: common.addr,
            peers: Some(&peers[..]),
            size: i64::try_from(meta.size).expect("a snapshot is smaller than 8 EiB"),
            snapshot_version: SNAPSHOT,
            term: install.term.0,
            checksum: checksum,
        },
        common
    )
    .put(out);
}

pub(super) fn put_response(header: &Header, response: &Response, out: &mut Packer<'_>) {
    let common = Common::of(header);
    let ours = header.is_ours();
    match response {
        Response::AppendEntries(answer) => with_common!(
            AppendEntriesResponse {
                last_log: answer.last_log.0,
                no_retry_backoff: answer.no_retry_backoff,
                success: answer.success,
                term: answer.term.0,
                hint_index: answer.hint.filter(|_| ours).map(|hint| hint.index.0),
                hint_term: answer.hint.filter(|_| ours).map(|hint| hint.term.0),
            },
            common
        )
        .put(out),
        Response::RequestVote(answer) => with_common!(
            RequestVoteResponse {
                granted: answer.granted,
                peers: None,
                term: answer.term.0,
                refused_for_term: ours.then_some(answer.refused_for_term),
            },
            common
        )
        .put(out),
        Response::RequestPreVote(answer) => {
            with_common!(RequestPreVoteResponse { granted: answer.granted, term: answer.term.0 }, common)
                .put(out);
        }
        Response::InstallSnapshot(answer) => with_common!(
            InstallSnapshotResponse {
                success: answer.success,
                term: answer.term.0,
                next_offset: ours.then_some(answer.next_offset),
            },
            common
        )
        .put(out),
        Response::TimeoutNow(answer) => {
            with_common!(TimeoutNowResponse { accepted: ours.then_some(answer.accepted) }, common).put(out);
        }
    }
}

type Read<T> = Result<(Header, T), WireError>;

/// The maximum index and the maximum term that are accepted. No cluster reaches this number. A server with
/// the term 2^64 - 1 cannot campaign in a later term, so a larger term from a peer is an error.
const COUNTED_MAX: u64 = 1 << 62;

fn term(number: u64) -> Result<Term, WireError> {
    if number <= COUNTED_MAX { Ok(Term(number)) } else { Err(WireError::OutOfRange("a term")) }
}

fn index(number: u64) -> Result<Index, WireError> {
    if number <= COUNTED_MAX { Ok(Index(number)) } else { Err(WireError::OutOfRange("an index")) }
}

fn log_id(at_term: u64, at_index: u64) -> Result<LogId, WireError> {
    Ok(LogId::new(term(at_term)?, index(at_index)?))
}

pub(super) fn append_entries_of(message: &go::AppendEntriesRequest<'_>) -> Read<Request> {
    let logs = message.entries.as_deref().unwrap_or_default();
    let append = AppendEntries {
        term: term(message.term)?,
        prev: log_id(message.prev_log_term, message.prev_log_entry)?,
        entries: logs.iter().map(entry_of).collect::<Result<_, _>>()?,
        leader_commit: index(message.leader_commit_index)?,
    };
    Ok((common!(message).header(message.leader)?, Request::AppendEntries(append)))
}

pub(super) fn request_vote_of(message: &go::RequestVoteRequest<'_>) -> Read<Request> {
    let vote = RequestVote {
        term: term(message.term)?,
        last_log: log_id(message.last_log_term, message.last_log_index)?,
        leadership_transfer: message.leadership_transfer,
    };
    Ok((common!(message).header(message.candidate)?, Request::RequestVote(vote)))
}

pub(super) fn request_pre_vote_of(message: &go::RequestPreVoteRequest<'_>) -> Read<Request> {
    let vote = RequestPreVote {
        term: term(message.term)?,
        last_log: log_id(message.last_log_term, message.last_log_index)?,
    };
    Ok((common!(message).header(None)?, Request::RequestPreVote(vote)))
}

/// Converts the head of an InstallSnapshot call into the first piece of the snapshot. This piece has no
/// bytes.
pub(super) fn install_snapshot_of(message: &go::InstallSnapshotRequest<'_>) -> Read<Request> {
    let (configuration, configuration_index) = match message.snapshot_version {
        SNAPSHOT => (
            decode_configuration(message.configuration.unwrap_or_default())?,
            index(message.configuration_index)?,
        ),
        SNAPSHOT_WITH_PEERS => {
            (decode_peers(message.peers.unwrap_or_default())?, index(message.last_log_index)?)
        }
        unknown => return Err(WireError::UnknownSnapshotVersion(unknown)),
    };
    let size = u64::try_from(message.size).map_err(|_| WireError::OutOfRange("the size of a snapshot"))?;
    let meta = SnapshotMeta {
        last: log_id(message.last_log_term, message.last_log_index)?,
        configuration,
        configuration_index,
        size,
        checksum: message.checksum.unwrap_or(0),
    };
    let install = InstallSnapshot {
        term: term(message.term)?,
        meta: Arc::new(meta),
        offset: 0,
        data: Arc::from([]),
        done: size == 0,
    };
    Ok((common!(message).header(message.leader)?, Request::InstallSnapshot(install)))
}

pub(super) fn timeout_now_of(message: &go::TimeoutNowRequest<'_>) -> Read<Request> {
    let now = TimeoutNow { term: message.term.map(term).transpose()? };
    Ok((common!(message).header(None)?, Request::TimeoutNow(now)))
}

pub(super) fn append_entries_answer(message: &go::AppendEntriesResponse<'_>) -> Read<Response> {
    let hint = message.hint_index.zip(message.hint_term);
    let answer = AppendEntriesResponse {
        term: term(message.term)?,
        success: message.success,
        last_log: index(message.last_log)?,
        no_retry_backoff: message.no_retry_backoff,
        hint: hint.map(|(index, term)| log_id(term, index)).transpose()?,
    };
    Ok((common!(message).header(None)?, Response::AppendEntries(answer)))
}

pub(super) fn request_vote_answer(message: &go::RequestVoteResponse<'_>) -> Read<Response> {
    let answer = RequestVoteResponse {
        term: term(message.term)?,
        granted: message.granted,
        refused_for_term: message.refused_for_term.unwrap_or(false),
    };
    Ok((common!(message).header(None)?, Response::RequestVote(answer)))
}

pub(super) fn request_pre_vote_answer(message: &go::RequestPreVoteResponse<'_>) -> Read<Response> {
    let answer = RequestPreVoteResponse { term: term(message.term)?, granted: message.granted };
    Ok((common!(message).header(None)?, Response::RequestPreVote(answer)))
}

/// Converts the answer to an InstallSnapshot call. HashiCorp Raft reports no offset, so the offset becomes
/// zero. The transport replaces the offset: with the size of the snapshot after a success, and with zero
/// otherwise.
pub(super) fn install_snapshot_answer(message: &go::InstallSnapshotResponse<'_>) -> Read<Response> {
    let answer = InstallSnapshotResponse {
        term: term(message.term)?,
        success: message.success,
        next_offset: message.next_offset.unwrap_or(0),
    };
    Ok((common!(message).header(None)?, Response::InstallSnapshot(answer)))
}

/// Converts the answer to a TimeoutNow call. HashiCorp Raft does not report whether the server accepts the
/// call, because the server always accepts the call.
pub(super) fn timeout_now_answer(message: &go::TimeoutNowResponse<'_>) -> Read<Response> {
    let answer = TimeoutNowResponse { accepted: message.accepted.unwrap_or(true) };
    Ok((common!(message).header(None)?, Response::TimeoutNow(answer)))
}
