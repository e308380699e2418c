//! How entries flow: probing, pipelining within a window, heartbeats, and what answers teach.

use super::{Leader, Peer};
use crate::entry::Entries;
use crate::message::{AppendEntries, AppendEntriesResponse, Request};
use crate::node::io::{Effect, Effects, Ignored, StoreJob};
use crate::node::state::Core;
use crate::role::Transition;
use crate::role::leader::progress::{Flow, Progress, Unanswered};
use crate::types::{Index, LogId, NodeId, RpcId, Time};

/// The last run of entries cut from the log: followers that are equally far share it.
#[derive(Default)]
struct Cut(Option<(Index, Entries)>);

impl Cut {
    fn from(&mut self, core: &Core, first: Index) -> Option<Entries> {
        if let Some((at, entries)) = &self.0
            && *at == first
        {
            return Some(entries.clone());
        }
        let entries = core.log.slice(first, &core.settings)?;
        self.0 = Some((first, entries.clone()));
        Some(entries)
    }
}

impl Leader {
    /// Sends everybody what the windows allow.
    pub(super) fn feed_all(&mut self, core: &mut Core, now: Time, fx: &mut Effects) {
        let mut cut = Cut::default();
        for peer in &mut self.peers {
            peer.feed(core, &mut cut, now, fx);
        }
    }

    pub(super) fn feed_one(&mut self, core: &mut Core, node: NodeId, now: Time, fx: &mut Effects) {
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == node) {
            peer.feed(core, &mut Cut::default(), now, fx);
        }
    }

    /// Tells everybody that the leader lives, asks again what was lost, and notes who is silent.
    pub(super) fn heartbeat(&mut self, core: &mut Core, now: Time, fx: &mut Effects) {
        self.beat = now + core.settings.heartbeat_interval();
        self.flush = None;
        self.reads.round_sent(core);
        for peer in &mut self.peers {
            peer.note_silence(core, now, fx);
            peer.beat(core, now, fx);
        }
        self.dismiss(core);
        self.try_promote(core, now, fx);
    }

    /// Tells those that do not know it yet how far the log is committed.
    pub(super) fn tell_commit(&mut self, core: &mut Core, now: Time, fx: &mut Effects) {
        self.flush = None;
        for peer in &mut self.peers {
            if peer.progress.told < core.commit.min(peer.progress.matched) {
                peer.beat(core, now, fx);
            }
        }
    }

    pub(crate) fn on_append_response(
        &mut self,
        core: &mut Core,
        from: NodeId,
        rpc: RpcId,
        response: &AppendEntriesResponse,
        now: Time,
        fx: &mut Effects,
    ) -> Transition {
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == from) else {
            Core::ignore(Ignored::UnknownRpc, fx);
            return Transition::Stay;
        };
        let Some(call) = peer.progress.take(rpc) else {
            Core::ignore(Ignored::UnknownRpc, fx);
            return Transition::Stay;
        };
        peer.note_contact(now, fx);
        let before = peer.progress.matched;
        if response.success {
            peer.progress.matches(call.upto);
        } else {
            peer.on_refusal(core, call, response);
        }
        peer.feed(core, &mut Cut::default(), now, fx);
        let moved = before < peer.progress.matched;
        self.confirm_reads(core, now, fx);
        if !moved {
            return Transition::Stay;
        }
        self.on_progress(core, from, now, fx);
        self.advance_commit(core, now, fx)
    }

    /// Entries that were asked of the store, for whichever follower asked.
    pub(crate) fn on_fetched(
        &mut self,
        core: &mut Core,
        ticket: RpcId,
        entries: &Entries,
        now: Time,
        fx: &mut Effects,
    ) {
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.progress.fetching == Some(ticket)) else {
            return Core::ignore(Ignored::UnknownTicket, fx);
        };
        peer.progress.fetching = None;
        let next = peer.progress.next();
        match entries.first() {
            Some(first) if first.id.index == next && core.log.base().index < next && is_of(core, entries) => {
                peer.send(core, entries.clone(), now, fx);
                peer.feed(core, &mut Cut::default(), now, fx);
            }
            // Gone, or not wanted any more: the next heartbeat asks again, or sends a snapshot.
            Some(_) | None => {}
        }
    }
}

/// Whether the entries are those that the log knows.
fn is_of(core: &Core, entries: &Entries) -> bool {
    entries.iter().all(|entry| core.log.contains(entry.id))
}

impl Peer {
    /// Sends what the window allows, from memory if it is there.
    fn feed(&mut self, core: &mut Core, cut: &mut Cut, now: Time, fx: &mut Effects) {
        while self.wants_entries(core) {
            let next = self.progress.next();
            if next <= core.log.base().index {
                return self.begin_snapshot(core, fx);
            }
            if core.log.last().index < next {
                return self.probe_empty(core, now, fx);
            }
            match cut.from(core, next) {
                Some(entries) => self.send(core, entries, now, fx),
                None => return self.fetch(core, next, fx),
            }
        }
    }

    fn wants_entries(&self, core: &Core) -> bool {
        let progress = &self.progress;
        if progress.fetching.is_some() {
            return false;
        }
        match &progress.flow {
            Flow::Probe { waiting, .. } => !waiting,
            Flow::Replicate { next } => {
                *next <= core.log.last().index && progress.has_room(core.settings.max_inflight)
            }
            Flow::Snapshot(_) => false,
        }
    }

