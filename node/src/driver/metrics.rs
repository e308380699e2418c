//! The metrics of a server. The metrics have the same names as in HashiCorp Raft. The crate `metrics` passes the
//! values to a recorder.
//!
//! Times are in milliseconds, as in HashiCorp Raft. A metric of one peer has the label `peer_id`. The value
//! of the label is the name of the peer. Install a recorder before the server starts; without a recorder, no
//! metrics are recorded.

#![expect(clippy::float_arithmetic, reason = "the facade takes floats")]

use crate::driver::state::RaftState;
use crate::driver::status::Numbers;
use metrics::{Counter, Gauge, Histogram, Label, counter, gauge, histogram};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;
use wavetank_raft::{Call, Index, NodeId, Request, RoleName, RpcId, Server, ServerId, Time};

/// The maximum number of unanswered calls to one peer. Above this number, the oldest of these calls counts as
/// lost.
const REMEMBERED: usize = 1024;

/// The metrics of the driver.
pub(crate) struct Metrics {
    apply: Counter,
    barrier: Counter,
    verify: Counter,
    commit: Histogram,
    committed: Gauge,
    contact: Histogram,
    peers: Gauge,
    states: BTreeMap<&'static str, Counter>,
    rpcs: BTreeMap<&'static str, Histogram>,
    sent: BTreeMap<NodeId, PeerMetrics>,
    /// The uncommitted proposals of this server. Each element is a pair: the last index of a batch, and the
    /// time at which the batch was appended to the log.
    dispatched: VecDeque<(Index, Time)>,
    commit_index: Index,
    members: usize,
    role: RoleName,
}

/// The metrics of the calls to one peer.
struct PeerMetrics {
    append: Histogram,
    entries: Counter,
    heartbeat: Histogram,
    snapshot: Histogram,
    /// The unanswered calls. Each element has the number of the call, the time of sending, and the kind of the
    /// call.
    waiting: VecDeque<(RpcId, Time, Sent)>,
    contact: Option<Time>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sent {
    Entries,
    Heartbeat,
    Snapshot,
    Other,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let state = |name| (name, counter!(name));
        let rpc = |name| (name, histogram!(name));
        Self {
            apply: counter!("raft.apply"),
            barrier: counter!("raft.barrier"),
            verify: counter!("raft.verify_leader"),
            commit: histogram!("raft.commitTime"),
            committed: gauge!("raft.commitNumLogs"),
            contact: histogram!("raft.leader.lastContact"),
            peers: gauge!("raft.peers"),
            states: STATES.map(state).into(),
            rpcs: RPCS.map(rpc).into(),
            sent: BTreeMap::new(),
            dispatched: VecDeque::new(),
            commit_index: Index::ZERO,
            members: 0,
            role: RoleName::Follower,
        }
    }

    pub(crate) fn called(&self, call: &Call) {
        match call {
            Call::Apply(_) | Call::ApplyLog { .. } => self.applied(1),
            Call::Barrier => self.barrier.increment(1),
            Call::VerifyLeader | Call::Read(_) => self.verify.increment(1),
            Call::Restore(_)
            | Call::Bootstrap(_)
            | Call::Change { .. }
            | Call::AddVoterStaged { .. }
            | Call::Transfer { .. }
            | Call::Snapshot
            | Call::Reload(_)
            | Call::Shutdown => {}
        }
    }

    pub(crate) fn applied(&self, commands: usize) {
        self.apply.increment(commands as u64);
    }

    pub(crate) fn entered(&mut self, role: RoleName) {
        let name = match role {
            RoleName::Follower => "raft.state.follower",
            RoleName::PreCandidate | RoleName::Candidate => "raft.state.candidate",
            RoleName::Leader => "raft.state.leader",
        };
        let was = std::mem::replace(&mut self.role, role);
        if was == RoleName::Follower && role != RoleName::Follower {
            self.states["raft.transition.heartbeat_timeout"].increment(1);
        }
        self.states[name].increment(1);
        if role != RoleName::Leader {
            self.dispatched.clear();
        }
    }

    pub(crate) fn sending(&mut self, to: &ServerId, rpc: RpcId, request: &Request, now: Time) {
        let sent = match request {
            Request::AppendEntries(append) if append.entries.is_empty() => Sent::Heartbeat,
            Request::AppendEntries(_) => Sent::Entries,
            Request::InstallSnapshot(_) => Sent::Snapshot,
            Request::RequestVote(_) | Request::RequestPreVote(_) | Request::TimeoutNow(_) => Sent::Other,
        };
        let peer = self.sent.entry(to.node()).or_insert_with(|| PeerMetrics::new(to));
        if let Request::AppendEntries(append) = request {
            peer.entries.increment(append.entries.len() as u64);
        }
        if REMEMBERED <= peer.waiting.len() {
            peer.waiting.pop_front();
        }
        peer.waiting.push_back((rpc, now, sent));
    }

    pub(crate) fn answered(&mut self, from: NodeId, rpc: RpcId, now: Time) {
        let Some(peer) = self.sent.get_mut(&from) else { return };
        let Some(at) = peer.waiting.iter().position(|(waiting, ..)| *waiting == rpc) else { return };
        let Some((_, since, sent)) = peer.waiting.remove(at) else { return };
        match sent {
            Sent::Entries => peer.append.record(ms(since, now)),
            Sent::Heartbeat => peer.heartbeat.record(ms(since, now)),
            Sent::Snapshot => peer.snapshot.record(ms(since, now)),
            Sent::Other => return,
        }
        if let Some(before) = peer.contact.replace(now) {
            self.contact.record(ms(before, now));
        }
    }

