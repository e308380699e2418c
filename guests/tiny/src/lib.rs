//! A Raft to learn from: elections, replication and persistence, and nothing else.
//!
//! Read it beside figure 2 of the Raft paper ("In Search of an Understandable Consensus Algorithm", 2014). The
//! comments name the boxes of the figure and the sections of the paper. There are no snapshots, no membership
//! changes, no transfers of leadership and no pre-votes.
//!
//! - This file has the state of a server.
//! - `rules.rs` has the rules of the figure, and `messages.rs` has the two RPCs.
//! - `clients.rs` has the calls of clients and their answers.
//! - `subject.rs` connects the server to the tank, and `disk.rs` has what must wait for the disk.
//! - `bugs.rs` has five bugs that people really make.

mod bugs;
mod clients;
mod disk;
mod messages;
mod rules;
mod subject;

pub use bugs::{Bug, switch_on};
pub use messages::{Request, Response, TinyProtocol};

use clients::Wants;
use disk::Disk;
use std::collections::{BTreeMap, BTreeSet};
use wavetank_raft::{
    Action, DeadlineReason, Entropy, Entry, Index, NodeId, RequestId, RoleName, RpcId, Settings, Term, Time,
};
use wavetank_sim::Exclusion;

type TinyAction = Action<Request, Response>;

/// A server.
#[derive(Clone, Debug)]
pub struct Tiny {
    // State, "persistent state on all servers".
    current_term: Term,
    voted_for: Option<NodeId>,
    log: Vec<Entry>,

    // State, "volatile state on all servers". `last_applied` is the last index that the state machine has got.
    commit_index: Index,
    last_applied: Index,
    role: Role,
    leader: Option<NodeId>,

    disk: Disk,

    // The clients: the calls that wait for the entry at an index, and the last index with a response.
    calls: BTreeMap<Index, (RequestId, Wants)>,
    responded: Index,

    // The clock and the settings.
    id: NodeId,
    settings: Settings,
    entropy: Entropy,
    draws: u64,
    now: Time,
    deadline: Time,
    rpc: RpcId,
    bug: Option<Bug>,
    /// The actions of the present step.
    actions: Vec<TinyAction>,
}

impl Tiny {
    /// A server with an empty disk.
    fn blank(id: NodeId, settings: &Settings, entropy: Entropy, now: Time) -> Self {
        Self {
            current_term: Term(0),
            voted_for: None,
            log: Vec::new(),
            commit_index: Index::ZERO,
            last_applied: Index::ZERO,
            role: Role::Follower,
            leader: None,
            disk: Disk::default(),
            calls: BTreeMap::new(),
            responded: Index::ZERO,
            id,
            settings: settings.clone(),
            entropy,
            draws: 0,
            now,
            deadline: now,
            rpc: RpcId(0),
            bug: Bug::chosen(),
            actions: Vec::new(),
        }
    }
}

/// The role of a server (§5.1).
#[derive(Clone, Debug)]
enum Role {
    Follower,
    Candidate {
        /// The servers that granted their votes.
        votes: BTreeSet<NodeId>,
    },
    /// State, "volatile state on leaders".
    Leader {
        next_index: BTreeMap<NodeId, Index>,
        match_index: BTreeMap<NodeId, Index>,
    },
}

impl Role {
    const fn name(&self) -> RoleName {
        match self {
            Self::Follower => RoleName::Follower,
            Self::Candidate { .. } => RoleName::Candidate,
            Self::Leader { .. } => RoleName::Leader,
        }
    }

    /// What the server waits for. Schedules name its timer by this.
    const fn deadline_reason(&self) -> DeadlineReason {
        match self {
            Self::Follower => DeadlineReason::Election,
            Self::Candidate { .. } => DeadlineReason::Ballot,
            Self::Leader { .. } => DeadlineReason::Heartbeat,
        }
    }
}

const NO_CHANGES: &str = "There are no membership changes.";
const NO_SNAPSHOTS: &str = "There are no snapshots.";

const fn excludes(check: &'static str, line: &'static str) -> Exclusion {
    Exclusion { check, line }
}

/// The checks that have nothing to judge.
const EXCLUSIONS: [Exclusion; 9] = [
    excludes("change_after_own_commit", NO_CHANGES),
    excludes("configurations_overlap", NO_CHANGES),
    excludes("legal_transition", NO_CHANGES),
    excludes("one_change_at_a_time", NO_CHANGES),
    excludes("new_disk_catches_up", NO_CHANGES),
    excludes("compaction_follows_snapshot", NO_SNAPSHOTS),
    excludes("failed_load_stops", NO_SNAPSHOTS),
    excludes("snapshot_install", NO_SNAPSHOTS),
    excludes("snapshot_is_committed_prefix", NO_SNAPSHOTS),
];
