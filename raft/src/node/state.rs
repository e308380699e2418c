//! The state that a server keeps in every role: term, vote, log, commit, membership, and the outbox.
//!
//! The roles borrow it and it does not depend on them.

use crate::config::Settings;
use crate::configuration::Configuration;
use crate::entry::{Entries, Entry, Payload};
use crate::log::Log;
use crate::membership::Membership;
use crate::message::{Request, Response, SnapshotMeta};
use crate::node::io::{Effect, Effects, HardState, Ignored};
use crate::node::outbox::Outbox;
use crate::timeout::Entropy;
use crate::types::{Index, LogId, NodeId, RpcId, Span, Term, Time};
use alloc::sync::Arc;

/// The state that outlives a change of role.
///
/// 1. `log.base ≤ snapshot ≤ commit ≤ log.last`, by index.
/// 2. `reported_commit ≤ min(commit, durable)`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct NodeState {
    pub(crate) id: NodeId,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) settings: Arc<Settings>,
    entropy: Entropy,
    /// The number of timeouts drawn so far.
    drawn: u64,
    /// The last number given to a request or a ticket.
    last_rpc: RpcId,
    pub(crate) term: Term,
    pub(crate) vote: Option<NodeId>,
    pub(crate) log: Log,
    pub(crate) snapshot: LogId,
    pub(crate) commit: Index,
    reported_commit: Index,
    pub(crate) membership: Membership,
    pub(crate) outbox: Outbox,
}

impl NodeState {
    pub(crate) fn boot(settings: Settings, boot: crate::node::boot::Boot) -> Self {
        let snapshot = boot.snapshot.as_ref().map_or(LogId::ZERO, |meta| meta.last);
        let membership = Membership::new(configurations(&boot));
        let log = Log::restore(boot.log);
        assert!(
            log.base().index <= snapshot.index && snapshot.index <= log.last().index,
            "a snapshot at {snapshot} does not join a log from {} to {}",
            log.base(),
            log.last()
        );
        Self {
            id: settings.local_id.node(),
            settings: Arc::new(settings),
            entropy: boot.entropy,
            drawn: u64::from(boot.incarnation) << 32,
            last_rpc: RpcId(u64::from(boot.incarnation) << 32),
            term: boot.hard_state.term,
            vote: boot.hard_state.vote,
            snapshot,
            commit: snapshot.index,
            reported_commit: snapshot.index,
            membership,
            outbox: Outbox::new(log.last().index),
            log,
        }
    }

    /// A timeout of one to two times `base` (thesis §3.4).
    pub(crate) fn draw_timeout(&mut self, base: Span) -> Span {
        self.drawn += 1;
        self.entropy.timeout(base, self.id, self.term, self.drawn)
    }

    /// A number for a call or a ticket.
    pub(crate) fn next_rpc(&mut self) -> RpcId {
        self.last_rpc.0 += 1;
        self.last_rpc
    }

    /// Enters a newer term, with no vote given in it.
    pub(crate) fn enter(&mut self, term: Term) {
        assert!(self.term < term, "cannot go from {} to {term}", self.term);
        self.term = term;
        self.vote = None;
        self.persist_hard_state();
    }

    /// Gives the vote of this term, once.
    pub(crate) fn give_vote(&mut self, to: NodeId) {
        assert!(
            self.vote.is_none_or(|given| given == to),
            "{} voted for {:?} in {}, not for {to}",
            self.id,
            self.vote,
            self.term
        );
        if self.vote.is_none() {
            self.vote = Some(to);
            self.persist_hard_state();
        }
    }

    fn persist_hard_state(&mut self) {
        self.outbox.set_hard_state(HardState { term: self.term, vote: self.vote });
    }

    /// Whether this server is a voter of the latest configuration.
    pub(crate) fn is_voter(&self) -> bool {
        self.membership.voters().contains(self.id)
    }

    /// Whether a write has been pending for too long (#503, #614: a server with a stalled disk must
    /// neither lead nor campaign).
    pub(crate) fn is_disk_stalled(&self, now: Time) -> bool {
        self.stalls_at() <= now
    }

    /// The time at which the oldest pending write has taken too long.
    pub(crate) fn stalls_at(&self) -> Time {
        self.outbox.waiting_since().map_or(Time::NEVER, |since| since + self.settings.disk_stall_timeout)
    }

    /// Appends entries of this server's own term, as a leader.
    pub(crate) fn append(
        &mut self,
        payloads: impl IntoIterator<Item = Payload>,
        now: Time,
        fx: &mut Effects,
    ) -> LogId {
        let first = LogId { term: self.term, index: self.log.last().index.next() };
        let mut index = first.index;
        let entries: Entries = payloads
            .into_iter()
            .map(|payload| {
                let entry = Entry::new(first.term, index, payload);
                index = index.next();
                entry
            })
            .collect();
        self.push_entries(&entries, fx);
        self.outbox.append(entries, now, fx);
        first
    }

    /// Appends entries of the current leader after `prev`, which is known to match. It keeps
    /// entries that are already there, and truncates only at the first conflict: an older message
    /// may carry fewer entries than the log has acknowledged. Returns false and changes nothing if
    /// the entries would replace committed ones or do not follow the log.
    pub(crate) fn merge(&mut self, entries: &Entries, now: Time, fx: &mut Effects) -> bool {
        let known = entries.iter().take_while(|entry| self.holds(entry.id)).count();
        let news: Entries = match entries.get(known..) {
            None | Some([]) => return true,
            Some(_) if known == 0 => entries.clone(),
            Some(news) => news.into(),
        };
        let LogId { term, index: first } = news[0].id;
        if first <= self.commit || self.log.term_at(first.back()).is_none_or(|before| term < before) {
            return false;
        }
        if first <= self.log.last().index {
            self.log.truncate(first);
            let rolled_back = self.membership.truncate(first);
            self.outbox.replace(news.clone(), now, fx);
            if rolled_back {
                self.report_configuration(fx);
            }
        } else {
            self.outbox.append(news.clone(), now, fx);
        }
        self.push_entries(&news, fx);
        true
    }

