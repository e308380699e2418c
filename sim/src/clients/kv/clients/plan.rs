//! How many clients there are and what they want, as numbers to print, edit and shrink.

use crate::plan::ClientPlan;
use crate::plan::rng::{Ratio, Spans};
use wavetank_raft::{ReadPath, Span};

/// The clients of a run.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KvPlan {
    /// How many clients write and read, and look for the leader to do so.
    pub followers: u16,
    /// How many clients only read, each from one fixed server and without retries. They see the
    /// answers of an old leader.
    pub pinned: u16,
    /// How many keys they contend for (≥ 1).
    pub keys: u32,
    /// The least length of a value. Each value begins with a unique text, so no two are equal.
    pub value_bytes: u32,
    /// How long a client rests between operations.
    pub think: Spans,
    /// How long a pinned one rests.
    pub pinned_think: Spans,
    /// How long a client waits for an answer before it tries another server.
    pub patience: Span,
    /// How long it waits before it tries again after a refusal.
    pub backoff: Spans,
    /// How often it tries before it gives an operation up (≥ 1).
    pub tries: u32,
    /// How many of its operations are writes.
    pub writes: Ratio,
    /// The shares of the kinds of writes.
    pub verbs: Verbs,
    /// The shares of the read paths.
    pub reads: Reads,
    /// The shares of the read paths of the pinned clients.
    pub pinned_reads: Reads,
    /// How often a client gives up at once after a refusal, so that the judges can check that a refused
    /// write is never applied.
    pub resign: Ratio,
    /// How often a client starts a new session after an unknown end, so that its last command may still
    /// take effect at any later time.
    pub rename: Ratio,
}

/// How often each kind of write, as shares of their sum.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Verbs {
    /// A new value.
    pub put: u32,
    /// Append to the value.
    pub append: u32,
    /// Compare and set.
    pub cas: u32,
    /// Delete the value.
    pub delete: u32,
}

/// How often each way to read, as shares of their sum.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Reads {
    /// [`ReadPath::Index`].
    pub index: u32,
    /// [`ReadPath::Lease`].
    pub lease: u32,
    /// [`ReadPath::Verify`].
    pub verify: u32,
    /// From the local state, however old.
    pub stale: u32,
}

impl KvPlan {
    /// A few clients of every kind with an operation every few dozen milliseconds, on few keys.
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
        }
    }
}

impl From<&ClientPlan> for KvPlan {
    /// The clients of a plan, with every kind of write, and one pinned reader for two clients. If all
    /// reads use leases, each server gets a fast pinned reader, since a lease that is held too long
    /// ends within a fraction of a timeout.
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

    /// The ways, in the order of the shares; `None` is from the local state.
    pub(super) const WAYS: [Option<ReadPath>; 4] =
        [Some(ReadPath::Index), Some(ReadPath::Lease), Some(ReadPath::Verify), None];
}
