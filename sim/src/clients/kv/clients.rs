//! The clients of the key-value store: their operations, as a [`Script`](crate::clients::callers::Script) for
//! [`Callers`], and their history as lines of JSON.

mod lines;
mod plan;
mod script;
mod want;

pub use lines::HistoryRecorder;
pub use plan::{KvPlan, Reads, Verbs};
pub use script::KvScript;
pub use want::KvWant;

use crate::clients::callers::{self, Callers, ClientMachine, RetryPolicy, UnknownWrite};
use crate::plan::server_set::ServerSet;

/// All clients of a run. The first clients look for the leader, write and read. The pinned clients come after
/// these clients and only read.
pub type Clients = Callers<KvScript>;

/// An operation of a client of the key-value store.
pub type KvOperation = callers::Operation<KvWant>;

impl Clients {
    /// Creates the clients of a plan. `servers` are the servers that the clients know. `seed` decides the random
    /// choices of the clients.
    ///
    /// # Panics
    /// Panics if `servers` is empty, or if `plan` has no key.
    #[must_use]
    pub fn new(plan: KvPlan, servers: ServerSet, seed: u64) -> Self {
        assert!(1 <= plan.keys, "clients need at least one key");
        let all = servers.iter().collect::<Vec<_>>();
        let pinned = |at: u16| {
            let idx = all[usize::from(at) % all.len()];
            ClientMachine::pinned(plan.followers + at, idx, plan.pinned_think, seed)
        };
        let followers =
            (0..plan.followers).map(|number| ClientMachine::seeking(number, servers, plan.think, seed));
        let callers = followers.chain((0..plan.pinned).map(pinned)).collect();
        let KvPlan { patience, backoff, tries, resign, .. } = plan;
        let retry = RetryPolicy { patience, backoff, tries, resign, unknown: UnknownWrite::Repeat };
        Self::with(KvScript::new(plan), callers, servers, retry)
    }
}
