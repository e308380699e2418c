//! The number of clients and their workload, as numbers that can be printed, edited and shrunk.

use crate::plan::ClientPlan;
use crate::plan::rng::{Ratio, Spans};
use wavetank_raft::{ReadPath, Span};

/// The plan of the clients of a run.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KvPlan {
    /// The number of clients that look for the leader, write and read.
    pub followers: u16,
    /// The number of pinned clients. A pinned client only reads, always from the same server and without
    /// retries. Therefore a pinned client can get answers from an old leader.
    pub pinned: u16,
    /// The number of keys, at least 1. Fewer keys give more conflicts.
    pub keys: u32,
    /// The minimum length of a value in bytes. Each value begins with a unique text, so no two values are
    /// equal.
    pub value_bytes: u32,
    /// The time between two operations of a client that is not pinned, in microseconds.
    pub think: Spans,
    /// The time between two operations of a pinned client, in microseconds.
    pub pinned_think: Spans,
    /// The time that a client waits for an answer before the client tries another server, in microseconds.
    pub patience: Span,
    /// The time that a client waits before the client sends a request again, in microseconds. The client waits
    /// after a refusal, and after a reply that leaves the outcome unknown. After a timeout, the client does not
    /// wait.
    pub backoff: Spans,
    /// The maximum number of requests for one operation, at least 1. After the last request, the client gives
    /// up.
    pub tries: u32,
    /// The share of writes among the operations.
    pub writes: Ratio,
    /// The shares of the kinds of writes.
    pub verbs: Verbs,
    /// The share of each read path among the reads of clients that may call every server.
    pub reads: Reads,
    /// The share of each read path among the reads of clients that call only one server.
    pub pinned_reads: Reads,
    /// The probability that a client gives up after a refusal and does not send the request again. The client
    /// never gives up for this reason if an earlier request of the same operation may have been executed. So a
    /// write ends as refused in this case, and the checks verify that a refused write is never applied.
    pub resign: Ratio,
    /// The probability that a client starts a new session after an operation with an unknown outcome. The last
    /// command of the old session may still take effect later.
    pub rename: Ratio,
    /// The share of writes that have extensions.
    pub extended: Ratio,
}

/// The weights of the kinds of writes. The share of a kind is its weight divided by the sum of all four
/// weights.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Verbs {
    /// The weight of writes that set a new value.
    pub put: u32,
    /// The weight of writes that append to the value.
    pub append: u32,
    /// The weight of writes that compare and set the value.
    pub cas: u32,
    /// The weight of writes that delete the value.
    pub delete: u32,
}

/// The weights of the read paths. The share of a path is its weight divided by the sum of all four weights.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Reads {
    /// The weight of reads by [`ReadPath::Index`].
    pub index: u32,
    /// The weight of reads by [`ReadPath::Lease`].
    pub lease: u32,
    /// The weight of reads by [`ReadPath::Verify`].
    pub verify: u32,
    /// The weight of reads from the local state, which may be old.
    pub stale: u32,
}

impl KvPlan {
    /// Makes a plan with a few clients of each kind. Each client waits at most 200 milliseconds between two
    /// operations.
    #[must_use]
    pub fn calm() -> Self {
        Self {
            followers: 4,
            pinned: 3,
            keys: 4,
            value_bytes: 8,
            think: Spans::ms(10, 200),
            pinned_think: Spans::ms(20, 200),
            patience: Span::ms(500),
            backoff: Spans::ms(5, 50),
            tries: 8,
            writes: Ratio::new(1, 2),
            verbs: Verbs { put: 4, append: 2, cas: 2, delete: 1 },
            reads: Reads { index: 3, lease: 2, verify: 1, stale: 0 },
            pinned_reads: Reads { index: 3, lease: 3, verify: 1, stale: 1 },
            resign: Ratio::new(1, 8),
            rename: Ratio::new(1, 2),
            extended: Ratio::NEVER,
        }
    }
}

impl From<&ClientPlan> for KvPlan {
    /// Makes the plan of the store's clients from the client plan of a run. The clients send all kinds of
    /// writes. One pinned client is added for every two other clients. If all reads use leases, seven fast pinned
    /// clients are added instead: a check can detect the use of an expired lease only for a part of an election
    /// timeout, so reads must be frequent.
    fn from(clients: &ClientPlan) -> Self {
        let of = |path| u32::from(clients.reads.contains(&path));
        let [index, lease, verify] = [ReadPath::Index, ReadPath::Lease, ReadPath::Verify].map(of);
        let is_fast = clients.read_under_leases_alone();
        let Spans { min, max } = clients.think;
        Self {
            followers: clients.count,
            pinned: if is_fast { 7 } else { clients.count.div_ceil(2) },
            keys: u32::from(clients.keys),
            think: clients.think,
            pinned_think: if is_fast { Spans::new(min.part(4), max.part(4)) } else { clients.think },
            patience: clients.patience,
            writes: clients.writes,
            extended: clients.extended.unwrap_or(Ratio::NEVER),
            reads: Reads { index, lease, verify, stale: 0 },
            pinned_reads: Reads { index: 2 * index, lease: 2 * lease, verify, stale: 1 },
            ..Self::calm()
        }
    }
}

impl Verbs {
    pub(super) const fn shares(self) -> [u32; 4] {
        [self.put, self.append, self.cas, self.delete]
    }
}

impl Reads {
    pub(super) const fn shares(self) -> [u32; 4] {
        [self.index, self.lease, self.verify, self.stale]
    }

    /// The read paths in the order of the shares. `None` means a read from the local state.
    pub(super) const WAYS: [Option<ReadPath>; 4] =
        [Some(ReadPath::Index), Some(ReadPath::Lease), Some(ReadPath::Verify), None];
}
