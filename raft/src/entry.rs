//! The entries of the log.

use crate::configuration::Configuration;
use crate::types::{Index, LogId, Term};
use alloc::sync::Arc;

/// Bytes that are shared, not copied, on their way from the client to every log.
pub type Data = Arc<[u8]>;

/// Consecutive entries, shared between the messages and the write that carry them.
pub type Entries = Arc<[Entry]>;

/// One entry of the log.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entry {
    /// The term in which a leader created it, and its index.
    pub id: LogId,
    /// The content.
    pub payload: Payload,
}

/// The content of an entry. The kinds are HashiCorp's log types.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Payload {
    /// The first entry of a leader's term (thesis §6.4: a leader learns what is committed by
    /// committing an entry of its own).
    Noop,
    /// A command for the state machine.
    Command(Data),
    /// A command with a second, opaque part that middleware keeps beside it.
    Extended(Arc<Extended>),
    /// Answered once everything before it has been applied.
    Barrier,
    /// A whole state from outside that replaces the state machine's state. HashiCorp restores on
    /// the leader alone, and the followers get a snapshot later; here a quorum commits it like any
    /// entry.
    Restore(Data),
    /// The cluster's membership from this entry on, committed or not (thesis §4.1).
    Configuration(Arc<Configuration>),
}

/// A command with its extensions.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Extended {
    /// The command.
    pub data: Data,
    /// The opaque part that middleware keeps beside it.
    pub extensions: Data,
}

impl Entry {
    /// Puts an entry together.
    #[must_use]
    pub const fn new(term: Term, index: Index, payload: Payload) -> Self {
        Self { id: LogId::new(term, index), payload }
    }

    /// The size of the entry for the byte limits: its payload and a fixed overhead.
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
