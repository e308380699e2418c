//! The state that a server keeps in every role: term, vote, log, commit index, membership, outbox.
//!
//! The roles borrow this state. The state does not depend on the roles.

use crate::config::Settings;
use crate::configuration::{Configuration, Member};
use crate::entry::{Entries, Entry, Payload};
use crate::log::Log;
use crate::membership::Membership;
use crate::message::{Dialect, Request, Response, SnapshotMeta};
use crate::node::io::{Effect, Effects, HardState, Ignored, Unsupported};
use crate::node::outbox::Outbox;
use crate::timeout::Entropy;
use crate::types::{Index, LogId, NodeId, RpcId, Span, Term, Time};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

/// The state that a change of role does not drop.
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
    /// The ordinal of the last random timeout. The ordinal rises with each draw, so that each draw differs.
    /// The first ordinal depends on the incarnation of the server.
    drawn: u64,
    /// The number of the last request to a peer, or the last ticket of a job.
    last_rpc: RpcId,
    pub(crate) term: Term,
    pub(crate) vote: Option<NodeId>,
    pub(crate) log: Log,
    pub(crate) snapshot: LogId,
    /// The pending write of the last snapshot piece from a leader: the ticket of the write, and the position
    /// of the last entry in the snapshot. `None` if no such write is pending.
    pub(crate) incoming: Option<(RpcId, LogId)>,
    pub(crate) commit: Index,
    reported_commit: Index,
    /// The server does not campaign before its log reaches this position. The position is zero if no position
    /// was stored.
    catch_up: LogId,
    pub(crate) membership: Membership,
    pub(crate) outbox: Outbox,
    /// The protocol of each peer, if the transport has learned this protocol since the start of this server.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(super) dialects: BTreeMap<NodeId, Dialect>,
}

impl NodeState {
    pub(crate) fn boot(settings: Settings, boot: crate::node::boot::Boot) -> Self {
        let snapshot = boot.snapshot.as_ref().map_or(LogId::ZERO, |meta| meta.last);
        let membership = Membership::new(configurations(&boot));
        let log = Log::restore(boot.log);
        assert!(
            log.base().index <= snapshot.index && snapshot.index <= log.last().index,
            "the snapshot at {snapshot} is not within the log from {} to {}",
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
            incoming: None,
            commit: snapshot.index,
            reported_commit: snapshot.index,
            catch_up: boot.catch_up,
            membership,
            outbox: Outbox::new(log.last().index),
            log,
            dialects: BTreeMap::new(),
        }
    }

    pub(crate) fn set_dialect(&mut self, peer: NodeId, dialect: Dialect) {
        self.dialects.insert(peer, dialect);
    }

    /// True if `peer` is known to be a server of HashiCorp Raft.
    pub(crate) fn is_hashicorp(&self, peer: NodeId) -> bool {
        self.dialects.get(&peer) == Some(&Dialect::HashiCorp)
    }

    /// True if `peer` is known to be a server of this library.
    pub(crate) fn is_wavetank(&self, peer: NodeId) -> bool {
        self.dialects.get(&peer) == Some(&Dialect::Wavetank)
    }

    /// Returns another member of `configuration` that is not known to be a server of this library. Because of
    /// this member, restores and joint configurations are not supported. Returns `None` if there is no such
    /// member.
    pub(crate) fn unsupported_by(&self, configuration: &Configuration) -> Option<Unsupported> {
        let is_other = |member: &&Member| member.id.node() != self.id && !self.is_wavetank(member.id.node());
        let member = configuration.members().find(is_other)?;
        let id = member.id.clone();
        Some(if self.is_hashicorp(id.node()) {
            Unsupported::HashiCorp(id)
        } else {
            Unsupported::NotHeard(id)
        })
    }

    /// Draws a random timeout of one to two times `base` (thesis §3.4).
    pub(crate) fn draw_timeout(&mut self, base: Span) -> Span {
        self.drawn += 1;
        self.entropy.timeout(base, self.id, self.term, self.drawn)
    }

