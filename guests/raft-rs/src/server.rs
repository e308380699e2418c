//! A server of raft-rs: its state, its clock, and the order in which it takes events.

use crate::calls::Calls;
use crate::ready::Unpersisted;
use crate::snapshots::Snapshots;
use crate::storage::Log;
use crate::translate::{AnyChange, Leave};
use raft::eraftpb::{Entry as RaftEntry, Message};
use raft::{Config, NO_LIMIT, RawNode, ReadOnlyOption, StateRole};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{
    Action, Answer, Boot, Call, Configuration, Entropy, Entry, Event, Halt, HardState, Index, LogId, NodeId,
    Observed, Refusal, RequestError, RequestId, RoleName, RpcId, Settings, Span, Term, Time, Token,
};
use wavetank_sim::subject::OpaqueMessage;
use wavetank_sim::{ServerIdx, Start, View};

pub(crate) type RaftAction = Action<OpaqueMessage, OpaqueMessage>;
pub(crate) type RaftEvent = Event<OpaqueMessage, OpaqueMessage>;

/// The shortest election timeout, in ticks.
pub(crate) const ELECTION_TICKS: usize = 10;
const HEARTBEAT_TICKS: usize = 2;

/// raft-rs draws election timeouts from the thread's random numbers, up to this number of ticks. Such a draw is
/// practically never below `2 * ELECTION_TICKS`, so a longer timeout shows that raft-rs has drawn again.
const DRAWN_TICKS_MAX: usize = 1 << 40;

/// The way in which a server handles a `Ready`. Both ways are documented.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Persistence {
    /// The server waits until the writes are durable, then calls `advance_append`. Other events wait.
    Sync,
    /// The server calls `advance_append_async` at once, and `on_persist_ready` when the writes are durable.
    Async,
}

/// Settings that a seed draws.
#[derive(Clone)]
pub(crate) struct Style {
    pub(crate) persistence: Persistence,
    /// True if the commit index of a `LightReady` is stored. It need not be.
    pub(crate) stores_light_commit: bool,
    pub(crate) leave: Leave,
    /// True if a read with a lease asks raft-rs for a lease. Otherwise it asks a quorum.
    pub(crate) reads_by_lease: bool,
    config: Config,
}

impl Style {
    /// Draws the style of a start. Settings that all servers of a cluster must share come from the settings of
    /// the run.
    fn draw(id: NodeId, entropy: Entropy, settings: &Settings, reads_by_lease: bool) -> Self {
        let bit = |at: u32| entropy.0 >> at & 1 == 1;
        Self {
            persistence: if bit(0) { Persistence::Sync } else { Persistence::Async },
            stores_light_commit: bit(1),
            reads_by_lease,
            leave: if settings.max_inflight.is_multiple_of(2) { Leave::Implicit } else { Leave::Explicit },
            config: Config {
                id: id.0,
                election_tick: ELECTION_TICKS,
                heartbeat_tick: HEARTBEAT_TICKS,
                applied: 0,
                max_size_per_msg: settings.max_append_bytes,
                max_inflight_msgs: usize::try_from(settings.max_inflight).expect("a small number"),
                // With pre-vote alone, a leader that reaches one server of many stays the leader, and that
                // server grants no pre-vote.
                check_quorum: !settings.pre_vote_disabled
                    || settings.leader_lease_timeout() == settings.heartbeat_timeout(),
                pre_vote: !settings.pre_vote_disabled,
                min_election_tick: ELECTION_TICKS,
                max_election_tick: DRAWN_TICKS_MAX,
                read_only_option: ReadOnlyOption::Safe,
                skip_bcast_commit: bit(3) && bit(4),
                batch_append: bit(2),
                priority: 0,
                max_uncommitted_size: NO_LIMIT,
                max_committed_size_per_ready: if bit(5) { NO_LIMIT } else { 100 },
            },
        }
    }

    /// Starts raft-rs with this log.
    fn node(&self, log: Log) -> RawNode<Log> {
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let config = Config { applied: log.base().index.0, ..self.config.clone() };
        RawNode::new(&config, log, &logger).expect("the settings are valid, and the log can be read")
    }
}

