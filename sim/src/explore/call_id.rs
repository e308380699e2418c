//! The identity of a call during an exploration: the caller, the callee, the life and the term of the caller,
//! and the number of the call.
//!
//! The core numbers all calls of a server in order. If a state contained these numbers, two orders of the
//! same calls would lead to two different states. A state contains a `CallId` instead, so both orders lead to
//! the same state.

use super::fingerprint::{self, Permutation};
use crate::plan::server_set::ServerIdx;
use std::fmt;
use wavetank_raft::Term;

/// The identity of one call. No two calls of a run have the same identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId {
    /// The caller.
    pub from: ServerIdx,
    /// The server that receives the call.
    pub to: ServerIdx,
    /// The number of starts of the caller before the call. The number is 1 until the caller crashes.
    pub life: u8,
    /// The term of the caller at the call.
    pub term: Term,
    /// The number of the call among the calls of the same caller to the same callee in the same life and
    /// term, from 1.
    pub ordinal: u8,
}

impl CallId {
    /// Hashes the identity into 64 bits. `permutation` renumbers the servers.
    #[must_use]
    pub fn hash(&self, permutation: &Permutation) -> u64 {
        let numbers = u64::from(self.life) << 16 | u64::from(self.ordinal);
        fingerprint::mix(
            permutation.of(self.from) << 48
                | permutation.of(self.to) << 40
                | numbers << 8
                | self.term.0 & 0xff,
        )
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, life, term, ordinal } = self;
        write!(f, "{from}>{to} {term} #{ordinal}")?;
        if 1 < *life { write!(f, " life {life}") } else { Ok(()) }
    }
}
