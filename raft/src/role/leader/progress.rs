//! The leader's record of one follower and of the unanswered requests to this follower.
//!
//! This module only keeps the record; `role/leader/replicate.rs` decides which message the leader sends next.

use crate::message::SnapshotMeta;
use crate::types::{Index, RpcId, Time};
use alloc::collections::VecDeque;
use alloc::sync::Arc;

/// The leader's record of one follower.
///
/// 1. `matched` never falls, except if the follower shows that its disk has lost entries. As long as the
///    follower stays in the leader's term, all entries up to `matched` are on the follower's disk.
/// 2. `matched < next`.
/// 3. `inflight` is in the order in which the requests were sent.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Progress {
    pub(crate) matched: Index,
    /// True if the follower is a voter and has lost acknowledged entries. In this case, the follower's copies
    /// of entries do not count for a commit.
    pub(crate) has_lost_entries: bool,
    pub(crate) flow: Flow,
    pub(crate) inflight: VecDeque<InflightCall>,
    /// The number of unanswered requests with entries.
    pub(crate) window: u64,
    /// The time at which the newest answered request was sent. If no request was answered, the time at which
    /// this record was made.
    pub(crate) last_contact: Time,
    /// The number of the newest answered request; zero if no request was answered.
    pub(crate) answered: RpcId,
    /// The highest commit index that was sent to the follower.
    pub(crate) told_commit: Index,
    /// The ticket of a pending fetch of entries for the follower; `None` if no fetch is pending.
    pub(crate) fetching: Option<RpcId>,
    /// True if the leader has reported that the follower does not answer.
    pub(crate) silent: bool,
}

/// The way in which the leader sends entries to a follower.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Flow {
    /// The leader looks for the last entry that its log and the follower's log have in common (thesis §3.5).
    /// The leader sends one request at a time.
    Probe {
        /// The index of the next entry to send.
        next: Index,
        /// True while a probe is unanswered. With the next heartbeat, the leader sends a new probe.
        waiting: bool,
    },
    /// The logs match. The leader sends entries without waiting for responses, up to
    /// `max_inflight` requests (thesis §10.2.1).
    Replicate {
        /// The index of the next entry to send.
        next: Index,
    },
    /// The leader sends a snapshot, because the entries that the follower needs were compacted, or because the
    /// follower does not understand the next entry.
    Snapshot(SnapshotProgress),
}

/// The progress of a snapshot that is sent to a follower.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SnapshotProgress {
    /// The description of the snapshot; `None` until the first piece was read from the store.
    pub meta: Option<Arc<SnapshotMeta>>,
    /// The offset of the next piece in the snapshot, in bytes.
    pub offset: u64,
    /// The ticket of the job that reads a piece from the store; `None` if no piece is being read.
    pub(crate) reading: Option<RpcId>,
    /// The number of the unanswered request with a piece, and the time at which the request was sent. `None`
    /// if no such request is unanswered.
    pub(crate) calling: Option<(RpcId, Time)>,
}

/// A request that is not answered yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct InflightCall {
    pub(crate) rpc: RpcId,
    pub(crate) sent: Time,
    /// The index before the first entry of the request.
    pub(crate) prev: Index,
    /// The index of the last entry of the request; equal to `prev` if the request has no entries.
    pub(crate) upto: Index,
    /// The match index of the follower when the request was sent.
    pub(crate) acknowledged: Index,
}

impl InflightCall {
    pub(crate) fn has_entries(&self) -> bool {
        self.prev < self.upto
    }

    /// True if the request is a heartbeat without a position in the log (`prev` is zero).
    pub(crate) fn is_bare(&self) -> bool {
        self.upto == Index::ZERO
    }
}

