//! A server's view of its own state: a few numbers that are copied before and after each step.

use crate::check::ghost::Limits;
use crate::check::ghost::conf::Conf;
use crate::plan::server_set::ServerSet;
use crate::subject::{Exclusion, Subject};
use std::sync::Arc;
use wavetank_raft::{Configuration, Dialect, Index, LogId, NodeId, RoleName, Span, Term, Voters};

/// A server's view of its own state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ServerView {
    pub(crate) role: RoleName,
    pub(crate) term: Term,
    /// The candidate that got the vote of the server in this term. `None` if the server has not voted.
    pub(crate) vote: Option<NodeId>,
    /// The leader that the server follows. `None` if the server knows no leader.
    pub(crate) leader: Option<NodeId>,
    /// The position of the last entry of the log.
    pub(crate) last: LogId,
    pub(crate) commit: Index,
    /// The last index that the state machine reported as applied.
    pub(crate) applied: Index,
    /// The position of the last entry of the newest snapshot.
    pub(crate) snapshot: LogId,
}

/// A leader's progress record of a follower.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Follower {
    pub(crate) node: NodeId,
    /// The match index: the index up to which the follower's log equals the leader's log.
    pub(crate) matched: Index,
    /// The index of the next entry that the leader will send.
    pub(crate) next: Index,
}

/// A server that the ghost can inspect: a real server, or a scripted server in tests.
pub(crate) trait Inspect {
    fn view(&self) -> ServerView;
    /// Returns the configuration that the server uses, and the index of the configuration in the log. Returns
    /// `None` if the server has no configuration.
    fn configuration(&self) -> Option<(Index, &Arc<Configuration>)>;
    /// Returns the voters that the server uses to count quorums.
    fn counted(&self) -> Conf;
    /// Appends to `into` the progress record of each follower, if the server leads.
    fn followers(&self, into: &mut Vec<Follower>);
    /// Returns the length of the time during which the server grants no votes after a message from its leader.
    fn heartbeat_timeout(&self) -> Span;
    /// True if the server grants no votes for some time after a message from its leader, even if the server
    /// restarts during this time.
    fn promises_silence(&self) -> bool;
    /// Returns the dialect that the server understands.
    fn dialect(&self) -> Dialect;
    /// Returns the settings of this server that the checks need.
    fn limits(&self) -> Limits;
}

impl Default for ServerView {
    fn default() -> Self {
        Self::BLANK
    }
}

impl ServerView {
    /// The view of a server with an empty disk.
    pub(crate) const BLANK: Self = Self {
        role: RoleName::Follower,
        term: Term(0),
        vote: None,
        leader: None,
        last: LogId::ZERO,
        commit: Index::ZERO,
        applied: Index::ZERO,
        snapshot: LogId::ZERO,
    };

    /// True if the server leads.
    #[must_use]
    pub(crate) fn leads(&self) -> bool {
        self.role == RoleName::Leader
    }

    /// True if the server asks for votes or pre-votes.
    #[must_use]
    pub(crate) fn campaigns(&self) -> bool {
        matches!(self.role, RoleName::Candidate | RoleName::PreCandidate)
    }
}

/// If the subject does not show a part of its state, the ghost gets the value of a server with an empty disk.
/// The checks that need this part are off.
impl<S: Subject> Inspect for S {
    #[inline]
    fn view(&self) -> ServerView {
        let view = Subject::view(self);
        ServerView {
            role: view.role.unwrap_or(RoleName::Follower),
            term: view.term.unwrap_or_default(),
            vote: view.vote.flatten(),
            leader: view.leader.flatten(),
            last: view.last.unwrap_or_default(),
            commit: view.commit.unwrap_or_default(),
            applied: view.applied.unwrap_or_default(),
            snapshot: view.snapshot.unwrap_or_default(),
        }
    }

    #[inline]
    fn configuration(&self) -> Option<(Index, &Arc<Configuration>)> {
        Subject::configuration(self).flatten()
    }

    fn counted(&self) -> Conf {
        let shown = || Inspect::configuration(self).map(|(_, configuration)| configuration.voters());
        match self.server() {
            Some(server) => counted(server.node().voters()),
            None => shown().map(|voters| counted(&voters)).unwrap_or_default(),
        }
    }

    fn followers(&self, into: &mut Vec<Follower>) {
        let Some(server) = self.server() else { return };
        into.extend(server.node().followers().map(|(node, progress)| Follower {
            node,
            matched: progress.matched(),
            next: progress.next(),
        }));
    }

    fn heartbeat_timeout(&self) -> Span {
        self.server().map_or(Span::ZERO, |server| server.node().settings().heartbeat_timeout())
    }

    fn promises_silence(&self) -> bool {
        self.exclusions().iter().all(|excluded| excluded.check != Exclusion::SILENCE)
    }

    fn dialect(&self) -> Dialect {
        Subject::dialect(self)
    }

    fn limits(&self) -> Limits {
        self.server().map(Limits::of).unwrap_or_default()
    }
}

/// Converts voters to a [`Conf`] without non-voters and without a digest.
#[must_use]
pub(crate) fn counted(voters: &Voters) -> Conf {
    let servers = |nodes: &[NodeId]| -> ServerSet {
        nodes.iter().filter_map(|node| crate::plan::server_set::ServerIdx::of(*node)).collect()
    };
    let (incoming, outgoing) = (servers(voters.incoming()), servers(voters.outgoing()));
    Conf { incoming, outgoing, members: incoming.or(outgoing), digest: 0 }
}
