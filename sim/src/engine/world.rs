//! The world: one clock, one agenda, and everything that moves.
//!
//! The world takes what is next on the agenda, hands it to whom it concerns, and carries out what
//! that one wants. It decides nothing (the network, the disks and the nemesis do) and judges
//! nothing; whoever wants to know what happens gives it a [`Watch`].
//!
//! In this file: what there is, and how time passes. `step.rs`: a server takes an event.
//! `carry.rs`: its actions are carried out. `clients.rs`: what goes on between clients and
//! servers. `verbs.rs`: what can be done to a world from outside. `acts.rs`: what the nemesis does
//! to it. `end.rs`: how it calms down.

mod client_ops;
mod execute;
mod faults;
mod nemesis_acts;
pub(crate) mod sim_event;

mod end;
mod step;

#[cfg(test)]
pub(crate) mod tests;

pub use end::Unsettled;

use crate::disk::{Memory, Shelf};
use crate::engine::event_queue::Agenda;
use crate::engine::host::{Host, Timer};
use crate::engine::network::{ClientLine, Network};
use crate::engine::workload::{TankFsm, Wants, Workload};
use crate::nemesis::Nemesis;
use crate::observe::digest::Digest;
use crate::observe::observer::{Eye, Watch};
use crate::observe::topology::Topology;
use crate::plan::fault_id::{Fault, Mishap, Mishaps};
use crate::plan::server_set::{Slot, Slots};
use crate::plan::{Birth, Plan};
use sim_event::{Happening, Letter};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use wavetank_raft::{
    Action, Configuration, Effects, Entry, HardState, Index, LogOp, Member, Outcome, Payload, RequestId,
    Span, Term, Time, Token, Write,
};

/// A tank with servers in it, the sea around them and the clients above.
pub struct World<F: TankFsm, V: Watch> {
    plan: Plan,
    agenda: Agenda<Happening>,
    events: u64,
    eye: Eye<V>,
    digest: Digest,
    is_deep: bool,
    hosts: Vec<Host<F, Happening>>,
    awake: Slots,
    broken: Slots,
    /// Lost for good.
    lost: Slots,
    /// They would not start with what they had on their disks.
    refused: Slots,
    topology: Topology,
    network: Network,
    held: VecDeque<(u64, Letter)>,
    make: Box<dyn FnMut(Slot) -> F>,
    workload: Box<dyn Workload>,
    wants: Wants,
    clients_due: Timer,
    lines: Vec<ClientLine>,
    calls: u64,
    outcomes: BTreeMap<RequestId, Outcome>,
    nemesis: Option<Nemesis>,
    counts: BTreeMap<&'static str, u64>,
    mishaps: Vec<Mishap>,
    actions: Vec<Action>,
    effects: Effects,
}

impl<F: TankFsm, V: Watch> World<F, V> {
    /// A tank as the plan has it: every server started, the nemesis at work.
    ///
    /// # Panics
    /// When the plan cannot be: more servers than a tank holds, none at all, or a configuration
    /// that cannot work.
    pub fn new(
        plan: Plan,
        make: impl FnMut(Slot) -> F + 'static,
        workload: Box<dyn Workload>,
        watch: V,
    ) -> Self {
        Self::with_stores(plan, make, workload, watch, &mut |_| Box::new(Memory::default()))
    }

    /// The same with other stores than those in memory, which the shelf makes for each server.
    ///
    /// # Panics
    /// As for [`World::new`].
    pub fn with_stores(
        plan: Plan,
        make: impl FnMut(Slot) -> F + 'static,
        workload: Box<dyn Workload>,
        watch: V,
        shelf: &mut Shelf<'_>,
    ) -> Self {
        let slots = plan.slots();
        assert!(0 < plan.servers && slots <= Slot::MOST, "a tank holds 1 to {} servers", Slot::MOST);
        let all = Slots::first(slots);
        let mut world = Self {
            agenda: Agenda::default(),
            events: 0,
            eye: Eye::new(watch),
            digest: Digest::default(),
            is_deep: false,
            hosts: all.iter().map(|slot| Host::new(slot, &plan, shelf(slot))).collect(),
            awake: Slots::NONE,
            broken: Slots::NONE,
            lost: Slots::NONE,
            refused: Slots::NONE,
            topology: Topology::new(slots),
            network: Network::new(plan.seed, slots, plan.links.clone())
                .with_mishaps(Mishaps::new(plan.mishaps.clone())),
            held: VecDeque::new(),
            make: Box::new(make),
            workload,
            wants: Wants::default(),
            clients_due: Timer::NONE,
            lines: Vec::new(),
            calls: 0,
            outcomes: BTreeMap::new(),
            nemesis: None,
            counts: BTreeMap::new(),
            mishaps: Vec::new(),
            actions: Vec::new(),
            effects: Effects::new(),
            plan,
        };
        world.begin(all);
        world
    }

    fn begin(&mut self, all: Slots) {
        match self.plan.birth {
            Birth::Bootstrapped => self.found(),
            Birth::Blank => {
                self.agenda.put(Time(0), Happening::Bootstrap);
            }
        }
        for slot in all.iter() {
            self.restart(slot);
        }
        let mut nemesis = Nemesis::new(&self.plan);
        for (kind, after) in nemesis.first() {
            self.agenda.put(Time(0) + after, Happening::Act(kind));
        }
        self.nemesis = Some(nemesis);
        self.expect_clients();
    }