    pub(crate) fn served(&self, name: &'static str, since: Time, now: Time) {
        self.rpcs[name].record(ms(since, now));
    }

    /// Records the last index of the log and the current time, after the leader has appended a batch of
    /// proposals to the log.
    pub(crate) fn dispatched(&mut self, server: &Server, now: Time) {
        let node = server.node();
        if node.role() == RoleName::Leader {
            self.dispatched.push_back((node.log().last().index, now));
        }
    }

    /// Records the changes since the previous turn: the newly committed entries, and the new number of members.
    pub(crate) fn look(&mut self, server: &Server, now: Time) {
        let node = server.node();
        if self.commit_index < node.commit() {
            self.committed.set((node.commit().0 - self.commit_index.0) as f64);
            self.commit_index = node.commit();
            let done = self.dispatched.partition_point(|(upto, _)| *upto <= node.commit());
            for (_, since) in self.dispatched.drain(..done) {
                self.commit.record(ms(since, now));
            }
        }
        let members = node.configuration().map_or(0, |(_, latest)| latest.servers().len());
        if self.members != members {
            self.members = members;
            self.peers.set(members as f64);
        }
    }
}

const STATES: [&str; 4] =
    ["raft.state.follower", "raft.state.candidate", "raft.state.leader", "raft.transition.heartbeat_timeout"];

const RPCS: [&str; 5] = [
    "raft.rpc.appendEntries",
    "raft.rpc.requestVote",
    "raft.rpc.requestPreVote",
    "raft.rpc.installSnapshot",
    "raft.rpc.timeoutNow",
];

/// Returns the name of the metric for the time of the step that handles a peer's call. The metric does not include
/// the time of later disk writes.
pub(crate) const fn rpc_name(request: &Request) -> &'static str {
    match request {
        Request::AppendEntries(_) => RPCS[0],
        Request::RequestVote(_) => RPCS[1],
        Request::RequestPreVote(_) => RPCS[2],
        Request::InstallSnapshot(_) => RPCS[3],
        Request::TimeoutNow(_) => RPCS[4],
    }
}

impl PeerMetrics {
    fn new(id: &ServerId) -> Self {
        let labels = || vec![Label::new("peer_id", id.to_string())];
        Self {
            append: histogram!("raft.replication.appendEntries.rpc", labels()),
            entries: counter!("raft.replication.appendEntries.logs", labels()),
            heartbeat: histogram!("raft.replication.heartbeat", labels()),
            snapshot: histogram!("raft.replication.installSnapshot", labels()),
            waiting: VecDeque::new(),
            contact: None,
        }
    }
}

/// The metrics of the log's worker.
pub(crate) struct LogMetrics {
    numbers: Arc<Numbers>,
    dispatch: Histogram,
    count: Gauge,
    store: Histogram,
}

impl LogMetrics {
    pub(crate) fn new(numbers: Arc<Numbers>) -> Self {
        Self {
            numbers,
            dispatch: histogram!("raft.leader.dispatchLog"),
            count: gauge!("raft.leader.dispatchNumLogs"),
            store: histogram!("raft.rpc.appendEntries.storeLogs"),
        }
    }

    pub(crate) fn written(&self, entries: usize, since: Instant) {
        if self.numbers.state() == RaftState::Leader {
            self.count.set(entries as f64);
            self.dispatch.record(elapsed(since));
        } else {
            self.store.record(elapsed(since));
        }
    }
}

/// The metrics of the state machine's worker.
#[derive(Clone)]
pub(crate) struct FsmMetrics {
    apply: Histogram,
    batch: Histogram,
    count: Gauge,
    capture: Histogram,
    keep: Histogram,
    take: Histogram,
    restore: Histogram,
    restores: Counter,
}

impl FsmMetrics {
    pub(crate) fn new() -> Self {
        Self {
            apply: histogram!("raft.fsm.apply"),
            batch: histogram!("raft.fsm.applyBatch"),
            count: gauge!("raft.fsm.applyBatchNum"),
            capture: histogram!("raft.fsm.snapshot"),
            keep: histogram!("raft.snapshot.persist"),
            take: histogram!("raft.snapshot.takeSnapshot"),
            restore: histogram!("raft.fsm.restore"),
            restores: counter!("raft.restore"),
        }
    }

    pub(crate) fn applied(&self, commands: usize, since: Instant) {
        let took = elapsed(since);
        self.count.set(commands as f64);
        self.batch.record(took);
        if 0 < commands {
            self.apply.record_many(took / commands as f64, commands);
        }
    }

    pub(crate) fn captured(&self, since: Instant) {
        self.capture.record(elapsed(since));
    }

    pub(crate) fn kept(&self, began: Instant, captured: Instant) {
        self.keep.record(elapsed(captured));
        self.take.record(elapsed(began));
    }

    pub(crate) fn restored(&self, since: Instant) {
        self.restores.increment(1);
        self.restore.record(elapsed(since));
    }
}

fn ms(since: Time, now: Time) -> f64 {
    now.since(since).0 as f64 / 1e3
}

fn elapsed(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
