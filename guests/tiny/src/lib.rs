//! A Raft to learn from: elections, replication and persistence, and nothing else.
//!
//! Read it beside figure 2 of the Raft paper ("In Search of an Understandable Consensus Algorithm", 2014). The
//! comments name the boxes of the figure and the sections of the paper. There are no snapshots, no membership
//! changes, no transfers of leadership and no pre-votes.
//!
//! - This file has the state of a server, and connects it to the tank: events come in, actions go out.
//! - `rules.rs` has the rules of the figure.
//! - `messages.rs` has the two RPCs.
//! - `bugs.rs` has five bugs that people really make.

mod bugs;
mod messages;
mod rules;

pub use bugs::{Bug, switch_on};
pub use messages::{Request, Response, TinyProtocol};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{
    Action, Answer, Call, Configuration, Data, Deadline, DeadlineReason, Entropy, Entry, Event, Extended,
    Halt, HardState, Index, Leader, LogId, LogOp, NodeId, Observed, Outcome, Payload, ReadPath, RequestError,
    RequestId, RoleName, RpcId, Settings, StoreJob, Term, Time, Token, Write,
};
use wavetank_sim::{Exclusion, Start, Subject, View};

type TinyAction = Action<Request, Response>;

/// A server.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
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

    // The disk: a write gets a token, and is durable when the tank reports its token or a later one.
    issued: Token,
    durable: Token,
    /// The token of the write of each entry.
    tokens: Vec<Token>,
    /// The actions that wait until the write with their token is durable.
    held: VecDeque<(Token, TinyAction)>,

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

/// The role of a server (§5.1).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
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

/// The answer that a call wants when its entry is applied.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Wants {
    Response,
    Read,
    Confirmation,
}

impl Subject for Tiny {
    type Protocol = TinyProtocol;
    type Scratch = ();

    fn name(&self) -> &'static str {
        "tiny"
    }

    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        let HardState { term, vote } = start.boot.hard_state;
        let mut tiny = Self {
            current_term: term,
            voted_for: vote,
            log: start.log.to_vec(),
            commit_index: Index::ZERO,
            last_applied: Index::ZERO,
            role: Role::Follower,
            leader: None,
            issued: Token(0),
            durable: Token(0),
            tokens: vec![Token(0); start.log.len()],
            held: VecDeque::new(),
            calls: BTreeMap::new(),
            responded: Index::ZERO,
            id: start.idx.node(),
            settings: start.settings.clone(),
            entropy: start.boot.entropy,
            draws: 0,
            now: start.now,
            deadline: start.now,
            // A server never uses a number twice, not even after a restart.
            rpc: RpcId(u64::from(start.boot.incarnation) << 32),
            bug: bugs::chosen(),
            actions: Vec::new(),
        };
        tiny.reset_election_timer();
        Ok(tiny)
    }

    fn step(
        &mut self,
        now: Time,
        event: Event<Request, Response>,
        (): &mut (),
        actions: &mut Vec<TinyAction>,
    ) {
        self.now = now;
        match event {
            Event::Timer => self.on_timer(),
            Event::Request { from, rpc, request } => self.on_request(from, rpc, request),
            Event::Response { from, response, .. } => self.on_response(from, response),
            Event::Call { request, call } => self.on_call(request, call),
            Event::ApplyBatch(commands) => {
                for (request, command) in commands {
                    self.propose(request, Payload::Command(command), Wants::Response);
                }
            }
            Event::Persisted(token) => self.on_persisted(token),
            Event::Applied { upto, responses } => self.on_applied(upto, responses),
            Event::StoreFailed(error) => self.on_store_failed(error),
            // Tiny asks for no reads of the disk and no snapshots, and all its peers speak its protocol.
            Event::Fetched { .. }
            | Event::SnapshotRead { .. }
            | Event::SnapshotWritten { .. }
            | Event::SnapshotTaken(_)
            | Event::Restored(_)
            | Event::PeerSpeaks { .. } => {}
        }
        actions.append(&mut self.actions);
    }

    fn deadline(&self) -> Deadline {
        let reason = match self.role {
            Role::Follower => DeadlineReason::Election,
            Role::Candidate { .. } => DeadlineReason::Ballot,
            Role::Leader { .. } => DeadlineReason::Heartbeat,
        };
        Deadline { at: self.deadline, reason }
    }

    fn view(&self) -> View {
        let role = match self.role {
            Role::Follower => RoleName::Follower,
            Role::Candidate { .. } => RoleName::Candidate,
            Role::Leader { .. } => RoleName::Leader,
        };
        View {
            role: Some(role),
            term: Some(self.current_term),
            vote: Some(self.voted_for),
            leader: Some(self.leader),
            last: Some(self.last()),
            commit: Some(self.commit_index),
            applied: Some(self.responded),
            snapshot: Some(LogId::ZERO),
        }
    }

    fn exclusions(&self) -> &'static [Exclusion] {
        const NO_CHANGES: &str = "There are no membership changes.";
        const NO_SNAPSHOTS: &str = "There are no snapshots.";
        const fn excludes(check: &'static str, line: &'static str) -> Exclusion {
            Exclusion { check, line }
        }
        const ALL: [Exclusion; 9] = [
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
        &ALL
    }

    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        Some(self.members().map(|members| (Index(1), members)))
    }
}

// The disk.
impl Tiny {
    /// Stores the term and the vote in one record.
    fn store_term_and_vote(&mut self) {
        let forgets = self.bug == Some(Bug::VoteNotPersisted);
        let vote = if forgets { None } else { self.voted_for };
        self.write(Some(HardState { term: self.current_term, vote }), LogOp::Keep);
    }