    /// Puts the same first configuration on every founder's disk, as `BootstrapCluster` does.
    fn found(&mut self) {
        let first = Payload::Configuration(Arc::new(self.founders()));
        let write = Write {
            token: Token(0),
            hard_state: Some(HardState { term: Term(1), vote: None }),
            log: LogOp::Append(Arc::from([Entry::new(Term(1), Index(1), first)])),
        };
        for host in self.hosts.iter_mut().take(usize::from(self.plan.servers)) {
            host.disk.found(&write);
        }
    }

    /// The configuration that the cluster begins with.
    ///
    /// # Panics
    /// Never: the slots of a tank have different names and addresses.
    #[must_use]
    pub fn founders(&self) -> Configuration {
        let founders = Slots::first(usize::from(self.plan.servers));
        let voters = founders.iter().map(|slot| Member::voter(slot.id(), slot.address())).collect();
        Configuration::new(voters).expect("the slots of a tank have different names and addresses")
    }

    /// Handles what is next on the agenda; `false` if nothing is.
    pub fn step(&mut self) -> bool {
        let Some((at, serial, happening)) = self.agenda.take() else { return false };
        self.eye.now = at;
        self.events += 1;
        self.handle(serial, happening);
        true
    }

    /// Handles everything up to and with this moment, and moves the clock there.
    pub fn run_until(&mut self, until: Time) {
        self.run_while(until, |_| true);
    }

    /// Handles what comes up to this moment while the condition holds, which is asked before each
    /// event. Returns whether it still holds at the end.
    pub fn run_while(&mut self, until: Time, mut holds: impl FnMut(&mut Self) -> bool) -> bool {
        while self.agenda.next_at().is_some_and(|at| at <= until) {
            if !holds(self) {
                return false;
            }
            self.step();
        }
        self.eye.now = self.eye.now.max(until);
        holds(self)
    }

    /// Lets some time pass.
    pub fn run_for(&mut self, span: Span) {
        self.run_until(self.now() + span);
    }

    /// Takes the whole state of a server into the digest at its every step.
    pub const fn digest_deeply(&mut self) {
        self.is_deep = true;
    }

    /// Writes down what goes wrong from here on.
    pub fn record_mishaps(&mut self) {
        self.network.record();
        if let Some(nemesis) = &mut self.nemesis {
            nemesis.record();
        }
    }

    /// What went wrong since it is written down: acts first, then messages, each in their order.
    #[must_use]
    pub fn mishaps(&self) -> Vec<Mishap> {
        let acts = self.nemesis.as_ref().map_or(&self.mishaps[..], |nemesis| nemesis.mishaps().taken());
        acts.iter().chain(self.network.mishaps().taken()).copied().collect()
    }

    /// The moment.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.eye.now
    }

    /// How many events were handled.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// How many messages were sent.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.network.messages()
    }

    /// The digest over every step so far.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Every server.
    #[must_use]
    pub fn all(&self) -> Slots {
        Slots::first(self.hosts.len())
    }

    /// Those that run and do not stand still.
    #[must_use]
    pub const fn awake(&self) -> Slots {
        self.awake
    }

    /// Who reaches whom.
    #[must_use]
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The clients.
    #[must_use]
    pub const fn workload(&self) -> &dyn Workload {
        &*self.workload
    }

    /// Whoever looks on.
    #[must_use]
    pub const fn watch(&self) -> &V {
        &self.eye.watch
    }

    /// Whoever looks on, to be asked for a verdict.
    pub const fn watch_mut(&mut self) -> &mut V {
        &mut self.eye.watch
    }

    /// Ends the run.
    pub fn into_watch(self) -> V {
        self.eye.watch
    }

    /// How often each fault family struck so far; families that never did are left out.
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

    fn handle(&mut self, serial: u64, happening: Happening) {
        if let Some(slot) = happening.to()
            && !self.awake.contains(slot)
        {
            self.find_asleep(slot, happening);
            return;
        }
        match happening {
            Happening::Timer(slot) => self.on_timer(slot, serial),
            Happening::Arrive(letter) => self.on_letter(letter),
            Happening::LetGo(number) => self.on_let_go(number),
            Happening::Disk(slot, incarnation) => self.on_disk(slot, incarnation),
            Happening::Tell(slot, incarnation, event) => self.on_tell(slot, incarnation, event),
            Happening::Machine(slot, incarnation) => self.on_machine(slot, incarnation),
            Happening::Gathered(slot, incarnation) => self.on_gathered(slot, incarnation),
            Happening::Ask(ask) => self.on_ask(ask),
            Happening::Reply(request, reply) => self.on_reply(request, reply),
            Happening::Clients => self.on_clients(serial),
            Happening::Bootstrap => self.on_bootstrap(),
            Happening::Act(kind) => self.on_act(kind),
            Happening::Change(change) => self.on_change(&change),
            Happening::Restart(slot) => self.on_restart(slot),
            Happening::Resume(slot) => self.resume(slot),
            Happening::Room(slot) => self.make_room(slot),
        }
    }

    /// What happens to a server that stands still waits; what happens to one that is down does
    /// not happen, but that a client finds nobody there.
    fn find_asleep(&mut self, slot: Slot, happening: Happening) {
        if let Some(process) = &mut self.hosts[slot.at()].process {
            let waiting = process.waiting.as_mut().expect("who runs and is not awake stands still");
            waiting.push(happening);
        } else if let Happening::Ask(ask) = happening {
            self.send_reply(ask.client, ask.request, crate::engine::workload::Reply::Broken);
        }
    }
}

impl<F: TankFsm, V: Watch> fmt::Debug for World<F, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World(seed {}, at {}, {} events)", self.plan.seed, self.eye.now, self.events)
    }
}
