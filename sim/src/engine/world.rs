//! The world: virtual time, an event queue, and all parts of a simulated cluster.
//!
//! The world takes the next event from the queue, delivers the event to a server or a client, and executes the
//! resulting actions. The world does not decide about faults; the network, the disks and the nemesis decide.
//! The world does not judge; an [`Observer`] sees everything that happens.
//!
//! This file contains the state of the world and advances the time. `step.rs` delivers an event to a server.
//! `execute.rs` executes the server's actions. `client_ops.rs` handles requests and replies between clients
//! and servers. `faults.rs` has the operations that stories and the nemesis use. `nemesis_acts.rs` executes
//! the acts of the nemesis. `play.rs` records and plays schedules. `branch.rs` changes the seed during a run.
//! `end.rs` ends all faults and tests whether the servers agree.

mod branch;
mod client_ops;
mod execute;
mod faults;
mod nemesis_acts;
mod play;
pub(crate) mod sim_event;

mod end;
pub(crate) mod step;

#[cfg(test)]
pub(crate) mod tests;

pub use end::Unsettled;

use crate::disk::{Memory, StoreFactory};
use crate::engine::host::{Host, Timer};
use crate::engine::network::{ClientLink, Network};
use crate::engine::pending_events::PendingEvents;
use crate::engine::workload::{TankFsm, Wants, Workload};
use crate::nemesis::Nemesis;
use crate::observe::addresses::Addresses;
use crate::observe::digest::Digest;
use crate::observe::observer::{Observer, Recorder};
use crate::observe::topology::Topology;
use crate::plan::fault_id::{Fault, FaultFilter, FaultId};
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::plan::{InitialState, Plan};
use crate::schedule::{Choice, Element, SkipReason};
use crate::subject::{ActionOf, Parts, Subject};
use sim_event::{Envelope, SimEvent};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use wavetank_raft::{
    Configuration, Entry, HardState, Index, LogOp, Member, Outcome, Payload, RequestId, Server, Span, Term,
    Time, Token, Write,
};

/// A simulated cluster: servers, network, disks, clocks, clients and the nemesis.
pub struct World<F: TankFsm, V: Observer<S>, S: Subject = Server> {
    plan: Plan,
    pending: PendingEvents<S::Protocol>,
    events: u64,
    /// The number of elements of a schedule that were skipped.
    skipped: u64,
    /// The first element that was skipped, and the reason. `None` if no element was skipped.
    first_skipped: Option<(Element, SkipReason)>,
    recorder: Recorder<V>,
    digest: Digest,
    is_deep: bool,
    hosts: Vec<Host<F, S>>,
    awake: ServerSet,
    broken: ServerSet,
    /// The parts of a server's state that every server has shown so far.
    shown: Parts,
    /// The first configuration of the cluster.
    first: Arc<Configuration>,
    /// The servers that are lost permanently.
    lost: ServerSet,
    /// The servers that refused to start from their disks, and have not started since then.
    refused: ServerSet,
    /// The servers that got a new disk.
    renewed: ServerSet,
    topology: Topology,
    addresses: Addresses,
    /// True after all faults have ended.
    is_healed: bool,
    network: Network,
    held: VecDeque<(u64, Envelope<S::Protocol>)>,
    make: Box<dyn FnMut(ServerIdx) -> F>,
    workload: Box<dyn Workload>,
    wants: Wants,
    clients_due: Timer,
    client_links: Vec<ClientLink>,
    calls: u64,
    outcomes: BTreeMap<RequestId, Outcome>,
    nemesis: Option<Nemesis>,
    counts: BTreeMap<&'static str, u64>,
    fault_ids: Vec<FaultId>,
    actions: Vec<ActionOf<S>>,
    scratch: S::Scratch,
    /// The number of an observation, and a seed. After this observation, the world draws from the random
    /// streams of this seed. `None` if the world keeps its seed.
    branch: Option<(u64, u64)>,
}

impl<F: TankFsm, V: Observer> World<F, V> {
    /// Creates a world with servers of this library, according to the plan. All servers are started, and the
    /// nemesis is active. `make` creates the state machine of a server at each start of the server.
    ///
    /// # Panics
    /// Panics if the plan is invalid: the plan has too many servers, no servers, or an invalid configuration.
    pub fn new(
        plan: Plan,
        make: impl FnMut(ServerIdx) -> F + 'static,
        workload: Box<dyn Workload>,
        observer: V,
    ) -> Self {
        Self::with_stores(plan, make, workload, observer, &mut |_| Box::new(Memory::default()))
    }

    /// Creates a world like [`World::new`], but the disks use stores from `store_factory` and not stores in
    /// memory.
    ///
    /// # Panics
    /// Panics like [`World::new`].
    pub fn with_stores(
        plan: Plan,
        make: impl FnMut(ServerIdx) -> F + 'static,
        workload: Box<dyn Workload>,
        observer: V,
        store_factory: &mut StoreFactory<'_>,
    ) -> Self {
        Self::with_subjects(plan, make, workload, observer, store_factory)
    }
}

