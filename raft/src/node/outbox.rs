//! The outbox issues writes. The outbox also delays each message until the writes on which the message
//! depends are durable.
//!
//! Only this module issues tokens, and only this module knows which writes are durable.

use crate::entry::Entries;
use crate::node::io::{Effect, Effects, HardState, LogOp, StoreJob, Write};
use crate::types::{Index, LogId, Time, Token};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The pending writes, and the messages that wait for these writes.
///
/// 1. The token of each write is one more than the token of the previous write.
/// 2. `pending` is in the order of the tokens. From one write to the next, `last` never falls.
/// 3. The entries up to `durable` of the *current* log are on disk. A truncation lowers `durable`. A late
///    report about truncated entries must not raise `durable`, because other entries may have the same
///    indexes now (the A-B-A problem).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Outbox {
    issued: Token,
    persisted: Token,
    pending: VecDeque<PendingWrite>,
    durable: Index,
    hard_state: Option<HardState>,
    hard_state_token: Token,
    log: LogOp,
    log_last: Index,
    step_messages: Vec<(Index, Effect)>,
    held: Vec<(Token, Effect)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct PendingWrite {
    token: Token,
    since: Time,
    last: Index,
}

impl Outbox {
    pub(crate) const fn new(durable: Index) -> Self {
        Self {
            issued: Token(0),
            persisted: Token(0),
            pending: VecDeque::new(),
            durable,
            hard_state: None,
            hard_state_token: Token(0),
            log: LogOp::Keep,
            log_last: durable,
            step_messages: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Returns the last index of the current log that is known to be durable.
    pub(crate) const fn durable(&self) -> Index {
        self.durable
    }

    /// Returns the token of the last write that was issued.
    pub(crate) const fn issued(&self) -> Token {
        self.issued
    }

    /// Returns the token up to which all writes are durable.
    pub(crate) const fn persisted(&self) -> Token {
        self.persisted
    }

    /// Returns the time at which the oldest pending write was issued. Returns `None` if no write is pending.
    pub(crate) fn waiting_since(&self) -> Option<Time> {
        self.pending.front().map(|pending| pending.since)
    }

    /// True if the server has requested a write since the server started, and no write is known to be durable
    /// yet.
    pub(crate) fn is_first_write_pending(&self) -> bool {
        let is_requested = self.hard_state.is_some() || self.log != LogOp::Keep || !self.pending.is_empty();
        self.persisted == Token(0) && is_requested
    }

    /// Adds the new vote record to the write that is issued at the end of this step.
    pub(crate) const fn set_hard_state(&mut self, hard_state: HardState) {
        self.hard_state = Some(hard_state);
    }

    /// Appends entries to the end of the log.
    pub(crate) fn append(&mut self, entries: Entries, now: Time, fx: &mut Effects) {
        let last = entries.last().expect("at least one entry is written").id.index;
        self.log_op(LogOp::Append(entries), last, now, fx);
    }

    /// Replaces the end of the log, from the index of the first entry on.
    pub(crate) fn replace(&mut self, entries: Entries, now: Time, fx: &mut Effects) {
        let first = entries.first().expect("at least one entry is written").id.index;
        let last = entries.last().expect("at least one entry is written").id.index;
        // An earlier change of this step must become a pending write first, so that `last` of this write is
        // lowered, too.
        self.issue_log_op(now, fx);
        self.lower_durable(first.back());
        self.log_op(LogOp::Replace(entries), last, now, fx);
    }

    /// Deletes the entries up to and including index `upto`.
    pub(crate) fn compact(&mut self, upto: Index, now: Time, fx: &mut Effects) {
        self.log_op(LogOp::Compact(upto), self.log_last, now, fx);
    }

    /// Stores the position that the log must reach before this server campaigns.
    pub(crate) fn catch_up(&mut self, upto: LogId, now: Time, fx: &mut Effects) {
        self.log_op(LogOp::CatchUp(upto), self.log_last, now, fx);
    }

    /// Deletes the whole log. A durable snapshot that ends at `base` replaces the log.
    pub(crate) fn discard(&mut self, base: Index, now: Time, fx: &mut Effects) {
        self.issue_log_op(now, fx);
        self.lower_durable(Index::ZERO);
        self.durable = base;
        for pending in &mut self.pending {
            pending.last = base;
        }
        self.log_op(LogOp::Discard(base), base, now, fx);
    }

    fn log_op(&mut self, op: LogOp, last: Index, now: Time, fx: &mut Effects) {
        self.issue_log_op(now, fx);
        self.log = op;
        self.log_last = last;
    }

    /// Makes room for a change of the log: issues the current write if this write already contains a change of the
    /// log, because a write can contain only one such change.
    fn issue_log_op(&mut self, now: Time, fx: &mut Effects) {
        if self.log != LogOp::Keep {
            self.issue(now, fx);
        }
    }

    /// Records that the entries after index `keep` were deleted. From now on, the report of a pending write
    /// cannot make an index above `keep` durable.
    fn lower_durable(&mut self, keep: Index) {
        self.durable = self.durable.min(keep);
        for pending in &mut self.pending {
            pending.last = pending.last.min(keep);
        }
    }

    /// Sends a message as soon as the vote record and the log up to `upto` are durable.
    pub(crate) fn send_when_durable(&mut self, upto: Index, effect: Effect) {
        self.step_messages.push((upto, effect));
    }

    /// Ends a step. Issues the write of the step, if the step has a write. Then sends the messages that need
    /// not wait for a write.
    pub(crate) fn finish_step(&mut self, now: Time, fx: &mut Effects) {
        if self.hard_state.is_some() || self.log != LogOp::Keep {
            self.issue(now, fx);
        }
        if self.step_messages.is_empty() {
            return;
        }
        let mut step_messages = core::mem::take(&mut self.step_messages);
        for (upto, effect) in step_messages.drain(..) {
            match self.required_write(upto) {
                Some(token) => self.held.push((token, effect)),
                None => fx.push(effect),
            }
        }
        self.step_messages = step_messages;
    }

    fn issue(&mut self, now: Time, fx: &mut Effects) {
        self.issued = self.issued.next();
        let hard_state = self.hard_state.take();
        // An answer to a leader must wait for the position of `LogOp::CatchUp`, too. After the answer, the
        // leader sends older entries. After a crash, the server must not campaign with these entries alone. The
        // answer must also wait for the record of an installed snapshot. Without the record, a lost snapshot
        // would not be noticed.
        if hard_state.is_some() || matches!(self.log, LogOp::CatchUp(_) | LogOp::Discard(_)) {
            self.hard_state_token = self.issued;
        }
        let log = core::mem::replace(&mut self.log, LogOp::Keep);
        self.pending.push_back(PendingWrite { token: self.issued, since: now, last: self.log_last });
        fx.push(Effect::Store(StoreJob::Persist(Write { token: self.issued, hard_state, log })));
    }

    /// Returns the token of the write that must be durable before a message is sent. The message depends on
    /// the vote record and on the log up to `upto`. Returns `None` if the message may be sent now.
    fn required_write(&self, upto: Index) -> Option<Token> {
        let vote = (self.persisted < self.hard_state_token).then_some(self.hard_state_token);
        let log = (self.durable < upto).then(|| {
            let covering = self.pending.iter().find(|pending| upto <= pending.last);
            covering.expect("a message depends only on durable or pending entries").token
        });
        vote.max(log)
    }

    /// Handles a report that all writes up to `token` are durable. Sends the messages that waited for these
    /// writes. Returns false if no write with this token was issued.
    pub(crate) fn persisted_upto(&mut self, token: Token, fx: &mut Effects) -> bool {
        if self.issued < token {
            return false;
        }
        self.persisted = self.persisted.max(token);
        while let Some(pending) = self.pending.front().copied() {
            if self.persisted < pending.token {
                break;
            }
            self.durable = self.durable.max(pending.last);
            self.pending.pop_front();
        }
        if !self.held.is_empty() {
            let persisted = self.persisted;
            fx.extend(self.held.extract_if(.., |(token, _)| *token <= persisted).map(|(_, effect)| effect));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Entry, Payload};
    use crate::types::Term;

    /// If a step changes the log twice, the second change must not replace the first change.
    #[test]
    fn each_change_of_the_log_is_a_write_of_its_own() {
        let entries = |index| Entries::from([Entry::new(Term(1), Index(index), Payload::Noop)]);
        let (mut outbox, mut fx, now) = (Outbox::new(Index::ZERO), Effects::new(), Time(0));
        outbox.append(entries(1), now, &mut fx);
        outbox.append(entries(2), now, &mut fx);
        outbox.replace(entries(2), now, &mut fx);
        outbox.compact(Index(1), now, &mut fx);
        outbox.discard(Index(9), now, &mut fx);
        outbox.finish_step(now, &mut fx);
        let written = [
            LogOp::Append(entries(1)),
            LogOp::Append(entries(2)),
            LogOp::Replace(entries(2)),
            LogOp::Compact(Index(1)),
            LogOp::Discard(Index(9)),
        ];
        let writes = written.into_iter().zip(1..);
        let writes = writes.map(|(log, token)| Write { token: Token(token), hard_state: None, log });
        assert_eq!(fx, writes.map(|write| Effect::Store(StoreJob::Persist(write))).collect::<Vec<_>>());
        assert_eq!(outbox.durable(), Index(9));
    }
}
