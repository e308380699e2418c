//! The cycle of a `Ready`: messages, entries for the state machine, and writes, in the documented order.

use crate::server::{Persistence, RaftAction, RaftRs, tell_members};
use crate::translate::{self, AnyChange};
use protobuf::Message as _;
use raft::eraftpb::{ConfChange, ConfChangeV2, Entry as RaftEntry, EntryType, Message};
use raft::{Ready, StateRole};
use std::sync::Arc;
use wavetank_raft::{
    Action, Batch, Data, Halt, HardState, Index, LogId, LogOp, NodeId, SnapshotMeta, StoreJob, Term, Token,
    Write,
};

/// A `Ready` whose writes are not known to be durable.
pub(crate) struct Unpersisted {
    number: u64,
    /// The write after which the `Ready` is persisted.
    token: Token,
    /// The messages that must wait for the writes.
    messages: Vec<Message>,
    /// The snapshot that the state machine loads afterwards.
    restore: Option<Arc<SnapshotMeta>>,
    /// The `Ready` itself, if `advance_append` must wait.
    ready: Option<Ready>,
}

impl RaftRs {
    pub(crate) fn handle_readies(&mut self, actions: &mut Vec<RaftAction>) {
        let is_free =
            |server: &Self| server.style.persistence == Persistence::Async || server.unpersisted.is_empty();
        while is_free(self) && self.raw.has_ready() {
            self.handle_ready(actions);
            self.release(actions);
        }
    }

    fn handle_ready(&mut self, actions: &mut Vec<RaftAction>) {
        let mut ready = self.raw.ready();
        self.send_all(ready.take_messages(), actions);
        for read in ready.take_read_states() {
            self.calls.on_read_state(&read);
        }
        self.hand_over(&ready.take_committed_entries(), actions);
        let before = self.token;
        let restore = self.write(&ready, actions);
        // A commit index alone may become durable later, so nothing waits for it.
        let token = if ready.must_sync() { self.token } else { before };
        let token = self.unpersisted.back().map_or(token, |last| token.max(last.token));
        let (number, messages) = (ready.number(), ready.take_persisted_messages());
        let ready = match self.style.persistence {
            Persistence::Sync => Some(ready),
            Persistence::Async => {
                self.raw.advance_append_async(ready);
                None
            }
        };
        self.unpersisted.push_back(Unpersisted { number, token, messages, restore, ready });
    }

    /// Writes what a `Ready` must persist. Returns the snapshot that it installs.
    fn write(&mut self, ready: &Ready, actions: &mut Vec<RaftAction>) -> Option<Arc<SnapshotMeta>> {
        let mut hard_state = ready
            .hs()
            .map(|it| HardState { term: Term(it.term), vote: (it.vote != 0).then_some(NodeId(it.vote)) });
        let commit = Index(self.raw.raft.raft_log.committed);
        let restore = (!ready.snapshot().is_empty()).then(|| {
            let meta = self.install(Index(ready.snapshot().get_metadata().index), actions);
            self.persist(hard_state.take(), LogOp::Discard(meta.last.index), actions);
            meta
        });
        self.write_entries(ready.entries(), &mut hard_state, commit, actions);
        self.record_commit(commit, &mut hard_state, actions);
        // A hard state may be written later if only the commit index differs, but it must be written.
        if hard_state.is_some_and(|it| it != self.hard_state) {
            self.persist(hard_state, LogOp::Keep, actions);
        }
        restore
    }

    /// Writes entries. Before each change of the membership it records the commit index: a server that has
    /// the change on its disk must know, after a restart, that the change before it is committed.
    fn write_entries(
        &mut self,
        entries: &[RaftEntry],
        hard_state: &mut Option<HardState>,
        commit: Index,
        actions: &mut Vec<RaftAction>,
    ) {
        let mut rest = entries;
        while let Some(first) = rest.first() {
            if first.get_entry_type() != EntryType::EntryNormal {
                self.record_commit(commit.min(Index(first.index - 1)), hard_state, actions);
            }
            let is_change = |entry: &RaftEntry| entry.get_entry_type() != EntryType::EntryNormal;
            let length = rest.iter().skip(1).position(is_change).map_or(rest.len(), |at| at + 1);
            let (now, later) = rest.split_at(length);
            let (written, is_cut) = self.raw.mut_store().append(now);
            let op = if is_cut { LogOp::Replace(written) } else { LogOp::Append(written) };
            self.persist(hard_state.take(), op, actions);
            rest = later;
        }
    }

    /// Stores the commit index in the record of the disk that our server uses for `LogOp::CatchUp`.
    fn record_commit(
        &mut self,
        commit: Index,
        hard_state: &mut Option<HardState>,
        actions: &mut Vec<RaftAction>,
    ) {
        let store = self.raw.store();
        if commit <= self.recorded_commit.index || commit <= store.base().index {
            return;
        }
        // The entries may still come, and with them the same commit index.
        let Some(term) = store.term_at(commit) else { return };
        self.recorded_commit = LogId::new(term, commit);
        self.persist(hard_state.take(), LogOp::CatchUp(self.recorded_commit), actions);
    }

