//! The wire format between clients and the store.
//!
//! Each byte of a number contains seven bits of the number. The lowest bits come first. The top bit of a byte
//! is set if another byte of the number follows. The last field of a message has no length: the field contains
//! all remaining bytes.

use super::state::Hash;
use std::fmt;
use wavetank_raft::{Data, Index};

/// A command, borrowed from the bytes of the command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Command<'a> {
    /// The session to which the command belongs.
    pub session: u32,
    /// The position of the command in its session. The first command has the position 1.
    pub sequence: u32,
    /// The key that the command changes.
    pub key: u32,
    /// The change of the key.
    pub verb: Verb<'a>,
}

/// The change that a command makes to its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb<'a> {
    /// The key gets this value.
    Put(&'a [u8]),
    /// These bytes are added at the end of the key's value.
    Append(&'a [u8]),
    /// The key gets a new value if the key has the expected value.
    Cas {
        /// The value that the key must have.
        expected: &'a [u8],
        /// The value that the key gets if the key has the expected value.
        new: &'a [u8],
    },
    /// The key loses its value.
    Delete,
}

/// The answer to a command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Response {
    /// The outcome of the command.
    pub outcome: CommandOutcome,
    /// The index at which the command took effect. If the command was sent twice, this index is the index of
    /// the command's first entry.
    pub effective: Index,
}

/// The outcome of a command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CommandOutcome {
    /// The command changed its key.
    Done,
    /// The key did not have the expected value, so nothing changed.
    Mismatch,
    /// The session has executed a command with a greater sequence number, so the outcome of this command is
    /// no longer known.
    Outdated,
    /// The bytes are not a command, or the extensions of the command were lost or changed.
    Malformed,
}

/// The answer to a read, borrowed from the bytes of the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Got<'a> {
    /// The index of the last applied command.
    pub applied: Index,
    /// The index of the command that wrote the value. Zero if no command has changed the key.
    pub version: Index,
    /// The value of the key.
    pub value: &'a [u8],
}

impl<'a> Command<'a> {
    /// Encodes the command as bytes.
    #[must_use]
    pub fn encode(&self) -> Data {
        let (tag, first, last): (u8, &[u8], &[u8]) = match self.verb {
            Verb::Put(value) => (0, &[], value),
            Verb::Append(value) => (1, &[], value),
            Verb::Cas { expected, new } => (2, expected, new),
            Verb::Delete => (3, &[], &[]),
        };
        let mut bytes = Vec::with_capacity(16 + first.len() + last.len());
        bytes.push(tag);
        for number in [self.session, self.sequence, self.key] {
            put_number(&mut bytes, u64::from(number));
        }
        if tag == 2 {
            put_number(&mut bytes, first.len() as u64);
            bytes.extend_from_slice(first);
        }
        bytes.extend_from_slice(last);
        bytes.into()
    }

    /// Decodes a command. Returns `None` if the bytes are not a command.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (&tag, mut rest) = bytes.split_first()?;
        let session = take_small(&mut rest)?;
        let sequence = take_small(&mut rest)?;
        let key = take_small(&mut rest)?;
        let verb = match tag & !EXTENDED {
            0 => Verb::Put(rest),
            1 => Verb::Append(rest),
            2 => {
                let length = usize::try_from(take_number(&mut rest)?).ok()?;
                let (expected, new) = rest.split_at_checked(length)?;
                Verb::Cas { expected, new }
            }
            3 if rest.is_empty() => Verb::Delete,
            _ => return None,
        };
        Some(Self { session, sequence, key, verb })
    }
}

/// Prints the command with its session and its sequence number, for example `put k4 = "v2" (s1.4)`.
impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, sequence, key, verb } = *self;
        match verb {
            Verb::Put(value) => write!(f, "put k{key} = {}", quoted(value))?,
            Verb::Append(value) => write!(f, "append k{key} + {}", quoted(value))?,
            Verb::Cas { expected, new } => write!(f, "cas k{key} {} -> {}", quoted(expected), quoted(new))?,
            Verb::Delete => write!(f, "delete k{key}")?,
        }
        write!(f, " (s{session}.{sequence})")
    }
}

