//! Records the start of a server: the state that the server read, and the state that was on the server's
//! disk.

use super::stepping::learn_configuration;
use super::{
    Chain, CommitHistory, Consumed, DurableState, Facts, Ghost, Inspect, RecoveredState, ServerStatus,
    ServerView, hash, newer,
};
use crate::plan::server_set::{ServerIdx, ServerSet};
use wavetank_raft::{Boot, Dialect, Entry, LogId};

impl Ghost {
    /// Records that a server started with this content on the disk.
    pub(crate) fn booted(
        &mut self,
        idx: ServerIdx,
        server: &impl Inspect,
        boot: &Boot,
        log: &[Entry],
    ) -> Facts {
        if !server.promises_silence() {
            self.without_promise = self.without_promise.or(ServerSet::only(idx));
        }
        if server.dialect() == Dialect::HashiCorp {
            self.hashicorp = self.hashicorp.or(ServerSet::only(idx));
        }
        self.step.clear(idx);
        self.step.consumed = Consumed::Other;
        let mut facts = Facts::BOOTED;
        let snapshot = boot.snapshot.as_ref().map_or(LogId::ZERO, |meta| meta.last);
        let ghost_server = &mut self.ghost_servers[idx.at()];
        let (base, returning) = (boot.log.base(), ghost_server.status != ServerStatus::Blank);
        let mut chain = beginning(&ghost_server.disk, &self.history, base);
        let mut hole = None;
        for entry in log.iter().filter(|entry| base.index < entry.id.index) {
            let Some(link) = chain.push(entry) else {
                hole = Some(entry.id.index);
                break;
            };
            self.history.hold(idx, entry.id.index, link);
        }
        ghost_server.forget();
        ghost_server.status = ServerStatus::Up;
        if let Some(leader_contact) = &mut ghost_server.leader_contact {
            // An operator may have made the timeout longer while the server ran. After the start, the server
            // has the shorter timeout again.
            leader_contact.until = leader_contact.until.min(leader_contact.at + server.heartbeat_timeout());
        }
        let hard = boot.hard_state;
        let disk =
            DurableState { hard, log: chain.clone(), snapshot: newer(ghost_server.disk.snapshot, snapshot) };
        let kept = std::mem::replace(&mut ghost_server.disk, disk);
        self.step.recovered = RecoveredState { hard, snapshot, last: boot.log.last(), returning, kept, hole };
        (ghost_server.log, ghost_server.catch_up) = (chain, boot.catch_up);
        (ghost_server.handed, ghost_server.fsm_index) = (snapshot.index, snapshot.index);
        ghost_server.view = server.view();
        ghost_server.limits = server.limits();
        ghost_server.due_snapshot.set(&ghost_server.limits);
        (self.step.was, self.step.now) = (ServerView::BLANK, ghost_server.view);
        self.step.was_conf = None;
        ghost_server.conf = None;
        facts.add_if(learn_configuration(idx, ghost_server, server), Facts::CONFIGURED);
        self.step.now_conf = ghost_server.conf;
        // Observers know the configuration with which a server starts.
        let members = server.configuration().into_iter().flat_map(|(_, latest)| latest.members());
        ghost_server.told_members = members.cloned().collect();
        (ghost_server.told_leader, ghost_server.moved) = (None, ServerSet::NONE);
        facts.add_if(ghost_server.log.last() != ghost_server.view.last, Facts::UNWRITTEN);
        facts
    }
}

/// Returns a chain without links. The base of the chain is the entry before the first recovered entry.
fn beginning(disk: &DurableState, history: &CommitHistory, base: LogId) -> Chain {
    let from_disk = disk.log.link(base.index).filter(|link| link.term == base.term);
    match from_disk {
        Some(link) => Chain::above(base, link.prefix, disk.log.conf_before(base.index.next())),
        None if base == LogId::ZERO => Chain::above(base, hash::EMPTY, None),
        None => history.chain_at(base),
    }
}
