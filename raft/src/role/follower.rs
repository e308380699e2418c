//! Following: taking entries, snapshots and votes' requests, and noticing silence.

use crate::entry::Data;
use crate::message::{
    AppendEntries, AppendEntriesResponse, InstallSnapshot, InstallSnapshotResponse, Response, SnapshotMeta,
};
use crate::node::io::{Effect, Effects, Ignored, StoreJob};
use crate::node::state::Core;
use crate::role::{Cause, Transition};
use crate::types::{Index, LogId, NodeId, RpcId, Span, Time};
use alloc::sync::Arc;

/// A follower.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Follower {
    /// Whom it follows.
    pub(crate) leader: Option<NodeId>,
    /// When a leader was last heard, or a vote given, or the server started.
    since: Time,
    /// How long it waits from then on.
    patience: Span,
    incoming: Option<Incoming>,
}

/// A snapshot on its way in.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct Incoming {
    meta: Arc<SnapshotMeta>,
    /// How much of it is kept.
    kept: u64,
    writing: Option<Writing>,
}

/// A piece that is being written, and who waits for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct Writing {
    ticket: RpcId,
    from: NodeId,
    rpc: RpcId,
    end: u64,
    done: bool,
}

impl Follower {
    pub(crate) fn new(core: &mut Core, leader: Option<NodeId>, now: Time) -> Self {
        let patience = core.draw(core.settings.heartbeat_timeout);
        Self { leader, since: now, patience, incoming: None }
    }

    /// A newer term alone is no reason to wait longer: whoever raises it again and again without
    /// winning must not keep this server from campaigning.
    pub(crate) const fn keep_waiting(&mut self, before: &Self) {
        self.since = before.since;
        self.patience = before.patience;
    }

    pub(crate) fn deadline(&self) -> Time {
        self.since + self.patience
    }

    /// When the leader was last heard.
    pub(crate) fn contact(&self) -> Option<Time> {
        self.leader.map(|_| self.since)
    }

    /// Nothing was heard for too long: campaigns if it may.
    pub(crate) fn on_timer(&mut self, core: &mut Core, now: Time, fx: &mut Effects) -> Transition {
        if now < self.deadline() {
            return Transition::Stay;
        }
        if self.leader.take().is_some() {
            fx.push(Effect::LeaderIs(None));
        }
        self.since = now;
        self.patience = core.draw(core.settings.heartbeat_timeout);
        let may = core.membership.may_campaign(core.id, core.commit) && !core.is_disk_stalled(now);
        match (may, core.settings.pre_vote_disabled) {
            (false, true | false) => Transition::Stay,
            (true, false) => Transition::PreCampaign,
            (true, true) => Transition::Campaign(Cause::Silence),
        }
    }

    /// Knobs changed: a shorter timeout counts at once (HashiCorp: `ReloadConfig`).
    pub(crate) fn on_reload(&mut self, core: &mut Core) {
        self.patience = core.draw(core.settings.heartbeat_timeout);
    }

    /// A leader of this term speaks. False if another one did before: two leaders in one term
    /// cannot be, so the second is a stranger.
    pub(crate) fn hear(&mut self, from: NodeId, now: Time, fx: &mut Effects) -> bool {
        match self.leader {
            Some(leader) if leader != from => return false,
            Some(_) => {}
            None => {
                self.leader = Some(from);
                fx.push(Effect::LeaderIs(Some(from)));
            }
        }
        self.since = now;
        true
    }

    /// A vote was given: its receiver gets time to win.
    pub(crate) fn voted(&mut self, now: Time) {
        self.since = now;
    }

