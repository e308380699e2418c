//! One server in the tank: its disk and its clock, which survive crashes, and the process, which
//! exists only while the server runs.
//!
//! A host does nothing by itself; the world delivers events to it and executes its actions.

use crate::disk::{Disk, Stores};
use crate::engine::clock::Clock;
use crate::engine::workload::TankFsm;
use crate::plan::rng::{Domain, Stream};
use crate::plan::server_set::ServerIdx;
use crate::plan::{MachinePlan, Plan};
use std::collections::VecDeque;
use std::sync::Arc;
use wavetank_raft::execute::Machine;
use wavetank_raft::store::StoreError;
use wavetank_raft::{
    Batch, Boot, Config, Data, Entropy, Entry, NodeId, RequestId, Server, Settings, SnapshotMeta, Span, Time,
};

/// The host of one server.
#[derive(Debug)]
pub(crate) struct Host<F: TankFsm, W> {
    /// Its index in the tank.
    pub(crate) idx: ServerIdx,
    /// Its id in the Raft core.
    pub(crate) node: NodeId,
    /// Its settings.
    pub(crate) settings: Settings,
    /// Its disk.
    pub(crate) disk: Disk,
    /// Its clock.
    pub(crate) clock: Clock,
    /// How often it was started.
    pub(crate) incarnation: u32,
    /// It has stopped itself since it was last started.
    pub(crate) halted: bool,
    /// The process, while it runs.
    pub(crate) process: Option<Process<F, W>>,
    /// How long its state machine takes.
    pub(crate) times: MachineTimes,
}

/// A running server. `W` is the type of the events that wait while it is paused.
#[derive(Debug)]
pub(crate) struct Process<F: TankFsm, W> {
    /// The server.
    pub(crate) server: Server,
    /// Its state machine.
    pub(crate) machine: Machine<F>,
    /// The work of the state machine; the first item is in progress.
    pub(crate) work: VecDeque<Work>,
    /// Commands that are being collected into a batch.
    pub(crate) batched: Vec<(RequestId, Data)>,
    /// Calls that are not answered yet.
    pub(crate) calls: Vec<PendingCall>,
    /// Events since it was paused; `None` while it is not paused.
    pub(crate) waiting: Option<Vec<W>>,
    /// It leads, and has not committed anything in this term.
    pub(crate) is_fresh: bool,
    /// Its one valid timer event in the event queue.
    pub(crate) timer: Timer,
}

/// Work for the state machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    /// [`Action::Apply`](wavetank_raft::Action::Apply).
    Apply(Batch),
    /// [`Action::TakeSnapshot`](wavetank_raft::Action::TakeSnapshot).
    TakeSnapshot(SnapshotMeta),
    /// [`Action::Restore`](wavetank_raft::Action::Restore).
    Restore(Arc<SnapshotMeta>),
}

/// A call that has been made and not been answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PendingCall {
    /// Its number.
    pub(crate) request: RequestId,
    /// The caller.
    pub(crate) caller: Caller,
    /// The server that becomes a voter, without a further call, once it has caught up.
    pub(crate) stages: Option<NodeId>,
}

/// The origin of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Caller {
    /// A client that sent a command.
    Writer(u16),
    /// A client that sent this query.
    Reader(u16, Data),
    /// An operator or a story; the outcome is kept.
    Operator,
    /// The nemesis; the outcome is ignored.
    Nemesis,
}

/// A timer event in the event queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Timer {
    /// When it is due.
    pub(crate) at: Time,
    /// Its serial number; timer events of this host with another number are stale.
    pub(crate) serial: u64,
}

impl Timer {
    /// No timer event is in the queue.
    pub(crate) const NONE: Self = Self { at: Time::NEVER, serial: 0 };
}

/// How long a state machine takes for its work.
#[derive(Clone, Debug)]
pub(crate) struct MachineTimes {
    plan: MachinePlan,
    stream: Stream,
    stall: Option<Stream>,
    stalls: u64,
    /// No work begins before this time.
    held_until: Time,
}

impl<F: TankFsm, W> Host<F, W> {
    /// A server that has never run, with a disk of its own.
    ///
    /// # Panics
    /// When the plan's configuration cannot work.
    #[must_use]
    pub(crate) fn new(idx: ServerIdx, plan: &Plan, stores: Box<dyn Stores>) -> Self {
        let config = Config { local_id: idx.id(), ..plan.config.clone() };
        let settings = Settings::new(config).unwrap_or_else(|error| panic!("the plan's config: {error}"));
        let stream = |domain| Stream::new(plan.seed, domain, u64::from(idx.0), 0);
        Self {
            idx,
            node: idx.node(),
            settings,
            disk: Disk::new(plan.seed, idx, &plan.disks, stores),
            clock: Clock::of(plan.seed, idx, &plan.clocks),
            incarnation: 0,
            halted: false,
            process: None,
            times: MachineTimes {
                plan: plan.machines.clone(),
                stream: stream(Domain::Machine),
                stall: plan.machines.stall.map(|_| stream(Domain::MachineStall)),
                stalls: 0,
                held_until: Time(0),
            },
        }
    }

    /// Starts the server with what its disk still has, and a state machine that has applied
    /// nothing. Returns what the disk had, for observers.
    ///
    /// # Errors
    /// When the server cannot start from the disk's content.
    ///
    /// # Panics
    /// When it already runs.
    pub(crate) fn start(&mut self, seed: u64, now: Time, fsm: F) -> Result<(Boot, Vec<Entry>), StoreError> {
        assert!(self.process.is_none(), "{} runs already", self.idx);
        self.incarnation += 1;
        self.halted = false;
        let found = self.disk.recover(self.settings.log_cache_capacity)?;
        let key = (u64::from(self.idx.0), u64::from(self.incarnation));
        let boot = Boot {
            entropy: Entropy(Stream::new(seed, Domain::Entropy, key.0, key.1).word()),
            incarnation: self.incarnation,
            hard_state: found.hard_state,
            log: found.log,
            snapshot: found.snapshot,
        };
        self.process = Some(Process {
            server: Server::boot(self.settings.clone(), boot.clone(), self.clock.reads(now)),
            machine: Machine::new(fsm),
            work: VecDeque::new(),
            batched: Vec::new(),
            is_fresh: false,
            calls: Vec::new(),
            waiting: None,
            timer: Timer::NONE,
        });
        Ok((boot, self.disk.log()))
    }
}

impl MachineTimes {
    /// How long this work takes.
    pub(crate) fn takes(&mut self, now: Time, work: &Work) -> Span {
        let draw = self.stream.draw();
        let takes = draw.within(match work {
            Work::Apply(_) => self.plan.apply,
            Work::TakeSnapshot(_) | Work::Restore(_) => self.plan.snapshot,
        });
        takes + self.stall() + self.held_until.since(now)
    }

    /// Begins no work until then.
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

    /// How often it stalled.
    pub(crate) const fn stalls(&self) -> u64 {
        self.stalls
    }

    /// Disables stalls from here on.
    pub(crate) const fn calm(&mut self) {
        (self.plan.stall, self.held_until) = (None, Time(0));
    }
}