    /// Whether the entry is in the log, or is compacted: then it is committed and the same
    /// everywhere.
    fn holds(&self, id: LogId) -> bool {
        id.index <= self.log.base().index || self.log.contains(id)
    }

    fn push_entries(&mut self, entries: &Entries, fx: &mut Effects) {
        for entry in entries.iter() {
            if let Payload::Configuration(configuration) = &entry.payload {
                self.membership.push(entry.id.index, configuration.clone());
                self.report_configuration(fx);
            }
            self.log.push(entry.clone());
        }
    }

    fn report_configuration(&self, fx: &mut Effects) {
        if let Some((index, configuration)) = self.membership.latest() {
            fx.push(Effect::Configured { index, configuration: configuration.clone() });
        }
    }

    /// Moves the commit index forward. A smaller index comes from an older message and is ignored.
    pub(crate) fn commit_upto(&mut self, index: Index) {
        assert!(index <= self.log.last().index, "{}: commit {index} beyond {}", self.id, self.log.last());
        if self.commit < index {
            self.commit = index;
            self.membership.committed(index);
        }
    }

    /// A durable snapshot from the leader replaces the beginning of the log, or the whole log.
    ///
    /// The suffix after `meta.last` stays only if `meta.last` itself is in the log, because only
    /// then the suffix matches (#697: a divergent suffix must go, a matching one must stay).
    pub(crate) fn install(&mut self, meta: &Arc<SnapshotMeta>, now: Time, fx: &mut Effects) {
        assert!(self.commit < meta.last.index, "{}: snapshot {} is old news", self.id, meta.last);
        self.snapshot = meta.last;
        if self.log.contains(meta.last) {
            self.compact(now, fx);
        } else {
            self.log.reset(meta.last);
            self.outbox.discard(meta.last.index, now, fx);
            self.membership.truncate(Index::ZERO);
        }
        let configuration = Arc::new(meta.configuration.clone());
        self.membership.install(meta.last.index, meta.configuration_index, configuration);
        self.report_configuration(fx);
        self.commit_upto(meta.last.index);
        self.reported_commit = self.reported_commit.max(meta.last.index);
        fx.push(Effect::Installed(meta.clone()));
    }

    /// A local snapshot is durable.
    pub(crate) fn snapshot_taken(&mut self, last: LogId, now: Time, fx: &mut Effects) {
        if self.snapshot.index < last.index && last.index <= self.commit {
            self.snapshot = last;
        }
        self.compact(now, fx);
    }

    /// Drops the entries that the snapshot includes, except the trailing ones.
    fn compact(&mut self, now: Time, fx: &mut Effects) {
        let trailing = Index(self.log.last().index.0.saturating_sub(self.settings.trailing_logs));
        let upto = self.snapshot.index.min(trailing).min(self.outbox.durable());
        if self.log.base().index < upto {
            self.log.compact(upto);
            self.outbox.compact(upto, now, fx);
        }
    }

    /// Ends a step: issues the write, then the messages that need no write, then the commit.
    pub(crate) fn finish(&mut self, now: Time, fx: &mut Effects) {
        self.outbox.finish_step(now, fx);
        let ready = self.commit.min(self.outbox.durable());
        if self.reported_commit < ready {
            self.reported_commit = ready;
            fx.push(Effect::Commit(ready));
        }
        self.log.evict(self.settings.log_cache_capacity, self.outbox.durable());
    }

    /// Answers a peer once the vote record is durable.
    pub(crate) fn reply(&mut self, to: NodeId, rpc: RpcId, response: Response) {
        self.reply_with_log(to, rpc, response, Index::ZERO);
    }

    /// Answers a peer once the vote record and the log up to `upto` are durable.
    pub(crate) fn reply_with_log(&mut self, to: NodeId, rpc: RpcId, response: Response, upto: Index) {
        self.outbox.send_when_durable(upto, Effect::Reply { to, rpc, response });
    }

    /// Calls a peer once the vote record is durable.
    pub(crate) fn call_when_durable(&mut self, to: NodeId, request: Request) -> RpcId {
        let rpc = self.next_rpc();
        self.outbox.send_when_durable(Index::ZERO, Effect::Send { to, rpc, request });
        rpc
    }

    /// Reports why an input was ignored.
    pub(crate) fn ignore(why: Ignored, fx: &mut Effects) {
        fx.push(Effect::Ignored(why));
    }
}

/// The configurations that a server starts with: the snapshot's, then those of the log after it.
/// Only the snapshot's is known to be committed.
fn configurations(boot: &crate::node::boot::Boot) -> alloc::vec::Vec<(Index, Arc<Configuration>)> {
    let mut stack = alloc::vec::Vec::new();
    let mut after = Index::ZERO;
    if let Some(meta) = &boot.snapshot {
        after = meta.last.index;
        stack.push((meta.configuration_index, Arc::new(meta.configuration.clone())));
    }
    stack.extend(boot.log.configurations().iter().filter(|(index, _)| after < *index).cloned());
    stack
}
