use crate::{Tiny, TinyAction};
use std::collections::VecDeque;
use wavetank_raft::{Action, HardState, Index, LogOp, StoreJob, Token, Write};

#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    /// The token of the last write.
    issued: Token,
    /// The token of the last write that is durable.
    durable: Token,
    /// The writes of entries that are not durable, each with the index of its first entry.
    waiting: VecDeque<(Token, Index)>,
    /// The actions that wait for a write.
    held: VecDeque<(Token, TinyAction)>,
}

impl Tiny {
    pub(crate) fn write(&mut self, hard_state: Option<HardState>, log: LogOp) {
        let token = self.disk.issued.next();
        self.disk.issued = token;
        if let LogOp::Append(entries) | LogOp::Replace(entries) = &log {
            self.disk.waiting.push_back((token, entries[0].id.index));
        }
        self.actions.push(Action::Store(StoreJob::Persist(Write { token, hard_state, log })));
    }

    /// "Updated on stable storage before responding to RPCs": all earlier writes come first.
    pub(crate) fn when_durable(&mut self, action: TinyAction) {
        if self.disk.durable < self.disk.issued {
            self.disk.held.push_back((self.disk.issued, action));
        } else {
            self.actions.push(action);
        }
    }

    pub(crate) fn on_persisted(&mut self, token: Token) {
        self.disk.durable = token;
        self.disk.waiting.retain(|(write, _)| token < *write);
        let ready = self.disk.held.partition_point(|(write, _)| *write <= token);
        self.actions.extend(self.disk.held.drain(..ready).map(|(_, action)| action));
        if token == self.disk.issued {
            self.on_vote(self.id);
        }
        self.advance_commit_index();
    }

    /// The last index up to which the log is durable.
    pub(crate) fn durable_index(&self) -> Index {
        let first = self.disk.waiting.iter().map(|(_, first)| *first).min();
        first.map_or_else(|| self.last().index, Index::back)
    }
}