    pub(crate) fn on_append(
        &mut self,
        core: &mut Core,
        from: NodeId,
        rpc: RpcId,
        m: AppendEntries,
        now: Time,
        fx: &mut Effects,
    ) {
        let before = core.log.last();
        let upto = Index(m.prev.index.0 + m.entries.len() as u64);
        // What is compacted is committed, and the same everywhere: a `prev` down there matches
        // unseen.
        let matches = m.prev.index < core.log.base().index || core.log.contains(m.prev);
        let success = matches && core.merge(&m.entries, now, fx);
        if matches && !success {
            Core::ignore(Ignored::BelowCommit, fx);
        }
        let hint = (!matches).then(|| core.log.last_not_above(back(m.prev)));
        let response = Response::AppendEntries(AppendEntriesResponse {
            term: core.term,
            success,
            last_log: before.index,
            no_retry_backoff: !matches,
            hint,
        });
        if success {
            // Never beyond what this message verified: what follows may be in conflict.
            core.commit_upto(m.leader_commit.min(upto).max(core.commit));
            core.reply_with_log(from, rpc, response, upto);
        } else {
            core.reply(from, rpc, response);
        }
    }

    pub(crate) fn on_install(
        &mut self,
        core: &mut Core,
        from: NodeId,
        rpc: RpcId,
        m: InstallSnapshot,
        fx: &mut Effects,
    ) {
        if m.meta.last.index <= core.commit {
            // Old news: everything it stands for is here already.
            let response = installed(core, true, m.meta.size);
            core.reply_with_log(from, rpc, response, m.meta.last.index);
            return;
        }
        let same = self.incoming.as_ref().is_some_and(|incoming| *incoming.meta == *m.meta);
        if m.offset == 0 && !(same && self.is_writing()) {
            self.incoming = Some(Incoming { meta: m.meta, kept: 0, writing: None });
        }
        match &mut self.incoming {
            Some(incoming)
                if incoming.kept == m.offset && incoming.writing.is_none() && (same || m.offset == 0) =>
            {
                let ticket = core.next_rpc();
                let end = m.offset + m.data.len() as u64;
                incoming.writing = Some(Writing { ticket, from, rpc, end, done: m.done });
                fx.push(piece(ticket, incoming, m.offset, m.data, m.done));
            }
            Some(incoming) => {
                let next = if same { incoming.kept } else { 0 };
                let response = installed(core, false, next);
                core.reply(from, rpc, response);
            }
            None => {
                let response = installed(core, false, 0);
                core.reply(from, rpc, response);
            }
        }
    }

    fn is_writing(&self) -> bool {
        self.incoming.as_ref().is_some_and(|incoming| incoming.writing.is_some())
    }

    pub(crate) fn on_snapshot_written(
        &mut self,
        core: &mut Core,
        ticket: RpcId,
        ok: bool,
        now: Time,
        fx: &mut Effects,
    ) {
        let awaited = |writing: &Writing| writing.ticket == ticket;
        let Some(mut incoming) =
            self.incoming.take_if(|incoming| incoming.writing.as_ref().is_some_and(awaited))
        else {
            return Core::ignore(Ignored::UnknownTicket, fx);
        };
        let writing = incoming.writing.take().expect("it is the one that was awaited");
        if !ok {
            let response = installed(core, false, 0);
            return core.reply(writing.from, writing.rpc, response);
        }
        incoming.kept = writing.end;
        let response = installed(core, true, writing.end);
        if !writing.done {
            self.incoming = Some(incoming);
        } else if core.commit < incoming.meta.last.index {
            core.install(&incoming.meta, now, fx);
        }
        core.reply_with_log(writing.from, writing.rpc, response, Index::ZERO);
    }
}

/// The position just before `id`, with `id`'s term as the limit.
const fn back(id: LogId) -> LogId {
    LogId { term: id.term, index: id.index.back() }
}

fn installed(core: &Core, success: bool, next_offset: u64) -> Response {
    Response::InstallSnapshot(InstallSnapshotResponse { term: core.term, success, next_offset })
}

fn piece(ticket: RpcId, incoming: &Incoming, offset: u64, data: Data, done: bool) -> Effect {
    Effect::Store(StoreJob::WriteSnapshot { ticket, meta: incoming.meta.clone(), offset, data, done })
}
