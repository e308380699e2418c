//! The entries of the log and their payloads.

use crate::configuration::Configuration;
use crate::types::{Index, LogId, Term};
use alloc::sync::Arc;

/// The bytes of a command, a state, or a piece of a snapshot. Clones share the bytes, so messages and writes
/// need not copy the bytes.
pub type Data = Arc<[u8]>;

/// Consecutive entries. Clones share the entries, so messages and writes need not copy the entries.
pub type Entries = Arc<[Entry]>;

/// One entry of the log.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entry {
    /// The term in which a leader created the entry, and the index of the entry.
    pub id: LogId,
    /// The content of the entry.
    pub payload: Payload,
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
    /// True if HashiCorp Raft does not understand the payload. A server of HashiCorp Raft stops at a restore,
    /// because this server does not know the type of the entry. The server misreads a joint configuration: the
    /// server uses the new half as the whole configuration.
    #[must_use]
    pub fn is_beyond_hashicorp(&self) -> bool {
        match self {
            Self::Restore(_) => true,
            Self::Configuration(configuration) => configuration.is_joint(),
            Self::Noop | Self::Command(_) | Self::Extended(_) | Self::Barrier => false,
        }
    }
}

impl Entry {
    /// Makes an entry from its term, its index and its content.
    #[must_use]
    pub const fn new(term: Term, index: Index, payload: Payload) -> Self {
        Self { id: LogId::new(term, index), payload }
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
