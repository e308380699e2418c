//! The follower role. A follower accepts entries and snapshots from the leader. A follower starts an election
//! when its election timer runs out (thesis §3.4).

use crate::entry::Data;
use crate::message::{
    AppendEntries, AppendEntriesResponse, InstallSnapshot, InstallSnapshotResponse, Response, SnapshotMeta,
};
use crate::node::io::{Effect, Effects, Ignored, StoreJob};
use crate::node::state::NodeState;
use crate::role::{CampaignCause, Transition};
use crate::types::{Index, LogId, NodeId, RpcId, Span, Time};
use alloc::sync::Arc;

/// The state of a server that follows a leader, or waits for a leader.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Follower {
    /// The leader of the current term; `None` as long as this server has not heard from the leader.
    pub(crate) leader: Option<NodeId>,
    /// The time at which the election timer was last started. The timer starts when the server becomes a
    /// follower, when the leader contacts the server, when the server grants a vote, and when the timer has
    /// run out.
    timer_start: Time,
    /// The duration of the election timer. The duration is drawn at random (thesis §3.4).
    timeout: Span,
    install: Option<SnapshotInstall>,
}

/// A snapshot that the leader is sending piece by piece.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct SnapshotInstall {
    meta: Arc<SnapshotMeta>,
    /// The number of bytes that are stored. The next piece must begin at this offset.
    received: u64,
    writing: Option<PieceWrite>,
}

/// A piece that is being written, and the request to answer when the write is done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct PieceWrite {
    ticket: RpcId,
    from: NodeId,
    rpc: RpcId,
    end: u64,
    done: bool,
}

impl Follower {
    pub(crate) fn new(state: &mut NodeState, leader: Option<NodeId>, now: Time) -> Self {
        let timeout = state.draw_timeout(state.settings.heartbeat_timeout());
        Self { leader, timer_start: now, timeout, install: None }
    }

    /// Keeps the election timer that this server had as the follower `before`, before the change of term. A
    /// newer term alone does not restart the timer. Otherwise a candidate that often raises the term and never
    /// wins would prevent this server from campaigning.
    pub(crate) const fn keep_timer(&mut self, before: &Self) {
        self.timer_start = before.timer_start;
        self.timeout = before.timeout;
    }

    pub(crate) fn deadline(&self) -> Time {
        self.timer_start + self.timeout
    }

    /// Returns the time of the last contact with the leader. Returns `None` if no leader is known.
    pub(crate) fn last_contact(&self) -> Option<Time> {
        self.leader.map(|_| self.timer_start)
    }

    /// Handles the election timer. If the timer has run out, the follower forgets its leader, and campaigns if
    /// the follower may campaign.
    pub(crate) fn on_timer(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) -> Transition {
        if now < self.deadline() {
            return Transition::Stay;
        }
        if self.leader.take().is_some() {
            fx.push(Effect::LeaderIs(None));
        }
        self.timer_start = now;
        self.timeout = state.draw_timeout(state.settings.heartbeat_timeout());
        match (state.may_campaign(now), state.settings.pre_vote_disabled) {
            (false, true | false) => Transition::Stay,
            (true, false) => Transition::PreCampaign,
            (true, true) => Transition::Campaign(CampaignCause::ElectionTimeout),
        }
    }

    /// Draws a new timeout after the settings changed, so that a shorter timeout applies immediately, as in
    /// `ReloadConfig` of HashiCorp Raft.
    pub(crate) fn on_reload(&mut self, state: &mut NodeState) {
        self.timeout = state.draw_timeout(state.settings.heartbeat_timeout());
    }

    /// Handles a message that only the leader of this term sends. Returns false if this server knows another
    /// leader of this term. A term has at most one leader (thesis §3.2), so the caller ignores the second
    /// leader.
    pub(crate) fn on_leader_contact(&mut self, from: NodeId, now: Time, fx: &mut Effects) -> bool {
        match self.leader {
            Some(leader) if leader != from => return false,
            Some(_) => {}
            None => {
                self.leader = Some(from);
                fx.push(Effect::LeaderIs(Some(from)));
            }
        }
        self.timer_start = now;
        true
    }

    /// Restarts the timer after a granted vote, so that the candidate has time to win.
    pub(crate) fn restart_timer(&mut self, now: Time) {
        self.timer_start = now;
    }

    pub(crate) fn on_append(
        &mut self,
        state: &mut NodeState,
        from: NodeId,
        rpc: RpcId,
        m: AppendEntries,
        now: Time,
        fx: &mut Effects,
    ) {
        let before = state.log.last();
        let upto = Index(m.prev.index.0 + m.entries.len() as u64);
        // Compacted entries are committed, so every server has the same entries up to the base: a `prev`
        // below the base matches.
        let matches = m.prev.index < state.log.base().index || state.log.contains(m.prev);
        if !matches {
            state.note_leader_log(m.prev, now, fx);
        }
        let success = matches && state.merge(&m.entries, now, fx);
        if matches && !success {
            NodeState::ignore(Ignored::BelowCommit, fx);
        }
        let hint = (!matches).then(|| state.log.last_not_above(back(m.prev)));
        let response = Response::AppendEntries(AppendEntriesResponse {
            term: state.term,
            success,
            last_log: before.index,
            no_retry_backoff: !matches,
            hint,
        });
        if success {
            // Entries after `upto` were not verified by this message and may conflict with the leader's
            // entries. A commit of such entries would break State Machine Safety (thesis §3.5).
            state.commit_upto(m.leader_commit.min(upto).max(state.commit));
            state.reply_with_log(from, rpc, response, upto);
        } else {
            state.reply(from, rpc, response);
        }
    }

