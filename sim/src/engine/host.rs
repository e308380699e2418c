//! One server in the tank. The disk and the clock of the server survive crashes. The process exists only
//! while the server runs.
//!
//! A host does nothing by itself. The world delivers events to the host and executes the actions of the host.

use crate::disk::{Disk, Stores};
use crate::engine::clock::Clock;
use crate::engine::machine_faults::MachineFaults;
use crate::engine::workload::TankFsm;
use crate::engine::world::sim_event::SimEvent;
use crate::engine::world::step::StepState;
use crate::observe::addresses::AddressBook;
use crate::plan::rng::{Domain, Stream};
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::plan::{MachinePlan, Plan};
use crate::subject::{EventOf, Protocol, Start, Subject, is_ours};
use std::collections::VecDeque;
use std::sync::Arc;
use wavetank_raft::execute::Machine;
use wavetank_raft::store::StoreError;
use wavetank_raft::{
    Batch, Boot, Config, Data, Dialect, Entropy, Entry, Index, NodeId, RequestId, Settings, SnapshotMeta,
    Span, Time,
};

/// The host of one server.
pub(crate) struct Host<F: TankFsm, S: Subject> {
    pub(crate) idx: ServerIdx,
    /// The server's id in the Raft core.
    pub(crate) node: NodeId,
    pub(crate) settings: Settings,
    pub(crate) disk: Disk,
    pub(crate) clock: Clock,
    /// The number of starts of the server so far.
    pub(crate) incarnation: u32,
    /// True if the server has stopped itself since its last start.
    pub(crate) halted: bool,
    /// The index of the committed configuration that does not contain this server. `None` if the server did
    /// not stop itself, or stopped itself for another reason.
    pub(crate) removed_at: Option<Index>,
    /// The dialect that the server understands. `None` before the first start of the server, and for a server
    /// of another protocol.
    pub(crate) dialect: Option<Dialect>,
    /// The process; `None` while the server is down.
    pub(crate) process: Option<Process<F, S>>,
    /// The durations of the state machine's work.
    pub(crate) times: MachineTimes,
    /// The faults of the state machine.
    pub(crate) machine_faults: MachineFaults,
}

/// A running server.
pub(crate) struct Process<F: TankFsm, S: Subject> {
    pub(crate) server: S,
    pub(crate) machine: Machine<F>,
    /// The state that the server showed after its last step.
    pub(crate) state: StepState,
    /// The pending work of the state machine. The first item is in progress.
    pub(crate) work: VecDeque<Work>,
    /// The commands that are being collected into a batch, with the ids of their requests.
    pub(crate) batched: Vec<(RequestId, Data)>,
    /// Calls that the server has not answered yet.
    pub(crate) calls: Vec<PendingCall>,
    /// The addresses at which this server calls the other servers.
    pub(crate) book: AddressBook,
    /// The events that the server cannot handle yet, in the order of their arrival.
    pub(crate) delayed: VecDeque<EventOf<S>>,
    /// The peers whose dialect this server knows.
    pub(crate) heard: ServerSet,
    /// The events that arrived since the server was paused; `None` while the server is not paused.
    pub(crate) waiting: Option<Vec<SimEvent<S::Protocol>>>,
    /// True from the election of the server as leader until the server next commits an entry.
    pub(crate) is_fresh: bool,
    /// The only valid timer event of this server in the event queue.
    pub(crate) timer: Timer,
}

/// A piece of work for the state machine. Each variant corresponds to the [`Action`](wavetank_raft::Action) of
/// the same name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    Apply(Batch),
    TakeSnapshot(SnapshotMeta),
    Restore(Arc<SnapshotMeta>),
}

/// A call that the server has not answered yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PendingCall {
    pub(crate) request: RequestId,
    pub(crate) caller: Caller,
    /// The server that this call adds as a staged voter: the leader makes the server a voter when the server
    /// has caught up. `None` if the call is not `AddVoterStaged`.
    pub(crate) stages: Option<NodeId>,
}

/// The sender of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Caller {
    /// A client that sent a command. The value is the number of the client.
    Writer(u16),
    /// A client that sent a query. The values are the number of the client and the query.
    Reader(u16, Data),
    /// An operator, or a story that acts as an operator. The world stores the outcome of the call.
    Operator,
    /// The nemesis. The world does not store the outcome of the call.
    Nemesis,
}

/// A timer event in the event queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Timer {
    /// The time at which the event is due.
    pub(crate) at: Time,
    /// The serial number of the event. A timer event of this host with another number is stale.
    pub(crate) serial: u64,
}

impl Timer {
    /// The value of a host without a timer event in the queue.
    pub(crate) const NONE: Self = Self { at: Time::NEVER, serial: 0 };
}

/// The durations of a state machine's work, and the stalls of the state machine.
#[derive(Clone, Debug)]
pub(crate) struct MachineTimes {
    plan: MachinePlan,
    stream: Stream,
    stall: Option<Stream>,
    stalls: u64,
    /// The virtual time before which no work begins.
    held_until: Time,
}

