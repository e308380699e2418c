//! Refuses calls from servers of other clusters. The guard compares the identity of the cluster in each call
//! with the identity of this server's cluster.
//!
//! The protocol does not depend on this comparison: a call without an identity is accepted.

use super::Driver;
use crate::driver::disk::DiskJob;
use crate::transport::LocalCluster;
use crate::wire::Header;
use std::collections::BTreeSet;
use wavetank_raft::{ClusterId, LogId, Node, NodeId, Observed, Request};

/// The maximum number of elements in `ClusterGuard::told`. While `told` is full, the driver reports no further
/// refusals to the observers.
const REMEMBERED: usize = 64;

/// The cluster of this server, and the refused calls between this server and servers of other clusters.
#[derive(Debug)]
pub(crate) struct ClusterGuard {
    pub(crate) local: LocalCluster,
    /// The identity of the cluster that the current call bootstraps. The disk stores the identity before the
    /// first entry of the log. `None` if the current call is not a bootstrap.
    pub(crate) founding: Option<ClusterId>,
    /// The number of refused calls from servers of other clusters, since this server started.
    pub(crate) refused: u64,
    /// The refusals that were reported to the observers. Each element is a pair: the peer, and the side that
    /// refused the calls.
    told: BTreeSet<(NodeId, Refused)>,
}

/// The side that refused a call: this server (`Here`) or the peer (`There`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Refused {
    Here,
    There,
}

/// The decision about a peer's call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// The call is accepted. The caller is in the same cluster, the cluster of the caller or of this server is
    /// unknown, or this server has no entries.
    Accept,
    /// The call is accepted, and this server joins the caller's cluster. The caller is the leader, and this
    /// server knows no cluster or has no entries. The value is the identity of the caller's cluster.
    Adopt(ClusterId),
    /// The call is refused, because the caller is in another cluster.
    Refuse {
        /// The cluster of this server.
        own: ClusterId,
        /// The cluster of the caller.
        other: ClusterId,
    },
}

impl Driver {
    /// Returns the reason to refuse this call. Returns `None` if the call is accepted. After a call from the
    /// leader, this server may join the leader's cluster.
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
                Some(format!(
                    "this server belongs to cluster {own}, but the caller belongs to cluster {other}"
                ))
            }
        }
    }

    /// Handles a refusal: the peer `from` refuses the calls of this server, for the reason `why`.
    pub(super) fn refused(&mut self, from: NodeId, why: String) {
        if let Some(observed) = self.guard.on_refused(from, why) {
            self.observe(&observed);
        }
    }

    /// Stores the identity of the cluster to which this server belongs. The disk executes the jobs of its queue
    /// in order. Therefore the identity of the cluster is durable before any entry that is queued after this
    /// call.
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

    /// Compares the identity of the cluster in a call with the identity of this server's cluster. A server
    /// without entries may change its cluster.
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

    /// Counts a call that this server has refused. Returns an observation for the first refused call of a peer,
    /// and `None` for each later call.
    pub(crate) fn on_refuse(&mut self, peer: NodeId, own: ClusterId, other: ClusterId) -> Option<Observed> {
        self.refused += 1;
        self.is_new(peer, Refused::Here).then_some(Observed::OtherCluster { peer, own, other })
    }

    /// Notes that a peer refuses calls of this server. Returns an observation for the first refusal by the
    /// peer, and `None` for each later refusal.
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

/// True if the server will follow the caller. The server follows any leader of a newer term, and the leader of
/// the server's current term.
fn is_accepted_leader(from: NodeId, request: &Request, node: &Node) -> bool {
    let term = match request {
        Request::AppendEntries(append) => append.term,
        Request::InstallSnapshot(install) => install.term,
        Request::RequestVote(_) | Request::RequestPreVote(_) | Request::TimeoutNow(_) => return false,
    };
    node.term() < term || (node.term() == term && node.leader().is_none_or(|leader| leader == from))
}
