//! The calls that a server made: the identities of all calls, and the calls that are still open.

use super::fingerprint::{self, Permutation, SERVERS_MAX};
use crate::explore::call_id::CallId;
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{NodeId, RoleName, RpcId, Term};

/// The value of every counter of calls while the server is a follower, because a follower makes no more calls
/// in its term. If the follower makes another call nevertheless, this value gives the call an identity that
/// was not used before.
const COUNT_UNKNOWN: u8 = 128;

/// The calls that one server made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallTable {
    idx: ServerIdx,
    /// The number of starts of the server so far.
    life: u8,
    /// The open calls: the server may still wait for the responses to these calls. Each call has the core's
    /// number and the identity of the call.
    open: Vec<(RpcId, CallId)>,
    /// For each other server, the number of calls from this server to the other server in the current term.
    calls_made: [u8; SERVERS_MAX],
    term: Term,
}

impl CallTable {
    /// Makes the table of a server that has started `life` times and is in `term`.
    #[must_use]
    pub const fn new(idx: ServerIdx, life: u8, term: Term) -> Self {
        Self { idx, life, open: Vec::new(), calls_made: [0; SERVERS_MAX], term }
    }

    /// Returns the number of starts of the server so far.
    #[must_use]
    pub const fn life(&self) -> u8 {
        self.life
    }

    /// Returns the open calls: the core's number and the identity of each call.
    #[must_use]
    pub fn open(&self) -> &[(RpcId, CallId)] {
        &self.open
    }

    /// Records a call to the server `to` in the term `term`. `rpc` is the core's number of the call. Returns
    /// the identity of the call, or `None` if `to` is not a server of the cluster.
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

    /// Returns the core's number of a call, or `None` if the call is not open.
    #[must_use]
    pub fn number_of(&self, call_id: CallId) -> Option<RpcId> {
        self.open.iter().find(|(_, own)| *own == call_id).map(|(rpc, _)| *rpc)
    }

    /// Updates the table after a step. Drops the open calls that the core no longer waits for: `waits`
    /// returns false for the positions of these calls. A follower makes no more calls in its term. Therefore
    /// the counts of a follower get a fixed value, and two states do not differ only in these counts.
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

    /// Hashes the table without its open calls into 64 bits. `permutation` renumbers the servers.
    #[must_use]
    pub fn hash(&self, permutation: &Permutation) -> u64 {
        let calls_made = (0..SERVERS_MAX as u8).map(ServerIdx).fold(0_u64, |sum, idx| {
            let calls_made = u64::from(self.calls_made[idx.at()]);
            sum.wrapping_add(fingerprint::hash_all(&[permutation.of(idx), calls_made]))
        });
        fingerprint::hash_all(&[calls_made, u64::from(self.life)])
    }
}
