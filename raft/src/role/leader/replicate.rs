//! Replication: probes, pipelined entries, heartbeats and their responses (thesis §3.5, §10.2.1).

use super::{Leader, Peer};
use crate::entry::{Entries, Entry};
use crate::message::{AppendEntries, AppendEntriesResponse, Request};
use crate::node::io::{Effect, Effects, Ignored, StoreJob};
use crate::node::state::NodeState;
use crate::role::Transition;
use crate::role::leader::progress::{Flow, InflightCall, Progress};
use crate::types::{Index, LogId, NodeId, RpcId, Time};

/// The entries that the leader took most recently from the log in memory, and the index of the first of these
/// entries. `None` if the leader has taken no entries yet. Followers with the same next index share these
/// entries.
#[derive(Default)]
struct SliceCache(Option<(Index, Entries)>);

impl SliceCache {
    fn from(&mut self, state: &NodeState, first: Index) -> Option<Entries> {
        if let Some((at, entries)) = &self.0
            && *at == first
        {
            return Some(entries.clone());
        }
        let entries = state.log.slice(first, &state.settings)?;
        self.0 = Some((first, entries.clone()));
        Some(entries)
    }
}

impl Leader {
    /// Sends entries to each follower that may get another request with entries.
    pub(super) fn replicate_to_all(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) {
        let mut slices = SliceCache::default();
        for peer in &mut self.peers {
            peer.replicate(state, &mut slices, now, fx);
        }
    }

    pub(super) fn replicate_to(&mut self, state: &mut NodeState, node: NodeId, now: Time, fx: &mut Effects) {
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == node) {
            peer.replicate(state, &mut SliceCache::default(), now, fx);
        }
    }

    /// Sends a heartbeat to each follower and reports the followers that have become silent.
    pub(super) fn heartbeat(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) {
        self.heartbeat_at = now + state.settings.heartbeat_interval();
        self.commit_flush_at = None;
        self.reads.round_sent(state);
        for peer in &mut self.peers {
            peer.report_silence(state, now, fx);
            peer.send_bare_heartbeat(state, now, fx);
            peer.send_heartbeat(state, now, fx);
        }
        self.drop_removed_peers(state);
        self.try_promote(state, now, fx);
    }

    /// Sends the commit index to each follower to which only an earlier commit index was sent.
    pub(super) fn send_commit(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) {
        self.commit_flush_at = None;
        for peer in &mut self.peers {
            if peer.progress.told_commit < state.commit.min(peer.progress.matched) {
                peer.send_heartbeat(state, now, fx);
            }
        }
    }

    pub(crate) fn on_append_response(
        &mut self,
        state: &mut NodeState,
        from: NodeId,
        rpc: RpcId,
        response: &AppendEntriesResponse,
        now: Time,
        fx: &mut Effects,
    ) -> Transition {
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == from) else {
            NodeState::ignore(Ignored::UnknownRpc, fx);
            return Transition::Stay;
        };
        let Some(call) = peer.progress.take(rpc) else {
            NodeState::ignore(Ignored::UnknownRpc, fx);
            return Transition::Stay;
        };
        peer.report_contact(now, fx);
        let before = peer.progress.matched;
        if response.success {
            peer.progress.on_success(call);
        } else if peer.progress.is_loss(call, response.last_log) {
            peer.on_lost_entries(state, response.last_log, fx);
        } else {
            peer.on_refusal(state, call, response);
        }
        peer.replicate(state, &mut SliceCache::default(), now, fx);
        let moved = before < peer.progress.matched;
        self.confirm_reads(state, now, fx);
        if !moved {
            return Transition::Stay;
        }
        self.on_progress(state, from, now, fx);
        self.advance_commit(state, now, fx)
    }

    /// Handles entries that were read from the store. The ticket identifies the follower that needs these
    /// entries.
    pub(crate) fn on_fetched(
        &mut self,
        state: &mut NodeState,
        ticket: RpcId,
        entries: &Entries,
        now: Time,
        fx: &mut Effects,
    ) {
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.progress.fetching == Some(ticket)) else {
            return NodeState::ignore(Ignored::UnknownTicket, fx);
        };
        peer.progress.fetching = None;
        let next = peer.progress.next();
        let Some(first) = entries.first() else {
            // The store does not have the entries any more. The next heartbeat fetches again or sends
            // a snapshot.
            return;
        };
        // The read entries are not sent if they were compacted or overwritten after the read began, or if the
        // follower needs other entries now.
        let is_next = first.id.index == next && state.log.base().index < next;
        if is_next && peer.takes_entries() && is_of(state, entries) {
            // If nothing is sent, the next heartbeat fetches again. An immediate fetch would find the same entry.
            if !peer.send_understood(state, entries.clone(), now, fx) {
                return;
            }
        }
        peer.replicate(state, &mut SliceCache::default(), now, fx);
    }
}

