//! The basic types: terms, indexes, log positions, times, spans, names and addresses.
//!
//! Most types are `Copy` and have an order. Each type prints in a short fixed form: for example, term 3 prints
//! as `t3`, and index 7 prints as `i7`. Apart from the order of log positions, this module has no rules of the
//! protocol.
//!
//! A type that contains one number is serialised as a newtype with the name of the type. JSON shows only the
//! number. Another serialiser can use the name, for example to distinguish a time from a term.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

number!(
    /// An election term (thesis §3.3). A new server is in term 0.
    Term, "t"
);
number!(
    /// A position in the log. The first entry has index 1. Zero is the position before the first entry.
    Index, "i"
);
number!(
    /// The number of a client request. The caller chooses the number, and must not use the same number for two
    /// requests. Each request gets exactly one outcome.
    RequestId, "r"
);
number!(
    /// The number of a request to a peer, or the ticket of a job for the stores. The response or the report of
    /// the job has the same number. A server never uses the number of a request twice, not even after a
    /// restart. The ticket of a job is unique until the server restarts.
    RpcId, "q"
);
number!(
    /// The number of a write to the vote record, to the log, or to both. After each restart, the tokens begin
    /// again at 1. Between two restarts, each write has a higher token than all earlier writes, so a report
    /// with one token covers all writes up to this token. Therefore a late report about truncated entries
    /// cannot be mistaken for a report about newer entries.
    Token, "w"
);

impl Term {
    /// Returns the next term.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Index {
    /// The position before the first entry.
    pub const ZERO: Self = Self(0);

    /// Returns the next position.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Returns the position before this position. The position before zero is zero.
    #[must_use]
    pub const fn back(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// Returns the position that is `count` entries after this position.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0 + count)
    }

    /// Returns the number of entries after `before`, up to and including this position. The result is zero if
    /// `before` is not an earlier position.
    #[must_use]
    pub const fn since(self, before: Self) -> u64 {
        self.0.saturating_sub(before.0)
    }
}

impl Token {
    /// Returns the next token.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The position of an entry in the log: the term and the index of the entry.
///
/// The derived order is the order of thesis §3.6.1: the terms are compared first, then the indexes. If
/// `mine <= theirs`, a log that ends at `theirs` is at least as up-to-date as a log that ends at `mine`.
///
/// ```
/// use wavetank_raft::{LogId, Index, Term};
/// let longer = LogId { term: Term(2), index: Index(9) };
/// let newer = LogId { term: Term(3), index: Index(4) };
/// assert!(longer < newer);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LogId {
    /// The term in which the entry was created.
    pub term: Term,
    /// The index of the entry.
    pub index: Index,
}

impl LogId {
    /// The position before the first entry of any log.
    pub const ZERO: Self = Self { term: Term(0), index: Index(0) };

    /// Makes a log position from a term and an index.
    #[must_use]
    pub const fn new(term: Term, index: Index) -> Self {
        Self { term, index }
    }

    /// True if an entry at this position may directly follow an entry at `last` in a log. The index must be
    /// one more than the index of `last`, and the term must not be below the term of `last`.
    pub(crate) const fn may_follow(self, last: Self) -> bool {
        self.index.0 == last.index.0 + 1 && last.term.0 <= self.term.0
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term, self.index)
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A point in time, in microseconds since a moment that the driver chooses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Time(pub u64);

/// A duration, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Span(pub u64);

impl Time {
    /// A time that is later than every other time. A deadline at this time never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// Returns the duration from `earlier` to this time; zero if `earlier` is after this time.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// The duration of zero microseconds.
    pub const ZERO: Self = Self(0);

    /// Makes a span of `us` microseconds.
    #[must_use]
    pub const fn us(us: u64) -> Self {
        Self(us)
    }

    /// Makes a span of `ms` milliseconds.
    #[must_use]
    pub const fn ms(ms: u64) -> Self {
        Self(ms * 1_000)
    }

    /// Makes a span of `s` seconds.
    #[must_use]
    pub const fn s(s: u64) -> Self {
        Self(s * 1_000_000)
    }

    /// Converts a duration to a span. The duration is rounded down to whole microseconds. A duration of 2⁶⁴
    /// microseconds or more becomes the longest span.
    #[must_use]
    pub const fn from_duration(duration: Duration) -> Self {
        let us = duration.as_secs().saturating_mul(1_000_000);
        Self(us.saturating_add(duration.subsec_micros() as u64))
    }