pub(super) fn quoted(value: &[u8]) -> String {
    format!("\"{}\"", value.escape_ascii())
}

/// Returns a command as text, for traces. Returns `None` if the bytes are not a command.
#[must_use]
pub fn command_text(bytes: &[u8]) -> Option<String> {
    Command::decode(bytes).map(|command| command.to_string())
}

/// The bit that is set in the first byte of a command if the command has extensions.
const EXTENDED: u8 = 0x10;

/// Encodes a command that has extensions. Returns the bytes and the extensions of the command. The extensions
/// are a digest of the bytes, so the store can detect lost or changed extensions.
#[must_use]
pub fn extended(command: &Command<'_>) -> (Data, Data) {
    let mut bytes = command.encode().to_vec();
    bytes[0] |= EXTENDED;
    let extensions = Hash::of(&bytes).bytes();
    (bytes.into(), extensions.as_slice().into())
}

/// True if the client sent the command `data` together with exactly these `extensions`.
#[must_use]
pub fn has_its_extensions(data: &[u8], extensions: &[u8]) -> bool {
    if data.first().is_some_and(|tag| tag & EXTENDED != 0) {
        extensions == Hash::of(data).bytes()
    } else {
        extensions.is_empty()
    }
}

impl Response {
    /// Encodes the response as bytes.
    #[must_use]
    pub fn encode(self) -> Data {
        let mut bytes = Vec::with_capacity(8);
        bytes.push(self.outcome.tag());
        put_number(&mut bytes, self.effective.0);
        bytes.into()
    }

    /// Decodes a response. Returns `None` if the bytes are not a response.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&tag, mut rest) = bytes.split_first()?;
        let outcome = CommandOutcome::of(tag)?;
        let effective = Index(take_number(&mut rest)?);
        rest.is_empty().then_some(Self { outcome, effective })
    }
}

impl CommandOutcome {
    pub(super) const fn tag(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Mismatch => 1,
            Self::Outdated => 2,
            Self::Malformed => 3,
        }
    }

    pub(super) const fn of(tag: u8) -> Option<Self> {
        match tag {
            0 => Some(Self::Done),
            1 => Some(Self::Mismatch),
            2 => Some(Self::Outdated),
            3 => Some(Self::Malformed),
            _ => None,
        }
    }
}

impl<'a> Got<'a> {
    /// Encodes the answer as bytes.
    #[must_use]
    pub fn encode(&self) -> Data {
        let mut bytes = Vec::with_capacity(12 + self.value.len());
        put_number(&mut bytes, self.applied.0);
        put_number(&mut bytes, self.version.0);
        bytes.extend_from_slice(self.value);
        bytes.into()
    }

    /// Decodes the answer to a read. Returns `None` if the bytes are not such an answer.
    #[must_use]
    pub fn decode(mut bytes: &'a [u8]) -> Option<Self> {
        let applied = Index(take_number(&mut bytes)?);
        let version = Index(take_number(&mut bytes)?);
        Some(Self { applied, version, value: bytes })
    }
}

/// Encodes the query for the value of a key.
#[must_use]
pub fn query(key: u32) -> Data {
    let mut bytes = Vec::with_capacity(5);
    put_number(&mut bytes, u64::from(key));
    bytes.into()
}

/// Returns the key that a query reads. Returns `None` if the bytes are not a query.
#[must_use]
pub fn queried(mut query: &[u8]) -> Option<u32> {
    let key = take_small(&mut query)?;
    query.is_empty().then_some(key)
}

pub(super) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_small(bytes: &mut &[u8]) -> Option<u32> {
    u32::try_from(take_number(bytes)?).ok()
}

pub(super) fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