/// True if all these entries are still in the log. Entries that were read in an earlier term may have been
/// overwritten.
fn is_of(state: &NodeState, entries: &Entries) -> bool {
    entries.iter().all(|entry| state.log.contains(entry.id))
}

impl Peer {
    /// Sends entries as long as the follower may get another request with entries. Entries that are not in
    /// memory are first read from the store.
    fn replicate(&mut self, state: &mut NodeState, slices: &mut SliceCache, now: Time, fx: &mut Effects) {
        while self.wants_entries(state) {
            let next = self.progress.next();
            if next <= state.log.base().index {
                if self.removed.is_none() {
                    self.begin_snapshot(state, fx);
                }
                return;
            }
            if state.log.last().index < next {
                return self.probe_empty(state, now, fx);
            }
            let Some(entries) = slices.from(state, next) else { return self.fetch(state, next, fx) };
            if !self.send_understood(state, entries, now, fx) {
                return;
            }
        }
    }

    /// True if the leader may send entries to this server. A removed server with an empty log gets no
    /// entries, and no removed server gets a snapshot. Such a server may have a new disk, and the
    /// configurations in old entries still name the server as a member.
    fn takes_entries(&self) -> bool {
        self.removed.is_none() || !self.progress.has_nothing()
    }

    fn wants_entries(&self, state: &NodeState) -> bool {
        let progress = &self.progress;
        if progress.fetching.is_some() || !self.takes_entries() {
            return false;
        }
        match &progress.flow {
            Flow::Probe { waiting, .. } => !waiting,
            Flow::Replicate { next } => {
                *next <= state.log.last().index && progress.has_free_slot(state.settings.max_inflight)
            }
            Flow::Snapshot(_) => false,
        }
    }

    /// Sends the entries before the first entry that the follower does not understand. Returns false if the
    /// follower does not understand the first entry. In this case, the leader sends a snapshot that includes
    /// this entry, or asks for a new snapshot that includes this entry.
    fn send_understood(
        &mut self,
        state: &mut NodeState,
        entries: Entries,
        now: Time,
        fx: &mut Effects,
    ) -> bool {
        let beyond = |entry: &Entry| entry.payload.is_beyond_hashicorp();
        let end = if state.is_hashicorp(self.id) { entries.iter().position(beyond) } else { None };
        match end {
            None => self.send(state, entries, now, fx),
            Some(0) => {
                self.skip(state, entries[0].id, fx);
                return false;
            }
            Some(end) => self.send(state, entries[..end].into(), now, fx),
        }
        true
    }

    /// Begins to send a snapshot that includes the entry at `past`. If the newest snapshot does not include
    /// this entry, asks for a new snapshot.
    fn skip(&mut self, state: &mut NodeState, past: LogId, fx: &mut Effects) {
        if state.snapshot.index < past.index {
            fx.push(Effect::NeedsSnapshot { peer: self.id, past });
        } else {
            self.begin_snapshot(state, fx);
        }
    }

    /// Sends a probe without entries. `prev` is the position of the last entry of the leader's log.
    fn probe_empty(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) {
        self.send(state, Entries::default(), now, fx);
    }

    fn fetch(&mut self, state: &mut NodeState, first: Index, fx: &mut Effects) {
        let ticket = state.next_rpc();
        self.progress.fetching = Some(ticket);
        let last = state.log.last().index.min(first.plus(state.settings.max_append_entries - 1));
        fx.push(Effect::Store(StoreJob::Fetch { ticket, first, last }));
    }

    /// Sends entries that begin at `next`. The leader's own write of these entries may still be pending
    /// (thesis §10.2.1).
    fn send(&mut self, state: &mut NodeState, entries: Entries, now: Time, fx: &mut Effects) {
        let next = self.progress.next();
        let after = next.plus(entries.len() as u64);
        match &mut self.progress.flow {
            Flow::Probe { waiting, .. } => *waiting = true,
            Flow::Replicate { next } => *next = after,
            Flow::Snapshot(_) => return,
        }
        let prev =
            state.log.id_at(next.back()).expect("the log knows the term of the entry before each sent entry");
        self.call(state, prev, entries, now, fx);
    }

    fn call(&mut self, state: &mut NodeState, prev: LogId, entries: Entries, now: Time, fx: &mut Effects) {
        let rpc = state.next_rpc();
        let upto = prev.index.plus(entries.len() as u64);
        // The follower must not commit entries that this request does not verify.
        let leader_commit = state.commit.min(upto);
        self.progress.told_commit = self.progress.told_commit.max(leader_commit);
        let most = usize::try_from(state.settings.max_inflight).unwrap_or(usize::MAX).saturating_add(32);
        let acknowledged = self.progress.matched;
        let call = InflightCall { rpc, sent: now, prev: prev.index, upto, acknowledged };
        self.progress.record_call(call, most);
        let request =
            Request::AppendEntries(AppendEntries { term: state.term, prev, entries, leader_commit });
        fx.push(Effect::Send { to: self.id, rpc, request });
    }

