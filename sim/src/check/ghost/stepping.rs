//! Records a step of a server: the event, and the server before and after the event.

use super::step::{consumed, end_of, read_of};
use super::{
    Conf, Consumed, Facts, Follower, Ghost, GhostServer, IndexedConf, Inspect, Loads, PendingRead,
    PendingReply, ServerView, newer,
};
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::subject::{is_ours, our_request};
use std::sync::Arc;
use wavetank_raft::{
    Action, Call, Configuration, Event, Index, Member, NodeId, Request, RequestId, RoleName, RpcId, Term,
    Time,
};

impl Ghost {
    /// Records an event before a server handles the event.
    pub(crate) fn stepping<Q: 'static, R: 'static>(
        &mut self,
        idx: ServerIdx,
        event: &Event<Q, R>,
        clock: Time,
    ) {
        self.step.clear(idx);
        (self.step.consumed, self.step.clock) = (consumed(event), clock);
        let ghost_server = &mut self.ghost_servers[idx.at()];
        match event {
            Event::Request { from, rpc, request } => {
                if let Some(request) = our_request(request) {
                    ghost_server.note_request(*from, *rpc, request);
                }
            }
            Event::SnapshotWritten { ticket, ok } => {
                if let Some(at) = ghost_server.incoming.iter().position(|(incoming, _)| incoming == ticket) {
                    let (_, last) = ghost_server.incoming.swap_remove(at);
                    if *ok {
                        ghost_server.disk.snapshot = newer(ghost_server.disk.snapshot, last);
                    }
                }
            }
            Event::StoreFailed(_) => ghost_server.store_failed = true,
            Event::SnapshotTaken(_) => ghost_server.due_snapshot.in_progress = false,
            Event::Call { request, call } => self.called(idx, *request, call),
            Event::Applied { responses, .. } => self.note_responses(idx, responses),
            Event::Response { from, .. } => {
                if let Some(peer) = ServerIdx::of(*from) {
                    ghost_server.note_response(peer, clock, self.hashicorp);
                }
            }
            _ => {}
        }
    }

    fn called(&mut self, idx: ServerIdx, request: RequestId, call: &Call) {
        let ghost_server = &mut self.ghost_servers[idx.at()];
        if let Some((request, indexed, leased)) = read_of(request, call) {
            let committed = self.history.committed();
            let led = self.terms.newest_led().map_or(Term(0), |(term, _)| term);
            let term = ghost_server.view.term;
            let conf = ghost_server.conf.map(|placed| placed.conf);
            let answered = ghost_server.answered_since(self.step.clock - ghost_server.limits.lease);
            let read = PendingRead { request, committed, led, term, conf, answered, indexed, leased };
            ghost_server.pending_reads.push(read);
        }
        self.note_call(idx, request, call);
        let ghost_server = &mut self.ghost_servers[idx.at()];
        if let Call::Transfer { .. } = call {
            ghost_server.transfers.push(request);
        } else if let Call::Shutdown = call {
            ghost_server.shutdown_requested = true;
        }
    }

    /// The facts that can change whether a snapshot is due.
    const SNAPSHOTS: Facts = Self::WRITES.or(Facts::SNAPSHOT).or(Facts::HANDED).or(Facts::CAPTURING);

    const WRITES: Facts = Facts::APPENDED.or(Facts::CUT).or(Facts::COMPACTED);

    /// Records a server and its actions after the server has handled an event. Returns the facts of this
    /// step.
    pub(crate) fn stepped<Q: 'static, R: 'static>(
        &mut self,
        idx: ServerIdx,
        server: &impl Inspect,
        actions: &[Action<Q, R>],
    ) -> Facts {
        let ghost_server = &mut self.ghost_servers[idx.at()];
        self.step.was = ghost_server.view;
        self.step.now = server.view();
        ghost_server.view = self.step.now;
        self.step.announced_term_before = ghost_server.announced_term;
        if !is_ours::<Q>() {
            // The messages of another protocol show no term. The term of the server before the step stands
            // for the newest term that the server has sent.
            self.step.announced_term_before = self.step.was.term;
        }
        let mut facts = diff_views(&self.step.was, &self.step.now);
        facts.add_if(!ghost_server.transfers.is_empty(), Facts::TRANSFER);
        if matches!(self.step.consumed, Consumed::Timer) && ghost_server.due_snapshot.is_late(self.step.clock)
        {
            facts.add(Facts::SNAPSHOT_LATE);
        }
        if self.step.was.leads() || self.step.now.leads() {
            self.begin_leadership(idx);
        }

        self.record_actions(idx, actions, &mut facts);
        self.note_received(idx, &mut facts);
        self.note_configuration(idx, server, &mut facts);
        self.note_event(idx, server, &mut facts);
        if facts.touches(Facts::TERM | Facts::ROLE) {
            self.role_changed(idx, &mut facts);
        }
        let (committed, now) = (self.step.was.commit, &self.step.now);
        if facts.touches(Facts::COMMIT) && committed < now.commit {
            let log = &self.ghost_servers[idx.at()].log;
            self.history.commit(idx, now.term, log, now.commit);
        }
        self.note_followers(idx, server, &mut facts);
        if self.step.now.leads() {
            self.note_duties(idx, &mut facts);
        }
        let may_be_due = matches!(self.step.consumed, Consumed::Reload | Consumed::SnapshotEnded(_));
        if may_be_due || facts.touches(Self::SNAPSHOTS) {
            self.note_snapshot_duty(idx, server);
        }
        let last = self.step.now.last;
        if self.step.was.last != last || facts.touches(Self::WRITES) {
            facts.add_if(self.ghost_servers[idx.at()].log.last() != last, Facts::UNWRITTEN);
        }
        facts
    }