impl<F: TankFsm, V: Observer<S>, S: Subject> World<F, V, S> {
    /// Creates a world like [`World::with_stores`], but with servers of any subject.
    ///
    /// # Panics
    /// Panics like [`World::new`].
    pub fn with_subjects(
        plan: Plan,
        make: impl FnMut(ServerIdx) -> F + 'static,
        workload: Box<dyn Workload>,
        observer: V,
        store_factory: &mut StoreFactory<'_>,
    ) -> Self {
        let count = plan.server_count();
        assert!(
            0 < plan.servers && count <= ServerIdx::MAX_SERVERS,
            "a tank must have 1 to {} servers",
            ServerIdx::MAX_SERVERS
        );
        let all = ServerSet::first(count);
        let mut world = Self {
            pending: PendingEvents::default(),
            events: 0,
            skipped: 0,
            first_skipped: None,
            recorder: Recorder::new(observer),
            digest: Digest::default(),
            is_deep: false,
            hosts: all.iter().map(|idx| Host::new(idx, &plan, store_factory(idx))).collect(),
            awake: ServerSet::NONE,
            broken: ServerSet::NONE,
            shown: Parts::ALL,
            first: Arc::new(founders(&plan)),
            lost: ServerSet::NONE,
            refused: ServerSet::NONE,
            renewed: ServerSet::NONE,
            topology: Topology::new(count),
            addresses: Addresses::new(count),
            is_healed: false,
            network: Network::new(plan.seed, count, plan.links.clone())
                .with_fault_filter(FaultFilter::new(plan.fault_ids.clone())),
            held: VecDeque::new(),
            make: Box::new(make),
            workload,
            wants: Wants::default(),
            clients_due: Timer::NONE,
            client_links: Vec::new(),
            calls: 0,
            outcomes: BTreeMap::new(),
            nemesis: None,
            counts: BTreeMap::new(),
            fault_ids: Vec::new(),
            actions: Vec::new(),
            scratch: S::Scratch::default(),
            branch: None,
            plan,
        };
        world.begin(all);
        world
    }

    fn begin(&mut self, all: ServerSet) {
        match self.plan.birth {
            InitialState::Bootstrapped => self.write_founders(),
            InitialState::Blank => {
                self.pending.put(Time(0), SimEvent::Bootstrap);
            }
        }
        for idx in all.iter() {
            self.restart(idx);
        }
        let mut nemesis = Nemesis::new(&self.plan);
        for (kind, after) in nemesis.first() {
            self.pending.put(Time(0) + after, SimEvent::Act(kind));
        }
        self.nemesis = Some(nemesis);
        self.schedule_clients();
    }

    /// Writes the same first configuration to the disk of every founder, as `BootstrapCluster` of
    /// HashiCorp Raft does.
    fn write_founders(&mut self) {
        let first = Payload::Configuration(Arc::clone(&self.first));
        let write = Write {
            token: Token(0),
            hard_state: Some(HardState { term: Term(1), vote: None }),
            log: LogOp::Append(Arc::from([Entry::new(Term(1), Index(1), first)])),
        };
        for host in self.hosts.iter_mut().take(usize::from(self.plan.servers)) {
            host.disk.write_initial(&write);
        }
    }

    /// Returns the first configuration of the cluster. All founders are voters.
    #[must_use]
    pub fn founders(&self) -> Configuration {
        (*self.first).clone()
    }

    /// Handles the next event. Returns false if there was no event.
    pub fn step(&mut self) -> bool {
        let Some((at, serial, sim_event)) = self.pending.take() else { return false };
        self.recorder.now = at;
        self.events += 1;
        if self.branch.is_some() {
            self.take_branch();
        }
        self.handle(serial, sim_event);
        true
    }

    /// Handles all events up to this time, including events at this time. Then advances virtual time to this
    /// time.
    pub fn run_until(&mut self, until: Time) {
        self.run_while(until, |_| true);
    }

    /// Handles the events up to the time `until` while `holds` returns true. Calls `holds` before each event,
    /// and once more when virtual time has reached `until`. Returns the last result of `holds`.
    pub fn run_while(&mut self, until: Time, mut holds: impl FnMut(&mut Self) -> bool) -> bool {
        while self.pending.next_at().is_some_and(|at| at <= until) {
            if !holds(self) {
                return false;
            }
            self.step();
        }
        self.recorder.now = self.recorder.now.max(until);
        holds(self)
    }

    /// Handles the events of the next `span` microseconds of virtual time.
    pub fn run_for(&mut self, span: Span) {
        self.run_until(self.now() + span);
    }

    /// From now on, the digest includes the whole state of a server after each step of this server.
    pub const fn digest_deeply(&mut self) {
        self.is_deep = true;
    }

    /// Starts to record faults.
    pub fn record_faults(&mut self) {
        self.network.record();
        if let Some(nemesis) = &mut self.nemesis {
            nemesis.record();
        }
    }

    /// Returns the recorded faults: first the faults of the nemesis, then the faults of messages. Each group
    /// is in the order of occurrence.
    #[must_use]
    pub fn fault_ids(&self) -> Vec<FaultId> {
        let acts = self.nemesis.as_ref().map_or(&self.fault_ids[..], |nemesis| nemesis.fault_ids().taken());
        acts.iter().chain(self.network.fault_ids().taken()).copied().collect()
    }

