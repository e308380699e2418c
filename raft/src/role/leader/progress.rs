//! The leader's record of one follower, and of the requests that the follower has not answered.
//!
//! This module only keeps the record; `role/leader/replicate.rs` decides what to send next.

use crate::message::SnapshotMeta;
use crate::types::{Index, RpcId, Time};
use alloc::collections::VecDeque;
use alloc::sync::Arc;

/// The leader's record of one follower.
///
/// 1. `matched` never falls, and every entry up to it is on the follower's disk, or the follower
///    has left the term.
/// 2. `matched < next`.
/// 3. `inflight` is in the order of the calls.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Progress {
    pub(crate) matched: Index,
    pub(crate) flow: Flow,
    pub(crate) inflight: VecDeque<InflightCall>,
    /// The number of unanswered requests that carry entries.
    pub(crate) window: u64,
    /// The time at which the newest answered request was sent.
    pub(crate) last_contact: Time,
    /// The newest request that was answered.
    pub(crate) answered: RpcId,
    /// The highest commit index that was sent to it.
    pub(crate) told_commit: Index,
    /// The ticket of the fetch of entries for it, if one is pending.
    pub(crate) fetching: Option<RpcId>,
    /// It has not answered for so long that this was reported.
    pub(crate) silent: bool,
}

/// How entries flow to a follower.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Flow {
    /// Looks for the last matching entry: one request at a time, from `next` on.
    Probe {
        /// The next index to send.
        next: Index,
        /// A request is unanswered; the next heartbeat probes again.
        waiting: bool,
    },
    /// Sending as fast as the window allows, from `next` on.
    Replicate {
        /// The next index to send.
        next: Index,
    },
    /// The log no longer reaches back to what the follower needs.
    Snapshot(SnapshotProgress),
}

/// The progress of a snapshot that is sent to a follower.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SnapshotProgress {
    /// The description of the snapshot; `None` until its first piece was read.
    pub meta: Option<Arc<SnapshotMeta>>,
    /// Where the next piece begins.
    pub offset: u64,
    /// A piece is being read from the store.
    pub(crate) reading: Option<RpcId>,
    /// A request with a piece is unanswered, and was sent at this time.
    pub(crate) calling: Option<(RpcId, Time)>,
}

/// A request that is not answered yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct InflightCall {
    pub(crate) rpc: RpcId,
    pub(crate) sent: Time,
    /// The entry before the first one carried.
    pub(crate) prev: Index,
    /// The last one carried, or `prev`.
    pub(crate) upto: Index,
}

impl InflightCall {
    pub(crate) fn has_entries(&self) -> bool {
        self.prev < self.upto
    }
}

impl Progress {
    pub(crate) fn new(next: Index, now: Time) -> Self {
        Self {
            matched: Index::ZERO,
            flow: Flow::Probe { next, waiting: false },
            inflight: VecDeque::new(),
            window: 0,
            last_contact: now,
            answered: RpcId(0),
            told_commit: Index::ZERO,
            fetching: None,
            silent: false,
        }
    }

    /// The next index to send to it.
    #[must_use]
    pub fn next(&self) -> Index {
        match &self.flow {
            Flow::Probe { next, .. } | Flow::Replicate { next } => *next,
            Flow::Snapshot(_) => self.matched.next(),
        }
    }

    /// The last index at which its log is known to match.
    #[must_use]
    pub const fn matched(&self) -> Index {
        self.matched
    }

    /// How entries flow to it.
    #[must_use]
    pub const fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Records a request that was sent. At most `most` requests are kept: a server that is down
    /// must not make the leader's memory grow.
    pub(crate) fn record_call(&mut self, call: InflightCall, most: usize) {
        self.window += u64::from(call.has_entries());
        self.inflight.push_back(call);
        if most < self.inflight.len() {
            let oldest = self.inflight.pop_front().expect("there are more than the most");
            self.window -= u64::from(oldest.has_entries());
        }
    }

    /// Removes the request that a response answers, and returns it.
    pub(crate) fn take(&mut self, rpc: RpcId) -> Option<InflightCall> {
        let at = self.inflight.iter().position(|call| call.rpc == rpc)?;
        let call = if at == 0 { self.inflight.pop_front() } else { self.inflight.remove(at) }?;
        self.window -= u64::from(call.has_entries());
        self.last_contact = self.last_contact.max(call.sent);
        self.answered = self.answered.max(rpc);
        if self.inflight.is_empty() {
            return Some(call);
        }
        // A response to an older heartbeat would prove nothing more.
        self.inflight.retain(|other| other.has_entries() || rpc < other.rpc);
        Some(call)
    }

    /// The follower has all entries up to `upto`: requests up to there need no response any more.
    pub(crate) fn matches(&mut self, upto: Index) {
        self.matched = self.matched.max(upto);
        let matched = self.matched;
        self.inflight.retain(|call| !call.has_entries() || matched < call.upto);
        self.window = self.inflight.iter().filter(|call| call.has_entries()).count() as u64;
        let after = matched.next();
        match &mut self.flow {
            Flow::Probe { .. } => {
                // A probe with entries may be unanswered: its entries count as sent.
                let sent = self.inflight.iter().filter(|call| call.has_entries());
                let next = sent.map(|call| call.upto.next()).fold(after, Index::max);
                self.flow = Flow::Replicate { next };
            }
            Flow::Replicate { next } => *next = after.max(*next),
            Flow::Snapshot(_) => {}
        }
    }

    /// Goes back to probing. Requests with entries are forgotten; heartbeats are kept.
    pub(crate) fn probe_from(&mut self, next: Index) {
        assert!(self.matched < next, "probing from {next}, but {} matched", self.matched);
        self.inflight.retain(|call| !call.has_entries());
        self.window = 0;
        self.fetching = None;
        self.flow = Flow::Probe { next, waiting: false };
    }

    /// Whether the window allows another request with entries.
    pub(crate) fn has_free_slot(&self, max_inflight: u64) -> bool {
        self.window < max_inflight
    }
}