    fn note_snapshot_duty(&mut self, idx: ServerIdx, server: &impl Inspect) {
        let GhostServer { due_snapshot, heartbeats, limits, handed, view, .. } =
            &mut self.ghost_servers[idx.at()];
        if matches!(self.step.consumed, Consumed::Reload) {
            heartbeats.reloaded(self.step.clock, limits.heartbeat_interval);
            *limits = server.limits();
            due_snapshot.set(limits);
        }
        due_snapshot.stepped(self.step.clock, view, *handed, limits);
    }

    /// Records the configuration that the server uses, and the voters that the server counts.
    fn note_configuration(&mut self, idx: ServerIdx, server: &impl Inspect, facts: &mut Facts) {
        let ghost_server = &mut self.ghost_servers[idx.at()];
        self.step.was_conf = ghost_server.conf;
        if learn_configuration(idx, ghost_server, server) {
            facts.add(Facts::CONFIGURED);
            self.step.counted = Some(server.counted());
        }
        self.step.now_conf = ghost_server.conf;
    }

    /// Records the facts that depend on the event. Also records, for an append, the index up to which the
    /// append matched the log.
    fn note_event(&mut self, idx: ServerIdx, server: &impl Inspect, facts: &mut Facts) {
        let (was, now) = (self.step.was, self.step.now);
        let ghost_server = &mut self.ghost_servers[idx.at()];
        if was.term != now.term {
            ghost_server.verified = Index::ZERO;
        }
        facts.add_if(self.step.message_term().is_some_and(|term| term < was.term), Facts::STALE);
        match self.step.consumed {
            Consumed::Append { from, term, upto, .. } => {
                facts.add_if(term == now.term, Facts::CONTACT);
                ghost_server.note_leader_contact(from, term, self.step.clock, server.heartbeat_timeout());
                let news = ghost_server.verified < upto.index && term == now.term && now.leader == Some(from);
                if news && (upto.index <= ghost_server.log.base().index || ghost_server.log.has(upto)) {
                    ghost_server.verified = upto.index;
                }
            }
            Consumed::Snapshot { from, term, .. } => {
                facts.add_if(term == now.term, Facts::CONTACT);
                ghost_server.note_leader_contact(from, term, self.step.clock, server.heartbeat_timeout());
            }
            Consumed::PreVoteRequest { .. } => facts.add(Facts::PRE_VOTE),
            Consumed::TimeoutNow { .. } => facts.add(Facts::TIMEOUT_NOW),
            Consumed::SnapshotKept => {
                // A snapshot that the commit index has passed is not installed.
                if facts.touches(Facts::SNAPSHOT) && was.commit < now.snapshot.index {
                    facts.add(Facts::INSTALLED);
                    ghost_server.verified = ghost_server.verified.max(now.snapshot.index);
                    ghost_server.handed = ghost_server.handed.max(now.snapshot.index);
                }
            }
            Consumed::VoteRequest { .. } => facts.add(Facts::VOTE_ASKED),
            Consumed::StoreFailed => facts.add(Facts::FAILED),
            Consumed::LoadFailed => {
                if ghost_server.loads == Loads::MayFail {
                    ghost_server.loads = Loads::Failed;
                }
                facts.add(Facts::LOAD_FAILED);
            }
            Consumed::SnapshotEnded(taken) => facts.add_if(taken.is_some(), Facts::SNAPSHOT_ENDED),
            Consumed::Answer { .. }
            | Consumed::AppendRefused { .. }
            | Consumed::Timer
            | Consumed::Staged(..)
            | Consumed::Reload
            | Consumed::Call
            | Consumed::Other => {}
        }
    }