    /// Puts entries at the end of the log, after it has deleted all entries that stand in their place.
    fn store_entries(&mut self, entries: &[Entry]) {
        let kept = entries[0].id.index.back().0 as usize;
        let replaces = kept < self.log.len();
        self.log.truncate(kept);
        self.tokens.truncate(kept);
        self.log.extend_from_slice(entries);
        self.tokens.resize(self.log.len(), self.issued.next());
        let op = if replaces { LogOp::Replace } else { LogOp::Append };
        self.write(None, op(entries.into()));
        if let Payload::Configuration(members) = &entries[0].payload {
            // The transport learns the addresses of the members.
            let peers = members.servers().iter().cloned();
            let observe = |peer| Action::Observe(Observed::Peer { removed: false, peer });
            self.actions.extend(peers.map(observe));
        }
    }

    fn write(&mut self, hard_state: Option<HardState>, log: LogOp) {
        self.issued = self.issued.next();
        let write = Write { token: self.issued, hard_state, log };
        self.actions.push(Action::Store(StoreJob::Persist(write)));
    }

    /// Carries out an action when everything that was written before is durable: "updated on stable storage
    /// before responding to RPCs".
    fn when_durable(&mut self, action: TinyAction) {
        if self.durable < self.issued {
            self.held.push_back((self.issued, action));
        } else {
            self.actions.push(action);
        }
    }

    fn on_persisted(&mut self, token: Token) {
        self.durable = token;
        while let Some((_, action)) = self.held.pop_front_if(|(waits, _)| *waits <= token) {
            self.actions.push(action);
        }
        if self.durable == self.issued {
            self.on_vote(self.id);
        }
        self.advance_commit_index();
    }

    /// The last index up to which the log is durable.
    fn durable_index(&self) -> Index {
        Index(self.tokens.partition_point(|token| *token <= self.durable) as u64)
    }

    /// A write has failed, so nobody knows what is on the disk. The server stops.
    fn on_store_failed(&mut self, error: StoreError) {
        self.answer_all(&RequestError::Store(error.clone()));
        self.actions.push(Action::Halt(Halt::Store(error)));
    }
}

// The clients (§8).
impl Tiny {
    fn on_call(&mut self, request: RequestId, call: Call) {
        match call {
            Call::Apply(command) => self.propose(request, Payload::Command(command), Wants::Response),
            Call::ApplyLog { data, extensions } => {
                let both = Arc::new(Extended { data, extensions });
                self.propose(request, Payload::Extended(both), Wants::Response);
            }
            Call::Barrier => self.propose(request, Payload::Barrier, Wants::Response),
            // A read goes through the log, like a command. That is slow, and needs no rule of its own.
            Call::Read(ReadPath::Index | ReadPath::Lease) => {
                self.propose(request, Payload::Barrier, Wants::Read);
            }
            Call::Read(ReadPath::Verify) | Call::VerifyLeader => {
                self.propose(request, Payload::Barrier, Wants::Confirmation);
            }
            Call::Bootstrap(configuration) => self.on_bootstrap(request, configuration),
            Call::Change { .. }
            | Call::AddVoterStaged { .. }
            | Call::Transfer { .. }
            | Call::Snapshot
            | Call::Restore(_)
            | Call::Reload(_)
            | Call::Shutdown => self.answer(request, Err(RequestError::UnsupportedProtocol)),
        }
    }

    /// Writes the first entry of a new cluster: its members.
    fn on_bootstrap(&mut self, request: RequestId, configuration: Configuration) {
        // A crash during an earlier attempt may have kept the term and lost the entry.
        let is_new = self.current_term <= Term(1) && self.voted_for.is_none() && self.log.is_empty();
        if !is_new {
            return self.answer(request, Err(RequestError::CantBootstrap));
        }
        if !configuration.voters().contains(self.id) {
            return self.answer(request, Err(RequestError::NotVoter));
        }
        self.current_term = Term(1);
        self.store_term_and_vote();
        self.store_entries(&[Entry::new(Term(1), Index(1), Payload::Configuration(configuration.into()))]);
        self.when_durable(Action::Answer { request, outcome: Ok(Answer::Done) });
    }

    /// Rules for Servers, leaders: "if command received from client: append entry to local log, respond after
    /// entry applied to state machine (§5.3)".
    fn propose(&mut self, request: RequestId, payload: Payload, wants: Wants) {
        if !matches!(self.role, Role::Leader { .. }) {
            let member = self.leader.and_then(|leader| self.members()?.server(leader));
            let leader = member.map(|it| Leader { id: it.id.clone(), address: it.address.clone() });
            return self.answer(request, Err(RequestError::NotLeader(leader)));
        }
        let index = self.append(payload);
        self.calls.insert(index, (request, wants));
    }

    fn on_applied(&mut self, upto: Index, responses: Vec<(Index, Data)>) {
        self.responded = upto;
        let mut responses: BTreeMap<Index, Data> = responses.into_iter().collect();
        while let Some(call) = self.calls.first_entry().filter(|call| *call.key() <= upto) {
            let (index, (request, wants)) = call.remove_entry();
            let answer = match (wants, responses.remove(&index)) {
                (Wants::Read, _) => Answer::Readable { index },
                (Wants::Confirmation, _) => Answer::Done,
                (Wants::Response, Some(response)) => Answer::Applied { index, response },
                (Wants::Response, None) => Answer::Committed { index },
            };
            self.answer(request, Ok(answer));
        }
    }

    fn answer(&mut self, request: RequestId, outcome: Outcome) {
        self.actions.push(Action::Answer { request, outcome });
    }

    /// Answers all calls that wait. Their entries may still be committed.
    fn answer_all(&mut self, error: &RequestError) {
        for (request, _) in std::mem::take(&mut self.calls).into_values() {
            self.answer(request, Err(error.clone()));
        }
    }
}