/// A server of raft-rs 0.7.
pub struct RaftRs {
    pub(crate) idx: ServerIdx,
    pub(crate) settings: Settings,
    pub(crate) style: Style,
    pub(crate) raw: RawNode<Log>,
    entropy: Entropy,
    /// The number of election timeouts drawn so far.
    draws: u64,
    tick: Span,
    tick_at: Time,
    /// The number of ticks so far.
    pub(crate) ticks: u64,
    /// Events that wait until a `Ready` is persisted, with the times of their arrival.
    inbox: VecDeque<(Time, RaftEvent)>,
    /// The `Ready`s that are not persisted yet.
    pub(crate) unpersisted: VecDeque<Unpersisted>,
    pub(crate) token: Token,
    pub(crate) durable: Token,
    /// The term and the vote that were written last.
    pub(crate) hard_state: HardState,
    /// The commit index on the disk.
    pub(crate) recorded_commit: LogId,
    /// The last index that was handed to the state machine.
    pub(crate) handed: Index,
    /// The last index that the state machine reported as applied.
    pub(crate) applied: Index,
    /// The changes of the membership that are handed over but not applied.
    pub(crate) changes: VecDeque<(Index, AnyChange)>,
    /// The configuration that raft-rs uses, with its index.
    pub(crate) configuration: Option<(Index, Arc<Configuration>)>,
    /// The term in which this server leads; `None` if it does not lead.
    pub(crate) leads: Option<Term>,
    pub(crate) calls: Calls,
    pub(crate) snapshots: Snapshots,
    pub(crate) rpc: RpcId,
    /// The newest request of each peer, to which a response replies.
    pub(crate) requests: BTreeMap<NodeId, RpcId>,
    /// The end of the snapshot that replaces the log, until the state machine has loaded it.
    pub(crate) installing: Option<Index>,
    /// The committed entries after that snapshot.
    pub(crate) held: Vec<RaftEntry>,
    pub(crate) is_halted: bool,
}

impl RaftRs {
    pub(crate) fn boot(start: Start<'_>, reads_by_lease: bool) -> Result<Self, StoreError> {
        let Start { idx, settings, boot, log, now, .. } = start;
        let style = Style::draw(idx.node(), boot.entropy, settings, reads_by_lease);
        let tick = settings.election_timeout().part(ELECTION_TICKS as u64);
        let snapshot = boot.snapshot.as_ref().map_or(Index::ZERO, |meta| meta.last.index);
        let stored = Log::of(&boot, log, style.leave);
        let configuration = stored.first_configuration();
        Ok(Self {
            idx,
            settings: settings.clone(),
            raw: style.node(stored),
            style,
            entropy: boot.entropy,
            draws: 0,
            tick,
            tick_at: now + tick,
            ticks: 0,
            inbox: VecDeque::new(),
            unpersisted: VecDeque::new(),
            token: Token(0),
            durable: Token(0),
            hard_state: boot.hard_state,
            recorded_commit: boot.catch_up,
            handed: snapshot,
            applied: snapshot,
            changes: VecDeque::new(),
            configuration,
            leads: None,
            calls: Calls::new(idx, boot.incarnation),
            snapshots: Snapshots::new(boot.incarnation, now),
            rpc: RpcId(u64::from(boot.incarnation) << 32),
            requests: BTreeMap::new(),
            installing: None,
            held: Vec::new(),
            is_halted: false,
        }
        .with_timeout())
    }

    /// Begins a cluster with this configuration on a blank server.
    pub(crate) fn found(&mut self, first: &Entry) {
        let hard_state = HardState { term: Term(1), vote: None };
        let boot = Boot {
            entropy: self.entropy,
            incarnation: 0,
            hard_state,
            log: wavetank_raft::LogImage::default(),
            snapshot: None,
            catch_up: LogId::ZERO,
        };
        let stored = Log::of(&boot, std::slice::from_ref(first), self.style.leave);
        self.configuration = stored.first_configuration();
        self.raw = self.style.node(stored);
        self.set_timeout();
    }

    fn with_timeout(mut self) -> Self {
        self.set_timeout();
        self
    }

