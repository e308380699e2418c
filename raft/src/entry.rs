//! The entries of the log and their payloads.

use crate::configuration::Configuration;
use crate::types::{Index, LogId, Term};
use alloc::sync::Arc;
use core::hash::{Hash, Hasher};
use core::num::NonZeroI64;

/// The bytes of a command, a state, or a piece of a snapshot. Clones share the bytes, so messages and writes
/// need not copy the bytes.
pub type Data = Arc<[u8]>;

/// Consecutive entries. Clones share the entries, so messages and writes need not copy the entries.
pub type Entries = Arc<[Entry]>;

/// One entry of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entry {
    /// The term in which a leader created the entry, and the index of the entry.
    pub id: LogId,
    /// The content of the entry.
    pub payload: Payload,
    /// The time at which a leader appended the entry. `None` if the leader did not say.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub appended_at: Option<AppendedAt>,
}

/// A reading of a leader's wall clock, in nanoseconds since 1970-01-01T00:00:00Z. In HashiCorp Raft, this is
/// `Log.AppendedAt`. A server of this library reads no wall clock, so the entries that it appends as the leader
/// have no time. If a leader of HashiCorp Raft appended an entry, a server of this library keeps the time of
/// the entry, and passes the time to its log store and to other servers. The protocol does not use the time.
///
/// ```
/// use wavetank_raft::AppendedAt;
///
/// let time = AppendedAt::from_unix_nanos(1_136_214_245_000_000_000).expect("not the zero time");
/// assert_eq!(time.unix_nanos(), 1_136_214_245_000_000_000);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AppendedAt(NonZeroI64);

impl AppendedAt {
    /// Makes a time from a number of nanoseconds since 1970-01-01T00:00:00Z. Returns `None` for zero, because
    /// zero stands for an unknown time.
    #[must_use]
    pub fn from_unix_nanos(nanos: i64) -> Option<Self> {
        NonZeroI64::new(nanos).map(Self)
    }

    /// Returns the number of nanoseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_nanos(self) -> i64 {
        self.0.get()
    }
}

/// The content of an entry. HashiCorp Raft has log types for all variants except [`Payload::Restore`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Payload {
    /// The first entry that each leader appends. After this entry is committed, the leader knows which earlier
    /// entries are committed (thesis §6.4).
    Noop,
    /// A command for the state machine.
    Command(Data),
    /// A command with additional bytes (the extensions), for example for middleware.
    Extended(Arc<Extended>),
    /// An entry without content. When the barrier is applied, all entries before the barrier have been
    /// applied.
    Barrier,
    /// A complete state that replaces the state of the state machine. A quorum commits this entry like any
    /// other entry. HashiCorp Raft restores the state only on the leader, and sends the state to the
    /// followers as a snapshot.
    Restore(Data),
    /// The configuration that servers use from this entry on, even before this entry is committed (thesis
    /// §4.1).
    Configuration(Arc<Configuration>),
}

/// A command with its extensions.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Extended {
    /// The bytes of the command.
    pub data: Data,
    /// Bytes that are stored beside the command. This library does not interpret these bytes.
    pub extensions: Data,
}

impl Payload {
    /// True if a server of HashiCorp Raft does not understand the payload: a restore or a joint configuration.
    /// Such a server stops at a restore, because it does not know the type of the entry. The server misreads a
    /// joint configuration: it uses only the new members, and ignores the old members.
    #[must_use]
    pub fn is_beyond_hashicorp(&self) -> bool {
        match self {
            Self::Restore(_) => true,
            Self::Configuration(configuration) => configuration.is_joint(),
            Self::Noop | Self::Command(_) | Self::Extended(_) | Self::Barrier => false,
        }
    }
}

/// The hash does not cover the time, which the protocol does not use.
impl Hash for Entry {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self { id, payload, appended_at: _ } = self;
        id.hash(hasher);
        payload.hash(hasher);
    }
}

impl Entry {
    /// Makes an entry from its term, its index and its content, without a time.
    #[must_use]
    pub const fn new(term: Term, index: Index, payload: Payload) -> Self {
        Self { id: LogId::new(term, index), payload, appended_at: None }
    }

    /// Returns the weight of the entry in bytes: the size of the payload plus 32. The limits of messages and
    /// of the cache use this weight. The size of a configuration is 64 bytes for each server in
    /// [`Configuration::servers`].
    #[must_use]
    pub fn weight(&self) -> u64 {
        const OVERHEAD: u64 = 32;
        OVERHEAD
            + match &self.payload {
                Payload::Noop | Payload::Barrier => 0,
                Payload::Command(data) | Payload::Restore(data) => data.len() as u64,
                Payload::Extended(both) => (both.data.len() + both.extensions.len()) as u64,
                Payload::Configuration(configuration) => 64 * configuration.servers().len() as u64,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Member;
    use alloc::vec;

    #[test]
    fn an_entry_weighs_its_payload_and_an_overhead() {
        let data: Data = vec![0; 7].into();
        let both = Extended { data: data.clone(), extensions: vec![0; 3].into() };
        let members = vec![Member::voter("n1", "a1"), Member::nonvoter("n2", "a2")];
        let members = Configuration::new(members).expect("two names, two addresses");
        let weights = [
            (Payload::Noop, 32),
            (Payload::Barrier, 32),
            (Payload::Command(data.clone()), 39),
            (Payload::Restore(data), 39),
            (Payload::Extended(Arc::new(both)), 42),
            (Payload::Configuration(Arc::new(members)), 160),
        ];
        for (payload, weight) in weights {
            let entry = Entry::new(Term(1), Index(1), payload);
            assert_eq!(entry.weight(), weight, "{entry:?}");
        }
    }
}
