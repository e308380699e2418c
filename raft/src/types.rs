//! The basic types: terms, indexes, log positions, time, names.
//!
//! Small `Copy` values with an order and a short fixed print (`n1 t3 i7`). No behaviour of the
//! protocol lives here.
//!
//! They serialise as newtypes, each under its own name and not as bare numbers: formats like JSON
//! write the same either way, and a serialiser that compares states can tell a time from a term.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::ops::{Add, Sub};

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
    /// An election term (thesis §3.3). Zero is the term before the first election.
    Term, "t"
);
number!(
    /// A position in the log. The first entry has index 1; zero is the position before it.
    Index, "i"
);
number!(
    /// A client request, numbered by the caller. Each number gets exactly one outcome.
    RequestId, "r"
);
number!(
    /// Ties a response to the request that caused it. Never used twice by one server, restarts
    /// included.
    RpcId, "q"
);
number!(
    /// Identifies one write. Tokens rise over votes and log writes alike, so "everything up to here
    /// is durable" is one comparison. One incarnation never uses a token twice, so a late report
    /// about an overwritten suffix cannot be mistaken for a newer one.
    Token, "w"
);

impl Term {
    /// The term after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Index {
    /// The position before the first entry.
    pub const ZERO: Self = Self(0);

    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The position before this one, or zero.
    #[must_use]
    pub const fn back(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// This position moved forward by `count`.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0 + count)
    }

    /// How many entries lie in `(before, self]`; zero if `before` is not before.
    #[must_use]
    pub const fn since(self, before: Self) -> u64 {
        self.0.saturating_sub(before.0)
    }
}

impl Token {
    /// The token after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A log position with the term of its entry.
///
/// The derived order is the one of thesis §3.6.1: first the term, then the index; "at least as up
/// to date as mine" is `mine <= theirs`.
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
    /// Its index.
    pub index: Index,
}

impl LogId {
    /// The position before the first entry of any log.
    pub const ZERO: Self = Self { term: Term(0), index: Index(0) };

    /// Puts a term and an index together.
    #[must_use]
    pub const fn new(term: Term, index: Index) -> Self {
        Self { term, index }
    }

    /// Whether an entry may stand here in a log, right after `last`: terms never go back.
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

/// A moment, in microseconds since a zero that only the driver knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Time(pub u64);

/// A length of time, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Span(pub u64);

impl Time {
    /// A moment that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// How long after `earlier` this is; zero if it is not after.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// This many microseconds.
    #[must_use]
    pub const fn us(us: u64) -> Self {
        Self(us)
    }

    /// This many milliseconds.
    #[must_use]
    pub const fn ms(ms: u64) -> Self {
        Self(ms * 1_000)
    }

    /// This many seconds.
    #[must_use]
    pub const fn s(s: u64) -> Self {
        Self(s * 1_000_000)
    }

    /// This span, `n` times.
    #[must_use]
    pub const fn times(self, n: u64) -> Self {
        Self(self.0 * n)
    }

    /// The `n`th part of this span.
    #[must_use]
    pub const fn part(self, n: u64) -> Self {
        Self(self.0 / n)
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

/// A server's name in eight bytes: what the core compares, counts and sends to.
///
/// Every server computes the same number from the same [`ServerId`], so no table of names has to
/// be agreed on. Names of up to seven ASCII bytes are packed as they are (and print as they are,
/// and sort as they do); longer ones are hashed, and a configuration in which two names collide
/// is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NodeId(pub u64);

impl NodeId {
    const HASHED: u64 = 1 << 63;

    /// The number of a name.
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

    /// FNV-1a, with the top bit set so that it never meets a packed name.
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

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text itself.
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
    /// A server's name, unique in its cluster and for all time.
    ServerId
);
name!(
    /// The network address of a server. Opaque to the protocol; the transport reads it.
    ServerAddress
);

impl ServerId {
    /// The number that the protocol uses for this server.
    #[must_use]
    pub fn node(&self) -> NodeId {
        NodeId::of(&self.0)
    }
}

/// Reads an optional index. Older files have 0 for none.
#[cfg(feature = "serde")]
pub(crate) fn index_if_any<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Index>, D::Error> {
    let index: Option<Index> = serde::Deserialize::deserialize(from)?;
    Ok(index.filter(|index| *index != Index::ZERO))
}

#[cfg(test)]
mod tests;