    pub(crate) fn persist(
        &mut self,
        hard_state: Option<HardState>,
        log: LogOp,
        actions: &mut Vec<RaftAction>,
    ) {
        self.token = self.token.next();
        self.hard_state = hard_state.unwrap_or(self.hard_state);
        actions.push(Action::Store(StoreJob::Persist(Write { token: self.token, hard_state, log })));
    }

    /// Reports the `Ready`s whose writes are durable, and sends the messages that waited for them.
    pub(crate) fn release(&mut self, actions: &mut Vec<RaftAction>) {
        while self.unpersisted.front().is_some_and(|first| first.token <= self.durable) {
            let done = self.unpersisted.pop_front().expect("the loop saw it");
            self.send_all(done.messages, actions);
            match done.ready {
                None => self.raw.on_persist_ready(done.number),
                Some(ready) => self.advance(ready, actions),
            }
            if let Some(meta) = done.restore {
                actions.push(Action::Restore(meta));
            }
            self.set_timeout();
            self.handle_readies(actions);
        }
    }

    fn advance(&mut self, ready: Ready, actions: &mut Vec<RaftAction>) {
        let mut light = self.raw.advance_append(ready);
        self.send_all(light.take_messages(), actions);
        self.hand_over(&light.take_committed_entries(), actions);
        if let (Some(commit), true) = (light.commit_index(), self.style.stores_light_commit) {
            self.record_commit(Index(commit), &mut None, actions);
        }
    }

    /// Hands committed entries to the state machine.
    fn hand_over(&mut self, entries: &[RaftEntry], actions: &mut Vec<RaftAction>) {
        let Some(last) = entries.last() else { return };
        for entry in entries {
            let first = self.raw.store().configuration_of(Index(1)).filter(|_| entry.index == 1);
            let first = first.cloned().map(AnyChange::First);
            if let Some(change) = first.or_else(|| change_of(entry)) {
                self.changes.push_back((Index(entry.index), change));
            }
        }
        self.handed = Index(last.index);
        let entries = entries.iter().map(|entry| self.raw.store().translated(entry)).collect();
        actions.push(Action::Apply(Batch { entries }));
    }

    pub(crate) fn on_applied(
        &mut self,
        upto: Index,
        responses: &[(Index, Data)],
        actions: &mut Vec<RaftAction>,
    ) {
        self.applied = self.applied.max(upto);
        while self.changes.front().is_some_and(|(index, _)| *index <= upto) {
            let (index, change) = self.changes.pop_front().expect("the loop saw it");
            self.apply_change(index, &change, actions);
        }
        if Index(self.raw.raft.raft_log.applied) < upto {
            self.raw.advance_apply_to(upto.0);
        }
        self.calls.on_applied(upto, responses, actions);
    }

    fn apply_change(&mut self, index: Index, change: &AnyChange, actions: &mut Vec<RaftAction>) {
        let applied = match change {
            AnyChange::V1(change) => self.raw.apply_conf_change(change),
            AnyChange::V2(change) => self.raw.apply_conf_change(change),
            // A founder has it already.
            AnyChange::First(_) if self.configuration.is_some() => return,
            AnyChange::First(first) => {
                let additions = translate::additions(first);
                let applied = additions.iter().map(|change| self.raw.apply_conf_change(change));
                applied.last().expect("a configuration has members")
            }
        };
        let state = applied.expect("the leader proposed a valid change");
        let configuration = self.raw.store().configuration_of(index).cloned();
        let configuration = configuration.expect("the log has an entry that was just applied");
        let expected = translate::conf_state(Some(&configuration), self.style.leave);
        assert_eq!(translate::sorted(state), expected, "the change at {index} leads to {configuration}");
        tell_members(&configuration, actions);
        let is_voter = configuration.voters().contains(self.idx.node());
        self.configuration = Some((index, configuration));
        if !is_voter && self.raw.raft.state == StateRole::Leader {
            self.step_down(actions);
        }
    }

    /// raft-rs leaves it to the application what a leader does that was removed or demoted.
    fn step_down(&mut self, actions: &mut Vec<RaftAction>) {
        let term = self.raw.raft.term;
        self.raw.raft.become_follower(term, raft::INVALID_ID);
        self.set_timeout();
        if self.settings.shutdown_on_remove {
            self.halt(Halt::Removed, actions);
        }
    }
}

fn change_of(entry: &RaftEntry) -> Option<AnyChange> {
    match entry.get_entry_type() {
        EntryType::EntryNormal => None,
        EntryType::EntryConfChange => {
            let change = ConfChange::parse_from_bytes(&entry.data);
            Some(AnyChange::V1(change.expect("the entry has a change")))
        }
        EntryType::EntryConfChangeV2 => {
            let change = ConfChangeV2::parse_from_bytes(&entry.data);
            Some(AnyChange::V2(change.expect("the entry has a change")))
        }
    }
}