    pub(crate) fn on_install(
        &mut self,
        state: &mut NodeState,
        from: NodeId,
        rpc: RpcId,
        m: InstallSnapshot,
        now: Time,
        fx: &mut Effects,
    ) {
        if m.meta.last.index <= state.commit {
            // All entries in this snapshot are already committed here.
            let response = installed(state, true, m.meta.size);
            state.reply_with_log(from, rpc, response, m.meta.last.index);
            return;
        }
        state.note_leader_log(m.meta.last, now, fx);
        if state.log.last() == LogId::ZERO && state.outbox.is_first_write_pending() {
            // The vote record of a blank server must be durable before a snapshot is. A snapshot without a
            // vote record looks as if the record was lost. The leader sends the piece again.
            let response = installed(state, false, 0);
            return state.reply(from, rpc, response);
        }
        let same = self.install.as_ref().is_some_and(|install| *install.meta == *m.meta);
        // A piece at offset 0 starts the snapshot again. A repeated first piece must not discard the write
        // that is under way: the report of this write would find no ticket.
        if m.offset == 0 && !(same && self.is_writing()) {
            self.install = Some(SnapshotInstall { meta: m.meta, received: 0, writing: None });
        }
        match &mut self.install {
            Some(install)
                if install.received == m.offset && install.writing.is_none() && (same || m.offset == 0) =>
            {
                let ticket = state.next_rpc();
                let end = m.offset + m.data.len() as u64;
                install.writing = Some(PieceWrite { ticket, from, rpc, end, done: m.done });
                state.incoming = m.done.then_some((ticket, install.meta.last));
                fx.push(piece(ticket, install, m.offset, m.data, m.done));
            }
            // This piece is being written, and has arrived again. The leader waits only for the answer to the
            // newest request, and this answer gets the result of the write. If the newest request were
            // refused, the leader would send the piece again at every heartbeat.
            Some(SnapshotInstall { received, writing: Some(writing), .. })
                if same && *received == m.offset && writing.from == from =>
            {
                let (newest, earlier) = (writing.rpc.max(rpc), writing.rpc.min(rpc));
                writing.rpc = newest;
                if earlier < newest {
                    let response = installed(state, false, m.offset);
                    state.reply(from, earlier, response);
                }
            }
            // A piece that does not fit: the response says which offset is expected.
            Some(install) => {
                let next = if same { install.received } else { 0 };
                let response = installed(state, false, next);
                state.reply(from, rpc, response);
            }
            None => {
                let response = installed(state, false, 0);
                state.reply(from, rpc, response);
            }
        }
    }

    fn is_writing(&self) -> bool {
        self.install.as_ref().is_some_and(|install| install.writing.is_some())
    }

    pub(crate) fn on_snapshot_written(
        &mut self,
        state: &mut NodeState,
        ticket: RpcId,
        ok: bool,
        now: Time,
        fx: &mut Effects,
    ) {
        let awaited = |writing: &PieceWrite| writing.ticket == ticket;
        let Some(mut install) = self.install.take_if(|install| install.writing.as_ref().is_some_and(awaited))
        else {
            return NodeState::ignore(Ignored::UnknownTicket, fx);
        };
        let writing = install.writing.take().expect("take_if has found this write");
        if !ok {
            let response = installed(state, false, 0);
            return state.reply(writing.from, writing.rpc, response);
        }
        install.received = writing.end;
        let response = installed(state, true, writing.end);
        if !writing.done {
            self.install = Some(install);
        } else if state.commit < install.meta.last.index {
            // The commit index may pass the snapshot while its pieces arrive. The snapshot is then not
            // installed, because an installation would drop committed entries.
            state.install(&install.meta, now, fx);
        }
        state.reply_with_log(writing.from, writing.rpc, response, Index::ZERO);
    }
}

/// Returns the limit for the hint of a refusal: the index before `id.index`, and the term `id.term`.
const fn back(id: LogId) -> LogId {
    LogId { term: id.term, index: id.index.back() }
}

fn installed(state: &NodeState, success: bool, next_offset: u64) -> Response {
    Response::InstallSnapshot(InstallSnapshotResponse { term: state.term, success, next_offset })
}

fn piece(ticket: RpcId, install: &SnapshotInstall, offset: u64, data: Data, done: bool) -> Effect {
    Effect::Store(StoreJob::WriteSnapshot { ticket, meta: install.meta.clone(), offset, data, done })
}
