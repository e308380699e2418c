//! HashiCorp's NetworkTransport protocol, byte for byte.
//!
//! A call consists of one byte with the kind of the call, and one MessagePack map. After an InstallSnapshot
//! call, the bytes of the snapshot follow. An answer consists of an error text, which is empty if there is no
//! error, and a map or nil. [`Scan`] finds the end of a message in a stream. The functions in this module
//! convert between whole messages and bytes. Sockets are in [`transport`](crate::transport).
//!
//! Some data has no place in HashiCorp's messages. Such data is in additional fields of the map, which
//! HashiCorp's decoder skips. This module writes the additional fields only if the header has the dialect
//! [`Dialect::Wavetank`]. Otherwise the bytes are the bytes of HashiCorp's library, with one exception: the
//! old half of a joint configuration is always written, and a Go server skips this half.

mod convert;
mod entry;
mod error;
mod fields;
mod message;
mod pack;
mod scan;
#[cfg(test)]
mod tests;
mod time;
mod unpack;

pub use entry::{
    decode_configuration, decode_entry, decode_peers, encode_configuration, encode_entry, encode_peers,
};
pub use error::WireError;
pub use scan::Scan;

use fields::Field;
use message as go;
use pack::Packer;
use unpack::Unpacker;
use wavetank_raft::{ClusterId, Dialect, Request, Response, ServerAddress, ServerId};

/// The header of a message: the sender, the receiver and the dialect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The protocol version of the sender.
    pub protocol_version: i64,
    /// The name of the sender; `None` if the message names no sender. HashiCorp Raft before version 1.3.7
    /// names no sender.
    pub id: Option<ServerId>,
    /// The address of the sender; `None` if the message has no address.
    pub address: Option<ServerAddress>,
    /// The intended receiver; `None` if the message names no receiver. Only Wavetank servers name a receiver,
    /// and only in calls.
    pub to: Option<ServerId>,
    /// The cluster of the sender; `None` if the message names no cluster. Only Wavetank servers name a
    /// cluster, and only in calls.
    pub cluster: Option<ClusterId>,
    /// The dialect of the message. The dialect decides whether Wavetank's additional fields are written.
    pub dialect: Dialect,
}

/// The kind of a call. HashiCorp's protocol has a number for each kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A call to append entries, or a heartbeat. The number is 0.
    AppendEntries = 0,
    /// A call to request a vote. The number is 1.
    RequestVote = 1,
    /// A call to install a snapshot. The number is 2.
    InstallSnapshot = 2,
    /// A call to start an election without waiting for the election timeout. The number is 3.
    TimeoutNow = 3,
    /// A call to request a pre-vote. The number is 4.
    RequestPreVote = 4,
}

/// The header and the response of an answer, or the error text that a peer sent in place of an answer.
pub type Reply = Result<(Header, Response), String>;

impl Header {
    /// An empty header. HashiCorp's servers send an empty header in some answers.
    pub const EMPTY: Self = Self {
        protocol_version: 0,
        id: None,
        address: None,
        to: None,
        cluster: None,
        dialect: Dialect::HashiCorp,
    };

    /// True if the message may have Wavetank's additional fields.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        matches!(self.dialect, Dialect::Wavetank)
    }

    /// True if a server with the protocol version `own` accepts calls from this sender. HashiCorp's rule
    /// accepts the versions from `own` - 1 to 3.
    #[must_use]
    pub const fn is_spoken(&self, own: u8) -> bool {
        const NEWEST: i64 = 3;
        0 <= self.protocol_version
            && self.protocol_version <= NEWEST
            && own as i64 - 1 <= self.protocol_version
    }
}

impl Kind {
    /// Returns the kind of a request.
    #[must_use]
    pub const fn of(request: &Request) -> Self {
        match request {
            Request::AppendEntries(_) => Self::AppendEntries,
            Request::RequestVote(_) => Self::RequestVote,
            Request::InstallSnapshot(_) => Self::InstallSnapshot,
            Request::TimeoutNow(_) => Self::TimeoutNow,
            Request::RequestPreVote(_) => Self::RequestPreVote,
        }
    }

