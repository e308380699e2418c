//! The clients of the key-value store: what they want, as a [`Script`] for [`Callers`], and their
//! history as lines of JSON.

mod lines;
mod plan;
mod script;
mod want;

pub use lines::Lines;
pub use plan::{KvPlan, Reads, Verbs};
pub use script::KvScript;
pub use want::KvWant;

use crate::clients::callers::{self, Caller, Callers, Habits};
use crate::plan::server_set::ServerSet;

/// All clients of a run.
///
/// Some look for the leader, write and read. Behind them come the pinned ones, which only read.
pub type Clients = Callers<KvScript>;

/// One operation of one of them.
pub type Operation = callers::Operation<KvWant>;

impl Clients {
    /// The clients of a plan, who know these servers.
    ///
    /// # Panics
    /// When there is no server to know, or nothing to contend for.
    #[must_use]
    pub fn new(plan: KvPlan, servers: ServerSet, seed: u64) -> Self {
        assert!(1 <= plan.keys, "clients need a key");
        let all = servers.iter().collect::<Vec<_>>();
        let pinned = |at: u16| {
            let idx = all[usize::from(at) % all.len()];
            Caller::pinned(plan.followers + at, idx, plan.pinned_think, seed)
        };
        let followers = (0..plan.followers).map(|number| Caller::seeking(number, servers, plan.think, seed));
        let callers = followers.chain((0..plan.pinned).map(pinned)).collect();
        let KvPlan { patience, backoff, tries, resign, .. } = plan;
        Self::with(KvScript::new(plan), callers, servers, Habits { patience, backoff, tries, resign })
    }
}