impl Progress {
    pub(crate) fn new(next: Index, now: Time) -> Self {
        Self {
            matched: Index::ZERO,
            has_lost_entries: false,
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

    /// Returns the index of the next entry to send.
    #[must_use]
    pub fn next(&self) -> Index {
        match &self.flow {
            Flow::Probe { next, .. } | Flow::Replicate { next } => *next,
            Flow::Snapshot(_) => self.matched.next(),
        }
    }

    /// Returns the last index up to which the follower's log is known to match the leader's log.
    #[must_use]
    pub const fn matched(&self) -> Index {
        self.matched
    }

    /// Returns the time at which the newest answered request was sent. If the follower has not answered yet,
    /// returns the time at which the leader made this record: at the election, or when the follower was added
    /// or got another address.
    #[must_use]
    pub const fn last_contact(&self) -> Time {
        self.last_contact
    }

    /// True if the follower has not answered for longer than the heartbeat timeout.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.silent
    }

    /// True if the follower's copies of entries do not count for a commit, because the follower has lost entries
    /// that it had acknowledged.
    #[must_use]
    pub const fn has_lost_entries(&self) -> bool {
        self.has_lost_entries
    }

    /// Returns the way in which the leader sends entries to the follower.
    #[must_use]
    pub const fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Records a request that was sent. At most `most` requests are kept. Without this limit, the
    /// leader's memory would grow while a follower is down.
    pub(crate) fn record_call(&mut self, call: InflightCall, most: usize) {
        self.window += u64::from(call.has_entries());
        self.inflight.push_back(call);
        if most < self.inflight.len() {
            let oldest = self.inflight.pop_front().expect("there are more than `most` requests");
            self.window -= u64::from(oldest.has_entries());
        }
    }

    /// Removes the unanswered request with the number `rpc`, and returns this request. Returns `None` if
    /// there is no such request.
    pub(crate) fn take(&mut self, rpc: RpcId) -> Option<InflightCall> {
        let at = self.inflight.iter().position(|call| call.rpc == rpc)?;
        let call = if at == 0 { self.inflight.pop_front() } else { self.inflight.remove(at) }?;
        self.window -= u64::from(call.has_entries());
        self.last_contact = self.last_contact.max(call.sent);
        self.answered = self.answered.max(rpc);
        if self.inflight.is_empty() {
            return Some(call);
        }
        // A response to an older heartbeat proves no more than this response, so older heartbeats are
        // forgotten. The exception is a response to a heartbeat without a position, which proves nothing about
        // the log: then the older heartbeats with a position are kept.
        let keeps_probes = call.is_bare();
        let proves_less = |other: &InflightCall| !other.has_entries() && other.rpc < rpc;
        self.inflight.retain(|other| !proves_less(other) || (keeps_probes && !other.is_bare()));
        Some(call)
    }

    /// Returns the last index up to which the follower's copies of entries count for a commit.
    pub(crate) const fn counted(&self) -> Index {
        if self.has_lost_entries { Index::ZERO } else { self.matched }
    }

    /// True if the follower has lost entries. `refused` is the request that the follower has refused, and
    /// `last` is the index at which the follower's log ends. The follower has lost entries if it had
    /// acknowledged later entries before the request was sent. An acknowledgement that arrives after this time
    /// proves nothing, because this acknowledgement may have overtaken the response to the request.
    pub(crate) fn is_loss(&self, refused: InflightCall, last: Index) -> bool {
        last < refused.acknowledged && last < self.matched
    }

    /// True if the follower has shown that its log is empty.
    pub(crate) fn has_nothing(&self) -> bool {
        self.matched == Index::ZERO && self.next() == Index(1) && !matches!(self.flow, Flow::Snapshot(_))
    }

    /// Records that the follower's log ends at `last`, although the follower had acknowledged later entries.
    pub(crate) fn lose_entries(&mut self, last: Index) {
        self.matched = Index::ZERO;
        self.probe_from(last.next());
    }

    /// Handles the success of a request. The success of a heartbeat without a position proves nothing about the
    /// log. Such a success changes nothing, unless the leader probes the beginning of the log.
    pub(crate) fn on_success(&mut self, call: InflightCall) {
        if !call.is_bare() || self.next() == Index(1) {
            self.matches(call.upto);
        }
    }

    /// Records that the follower has all entries up to `upto`, and forgets the requests that carry only
    /// entries up to `upto`.
    pub(crate) fn matches(&mut self, upto: Index) {
        self.matched = self.matched.max(upto);
        let matched = self.matched;
        self.inflight.retain(|call| !call.has_entries() || matched < call.upto);
        self.window = self.inflight.iter().filter(|call| call.has_entries()).count() as u64;
        let after = matched.next();
        match &mut self.flow {
            Flow::Probe { .. } => {
                // The entries of an unanswered probe count as sent; to send these entries again would be
                // waste.
                let sent = self.inflight.iter().filter(|call| call.has_entries());
                let next = sent.map(|call| call.upto.next()).fold(after, Index::max);
                self.flow = Flow::Replicate { next };
            }
            Flow::Replicate { next } => *next = after.max(*next),
            Flow::Snapshot(_) => {}
        }
    }

    /// Changes the flow to [`Flow::Probe`], from the index `next` on. Forgets the requests with entries.
    /// Heartbeats are kept, because the responses to heartbeats still prove contact.
    pub(crate) fn probe_from(&mut self, next: Index) {
        assert!(
            self.matched < next,
            "cannot probe from {next}: the logs already match up to {}",
            self.matched
        );
        self.inflight.retain(|call| !call.has_entries());
        self.window = 0;
        self.flow = Flow::Probe { next, waiting: false };
    }

    /// Stops sending a snapshot to the follower, if the leader is sending a snapshot.
    pub(crate) fn end_snapshot(&mut self) {
        if matches!(self.flow, Flow::Snapshot(_)) {
            self.probe_from(self.matched.next());
        }
    }

    /// True if another request with entries may be sent.
    pub(crate) fn has_free_slot(&self, max_inflight: u64) -> bool {
        self.window < max_inflight
    }
}