    /// Returns a new number for a request or a ticket.
    pub(crate) fn next_rpc(&mut self) -> RpcId {
        self.last_rpc.0 += 1;
        self.last_rpc
    }

    /// Enters a term that is newer than the current term. The server has not voted in the new term yet.
    pub(crate) fn enter(&mut self, term: Term) {
        assert!(self.term < term, "server {} cannot go from term {} to term {term}", self.id, self.term);
        self.term = term;
        self.vote = None;
        self.persist_hard_state();
    }

    /// Votes for `to` in this term. A server votes for at most one candidate per term (thesis
    /// §3.4).
    pub(crate) fn give_vote(&mut self, to: NodeId) {
        assert!(
            self.vote.is_none_or(|given| given == to),
            "server {} voted for {:?} in term {} and cannot vote for {to}",
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

    /// True if this server is a voter of the latest configuration.
    pub(crate) fn is_voter(&self) -> bool {
        self.membership.voters().contains(self.id)
    }

    /// True if this server may campaign: its log has caught up, [`Membership::may_campaign`] is true for this
    /// server, and its disk is not stalled.
    pub(crate) fn may_campaign(&self, now: Time) -> bool {
        self.has_caught_up()
            && self.membership.may_campaign(self.id, self.commit)
            && !self.is_disk_stalled(now)
    }

    /// True if the server has an entry or a snapshot, and its log has reached the position that a leader
    /// showed when the disk was blank.
    ///
    /// A server that was removed may be added again with a blank disk. Such a server then gets the log from
    /// the first entry on. Old configurations in this log may name the server as a voter, even as the only
    /// voter. With such a configuration the server must not campaign, because the server has forgotten the
    /// entries that it acknowledged. The first `prev` that a leader sends is at or after the entry that added
    /// the server. When the log has reached this `prev`, the server uses the configuration in that entry or a
    /// later configuration.
    pub(crate) fn has_caught_up(&self) -> bool {
        self.log.last() != LogId::ZERO && self.catch_up <= self.log.last()
    }

    /// Stores `upto`, a position in the leader's log, if the disk of this server is blank and no position is
    /// stored yet. Later positions are ignored. If the server also stored later positions, the server might
    /// never reach the stored position while the leaders change often.
    pub(crate) fn note_leader_log(&mut self, upto: LogId, now: Time, fx: &mut Effects) {
        if self.log.last() == LogId::ZERO && self.catch_up == LogId::ZERO && LogId::ZERO < upto {
            self.catch_up = upto;
            self.outbox.catch_up(upto, now, fx);
        }
    }

    /// True if a write has been pending for `disk_stall_timeout` or longer. A server with a stalled disk must
    /// not lead or campaign (HashiCorp Raft issues #503 and #614).
    pub(crate) fn is_disk_stalled(&self, now: Time) -> bool {
        self.stalls_at() <= now
    }

    /// Returns the time from which the oldest pending write counts as stalled; [`Time::NEVER`] if no write is
    /// pending.
    pub(crate) fn stalls_at(&self) -> Time {
        self.outbox.waiting_since().map_or(Time::NEVER, |since| since + self.settings.disk_stall_timeout())
    }

    /// Appends one entry of the current term for each payload. Returns the position of the first appended
    /// entry.
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

    /// Appends entries from the current leader. The caller has checked that both logs match before the first
    /// of these entries (thesis §3.5). The log is truncated only at the first conflicting entry. If no entry
    /// conflicts, the later entries of the log stay: an old message may contain fewer entries than this server
    /// has acknowledged. Returns false and changes nothing if the entries conflict with committed entries or
    /// leave a gap in the log.
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

    /// True if the entry at this position is in the log or was compacted. A compacted entry is committed, so
    /// every server has the same entry at this index.
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

    /// Raises the commit index to `index`. An `index` below the commit index comes from an old message, and
    /// changes nothing.
    pub(crate) fn commit_upto(&mut self, index: Index) {
        assert!(
            index <= self.log.last().index,
            "server {} cannot commit up to {index}, because its log ends at {}",
            self.id,
            self.log.last()
        );
        if self.commit < index {
            self.commit = index;
            self.membership.committed(index);
        }
    }

    /// Replaces the beginning of the log, or the whole log, with a durable snapshot from the leader.
    ///
    /// The entries after `meta.last` stay only if the log contains the entry at `meta.last`. Otherwise these
    /// entries do not follow the snapshot. HashiCorp Raft kept such entries because of a bug (HashiCorp Raft
    /// issue #697).
    pub(crate) fn install(&mut self, meta: &Arc<SnapshotMeta>, now: Time, fx: &mut Effects) {
        assert!(
            self.commit < meta.last.index,
            "{}: the snapshot at {} is not after the commit index {}",
            self.id,
            meta.last,
            self.commit
        );
        self.snapshot = meta.last;
        if self.log.contains(meta.last) {
            self.compact(meta.last.index, now, fx);
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

    /// Records that a local snapshot is durable, and compacts the log. `last` is the position of the last
    /// entry in the snapshot.
    pub(crate) fn snapshot_taken(&mut self, last: LogId, now: Time, fx: &mut Effects) {
        self.snapshot_stored(last);
        self.compact(last.index.min(self.snapshot.index), now, fx);
    }

    /// Records that the store has a snapshot that ends at `last`, if this server has committed all entries of
    /// the snapshot. The log does not change, because the state machine may still need the entries of the
    /// snapshot.
    pub(crate) fn snapshot_stored(&mut self, last: LogId) {
        if self.snapshot.index < last.index && last.index <= self.commit {
            self.snapshot = last;
        }
    }

    /// Drops the entries up to index `snapshot`, except the last `trailing_logs` entries of the log. A
    /// snapshot includes the dropped entries. Followers that lag a little receive the trailing entries and
    /// need no snapshot.
    fn compact(&mut self, snapshot: Index, now: Time, fx: &mut Effects) {
        let trailing = Index(self.log.last().index.0.saturating_sub(self.settings.trailing_logs));
        // Entries that are not durable must stay, because a pending write still appends these entries.
        let upto = snapshot.min(trailing).min(self.outbox.durable());
        if self.log.base().index < upto {
            self.log.compact(upto);
            self.outbox.compact(upto, now, fx);
        }
    }

    /// Ends a step. First issues the write of the step, then sends the messages that need not wait for a
    /// write, then reports the new commit index.
    pub(crate) fn finish(&mut self, now: Time, fx: &mut Effects) {
        self.outbox.finish_step(now, fx);
        let ready = self.commit.min(self.outbox.durable());
        if self.reported_commit < ready {
            self.reported_commit = ready;
            fx.push(Effect::Commit(ready));
        }
        self.log.evict(self.settings.cache_limits(), self.outbox.durable());
    }

    /// Sends a response to the peer `to` as soon as the vote record is durable.
    pub(crate) fn reply(&mut self, to: NodeId, rpc: RpcId, response: Response) {
        self.reply_with_log(to, rpc, response, Index::ZERO);
    }

    /// Sends a response to the peer `to` as soon as the vote record and the log up to `upto` are durable.
    pub(crate) fn reply_with_log(&mut self, to: NodeId, rpc: RpcId, response: Response, upto: Index) {
        self.outbox.send_when_durable(upto, Effect::Reply { to, rpc, response });
    }

    /// Sends a request to the peer `to` as soon as the vote record is durable. Returns the number of the
    /// request.
    pub(crate) fn call_when_durable(&mut self, to: NodeId, request: Request) -> RpcId {
        let rpc = self.next_rpc();
        self.outbox.send_when_durable(Index::ZERO, Effect::Send { to, rpc, request });
        rpc
    }

    /// Reports the reason why an input was ignored.
    pub(crate) fn ignore(why: Ignored, fx: &mut Effects) {
        fx.push(Effect::Ignored(why));
    }
}

/// Returns the configurations that a server knows at its start, each with the index of the configuration in
/// the log. The configuration of the snapshot comes first, then the later configurations in the log. Only the
/// snapshot's configuration is known to be committed.
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
