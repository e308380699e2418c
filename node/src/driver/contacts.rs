//! Remembers which servers answer this server, and finds out whether there is a quorum of the voters.

use super::Driver;
use wavetank_raft::{LogId, NoQuorum, NodeId, Observed, RoleName, Server, ServerId, Span, Time};

/// The facts that the driver remembers about the peers.
#[derive(Debug, Default)]
pub(crate) struct Contacts {
    /// The peers with an unanswered call. Each element is a pair: the peer, and the time of the first call
    /// after the peer's last answer.
    waiting: Vec<(NodeId, Time)>,
    /// The servers of HashiCorp Raft that need a snapshot. Each element is a pair: the peer, and the id of the
    /// entry that the snapshot must include.
    pub(crate) needs_snapshot: Vec<(NodeId, LogId)>,
    /// The reason why there is no quorum; `None` while there is a quorum, or while nothing is known.
    pub(crate) no_quorum: Option<NoQuorum>,
    /// True if an event of this turn may have changed `no_quorum`.
    is_due: bool,
}

impl Contacts {
    pub(crate) fn on_call(&mut self, to: NodeId, now: Time) {
        if !self.waiting.iter().any(|(peer, _)| *peer == to) {
            self.waiting.push((to, now));
        }
    }

    pub(crate) fn on_answer(&mut self, from: NodeId) {
        self.waiting.retain(|(peer, _)| *peer != from);
        self.is_due |= self.no_quorum.is_some();
    }

    pub(crate) fn on_timer(&mut self) {
        self.is_due = true;
    }

    pub(crate) fn on_observed(&mut self, observed: &Observed) {
        match observed {
            Observed::State { .. } => {
                self.needs_snapshot.clear();
                self.is_due = true;
            }
            Observed::Leader(_) | Observed::LostEntries { .. } => self.is_due = true,
            Observed::NeedsSnapshot { peer, past } => {
                self.needs_snapshot.retain(|(other, _)| other != peer);
                self.needs_snapshot.push((*peer, *past));
            }
            _ => {}
        }
    }

    /// True if a call to the peer has been unanswered for at least `patience`.
    fn is_silent(&self, peer: NodeId, patience: Span, now: Time) -> bool {
        self.waiting.iter().any(|&(waiting, since)| waiting == peer && since + patience <= now)
    }

    /// Returns the reason why there is no quorum: voters that do not answer this server, or voters that have lost
    /// entries. Returns `None` if there is a quorum. Also returns `None` if this server sends no requests to the
    /// voters, because it follows a leader or is not a voter.
    fn missing(&self, server: &Server, now: Time) -> Option<NoQuorum> {
        let node = server.node();
        let (me, leads) = (node.id(), node.role() == RoleName::Leader);
        let voters = node.voters();
        if voters.is_empty() || (!leads && (node.leader().is_some() || !voters.contains(me))) {
            return None;
        }
        let lease = node.settings().leader_lease_timeout();
        // A leader without contact to a quorum steps down when its lease ends. At that time, the unanswered
        // calls are a little younger than the lease, because the leader sent these calls after the last
        // answered call.
        let patience = if leads { lease } else { lease.part(2) };
        let is_silent = |voter| voter != me && self.is_silent(voter, patience, now);
        let has_lost = |voter| node.followers().any(|(id, peer)| id == voter && peer.has_lost_entries());
        if voters.is_quorum(|voter| !is_silent(voter) && !has_lost(voter)) {
            return None;
        }
        let (_, configuration) = node.configuration()?;
        let named = |is: &dyn Fn(NodeId) -> bool| -> Vec<ServerId> {
            voters
                .iter()
                .filter(|&voter| is(voter))
                .filter_map(|voter| Some(configuration.server(voter)?.id.clone()))
                .collect()
        };
        Some(NoQuorum {
            silent: named(&is_silent),
            lost_entries: named(&|voter| has_lost(voter) && !is_silent(voter)),
        })
    }
}

impl Driver {
    /// Checks whether there is a quorum, and reports a change to the observers.
    pub(super) fn check_quorum(&mut self, now: Time) {
        if !std::mem::take(&mut self.contacts.is_due) {
            return;
        }
        let missing = self.contacts.missing(&self.server, now);
        if missing == self.contacts.no_quorum {
            return;
        }
        self.contacts.no_quorum.clone_from(&missing);
        self.observe(&missing.map_or(Observed::QuorumAgain, Observed::NoQuorum));
    }
}