    /// Sends a heartbeat without a position and without a commit index to a server of HashiCorp Raft. Such a
    /// server answers only these heartbeats while its state machine is busy. The responses to all other
    /// heartbeats may come too late. A response to these heartbeats proves contact, and says nothing about
    /// the follower's log.
    fn send_bare_heartbeat(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) {
        if state.is_hashicorp(self.id) {
            self.call(state, LogId::ZERO, Entries::default(), now, fx);
        }
    }

    /// Sends a heartbeat. While the responses to entries arrive within a heartbeat interval, `prev` is the
    /// last matched entry, and the follower accepts the heartbeat. If entries stay unanswered for longer than
    /// a heartbeat interval, `prev` is the last sent entry. If the follower refuses this `prev`, entries were
    /// lost, and the leader sends these entries again.
    fn send_heartbeat(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) {
        let late = self.is_late(state, now);
        if late && self.progress.next().back() < state.log.base().index {
            // The unanswered entries were compacted, so the leader no longer knows their terms. The probe
            // starts again at the last match.
            self.progress.probe_from(self.progress.matched.next());
        }
        let prev = match &mut self.progress.flow {
            Flow::Probe { next, .. } => next.back(),
            Flow::Replicate { next } if late => next.back(),
            Flow::Replicate { .. } => self.progress.matched,
            Flow::Snapshot(_) => {
                self.retry_snapshot(state, now, fx);
                Index::ZERO
            }
        };
        match state.log.id_at(prev) {
            Some(prev) => self.call(state, prev, Entries::default(), now, fx),
            // The log no longer has the previous entry. An empty `prev` matches everywhere, so the
            // heartbeat keeps the follower from campaigning until a snapshot arrives.
            None => self.call(state, LogId::ZERO, Entries::default(), now, fx),
        }
        if let Flow::Probe { next, waiting } = &mut self.progress.flow {
            *waiting = state.log.base().index < *next;
        }
        self.replicate(state, &mut SliceCache::default(), now, fx);
    }

    /// True if sent entries have been unanswered for more than a heartbeat interval, or if no open request
    /// contains these entries.
    fn is_late(&self, state: &NodeState, now: Time) -> bool {
        let all_matched = self.progress.next() <= self.progress.matched.next();
        let mut calls = self.progress.inflight.iter();
        let oldest = calls.find(|call| call.has_entries());
        !all_matched && oldest.is_none_or(|call| call.sent + state.settings.heartbeat_interval() < now)
    }

    /// Handles a follower whose log does not contain the entry at `prev` of the request. If the follower sends
    /// a hint, the leader moves `next` back by a whole term, so each conflicting term costs one round trip
    /// (thesis §3.5).
    fn on_refusal(&mut self, state: &NodeState, call: InflightCall, response: &AppendEntriesResponse) {
        let current = match &self.progress.flow {
            Flow::Probe { next, .. } => call.prev == next.back(),
            Flow::Replicate { .. } => true,
            Flow::Snapshot(_) => false,
        };
        // A refusal of an older call is stale: the leader would go back and send the same entries twice.
        if !current || call.prev <= self.progress.matched {
            return;
        }
        let agreed = match response.hint {
            Some(hint) => state.log.last_not_above(hint).index,
            None => response.last_log,
        };
        let next = agreed.next().min(call.prev).max(self.progress.matched.next());
        self.progress.probe_from(next);
    }

    /// Handles a follower whose log ends before an entry that the follower had acknowledged. The disk of the
    /// follower was lost or replaced, but the follower was not removed from the cluster. Raft's model does not
    /// allow such a loss (thesis §3.8), and no server can prevent the follower's vote. If the follower is a
    /// voter, this leader does not count the follower's copies of entries for a commit until the follower is
    /// removed or demoted. The next leader does not know of the loss.
    fn on_lost_entries(&mut self, state: &NodeState, last: Index, fx: &mut Effects) {
        if self.removed.is_none() {
            fx.push(Effect::LostEntries { peer: self.id, acknowledged: self.progress.matched, last });
        }
        self.progress.has_lost_entries |= state.membership.voters().contains(self.id);
        self.progress.lose_entries(last);
    }

    fn report_silence(&mut self, state: &NodeState, now: Time, fx: &mut Effects) {
        let Progress { last_contact, silent, .. } = &mut self.progress;
        if !*silent && *last_contact + state.settings.heartbeat_timeout() < now {
            *silent = true;
            fx.push(Effect::Contact { peer: self.id, last: *last_contact, alive: false });
        }
    }

    pub(super) fn report_contact(&mut self, now: Time, fx: &mut Effects) {
        if self.progress.silent {
            self.progress.silent = false;
            fx.push(Effect::Contact { peer: self.id, last: now, alive: true });
        }
    }
}
