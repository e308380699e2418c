//! The AppendEntries requests of a leader that followers have not answered.

use crate::plan::server_set::ServerIdx;
use std::collections::VecDeque;
use wavetank_raft::{Index, NodeId};

/// An AppendEntries request that a leader sent, with at least one entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SentAppend {
    pub(crate) to: NodeId,
    /// The number of entries in the request.
    pub(crate) entries: u64,
    /// The total size of the entries in the request, in bytes.
    pub(crate) bytes: u64,
}

/// The unanswered appends of a leader, for each follower.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outstanding {
    followers: Vec<Sent>,
}

/// The unanswered appends for one follower.
#[derive(Clone, Debug, Default)]
struct Sent {
    /// The number of appends and heartbeats that the leader has sent to the follower.
    count: u64,
    /// For each unanswered append with entries: the value of `count` when the append was sent, and the index
    /// of the last entry in the append.
    open: VecDeque<(u64, Index)>,
}

impl Outstanding {
    /// The number of older requests that a leader remembers in addition to the requests in its window. The
    /// window is the maximum number of unanswered appends. The leader forgets the oldest requests first.
    /// Therefore heartbeats to a stopped server do not fill the leader's memory.
    const REMEMBERED_MORE: u64 = 32;

    /// Forgets all appends.
    pub(crate) fn clear(&mut self) {
        self.followers.clear();
    }

    /// Forgets the appends for one follower. The leader regards these appends as lost, or sends the entries
    /// again.
    pub(crate) fn forget(&mut self, node: NodeId) {
        if let Some(sent) = ServerIdx::of(node).and_then(|idx| self.followers.get_mut(idx.at())) {
            sent.open.clear();
        }
    }

    /// Records an append with the entries after `prev` up to `upto`, or a heartbeat without entries. If a
    /// leader sends entries again, the leader regards the earlier append with these entries as lost.
    pub(crate) fn sent(&mut self, to: NodeId, prev: Index, upto: Index) {
        let Some(idx) = ServerIdx::of(to) else { return };
        if self.followers.len() <= idx.at() {
            self.followers.resize(idx.at() + 1, Sent::default());
        }
        let sent = &mut self.followers[idx.at()];
        sent.count += 1;
        if prev < upto {
            while sent.open.back().is_some_and(|(_, last)| prev < *last) {
                sent.open.pop_back();
            }
            sent.open.push_back((sent.count, upto));
        }
    }

    /// Returns the number of appends that a follower has not answered. Ignores appends that the leader no
    /// longer remembers. `window` is the maximum number of unanswered appends that the leader allows.
    pub(crate) fn count(&self, to: NodeId, window: u64) -> u64 {
        let Some(sent) = ServerIdx::of(to).and_then(|idx| self.followers.get(idx.at())) else { return 0 };
        let oldest = sent.count.saturating_sub(window.saturating_add(Self::REMEMBERED_MORE));
        sent.open.iter().filter(|(number, _)| oldest < *number).count() as u64
    }

    /// Removes the appends that a follower has acknowledged. `matched` is the leader's match index of the
    /// follower.
    pub(crate) fn acknowledged(&mut self, node: NodeId, matched: Index) {
        if let Some(sent) = ServerIdx::of(node).and_then(|idx| self.followers.get_mut(idx.at())) {
            while sent.open.front().is_some_and(|(_, upto)| *upto <= matched) {
                sent.open.pop_front();
            }
        }
    }
}