    fn role_changed(&mut self, idx: ServerIdx, facts: &mut Facts) {
        let (was, now) = (self.step.was, self.step.now);
        let before = self.step.was_conf.map(|placed| placed.conf);
        if matches!(now.role, RoleName::Candidate | RoleName::Leader) {
            self.terms.begin(now.term);
        }
        let ghost_server = &mut self.ghost_servers[idx.at()];
        match now.role {
            RoleName::Candidate | RoleName::PreCandidate => {
                facts.add(Facts::CAMPAIGNED);
                (ghost_server.campaign, ghost_server.leader_contact) = (before, None);
            }
            RoleName::Leader => {
                facts.add(Facts::LEADS);
                if !was.campaigns() {
                    // A single voter campaigns and wins in one step, because such a voter needs no answer.
                    facts.add(Facts::CAMPAIGNED);
                    ghost_server.campaign = before;
                }
                ghost_server.followers.clear();
                let own = ghost_server.disk.hard;
                if own.term == now.term && own.vote == Some(idx.node()) {
                    self.note_vote(idx, now.term, idx);
                }
                self.terms.lead(now.term, idx);
            }
            RoleName::Follower => {}
        }
    }

    fn note_followers(&mut self, idx: ServerIdx, server: &impl Inspect, facts: &mut Facts) {
        if !self.step.now.leads() {
            return;
        }
        let answered = matches!(self.step.consumed, Consumed::Answer { .. } | Consumed::AppendRefused { .. });
        if answered || facts.touches(Facts::LEADS | Facts::CONFIGURED | Facts::SENT_TIMEOUT_NOW) {
            let before: &mut Vec<Follower> = &mut self.step.followers_before;
            let current = &mut self.ghost_servers[idx.at()].followers;
            std::mem::swap(before, current);
            current.clear();
            server.followers(current);
            facts.add_if(before != current, Facts::PROGRESS);
        }
    }
}

impl GhostServer {
    /// Records the reply that the server must send to an AppendEntries or InstallSnapshot request. Ignores
    /// other requests.
    fn note_request(&mut self, from: NodeId, rpc: RpcId, request: &Request) {
        match request {
            Request::AppendEntries(append) => {
                let (term, upto) = (append.term, end_of(append));
                let reply = PendingReply { to: from, rpc, term, upto, size: 0 };
                Self::push_pending(&mut self.pending_replies, reply);
            }
            Request::InstallSnapshot(piece) => {
                let (term, upto, size) = (piece.term, piece.meta.last, piece.meta.size);
                let reply = PendingReply { to: from, rpc, term, upto, size };
                Self::push_pending(&mut self.pending_snapshot_replies, reply);
            }
            _ => {}
        }
    }
}

/// Copies the configuration of a server into the record of this server. Returns true if the configuration has
/// changed.
pub(super) fn learn_configuration(
    idx: ServerIdx,
    ghost_server: &mut GhostServer,
    server: &impl Inspect,
) -> bool {
    match server.configuration() {
        None => {
            ghost_server.configuration = None;
            ghost_server.conf.take().is_some()
        }
        Some((index, configuration)) => {
            let same =
                ghost_server.configuration.as_ref().is_some_and(|known| Arc::ptr_eq(known, configuration));
            if same && ghost_server.conf.is_some_and(|placed| placed.index == index) {
                return false;
            }
            let before = ghost_server.configuration.replace(Arc::clone(configuration));
            ghost_server.moved = before.map(|before| moved(&before, configuration)).unwrap_or_default();
            let placed = IndexedConf { index, conf: Conf::of(configuration) };
            let has_no_vote = |placed: &IndexedConf| !placed.conf.voters().contains(idx);
            if has_no_vote(&placed) {
                let since = ghost_server
                    .lost_vote_at
                    .filter(|&since| since < index && ghost_server.conf.is_some_and(|it| has_no_vote(&it)));
                ghost_server.lost_vote_at = Some(since.unwrap_or(index));
            } else {
                // A removal that was taken back is no reason to stop.
                ghost_server.lost_vote_at = None;
            }
            ghost_server.conf.replace(placed) != Some(placed)
        }
    }
}

/// Returns the servers that are members of both configurations and have a new address in `now`.
fn moved(before: &Configuration, now: &Configuration) -> ServerSet {
    let is_moved = |member: &&Member| {
        before.server(member.id.node()).is_some_and(|before| before.address != member.address)
    };
    now.members().filter(is_moved).filter_map(|member| ServerIdx::of(member.id.node())).collect()
}

/// Returns the facts that follow from the differences between two views of a server.
fn diff_views(was: &ServerView, now: &ServerView) -> Facts {
    let mut facts = Facts::NONE;
    facts.add_if(was.term != now.term, Facts::TERM);
    facts.add_if(was.role != now.role, Facts::ROLE);
    let voted_anew = was.term != now.term && now.vote.is_some();
    facts.add_if(was.vote != now.vote || voted_anew, Facts::VOTED);
    facts.add_if(was.commit != now.commit, Facts::COMMIT);
    facts.add_if(was.applied != now.applied, Facts::APPLY);
    facts.add_if(was.snapshot != now.snapshot, Facts::SNAPSHOT);
    facts.add_if(was.leader != now.leader, Facts::LEADER);
    facts.add_if(now.commit < was.commit || now.last.index < now.commit, Facts::COMMIT_ODD);
    facts.add_if(now.applied < was.applied || now.commit < now.applied, Facts::APPLY_ODD);
    facts
}
