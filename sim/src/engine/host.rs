//! One server in the tank: its disk and its clock, which outlive it, and the process, which is
//! there only while the server runs.
//!
//! A host does nothing by itself; the world hands it what happens and carries out what it wants.

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

/// A server's place in the tank.
#[derive(Debug)]
pub(crate) struct Host<F: TankFsm, W> {
    /// Which.
    pub(crate) idx: ServerIdx,
    /// The number the core knows it by.
    pub(crate) node: NodeId,
    /// How it behaves.
    pub(crate) settings: Settings,
    /// Its disk.
    pub(crate) disk: Disk,
    /// Its clock.
    pub(crate) clock: Clock,
    /// How often it was started.
    pub(crate) incarnation: u32,
    /// It has stopped by its own decision since it was last started.
    pub(crate) halted: bool,
    /// The process, while it runs.
    pub(crate) process: Option<Process<F, W>>,
    /// How long its state machine takes.
    pub(crate) times: MachineTimes,
}

/// A running server. `W` is what waits while it stands still.
#[derive(Debug)]
pub(crate) struct Process<F: TankFsm, W> {
    /// The server.
    pub(crate) server: Server,
    /// Its state machine.
    pub(crate) machine: Machine<F>,
    /// What the state machine has to do, the first of it being done now.
    pub(crate) work: VecDeque<Work>,
    /// Commands that are being gathered.
    pub(crate) batched: Vec<(RequestId, Data)>,
    /// Calls that are not answered yet.
    pub(crate) calls: Vec<PendingCall>,
    /// What has happened since it was paused; `None` while it runs.
    pub(crate) waiting: Option<Vec<W>>,
    /// It leads, and has not committed anything since it does.
    pub(crate) is_fresh: bool,
    /// The one timer event on the agenda that counts.
    pub(crate) timer: Timer,
}

/// Something for the state machine to do.
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
    /// Who made it.
    pub(crate) caller: Caller,
}

/// Who makes calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Caller {
    /// A client, who wants a command applied.
    Writer(u16),
    /// A client, who wants this query answered.
    Reader(u16, Data),
    /// Whoever tells the story; the outcome is kept.
    Operator,
    /// The nemesis, who does not listen.
    Nemesis,
}

/// A timer event on the agenda.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Timer {
    /// When it comes.
    pub(crate) at: Time,
    /// Its serial number; another timer event of this host is stale.
    pub(crate) serial: u64,
}

impl Timer {
    /// None is on the agenda.
    pub(crate) const NONE: Self = Self { at: Time::NEVER, serial: 0 };
}

/// How long a state machine takes for its work.
#[derive(Clone, Debug)]
pub(crate) struct MachineTimes {
    plan: MachinePlan,
    stream: Stream,
    stall: Option<Stream>,
    stalls: u64,
    /// Nothing is begun before.
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
    /// nothing. What the disk had is returned, to be looked at.
    ///
    /// # Errors
    /// When what the disk has is not fit to start from.
    ///
    /// # Panics
    /// When it runs already.
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
    /// How long it will take for this.
    pub(crate) fn takes(&mut self, now: Time, work: &Work) -> Span {
        let draw = self.stream.draw();
        let takes = draw.within(match work {
            Work::Apply(_) => self.plan.apply,
            Work::TakeSnapshot(_) | Work::Restore(_) => self.plan.snapshot,
        });
        takes + self.stall() + self.held_until.since(now)
    }

    /// Begins nothing more until then.
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

    /// From here on it does not stall.
    pub(crate) const fn calm(&mut self) {
        (self.plan.stall, self.held_until) = (None, Time(0));
    }
}
