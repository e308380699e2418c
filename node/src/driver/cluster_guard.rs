//! Keeps servers of other clusters away: compares the identity in each call with the server's own identity.
//!
//! The protocol does not depend on this comparison: a call without an identity is accepted.

use super::Driver;
use crate::driver::disk::DiskJob;
use crate::transport::LocalCluster;
use crate::wire::Header;
use std::collections::BTreeSet;
use wavetank_raft::{ClusterId, LogId, Node, NodeId, Observed, Request};

/// The maximum number of peers whose refusals are remembered, so that each refusal is told once.
const REMEMBERED: usize = 64;

/// The server's cluster, and the peers of other clusters that have called.
#[derive(Debug)]
pub(crate) struct ClusterGuard {
    pub(crate) local: LocalCluster,
    /// The identity of the cluster that the current call bootstraps. The identity is stored before the first
    /// entry.
    pub(crate) founding: Option<ClusterId>,
    /// Calls of other clusters that were refused.
    pub(crate) refused: u64,
    /// The refusals that the observers know: the peer, and the side that refused the calls.
    told: BTreeSet<(NodeId, Refused)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Refused {
    Here,
    There,
}

/// What to do with a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// The caller may be in the same cluster.
    Accept,
    /// The caller leads, and this server belonged to no cluster or had no entries. From now on, this server
    /// belongs to the caller's cluster.
    Adopt(ClusterId),
    /// The caller is in another cluster.
    Refuse {
        /// The cluster of this server.
        own: ClusterId,
        /// The cluster of the caller.
        other: ClusterId,
    },
}

impl Driver {
    /// Returns the reason to refuse this call. Returns `None` if the call is accepted. A leader's first call
    /// may tell this server its cluster.
    pub(super) fn refusal(&mut self, from: NodeId, header: &Header, request: &Request) -> Option<String> {
        match self.guard.judge(from, header, request, self.server.node()) {
            Verdict::Accept => None,
            Verdict::Adopt(cluster) => {
                self.join(cluster);
                None
            }
            Verdict::Refuse { own, other } => {
                if let Some(observed) = self.guard.on_refuse(from, own, other) {
                    self.observe(&observed);
                }
                Some(format!("this server belongs to cluster {own}, and the caller to cluster {other}"))
            }
        }
    }

    /// A peer refuses calls of this server.
    pub(super) fn refused(&mut self, from: NodeId, why: String) {
        if let Some(observed) = self.guard.on_refused(from, why) {
            self.observe(&observed);
        }
    }

    /// Notes the cluster to which this server belongs. The disk executes its queue in order. Therefore the
    /// identity of the cluster is durable before any entry that is queued after this call.
    pub(super) fn join(&mut self, cluster: ClusterId) {
        tracing::info!(%cluster, "this server belongs to the cluster");
        self.guard.local.set(Some(cluster));
        self.queues.disk.put(DiskJob::SetCluster(cluster));
    }
}

impl ClusterGuard {
    pub(crate) fn new(local: LocalCluster) -> Self {
        Self { local, founding: None, refused: 0, told: BTreeSet::new() }
    }

    /// Compares the identity in a call. A server without entries belongs to no cluster yet.
    pub(crate) fn judge(&self, from: NodeId, header: &Header, request: &Request, node: &Node) -> Verdict {
        let Some(other) = header.cluster else { return Verdict::Accept };
        let own = self.local.get();
        let is_blank = node.log().last() == LogId::ZERO;
        match own {
            Some(own) if own == other => Verdict::Accept,
            Some(own) if !is_blank => Verdict::Refuse { own, other },
            Some(_) | None if is_accepted_leader(from, request, node) => Verdict::Adopt(other),
            Some(_) | None => Verdict::Accept,
        }
    }

    /// Notes a refused call. Returns what to observe the first time.
    pub(crate) fn on_refuse(&mut self, peer: NodeId, own: ClusterId, other: ClusterId) -> Option<Observed> {
        self.refused += 1;
        self.is_new(peer, Refused::Here).then_some(Observed::OtherCluster { peer, own, other })
    }

    /// Notes that a peer refuses a call. Returns what to observe the first time.
    pub(crate) fn on_refused(&mut self, peer: NodeId, why: String) -> Option<Observed> {
        self.is_new(peer, Refused::There).then_some(Observed::CallsRefused { peer, why })
    }

    /// Notes that a peer has answered a call. The next refusal by this peer is then reported to the observers
    /// again.
    pub(crate) fn on_answered(&mut self, peer: NodeId) {
        if !self.told.is_empty() {
            self.told.remove(&(peer, Refused::There));
        }
    }

    fn is_new(&mut self, peer: NodeId, refused: Refused) -> bool {
        self.told.len() < REMEMBERED && self.told.insert((peer, refused))
    }
}

/// True if the server will follow the caller. The server follows any leader of a newer term, and the leader
/// of its own term.
fn is_accepted_leader(from: NodeId, request: &Request, node: &Node) -> bool {
    let term = match request {
        Request::AppendEntries(append) => append.term,
        Request::InstallSnapshot(install) => install.term,
        Request::RequestVote(_) | Request::RequestPreVote(_) | Request::TimeoutNow(_) => return false,
    };
    node.term() < term || (node.term() == term && node.leader().is_none_or(|leader| leader == from))
}