    /// Returns this span multiplied by `n`.
    #[must_use]
    pub const fn times(self, n: u64) -> Self {
        Self(self.0 * n)
    }

    /// Returns this span divided by `n`, rounded down to whole microseconds.
    ///
    /// # Panics
    /// Panics if `n` is zero.
    #[must_use]
    pub const fn part(self, n: u64) -> Self {
        Self(self.0 / n)
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        Self::from_micros(span.0)
    }
}

impl Add<Span> for Time {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Time {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}ms", self.0 / 1_000, self.0 % 1_000)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A server's id as a number of eight bytes. The protocol uses this number in place of the [`ServerId`].
///
/// Every server computes the same number from the same [`ServerId`], so the servers need no common table. An id
/// of up to seven ASCII bytes is stored in the number unchanged, so the number prints and sorts like the id.
/// Any other id is hashed. A list of members is refused if two ids in the list have the same number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NodeId(pub u64);

impl NodeId {
    const HASHED: u64 = 1 << 63;

    /// Returns the [`NodeId`] of the server that has the id `name`.
    ///
    /// ```
    /// use wavetank_raft::NodeId;
    /// assert_eq!(NodeId::of("n1").to_string(), "n1");
    /// assert!(NodeId::of("n1") < NodeId::of("n2"));
    /// assert_ne!(NodeId::of("a-much-longer-name"), NodeId::of("another-longer-name"));
    /// ```
    #[must_use]
    pub const fn of(name: &str) -> Self {
        let bytes = name.as_bytes();
        if bytes.len() <= 7 && name.is_ascii() { Self::packed(bytes) } else { Self::hashed(bytes) }
    }

    const fn packed(bytes: &[u8]) -> Self {
        let mut number = 0_u64;
        let mut at = 0;
        while at < 7 {
            let byte = if at < bytes.len() { bytes[at] } else { 0 };
            number = number << 8 | byte as u64;
            at += 1;
        }
        Self(number << 8 | bytes.len() as u64)
    }

    /// Hashes the bytes with FNV-1a and sets the top bit. In a packed name, the top bit is never set, so a
    /// hash never equals a packed name.
    const fn hashed(bytes: &[u8]) -> Self {
        let mut number = 0xcbf2_9ce4_8422_2325_u64;
        let mut at = 0;
        while at < bytes.len() {
            number = (number ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            at += 1;
        }
        Self(number | Self::HASHED)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 & Self::HASHED != 0 {
            return write!(f, "#{:015x}", self.0 & !Self::HASHED);
        }
        let bytes = self.0.to_be_bytes();
        let length = usize::from(bytes[7]).min(7);
        f.write_str(core::str::from_utf8(&bytes[..length]).unwrap_or("?"))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The identity of a cluster. The identity prints as sixteen hexadecimal digits.
///
/// The crate `wavetank-node` makes the identity when a cluster is bootstrapped, and compares the identity of
/// this server's cluster with the identity in each call from a peer. The protocol does not use the identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ClusterId(pub u64);

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the text of the id or of the address.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name!(
    /// The id of a server. A cluster must never use this id for another server, not even after this server was
    /// removed.
    ServerId
);
name!(
    /// The network address of a server. Only the transport interprets the address.
    ServerAddress
);

impl ServerId {
    /// Returns the number that the protocol uses for this server.
    #[must_use]
    pub fn node(&self) -> NodeId {
        NodeId::of(&self.0)
    }
}

/// Deserialises an optional index. The index 0 is read as `None`, because files of earlier versions have 0 in
/// place of `None`.
#[cfg(feature = "serde")]
pub(crate) fn index_if_any<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Index>, D::Error> {
    let index: Option<Index> = serde::Deserialize::deserialize(from)?;
    Ok(index.filter(|index| *index != Index::ZERO))
}

/// Serialises and deserialises a duration as a number of microseconds. The number is in a newtype with the
/// name `Duration`.
#[cfg(feature = "serde")]
pub(crate) mod duration_micros {
    use super::Span;
    use core::time::Duration;
    use serde::{Deserialize, Deserializer, Serializer, ser::Error};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        let span = Span::from_duration(*duration);
        if Duration::from(span) == *duration {
            to.serialize_newtype_struct("Duration", &span.0)
        } else {
            Err(S::Error::custom("a duration must be a whole number of microseconds below 2^64"))
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_micros)
    }
}

#[cfg(test)]
mod tests;