impl<F: TankFsm, S: Subject> Host<F, S> {
    /// Creates the host of a server that has never run. The server gets its own disk.
    ///
    /// # Panics
    /// Panics if the configuration of the plan is invalid.
    #[must_use]
    pub(crate) fn new(idx: ServerIdx, plan: &Plan, stores: Box<dyn Stores>) -> Self {
        let config = Config { local_id: idx.id(), ..plan.config.clone() };
        let settings =
            Settings::new(config).unwrap_or_else(|error| panic!("the plan's config is invalid: {error}"));
        let stream = |domain| Stream::new(plan.seed, domain, u64::from(idx.0), 0);
        Self {
            idx,
            node: idx.node(),
            settings,
            disk: Disk::new(plan.seed, idx, &plan.disks, stores),
            clock: Clock::of(plan.seed, idx, &plan.clocks),
            incarnation: 0,
            halted: false,
            removed_at: None,
            dialect: None,
            process: None,
            times: MachineTimes {
                plan: plan.machines.clone(),
                stream: stream(Domain::Machine),
                stall: plan.machines.stall.map(|_| stream(Domain::MachineStall)),
                stalls: 0,
                held_until: Time(0),
            },
            machine_faults: MachineFaults::default(),
        }
    }

    /// Replaces the random streams of the disk and of the state machine's durations with the streams of another
    /// seed.
    pub(crate) fn reseed(&mut self, seed: u64) {
        let stream = |domain| Stream::new(seed, domain, u64::from(self.idx.0), 0);
        self.disk.reseed(seed, self.idx);
        self.times.stream = stream(Domain::Machine);
        self.times.stall = self.times.stall.as_ref().map(|_| stream(Domain::MachineStall));
    }

    /// Starts the server with the content of its disk and an empty state machine. Returns the content of the
    /// disk and the entries of the durable log, for observers.
    ///
    /// # Errors
    /// Returns an error if the server cannot start from the content of its disk.
    ///
    /// # Panics
    /// Panics if the server already runs.
    pub(crate) fn start(&mut self, seed: u64, now: Time, fsm: F) -> Result<(Boot, Vec<Entry>), StoreError> {
        assert!(self.process.is_none(), "{} already runs", self.idx);
        self.incarnation += 1;
        self.halted = false;
        self.removed_at = None;
        let found = self.disk.recover(self.settings.cache_limits())?;
        let key = (u64::from(self.idx.0), u64::from(self.incarnation));
        let boot = Boot {
            entropy: Entropy(Stream::new(seed, Domain::Entropy, key.0, key.1).word()),
            incarnation: self.incarnation,
            hard_state: found.hard_state,
            log: found.log,
            snapshot: found.snapshot,
            catch_up: found.catch_up,
        };
        let log = self.disk.log();
        let (settings, now) = (&self.settings, self.clock.reads(now));
        let server = S::start(Start { idx: self.idx, seed, settings, boot: boot.clone(), log: &log, now })?;
        self.dialect = is_ours::<<S::Protocol as Protocol>::Request>().then(|| server.dialect());
        let book = AddressBook::of(server.configuration().flatten().map(|(_, latest)| &**latest));
        self.process = Some(Process {
            state: StepState::of(&server.view()),
            server,
            book,
            machine: Machine::new(fsm),
            work: VecDeque::new(),
            batched: Vec::new(),
            is_fresh: false,
            calls: Vec::new(),
            delayed: VecDeque::new(),
            heard: ServerSet::NONE,
            waiting: None,
            timer: Timer::NONE,
        });
        Ok((boot, log))
    }
}

impl MachineTimes {
    /// Draws the duration of `work`, in microseconds from the virtual time `now`. The duration includes the time
    /// until work may begin ([`MachineTimes::hold`]), and the stall if the state machine stalls.
    pub(crate) fn takes(&mut self, now: Time, work: &Work) -> Span {
        let draw = self.stream.draw();
        let takes = draw.within(match work {
            Work::Apply(_) => self.plan.apply,
            Work::TakeSnapshot(_) | Work::Restore(_) => self.plan.snapshot,
        });
        takes + self.stall() + self.held_until.since(now)
    }

    /// Delays work that would begin before the virtual time `until`. The work begins at this time.
    pub(crate) fn hold(&mut self, until: Time) {
        self.held_until = self.held_until.max(until);
    }

    fn stall(&mut self) -> Span {
        let (Some(stream), Some(stall)) = (&mut self.stall, self.plan.stall) else { return Span::ZERO };
        let draw = stream.draw();
        if !draw.hits(stall.chance) {
            return Span::ZERO;
        }
        self.stalls += 1;
        draw.within(stall.by)
    }

    /// Returns the number of stalls so far.
    pub(crate) const fn stalls(&self) -> u64 {
        self.stalls
    }

    /// Disables stalls and delays of all work that begins from now on. Work in progress keeps its duration.
    pub(crate) const fn calm(&mut self) {
        (self.plan.stall, self.held_until) = (None, Time(0));
    }
}
