//! The calls that a server made: their identities, and which of them are still open.

use super::fingerprint::{self, Permutation, SERVERS_MAX};
use crate::explore::call_id::CallId;
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{NodeId, RoleName, RpcId, Term};

/// The call count in a term in which no more calls are expected. If the server makes one nevertheless,
/// its identity is still new.
const COUNT_UNKNOWN: u8 = 128;

/// The calls that one server made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallTable {
    idx: ServerIdx,
    /// How often the server has started.
    life: u8,
    /// The open calls: the server may still be waiting for their responses.
    open: Vec<(RpcId, CallId)>,
    /// For each other server, the number of calls to it in the server's current term.
    calls_made: [u8; SERVERS_MAX],
    term: Term,
}

impl CallTable {
    /// The table of a server that has started `life` times and whose term is `term`.
    #[must_use]
    pub const fn new(idx: ServerIdx, life: u8, term: Term) -> Self {
        Self { idx, life, open: Vec::new(), calls_made: [0; SERVERS_MAX], term }
    }

    /// How often the server has started.
    #[must_use]
    pub const fn life(&self) -> u8 {
        self.life
    }

    /// The open calls.
    #[must_use]
    pub fn open(&self) -> &[(RpcId, CallId)] {
        &self.open
    }

    /// Records a call that the server makes in this term. Returns `None` if no server is named `to`.
    pub fn call(&mut self, rpc: RpcId, to: NodeId, term: Term) -> Option<CallId> {
        let to = ServerIdx::of(to).filter(|to| to.at() < SERVERS_MAX)?;
        if self.term != term {
            self.calls_made = [0; SERVERS_MAX];
            self.term = term;
        }
        self.calls_made[to.at()] += 1;
        let call_id = CallId { from: self.idx, to, life: self.life, term, ordinal: self.calls_made[to.at()] };
        self.open.push((rpc, call_id));
        Some(call_id)
    }

    /// The core's number of an open call.
    #[must_use]
    pub fn number_of(&self, call_id: CallId) -> Option<RpcId> {
        self.open.iter().find(|(_, own)| *own == call_id).map(|(rpc, _)| *rpc)
    }

    /// Updates the table after a step: drops the open calls that the core no longer waits for. A follower
    /// makes no more calls in its term. Its counts are set to one fixed value, so that they do not
    /// distinguish states.
    pub fn settle(&mut self, role: RoleName, term: Term, mut waits: impl FnMut(usize) -> bool) {
        let mut at = 0;
        self.open.retain(|_| {
            at += 1;
            waits(at - 1)
        });
        if self.term != term {
            self.calls_made = [0; SERVERS_MAX];
            self.term = term;
        } else if role == RoleName::Follower && self.calls_made.iter().any(|&calls_made| calls_made != 0) {
            self.calls_made = [COUNT_UNKNOWN; SERVERS_MAX];
        }
    }

    /// Everything but the open calls, in 64 bits, with servers renumbered by the permutation.
    #[must_use]
    pub fn hash(&self, permutation: &Permutation) -> u64 {
        let calls_made = (0..SERVERS_MAX as u8).map(ServerIdx).fold(0_u64, |sum, idx| {
            let calls_made = u64::from(self.calls_made[idx.at()]);
            sum.wrapping_add(fingerprint::hash_all(&[permutation.of(idx), calls_made]))
        });
        fingerprint::hash_all(&[calls_made, u64::from(self.life)])
    }
}