    /// Returns the current virtual time.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.recorder.now
    }

    /// Returns the number of events that were handled.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Returns the number of elements of a schedule that were skipped, because the objects of these elements
    /// did not exist.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns the number of messages that were sent.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.network.messages()
    }

    /// Returns the digest of all steps so far.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// Returns the plan of the run.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) const fn plan_mut(&mut self) -> &mut Plan {
        &mut self.plan
    }

    /// Returns all servers, including the servers that are down or lost.
    #[must_use]
    pub fn all(&self) -> ServerSet {
        ServerSet::first(self.hosts.len())
    }

    /// Returns the servers that run and are not paused.
    #[must_use]
    pub const fn awake(&self) -> ServerSet {
        self.awake
    }

    /// Returns the topology of the network. The topology knows the links that are cut.
    #[must_use]
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Returns the clients of the run.
    #[must_use]
    pub const fn workload(&self) -> &dyn Workload {
        &*self.workload
    }

    /// Returns the observer of the run.
    #[must_use]
    pub const fn observer(&self) -> &V {
        &self.recorder.observer
    }

    /// Returns the observer of the run as a mutable reference. For example, a test asks the observer for a
    /// verdict.
    pub const fn observer_mut(&mut self) -> &mut V {
        &mut self.recorder.observer
    }

    /// Ends the run and returns the observer.
    pub fn into_observer(self) -> V {
        self.recorder.observer
    }

    /// Returns the number of faults of each kind so far. The key is the name of the kind. Kinds of faults that
    /// have not happened are left out.
    #[must_use]
    pub fn faults(&self) -> BTreeMap<String, u64> {
        let mut counted = self.network.counts().clone();
        for host in &self.hosts {
            counted += host.disk.counts();
            counted[Fault::MachineStall] += host.times.stalls();
        }
        let counts = self.nemesis.as_ref().map_or(&self.counts, Nemesis::counts);
        let acts = counts.iter().map(|(&name, &count)| (name, count));
        let stores = self.hosts.iter().flat_map(|host| host.disk.faults_of_stores());
        let mut faults = BTreeMap::new();
        for (name, count) in counted.named().chain(acts).chain(stores).filter(|&(_, count)| count != 0) {
            *faults.entry(name.to_owned()).or_default() += count;
        }
        faults
    }

    fn handle(&mut self, serial: u64, sim_event: SimEvent<S::Protocol>) {
        if let Some(idx) = sim_event.to()
            && !self.awake.contains(idx)
        {
            self.on_event_while_stopped(idx, sim_event);
            return;
        }
        match sim_event {
            SimEvent::Timer(idx) => self.on_timer(idx, serial),
            SimEvent::Arrive(envelope) => self.on_envelope(envelope),
            SimEvent::ReleaseHeld(number) => self.on_release_held(number),
            SimEvent::Disk(idx, incarnation) => self.on_disk(idx, incarnation),
            SimEvent::Deliver(idx, incarnation, event) => self.on_deliver(idx, incarnation, event),
            SimEvent::Machine(idx, incarnation) => self.on_machine(idx, incarnation),
            SimEvent::Batch(idx, incarnation) => self.on_batch(idx, incarnation),
            SimEvent::Ask(ask) => self.on_ask(ask),
            SimEvent::Reply(request, reply) => self.on_reply(request, reply),
            SimEvent::Clients => self.on_clients(serial),
            SimEvent::Bootstrap => self.on_bootstrap(),
            SimEvent::Act(kind) => self.on_act(kind),
            SimEvent::Change(change) => self.on_change(&change),
            SimEvent::Restart(idx) => self.on_restart(idx),
            SimEvent::Resume(idx) => self.resume(idx),
            SimEvent::FreeSpace(idx) => self.free_space(idx),
        }
    }

    /// Handles an event for a server that is paused or down. If the server is paused, the event waits. If the
    /// server is down, the event is dropped. If the dropped event is a client's request, the client learns
    /// that the connection broke.
    fn on_event_while_stopped(&mut self, idx: ServerIdx, sim_event: SimEvent<S::Protocol>) {
        if let Some(process) = &mut self.hosts[idx.at()].process {
            let waiting = process.waiting.as_mut().expect("a server that runs and is not awake is paused");
            waiting.push(sim_event);
        } else if let SimEvent::Ask(ask) = sim_event {
            self.note_ask(ask.request, Choice::Ask);
            self.send_reply(ask.client, ask.request, crate::engine::workload::Reply::Broken);
        }
    }
}

fn founders(plan: &Plan) -> Configuration {
    let founders = ServerSet::first(usize::from(plan.servers));
    let voters = founders.iter().map(|idx| Member::voter(idx.id(), idx.address())).collect();
    Configuration::new(voters).expect("the servers of a tank have different names and addresses")
}

impl<F: TankFsm, V: Observer<S>, S: Subject> fmt::Debug for World<F, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World(seed {}, at {}, {} events)", self.plan.seed, self.recorder.now, self.events)
    }
}