    /// A probe at the end of the log carries nothing but `prev`.
    fn probe_empty(&mut self, core: &mut Core, now: Time, fx: &mut Effects) {
        self.send(core, Entries::default(), now, fx);
    }

    fn fetch(&mut self, core: &mut Core, first: Index, fx: &mut Effects) {
        let ticket = core.next_rpc();
        self.progress.fetching = Some(ticket);
        let last = core.log.last().index.min(first.plus(core.settings.max_append_entries - 1));
        fx.push(Effect::Store(StoreJob::Fetch { ticket, first, last }));
    }

    /// Sends entries from `next` on. The leader's own write of them may still be on its way.
    fn send(&mut self, core: &mut Core, entries: Entries, now: Time, fx: &mut Effects) {
        let next = self.progress.next();
        let after = next.plus(entries.len() as u64);
        match &mut self.progress.flow {
            Flow::Probe { waiting, .. } => *waiting = true,
            Flow::Replicate { next } => *next = after,
            Flow::Snapshot(_) => return,
        }
        let prev = core.log.id_at(next.back()).expect("what precedes an entry to be sent is known");
        self.call(core, prev, entries, now, fx);
    }

    fn call(&mut self, core: &mut Core, prev: LogId, entries: Entries, now: Time, fx: &mut Effects) {
        let rpc = core.next_rpc();
        let upto = prev.index.plus(entries.len() as u64);
        let leader_commit = core.commit.min(upto);
        self.progress.told = self.progress.told.max(leader_commit);
        let most = usize::try_from(core.settings.max_inflight).unwrap_or(usize::MAX).saturating_add(32);
        self.progress.asked(Unanswered { rpc, sent: now, prev: prev.index, upto }, most);
        let request = Request::AppendEntries(AppendEntries { term: core.term, prev, entries, leader_commit });
        fx.push(Effect::Send { to: self.id, rpc, request });
    }

    /// A heartbeat. While everything is answered in time it vouches only for what matched, which
    /// nothing on its way can make false; if entries have gone unanswered for a whole interval it
    /// asks for what should have arrived, and a refusal shows what was lost.
    fn beat(&mut self, core: &mut Core, now: Time, fx: &mut Effects) {
        let late = self.is_late(core, now);
        if late && self.progress.next().back() < core.log.base().index {
            // What was lost has been compacted meanwhile: it cannot be asked for any more.
            self.progress.probe_from(self.progress.matched.next());
        }
        let prev = match &mut self.progress.flow {
            Flow::Probe { next, .. } => next.back(),
            Flow::Replicate { next } if late => next.back(),
            Flow::Replicate { .. } => self.progress.matched,
            Flow::Snapshot(_) => {
                self.retry_snapshot(core, now, fx);
                Index::ZERO
            }
        };
        match core.log.id_at(prev) {
            Some(prev) => self.call(core, prev, Entries::default(), now, fx),
            // The log no longer knows what precedes: prove life, and let a snapshot follow.
            None => self.call(core, LogId::ZERO, Entries::default(), now, fx),
        }
        if let Flow::Probe { next, waiting } = &mut self.progress.flow {
            *waiting = core.log.base().index < *next;
        }
        self.progress.fetching = self.progress.fetching.filter(|_| !late);
        self.feed(core, &mut Cut::default(), now, fx);
    }

    /// Whether entries have gone unanswered for more than a heartbeat interval. Those whose call
    /// is no longer remembered have, too.
    fn is_late(&self, core: &Core, now: Time) -> bool {
        let all_matched = self.progress.next() <= self.progress.matched.next();
        let mut calls = self.progress.unanswered.iter();
        let oldest = calls.find(|call| call.has_entries());
        !all_matched && oldest.is_none_or(|call| call.sent + core.settings.heartbeat_interval() < now)
    }

    /// The follower does not have what precedes: goes back, a whole term at a time where the
    /// follower says which one it has (thesis §3.5; one round trip per term in conflict).
    fn on_refusal(&mut self, core: &Core, call: Unanswered, response: &AppendEntriesResponse) {
        let current = match &self.progress.flow {
            Flow::Probe { next, .. } => call.prev == next.back(),
            Flow::Replicate { .. } => true,
            Flow::Snapshot(_) => false,
        };
        if !current || call.prev <= self.progress.matched {
            return;
        }
        let agreed = match response.hint {
            Some(hint) => core.log.last_not_above(hint).index,
            None => response.last_log,
        };
        let next = agreed.next().min(call.prev).max(self.progress.matched.next());
        self.progress.probe_from(next);
    }

    fn note_silence(&mut self, core: &Core, now: Time, fx: &mut Effects) {
        let Progress { heard, silent, .. } = &mut self.progress;
        if !*silent && *heard + core.settings.heartbeat_timeout < now {
            *silent = true;
            fx.push(Effect::Contact { peer: self.id, last: *heard, alive: false });
        }
    }

    pub(super) fn note_contact(&mut self, now: Time, fx: &mut Effects) {
        if self.progress.silent {
            self.progress.silent = false;
            fx.push(Effect::Contact { peer: self.id, last: now, alive: true });
        }
    }
}