    /// Draws the election timeout from the seed if raft-rs has drawn one.
    pub(crate) fn set_timeout(&mut self) {
        if 2 * ELECTION_TICKS <= self.raw.raft.randomized_election_timeout() {
            self.draws += 1;
            let base = Span(ELECTION_TICKS as u64);
            let ticks = self.entropy.timeout(base, self.idx.node(), Term(0), self.draws);
            let ticks = usize::try_from(ticks.0).expect("a small number");
            self.raw.raft.set_randomized_election_timeout(ticks);
        }
    }

    pub(crate) fn take(&mut self, now: Time, event: RaftEvent, actions: &mut Vec<RaftAction>) {
        if self.is_halted {
            return refuse_all(event, actions);
        }
        match event {
            Event::Persisted(token) => {
                self.durable = token;
                self.calls.on_durable(token, actions);
                self.release(actions);
            }
            Event::StoreFailed(error) => return self.halt(Halt::Store(error), actions),
            Event::Timer => {
                self.time_out_transfers(now, actions);
                self.on_timer(now);
            }
            // raft-rs does not take part in these.
            Event::SnapshotTaken(taken) => self.on_snapshot_taken(taken, actions),
            Event::Call { request, call: Call::Snapshot } => self.on_snapshot_call(request, actions),
            Event::Restored(Err(error)) => return self.halt(Halt::Store(error), actions),
            event => self.inbox.push_back((now, event)),
        }
        while !self.is_halted && !self.waits() {
            let Some((since, event)) = self.inbox.pop_front() else { break };
            self.handle(now, since, event, actions);
            self.set_timeout();
            self.handle_readies(actions);
        }
        self.notice_leadership(actions);
        self.calls.answer_readable(self.applied, actions);
    }

    /// A late timer counts as one tick, as with a ticker that drops ticks.
    fn on_timer(&mut self, now: Time) {
        if now < self.tick_at {
            return;
        }
        let next = self.tick_at + self.tick;
        self.tick_at = if now < next { next } else { now + self.tick };
        if self.inbox.iter().all(|(_, event)| *event != Event::Timer) {
            self.inbox.push_back((now, Event::Timer));
        }
    }

    /// Answers the transfers that take too long, also those that wait for the disk.
    fn time_out_transfers(&mut self, now: Time, actions: &mut Vec<RaftAction>) {
        self.calls.time_out_transfer(now, actions);
        let limit = self.transfer_limit();
        self.inbox.retain(|(since, event)| match event {
            Event::Call { request, call: Call::Transfer { .. } } if *since + limit < now => {
                let refusal = RequestError::Refused(Refusal::TransferTimeout);
                actions.push(answer(*request, Err(refusal)));
                false
            }
            _ => true,
        });
    }

    /// The longest time to the answer of a transfer.
    pub(crate) fn transfer_limit(&self) -> Span {
        self.settings.election_timeout().times(2)
    }

    /// True if a `Ready` is being persisted, so that raft-rs takes no input.
    fn waits(&self) -> bool {
        self.style.persistence == Persistence::Sync && !self.unpersisted.is_empty()
    }

    /// Handles an event that has arrived at the time `since`.
    fn handle(&mut self, now: Time, since: Time, event: RaftEvent, actions: &mut Vec<RaftAction>) {
        match event {
            Event::Timer => self.on_tick(now, actions),
            Event::Request { from, rpc, request } => {
                self.requests.insert(from, rpc);
                self.on_message(from, &request, actions);
            }
            Event::Response { from, response, .. } => self.on_message(from, &response, actions),
            Event::Call { request, call } => self.on_call(since, request, call, actions),
            Event::ApplyBatch(commands) => {
                for (request, command) in commands {
                    self.propose(request, &wavetank_raft::Payload::Command(command), actions);
                }
            }
            Event::SnapshotRead { ticket, piece } => self.on_snapshot_read(ticket, piece, actions),
            Event::SnapshotWritten { ticket, ok } => self.on_snapshot_written(ticket, ok, actions),
            Event::Applied { upto, responses } => self.on_applied(upto, &responses, actions),
            Event::Restored(Ok(last)) => {
                self.applied = self.applied.max(last.index);
                self.installing.take_if(|index| *index <= last.index);
                let held = std::mem::take(&mut self.held);
                self.hand_over(&held, actions);
                self.raw.advance_apply_to(last.index.0);
            }
            Event::Persisted(_)
            | Event::SnapshotTaken(_)
            | Event::Restored(Err(_))
            | Event::StoreFailed(_)
            | Event::Fetched { .. }
            | Event::PeerSpeaks { .. } => {}
        }
    }

