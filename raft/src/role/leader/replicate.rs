//! Replication: probing, pipelining within a window, heartbeats, and the handling of responses.

use super::{Leader, Peer};
use crate::entry::Entries;
use crate::message::{AppendEntries, AppendEntriesResponse, Request};
use crate::node::io::{Effect, Effects, Ignored, StoreJob};
use crate::node::state::NodeState;
use crate::role::Transition;
use crate::role::leader::progress::{Flow, InflightCall, Progress};
use crate::types::{Index, LogId, NodeId, RpcId, Time};

/// The last slice of entries taken from the log: followers with the same next index share it.
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
    /// Sends every follower the entries that its window allows.
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

    /// Sends a heartbeat to every follower, probes for lost entries, and reports silent followers.
    pub(super) fn heartbeat(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) {
        self.heartbeat_at = now + state.settings.heartbeat_interval();
        self.commit_flush_at = None;
        self.reads.round_sent(state);
        for peer in &mut self.peers {
            peer.report_silence(state, now, fx);
            peer.send_heartbeat(state, now, fx);
        }
        self.drop_removed_peers(state);
        self.try_promote(state, now, fx);
    }

    /// Sends the commit index to the followers that do not know it yet.
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
            peer.progress.matches(call.upto);
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

    /// Entries from the store, for the follower whose ticket this is.
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
        match entries.first() {
            Some(first)
                if first.id.index == next && state.log.base().index < next && is_of(state, entries) =>
            {
                peer.send(state, entries.clone(), now, fx);
                peer.replicate(state, &mut SliceCache::default(), now, fx);
            }
            // Compacted, or not needed any more: the next heartbeat fetches again, or sends a
            // snapshot.
            Some(_) | None => {}
        }
    }
}

/// Whether all these entries are in the log.
fn is_of(state: &NodeState, entries: &Entries) -> bool {
    entries.iter().all(|entry| state.log.contains(entry.id))
}

impl Peer {
    /// Sends the entries that the window allows, from memory if they are cached.
    fn replicate(&mut self, state: &mut NodeState, slices: &mut SliceCache, now: Time, fx: &mut Effects) {
        while self.wants_entries(state) {
            let next = self.progress.next();
            if next <= state.log.base().index {
                return self.begin_snapshot(state, fx);
            }
            if state.log.last().index < next {
                return self.probe_empty(state, now, fx);
            }
            match slices.from(state, next) {
                Some(entries) => self.send(state, entries, now, fx),
                None => return self.fetch(state, next, fx),
            }
        }
    }

    fn wants_entries(&self, state: &NodeState) -> bool {
        let progress = &self.progress;
        if progress.fetching.is_some() {
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

    /// A probe at the end of the log carries nothing but `prev`.
    fn probe_empty(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) {
        self.send(state, Entries::default(), now, fx);
    }

    fn fetch(&mut self, state: &mut NodeState, first: Index, fx: &mut Effects) {
        let ticket = state.next_rpc();
        self.progress.fetching = Some(ticket);
        let last = state.log.last().index.min(first.plus(state.settings.max_append_entries - 1));
        fx.push(Effect::Store(StoreJob::Fetch { ticket, first, last }));
    }

    /// Sends entries from `next` on. The leader's own write of them may still be pending.
    fn send(&mut self, state: &mut NodeState, entries: Entries, now: Time, fx: &mut Effects) {
        let next = self.progress.next();
        let after = next.plus(entries.len() as u64);
        match &mut self.progress.flow {
            Flow::Probe { waiting, .. } => *waiting = true,
            Flow::Replicate { next } => *next = after,
            Flow::Snapshot(_) => return,
        }
        let prev = state.log.id_at(next.back()).expect("what precedes an entry to be sent is known");
        self.call(state, prev, entries, now, fx);
    }

    fn call(&mut self, state: &mut NodeState, prev: LogId, entries: Entries, now: Time, fx: &mut Effects) {
        let rpc = state.next_rpc();
        let upto = prev.index.plus(entries.len() as u64);
        let leader_commit = state.commit.min(upto);
        self.progress.told_commit = self.progress.told_commit.max(leader_commit);
        let most = usize::try_from(state.settings.max_inflight).unwrap_or(usize::MAX).saturating_add(32);
        self.progress.record_call(InflightCall { rpc, sent: now, prev: prev.index, upto }, most);
        let request =
            Request::AppendEntries(AppendEntries { term: state.term, prev, entries, leader_commit });
        fx.push(Effect::Send { to: self.id, rpc, request });
    }

    /// A heartbeat. While responses come in time, its `prev` is the last matched entry, which no
    /// unanswered request can make false. If entries were unanswered for a whole interval, its
    /// `prev` is the last sent entry, and a refusal shows that entries were lost.
    fn send_heartbeat(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) {
        let late = self.is_late(state, now);
        if late && self.progress.next().back() < state.log.base().index {
            // The lost entries were compacted meanwhile: they cannot be probed for any more.
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
            // The log no longer has the previous entry: send a plain heartbeat, and a snapshot
            // follows.
            None => self.call(state, LogId::ZERO, Entries::default(), now, fx),
        }
        if let Flow::Probe { next, waiting } = &mut self.progress.flow {
            *waiting = state.log.base().index < *next;
        }
        self.progress.fetching = self.progress.fetching.filter(|_| !late);
        self.replicate(state, &mut SliceCache::default(), now, fx);
    }

    /// Whether entries were unanswered for more than a heartbeat interval. Entries whose request
    /// was forgotten count, too.
    fn is_late(&self, state: &NodeState, now: Time) -> bool {
        let all_matched = self.progress.next() <= self.progress.matched.next();
        let mut calls = self.progress.inflight.iter();
        let oldest = calls.find(|call| call.has_entries());
        !all_matched && oldest.is_none_or(|call| call.sent + state.settings.heartbeat_interval() < now)
    }

    /// The follower does not have the previous entry: goes back, by a whole term if the follower
    /// sends a hint (thesis §3.5; one round trip per conflicting term).
    fn on_refusal(&mut self, state: &NodeState, call: InflightCall, response: &AppendEntriesResponse) {
        let current = match &self.progress.flow {
            Flow::Probe { next, .. } => call.prev == next.back(),
            Flow::Replicate { .. } => true,
            Flow::Snapshot(_) => false,
        };
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

    fn report_silence(&mut self, state: &NodeState, now: Time, fx: &mut Effects) {
        let Progress { last_contact, silent, .. } = &mut self.progress;
        if !*silent && *last_contact + state.settings.heartbeat_timeout < now {
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
