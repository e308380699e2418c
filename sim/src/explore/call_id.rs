//! What a call is called while it is explored: by whom, to whom, in which term, and the how-manieth.
//!
//! The core's own numbers count all calls of a server, so that two servers called in the one order or
//! the other would make two states of one. These names do not.

use super::fingerprint::{self, Permutation};
use crate::plan::server_set::ServerIdx;
use std::fmt;
use wavetank_raft::Term;

/// A call's name, never used twice in a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId {
    /// Who calls.
    pub from: ServerIdx,
    /// Who is called.
    pub to: ServerIdx,
    /// How often the caller had started by then.
    pub life: u8,
    /// The caller's term.
    pub term: Term,
    /// Which of its calls to this server in that term.
    pub ordinal: u8,
}

impl CallId {
    /// The name in 64 bits, when servers have changed places.
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
