//! HashiCorp's NetworkTransport protocol, byte for byte.
//!
//! A call consists of one byte with its type and one MessagePack map. After an InstallSnapshot call, the
//! bytes of the snapshot follow. An answer consists of an error text, which is empty if there is no error,
//! and a map or nil. [`Scan`] finds the end of a message in a stream. The functions in this module convert
//! between whole messages and bytes. Sockets are in [`transport`](crate::transport).
//!
//! Some data has no place in HashiCorp's messages. Such data is in additional fields of the map, which
//! HashiCorp's decoder skips. These fields are sent only between servers that know each other as Wavetank
//! servers ([`Dialect`]); to other servers, the bytes are those of HashiCorp's library. The only exception is
//! the old half of a joint configuration. This half is always written, and a Go server skips this half.

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

/// The header of every message: its sender.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The protocol version of the sender.
    pub protocol_version: i64,
    /// The sender's name; peers before 1.3.7 do not say.
    pub id: Option<ServerId>,
    /// The address of the sender.
    pub address: Option<ServerAddress>,
    /// The intended receiver, if the call names a receiver. Only our servers name a receiver, and never in an
    /// answer.
    pub to: Option<ServerId>,
    /// The cluster of the sender, if the sender names its cluster. Only our servers name their cluster, and
    /// never in an answer.
    pub cluster: Option<ClusterId>,
    /// The dialect, which decides which fields are written.
    pub dialect: Dialect,
}

/// The kind of a call, with HashiCorp's numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Number 0.
    AppendEntries = 0,
    /// Number 1.
    RequestVote = 1,
    /// Number 2.
    InstallSnapshot = 2,
    /// Number 3.
    TimeoutNow = 3,
    /// Number 4.
    RequestPreVote = 4,
}

/// An answer, or the error text that a peer sent instead.
pub type Reply = Result<(Header, Response), String>;

impl Header {
    /// HashiCorp's servers leave the header of some answers empty.
    pub const EMPTY: Self = Self {
        protocol_version: 0,
        id: None,
        address: None,
        to: None,
        cluster: None,
        dialect: Dialect::HashiCorp,
    };

    /// True if our additional fields may be used.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        matches!(self.dialect, Dialect::Wavetank)
    }

    /// HashiCorp's rule: true if a server of version `own` accepts calls of this sender.
    #[must_use]
    pub const fn is_spoken(&self, own: u8) -> bool {
        const NEWEST: i64 = 3;
        0 <= self.protocol_version
            && self.protocol_version <= NEWEST
            && own as i64 - 1 <= self.protocol_version
    }
}

impl Kind {
    /// The kind of a request.
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

    /// The kind with this number.
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

/// Appends a call. Appends only the head of an InstallSnapshot call; the unchanged bytes of the snapshot
/// follow.
pub fn encode_request(header: &Header, request: &Request, out: &mut Vec<u8>) {
    out.push(Kind::of(request) as u8);
    convert::put_request(header, request, &mut Packer::new(out));
}

/// Reads a whole call, from bytes that contain nothing else. Reads only the head of an InstallSnapshot call:
/// a piece without bytes, at offset zero.
///
/// # Errors
/// Returns an error if the bytes are not exactly one such message.
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

/// Appends an answer.
pub fn encode_response(header: &Header, response: &Response, out: &mut Vec<u8>) {
    let mut out = Packer::new(out);
    out.raw(b"");
    convert::put_response(header, response, &mut out);
}

/// Appends a refusal with its text.
pub fn encode_refusal(words: &str, out: &mut Vec<u8>) {
    let mut out = Packer::new(out);
    out.raw(words.as_bytes());
    out.nil();
}

/// Reads a whole answer to a call of this kind, from bytes that contain nothing else.
///
/// # Errors
/// Returns an error if the bytes are not exactly one such message.
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
