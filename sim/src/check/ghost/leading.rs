//! Records the duties of a leader: to keep its appends within the limits, to count the rounds of staged
//! servers, and to send heartbeats to members and to removed servers.

use super::ghost_server::matched;
use super::{Consumed, Facts, Ghost, GhostServer, IndexedConf, SentAppend, StagingEnd};
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{AppendEntries, Entry, NodeId};

impl Ghost {
    pub(super) fn note_sent_append(
        &mut self,
        idx: ServerIdx,
        to: NodeId,
        append: &AppendEntries,
        facts: &mut Facts,
    ) {
        let ghost_server = &mut self.ghost_servers[idx.at()];
        let entries = append.entries.len() as u64;
        ghost_server.outstanding.sent(to, append.prev.index, append.prev.index.plus(entries));
        if !ghost_server.removals.is_empty() {
            ghost_server.removals.sent(to, append);
        }
        if append.is_bare_heartbeat() || !ghost_server.knows_as_hashicorp(to) {
            ghost_server.heartbeats.sent(to, self.step.clock);
        }
        if entries == 0 {
            return;
        }
        let bytes = append.entries.iter().map(Entry::weight).sum();
        self.step.appends.push(SentAppend { to, entries, bytes });
        facts.add(Facts::SENT_ENTRIES);
    }

    /// Clears old records before the actions of the step are recorded. If the server did not lead the same
    /// term before and after the step, clears all records of its leadership. If a follower refused an append
    /// of the leader, clears only the unanswered appends for this follower.
    pub(super) fn begin_leadership(&mut self, idx: ServerIdx) {
        let ghost_server = &mut self.ghost_servers[idx.at()];
        if !self.step.kept_leading() {
            ghost_server.forget_leadership();
        } else if let Consumed::AppendRefused { from, .. } = self.step.consumed {
            ghost_server.outstanding.forget(from);
        }
    }

    /// Records the acknowledged appends, the progress of stagings and removals, and the timers of the leader.
    /// Must run after the actions of the step are recorded.
    pub(super) fn note_duties(&mut self, idx: ServerIdx, facts: &mut Facts) {
        if !self.step.kept_leading() {
            return;
        }
        if facts.touches(Facts::CONFIGURED)
            && let (Some(was), Some(now)) = (self.step.was_conf, self.step.now_conf)
        {
            let gone = was.conf.members.minus(now.conf.members);
            let ghost_server = &mut self.ghost_servers[idx.at()];
            ghost_server.removals.configured(was.conf.members.without(idx), now.conf.members, now.index);
            gone.iter().for_each(|gone| ghost_server.outstanding.forget(gone.node()));
        }
        let GhostServer { outstanding, followers, stagings, .. } = &mut self.ghost_servers[idx.at()];
        for append in &self.step.appends {
            outstanding.acknowledged(append.to, matched(followers, append.to));
        }
        if !stagings.is_empty() || matches!(self.step.consumed, Consumed::Staged(..)) {
            self.note_stagings(idx, facts);
        }
        if !self.ghost_servers[idx.at()].removals.is_empty() {
            self.note_removals(idx, facts);
        }
        if let (Consumed::Timer, Some(IndexedConf { conf, .. })) = (self.step.consumed, self.step.now_conf) {
            let GhostServer { heartbeats, limits, .. } = &mut self.ghost_servers[idx.at()];
            heartbeats.timer_fired(self.step.clock, limits.heartbeat_interval, conf.members.without(idx));
            facts.add(Facts::LEADER_TIMER);
        }
    }

    fn note_stagings(&mut self, idx: ServerIdx, facts: &mut Facts) {
        let (step, ghost_server) = (&mut self.step, &mut self.ghost_servers[idx.at()]);
        if let (Consumed::Staged(request, node), Some((_, conf))) = (step.consumed, step.changed.first()) {
            ghost_server.stagings.begin(request, node, conf.index);
        }
        let last = step.appended.map_or(step.now.last.index, |(first, _)| first.back());
        let followers = &ghost_server.followers;
        ghost_server.stagings.stepped((step.clock, step.now.applied, last), &ghost_server.limits, |node| {
            matched(followers, node)
        });
        // A change that an operator asks for may make the same server a voter at any time.
        let (Some((Some(was), now)), false) =
            (step.changed.first(), matches!(step.consumed, Consumed::Call | Consumed::Staged(..)))
        else {
            return;
        };
        let promoted = now.conf.voters().minus(was.conf.voters());
        if let Some(staging) = ghost_server.stagings.of(promoted) {
            step.staging = Some((staging, StagingEnd::Promoted));
            facts.add(Facts::STAGED);
        }
    }

    fn note_removals(&mut self, idx: ServerIdx, facts: &mut Facts) {
        let (step, ghost_server) = (&mut self.step, &mut self.ghost_servers[idx.at()]);
        let followers = &ghost_server.followers;
        ghost_server.removals.stepped(step.clock, step.now.commit, |node| matched(followers, node));
        // Heartbeats are due at a timer, so the leader has already sent the heartbeats of this step.
        if matches!(step.consumed, Consumed::Timer) {
            step.removal = ghost_server.removals.take_old(step.clock, &ghost_server.limits);
            facts.add_if(step.removal.is_some(), Facts::REMOVED);
        }
    }
}