    fn on_tick(&mut self, now: Time, actions: &mut Vec<RaftAction>) {
        self.ticks += 1;
        // A campaign between `advance_append_async` and `advance_apply_to` of a snapshot panics: it reads the
        // entries after the applied index, which the snapshot has replaced. TiKV does not tick meanwhile, either.
        if self.installing.is_none() {
            self.raw.tick();
        }
        self.leave_joint();
        self.snapshot_if_due(now, actions);
        self.time_out_snapshots();
        let limit = self.ticks.saturating_sub(4 * ELECTION_TICKS as u64);
        self.calls.drop_old_reads(limit, actions);
    }

    /// Tells what a change of the leadership means for the calls.
    pub(crate) fn notice_leadership(&mut self, actions: &mut Vec<RaftAction>) {
        let raft = &self.raw.raft;
        let leads = (raft.state == StateRole::Leader).then_some(Term(raft.term));
        if leads != self.leads {
            let leader = NodeId(raft.leader_id);
            self.calls.on_leadership_lost(Index(raft.raft_log.committed), leader, actions);
            self.leads = leads;
        } else if leads.is_some() && raft.lead_transferee.is_none() {
            self.calls.on_transfer_aborted(actions);
        }
    }

    pub(crate) fn halt(&mut self, why: Halt, actions: &mut Vec<RaftAction>) {
        self.is_halted = true;
        self.calls.shut_down(actions);
        for (_, event) in std::mem::take(&mut self.inbox) {
            refuse_all(event, actions);
        }
        actions.push(Action::Halt(why));
    }

    /// The time of the next tick.
    pub(crate) const fn next_tick(&self) -> Time {
        if self.is_halted { Time::NEVER } else { self.tick_at }
    }

    pub(crate) fn shown(&self) -> View {
        let raft = &self.raw.raft;
        let last = raft.raft_log.last_index();
        let term = raft.raft_log.term(last).expect("the log has its last entry");
        let named = |id: u64| (id != 0).then_some(NodeId(id));
        View {
            role: Some(match raft.state {
                StateRole::Follower => RoleName::Follower,
                StateRole::PreCandidate => RoleName::PreCandidate,
                StateRole::Candidate => RoleName::Candidate,
                StateRole::Leader => RoleName::Leader,
            }),
            term: Some(Term(raft.term)),
            vote: Some(named(raft.vote)),
            leader: Some(named(raft.leader_id)),
            last: Some(LogId::new(Term(term), Index(last))),
            commit: Some(Index(raft.raft_log.committed)),
            applied: Some(self.applied),
            snapshot: Some(self.raw.store().snapshot.as_ref().map_or(LogId::ZERO, |meta| meta.last)),
        }
    }
}

/// Refuses the calls of an event, because the server has stopped.
fn refuse_all(event: RaftEvent, actions: &mut Vec<RaftAction>) {
    let mut refuse = |request: RequestId| {
        actions.push(Action::Answer { request, outcome: Err(RequestError::Shutdown) });
    };
    match event {
        Event::Call { request, .. } => refuse(request),
        Event::ApplyBatch(commands) => commands.into_iter().for_each(|(request, _)| refuse(request)),
        _ => {}
    }
}

/// Answers a call.
pub(crate) fn answer(request: RequestId, outcome: Result<Answer, RequestError>) -> RaftAction {
    Action::Answer { request, outcome }
}

/// Tells the transport the addresses of the members.
pub(crate) fn tell_members(configuration: &Configuration, actions: &mut Vec<RaftAction>) {
    for peer in configuration.members() {
        actions.push(Action::Observe(Observed::Peer { removed: false, peer: peer.clone() }));
    }
}

/// True if the message is the response to a request.
pub(crate) fn is_response(message: &Message) -> bool {
    use raft::eraftpb::MessageType as Kind;
    matches!(
        message.get_msg_type(),
        Kind::MsgAppendResponse
            | Kind::MsgHeartbeatResponse
            | Kind::MsgRequestVoteResponse
            | Kind::MsgRequestPreVoteResponse
            | Kind::MsgReadIndexResp
    )
}