    /// Returns the kind with this number.
    ///
    /// # Errors
    /// Returns an error if there is no such kind.
    pub const fn from_byte(number: u8) -> Result<Self, WireError> {
        match number {
            0 => Ok(Self::AppendEntries),
            1 => Ok(Self::RequestVote),
            2 => Ok(Self::InstallSnapshot),
            3 => Ok(Self::TimeoutNow),
            4 => Ok(Self::RequestPreVote),
            unknown => Err(WireError::UnknownCall(unknown)),
        }
    }
}

/// Appends an encoded call to `out`. For an InstallSnapshot call, appends only the head of the call. The
/// caller must send the unchanged bytes of the snapshot after the head.
///
/// # Panics
/// Panics if the data of an entry is 4 GiB or longer, or if a snapshot is 8 EiB or larger.
pub fn encode_request(header: &Header, request: &Request, out: &mut Vec<u8>) {
    out.push(Kind::of(request) as u8);
    convert::put_request(header, request, &mut Packer::new(out));
}

/// Decodes a call. `bytes` must contain one whole call and nothing else. For an InstallSnapshot call, `bytes`
/// must contain only the head of the call, and the returned request is a piece without data at offset zero.
///
/// # Errors
/// Returns an error if the bytes are not exactly one call.
pub fn decode_request(bytes: &[u8]) -> Result<(Header, Request), WireError> {
    let (number, rest) = bytes.split_first().ok_or(WireError::Truncated)?;
    let mut input = Unpacker::new(rest);
    let read = match Kind::from_byte(*number)? {
        Kind::AppendEntries => convert::append_entries_of(&Field::get(&mut input)?),
        Kind::RequestVote => convert::request_vote_of(&Field::get(&mut input)?),
        Kind::InstallSnapshot => convert::install_snapshot_of(&Field::get(&mut input)?),
        Kind::TimeoutNow => convert::timeout_now_of(&Field::get(&mut input)?),
        Kind::RequestPreVote => convert::request_pre_vote_of(&Field::get(&mut input)?),
    }?;
    input.end()?;
    Ok(read)
}

/// Appends an encoded answer to `out`.
pub fn encode_response(header: &Header, response: &Response, out: &mut Vec<u8>) {
    let mut out = Packer::new(out);
    out.raw(b"");
    convert::put_response(header, response, &mut out);
}

/// Appends an encoded refusal with the text `words` to `out`.
pub fn encode_refusal(words: &str, out: &mut Vec<u8>) {
    let mut out = Packer::new(out);
    out.raw(words.as_bytes());
    out.nil();
}

/// Decodes the answer to a call of this kind. `bytes` must contain one whole answer and nothing else. At most
/// 4096 bytes of an error text are returned.
///
/// # Errors
/// Returns an error if the bytes are not exactly one answer of this kind.
pub fn decode_reply(kind: Kind, bytes: &[u8]) -> Result<Reply, WireError> {
    const WORDS_MAX: usize = 4096;
    let mut input = Unpacker::new(bytes);
    let words = input.raw()?.unwrap_or_default();
    if !words.is_empty() {
        input.skip()?;
        input.end()?;
        return Ok(Err(String::from_utf8_lossy(&words[..words.len().min(WORDS_MAX)]).into_owned()));
    }
    let read = match kind {
        Kind::AppendEntries => convert::append_entries_answer(&go::AppendEntriesResponse::get(&mut input)?),
        Kind::RequestVote => convert::request_vote_answer(&Field::get(&mut input)?),
        Kind::InstallSnapshot => convert::install_snapshot_answer(&Field::get(&mut input)?),
        Kind::TimeoutNow => convert::timeout_now_answer(&Field::get(&mut input)?),
        Kind::RequestPreVote => convert::request_pre_vote_answer(&Field::get(&mut input)?),
    }?;
    input.end()?;
    Ok(Ok(read))
}
