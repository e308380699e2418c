//! Operations on the servers, links, disks and clocks of a world. The nemesis and stories use these
//! operations.

use super::World;
use crate::disk::fault::{Damage, DiskFault, MachineFault};
use crate::disk::{Capture, Remains};
use crate::engine::host::{Caller, Host, Process, Timer, Work};
use crate::engine::workload::TankFsm;
use crate::engine::world::sim_event::SimEvent;
use crate::observe::observer::Observer;
use crate::observe::{NetworkChange, ObservationKind};
use crate::plan::rng::Draw;
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::plan::{DiskPlan, LinkPlan};
use crate::schedule::Choice;
use crate::subject::{EventOf, Parts, Subject, View};
use std::sync::Arc;
use tracing::{Level, debug, enabled};
use wavetank_raft::store::StoreError;
use wavetank_raft::{Call, Configuration, Index, Outcome, RequestId, RoleName, Span};

impl<F: TankFsm, V: Observer<S>, S: Subject> World<F, V, S> {
    /// Returns the server. Returns `None` while the server is down.
    #[must_use]
    pub fn server(&self, idx: ServerIdx) -> Option<&S> {
        Some(&self.process(idx)?.server)
    }

    /// Returns the view of a server. The view shows nothing while the server is down.
    pub(super) fn view_of(&self, idx: ServerIdx) -> View {
        self.process(idx).map_or(View::NOTHING, |process| process.server.view())
    }

    /// Returns the configuration that a server shows, and the index of the configuration. Returns `None`
    /// while the server is down or has no configuration. Returns the first configuration of the cluster if the
    /// implementation cannot show a configuration.
    pub(crate) fn configuration(&self, idx: ServerIdx) -> Option<(Index, &Arc<Configuration>)> {
        self.process(idx)?.server.configuration().unwrap_or(Some((Index(1), &self.first)))
    }

    /// Returns the state machine of a server. Returns `None` while the server is down.
    #[must_use]
    pub fn fsm(&self, idx: ServerIdx) -> Option<&F> {
        Some(&self.process(idx)?.machine.fsm)
    }

    /// Returns the leader with the highest term. Returns `None` if no server leads. Paused servers do not
    /// count.
    #[must_use]
    pub fn leader(&self) -> Option<ServerIdx> {
        self.leader_among(self.awake)
    }

    /// Returns the leader with the highest term among these servers. Returns `None` if none of these servers
    /// leads.
    #[must_use]
    pub fn leader_among(&self, servers: ServerSet) -> Option<ServerIdx> {
        let state = |idx: ServerIdx| self.process(idx).map(|process| process.state);
        let leads = |idx: &ServerIdx| state(*idx).is_some_and(|state| state.role == RoleName::Leader);
        servers.iter().filter(leads).max_by_key(|&idx| state(idx).map(|state| state.term))
    }

    /// Crashes a server. A prefix of the server's unfinished writes may become durable.
    pub fn crash(&mut self, idx: ServerIdx) {
        if let Some(mut process) = self.stop(idx) {
            self.note(|| Choice::Crash(idx));
            self.crash_disk(idx, &mut process);
            self.recorder.on_observation(ObservationKind::Crashed { idx, wiped: false });
            self.trace("crash", idx);
            self.break_calls(process.calls);
        }
    }

    /// Crashes a server and erases the disk of the server. After a restart, the server has an empty disk.
    pub fn crash_wiped(&mut self, idx: ServerIdx) {
        self.note(|| Choice::Wipe(idx));
        let process = self.stop(idx);
        self.hosts[idx.at()].disk.wipe();
        self.recorder.on_observation(ObservationKind::Crashed { idx, wiped: true });
        self.trace("wipe", idx);
        self.break_calls(process.map(|process| process.calls).unwrap_or_default());
    }

    /// Starts a server from its disk. Does nothing if the server runs or is lost.
    pub fn restart(&mut self, idx: ServerIdx) {
        let host = &mut self.hosts[idx.at()];
        if host.process.is_some() || self.lost.contains(idx) {
            return;
        }
        self.note(|| Choice::Start(idx));
        let host = &mut self.hosts[idx.at()];
        let (boot, log) = match host.start(self.plan.seed, self.recorder.now, (self.make)(idx)) {
            Ok(started) => started,
            Err(error) => return self.refuse_to_start(idx, &error),
        };
        let loaded = boot.snapshot.as_ref().map(|meta| host.load_snapshot(meta, &mut *self.make)).transpose();
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                host.process = None;
                return self.refuse_to_start(idx, &error);
            }
        };
        self.awake = self.awake.with(idx);
        self.refused = self.refused.without(idx);
        self.shown = self.shown.and(self.process(idx).map_or(Parts::ALL, |it| Parts::of(&it.server)));
        let host = &mut self.hosts[idx.at()];
        let Process { server, machine, .. } = host.process.as_mut().expect("the server was just started");
        self.recorder.on_observation(ObservationKind::Booted { idx, server, boot: &boot, log: &log });
        if let Some(last) = loaded {
            self.recorder.on_observation(ObservationKind::Restored {
                idx,
                last,
                digest: machine.fsm.digest(),
            });
        }
        self.trace("start", idx);
        self.introduce(idx);
        self.schedule_timer(idx);
    }

    /// Handles a server that refused to start from its disk. If the plan has a supervisor, the supervisor
    /// starts the server again later.
    fn refuse_to_start(&mut self, idx: ServerIdx, error: &StoreError) {
        self.recorder.on_observation(ObservationKind::Refused { idx, error });
        self.trace("refuse", idx);
        self.refused = self.refused.with(idx);
        if let Some(after) = self.plan.supervised.filter(|_| !self.broken.contains(idx)) {
            self.pending.put(self.recorder.now + after, SimEvent::Restart(idx));
        }
    }

    /// Crashes a server and loses its disk permanently. The server never returns under its name.
    pub fn lose(&mut self, idx: ServerIdx) {
        self.note_as_one(|| Choice::Lose(idx), |world| world.crash_wiped(idx));
        self.lost = self.lost.with(idx);
    }

    /// Crashes a server and gives it a new disk. The messages to the old machine are lost.
    pub fn give_new_disk(&mut self, idx: ServerIdx) {
        self.note_as_one(|| Choice::NewDisk(idx), |world| world.crash_wiped(idx));
        if let Some(scheduling) = &mut self.pending.scheduling {
            scheduling.lose_all_to(idx);
        }
        self.network.lose_all_to(idx);
        self.held.retain(|(_, envelope)| envelope.to != idx);
        self.renewed = self.renewed.with(idx);
        self.refused = self.refused.without(idx);
    }

    /// Injects a fault into a server's disk. Does nothing if the disk cannot have this fault now. `draw`
    /// selects the location of the fault.
    pub fn damage(&mut self, idx: ServerIdx, fault: DiskFault, draw: Draw) {
        if let Some(damage) = self.hosts[idx.at()].disk.inject_fault(fault, draw) {
            self.note(|| Choice::Damage(idx, fault, draw));
            self.recorder.on_observation(ObservationKind::Damaged { idx, damage });
        }
    }

    /// Injects a fault into a server's state machine.
    pub fn break_machine(&mut self, idx: ServerIdx, fault: MachineFault) {
        self.note(|| Choice::BreakMachine(idx, fault));
        self.hosts[idx.at()].machine_faults.inject(fault);
        self.recorder.on_observation(ObservationKind::Damaged { idx, damage: Damage::Machine(fault) });
    }

    /// Makes a server's disk full.
    pub fn fill_disk(&mut self, idx: ServerIdx) {
        self.damage(idx, DiskFault::Fill, Draw::ZERO);
    }

    /// Frees space on a server's full disk.
    pub fn free_space(&mut self, idx: ServerIdx) {
        self.note(|| Choice::FreeSpace(idx));
        self.hosts[idx.at()].disk.free_space();
    }

    /// Returns the servers whose disks are lost or damaged, and the servers whose state machines fail every
    /// load of a snapshot. These servers may be unable to start again.
    #[must_use]
    pub fn lost_or_damaged(&self) -> ServerSet {
        let is_damaged = |host: &Host<F, S>| host.disk.is_damaged() || host.machine_faults.never_loads();
        let damaged = self.all().iter().filter(|idx| is_damaged(&self.hosts[idx.at()]));
        damaged.fold(self.lost, ServerSet::with)
    }

    /// Pauses a server: the server handles no events, but virtual time continues. Does nothing if the server
    /// is down.
    pub fn pause(&mut self, idx: ServerIdx) {
        if let Some(process) = &mut self.hosts[idx.at()].process
            && process.waiting.is_none()
        {
            process.waiting = Some(Vec::new());
            self.note(|| Choice::Pause(idx));
            self.awake = self.awake.without(idx);
            self.recorder.on_observation(ObservationKind::Paused(idx));
            self.trace("pause", idx);
        }
    }

    /// Resumes a paused server. The events that arrived during the pause are delivered now, in the order of
    /// their arrival.
    pub fn resume(&mut self, idx: ServerIdx) {
        let host = &mut self.hosts[idx.at()];
        let Some(process) = &mut host.process else { return };
        let Some(waiting) = process.waiting.take() else { return };
        self.note(|| Choice::Resume(idx));
        self.awake = self.awake.with(idx);
        for sim_event in waiting {
            let is_timer = matches!(sim_event, SimEvent::Timer(_));
            let serial = self.pending.put(self.recorder.now, sim_event);
            // Each event gets a new serial number here. Only the last timer event can be valid, so the
            // process keeps its new number.
            if is_timer {
                let process = self.hosts[idx.at()].process.as_mut().expect("the server is paused");
                process.timer = Timer { at: self.recorder.now, serial };
            }
        }
        self.recorder.on_observation(ObservationKind::Resumed(idx));
        self.trace("resume", idx);
    }

    /// Cuts or restores links.
    pub fn change_network(&mut self, change: &NetworkChange) {
        self.note(|| Choice::Network(change.clone()));
        self.topology.change(change);
        if !matches!(change, NetworkChange::Mend(..) | NetworkChange::HealAll) {
            self.network.cut(|from, to| self.topology.is_cut(from, to));
        }
        self.recorder.on_observation(ObservationKind::Network(change));
        if enabled!(target: "wavetank", Level::DEBUG) {
            debug!(target: "wavetank", at = %self.recorder.now, ?change, "network");
        }
    }

    /// Cuts all links between two sets of servers, in both directions.
    pub fn partition(&mut self, ours: ServerSet, theirs: ServerSet) {
        self.change_network(&NetworkChange::Partition(ours, theirs));
    }

    /// Cuts all links of a server, in both directions.
    pub fn isolate(&mut self, idx: ServerIdx) {
        self.partition(ServerSet::only(idx), self.all().without(idx));
    }

    /// Cuts all links from the servers `from` to the servers `to`. The links in the other direction still
    /// work.
    pub fn cut_one_way(&mut self, from: ServerSet, to: ServerSet) {
        self.change_network(&NetworkChange::CutOneWay(from, to));
    }

    /// Cuts the link from one server to another, in this direction only.
    pub fn cut(&mut self, from: ServerIdx, to: ServerIdx) {
        self.change_network(&NetworkChange::Cut(from, to));
    }

    /// Restores the link from one server to another, in this direction only.
    pub fn mend(&mut self, from: ServerIdx, to: ServerIdx) {
        self.change_network(&NetworkChange::Mend(from, to));
    }

    /// Restores all links.
    pub fn heal_all(&mut self) {
        self.change_network(&NetworkChange::HealAll);
    }

    /// Replaces the plan of the links: the delays and faults of later messages.
    pub fn change_links(&mut self, links: LinkPlan) {
        self.network.set_plan(links);
    }

    /// Replaces the plan of a server's disk: the durations and faults of later operations.
    pub fn change_disk(&mut self, idx: ServerIdx, disks: DiskPlan) {
        self.hosts[idx.at()].disk.set_plan(self.plan.seed, idx, disks);
    }

    /// Stalls a server's state machine: the state machine begins no work for `lasts` microseconds.
    pub fn stall_machine(&mut self, idx: ServerIdx, lasts: Span) {
        self.hosts[idx.at()].times.hold(self.recorder.now + lasts);
    }

    /// Delivers the oldest message that the network holds back. Returns true if there was such a message.
    pub fn release_held(&mut self) -> bool {
        let oldest = self.held.pop_front();
        let there_was = oldest.is_some();
        if let Some((_, envelope)) = oldest {
            self.pending.put(self.recorder.now, SimEvent::Arrive(envelope));
        }
        there_was
    }

    /// Calls a server as an operator does. Returns the id of the request. [`World::outcome`] returns the
    /// outcome of the call.
    pub fn call(&mut self, idx: ServerIdx, call: Call) -> RequestId {
        self.call_as(Caller::Operator, idx, call)
    }

    /// Returns the outcome of an operator's call. Returns `None` while the call is open. If the server was
    /// down or paused at the time of the call, or stopped before its answer, the outcome is
    /// [`RequestError::Shutdown`](wavetank_raft::RequestError::Shutdown).
    #[must_use]
    pub fn outcome(&self, request: RequestId) -> Option<&Outcome> {
        self.outcomes.get(&request)
    }

    /// Delivers an event to a server, as if the event had come from outside. Does nothing if the server is
    /// down or paused.
    pub fn force(&mut self, idx: ServerIdx, event: EventOf<S>) {
        if self.awake.contains(idx) {
            self.deliver(idx, event);
        }
    }

    /// Sets a server's clock forward by this many microseconds.
    pub fn jump_clock(&mut self, idx: ServerIdx, by: Span) {
        self.note(|| Choice::Jump(idx, by));
        self.hosts[idx.at()].clock.jump(by);
        // The jump makes the deadline earlier in virtual time.
        self.schedule_timer(idx);
    }

    /// Freezes a server's clock for this many microseconds.
    pub fn freeze_clock(&mut self, idx: ServerIdx, by: Span) {
        self.note(|| Choice::Freeze(idx, by));
        // No timer is scheduled here: the deadline can only become later, and a timer event that comes
        // too early schedules the deadline again.
        self.hosts[idx.at()].clock.freeze(self.recorder.now, by);
    }

    /// Changes the rate of a server's clock to `ppm` parts per million faster than virtual time, or
    /// slower if `ppm` is negative.
    ///
    /// # Panics
    /// Panics if `ppm` is less than minus a million.
    pub fn drift_clock(&mut self, idx: ServerIdx, ppm: i32) {
        self.note(|| Choice::Drift(idx, ppm));
        self.hosts[idx.at()].clock.drift(self.recorder.now, ppm);
        self.schedule_timer(idx);
    }

    pub(super) fn call_as(&mut self, caller: Caller, idx: ServerIdx, call: Call) -> RequestId {
        self.note(|| Choice::Call(idx, Box::new(call.clone())));
        self.calls += 1;
        let request = crate::observe::requests::operator_request(self.calls);
        if self.awake.contains(idx) {
            self.make_call(idx, request, caller, call);
        } else {
            self.break_calls(vec![crate::engine::host::PendingCall { request, caller, stages: None }]);
        }
        request
    }

    pub(super) fn on_bootstrap(&mut self) {
        const AGAIN: Span = Span::ms(500);
        let first = ServerIdx(0);
        // A first server with a new disk has no configuration either, but such a server must not bootstrap
        // the cluster.
        let shown = self.process(first).map(|process| process.server.configuration());
        let cannot_show = shown.is_some_and(|shown| shown.is_none());
        if shown.flatten().flatten().is_some() || self.renewed.contains(first) {
            return;
        }
        self.call_as(Caller::Nemesis, first, Call::Bootstrap(self.founders()));
        if cannot_show {
            return;
        }
        // The first server can crash before its first configuration is durable, so the call is
        // repeated.
        self.pending.put(self.recorder.now + AGAIN, SimEvent::Bootstrap);
    }

    /// Crashes a server, and restarts the server after `away` microseconds.
    pub(super) fn crash_for(&mut self, idx: ServerIdx, away: Span) {
        self.crash(idx);
        self.pending.put(self.recorder.now + away, SimEvent::Restart(idx));
    }

    /// Crashes a server after the first `carried` actions of a step, and restarts the server after `away`
    /// microseconds.
    pub(super) fn interrupt(&mut self, idx: ServerIdx, carried: usize, away: Span) {
        let now = self.recorder.now;
        if let Some(scheduling) = &mut self.pending.scheduling {
            scheduling.note_interrupt(now, idx, carried);
            scheduling.mute();
        }
        self.crash_for(idx, away);
        if let Some(scheduling) = &mut self.pending.scheduling {
            scheduling.unmute();
        }
    }

    /// Moves a server to an address that no server had before.
    pub(super) fn move_to_new_address(&mut self, idx: ServerIdx) {
        self.note(|| Choice::Move(idx));
        self.addresses.move_to_new(idx);
    }

    /// Exchanges the addresses of two servers.
    pub(super) fn exchange_addresses(&mut self, one: ServerIdx, other: ServerIdx) {
        self.note(|| Choice::ExchangeAddresses(one, other));
        self.addresses.exchange(one, other);
    }

    /// Handles a server that has stopped itself.
    pub(super) fn halt(&mut self, idx: ServerIdx) {
        let removed_at = self.configuration(idx).and_then(|(index, members)| {
            let is_removed = members.server(idx.node()).is_none() && Some(index) <= self.view_of(idx).commit;
            is_removed.then_some(index)
        });
        if let Some(mut process) = self.stop(idx) {
            self.hosts[idx.at()].halted = true;
            self.hosts[idx.at()].removed_at = removed_at;
            self.crash_disk(idx, &mut process);
            self.recorder.on_observation(ObservationKind::Halted(idx));
            self.trace("halt", idx);
            if let Some(after) = self.plan.supervised {
                self.pending.put(self.recorder.now + after, SimEvent::Restart(idx));
            }
            self.break_calls(process.calls);
        }
    }

    /// Simulates the crash of a server's disk. The first unfinished writes may become durable, and the next
    /// write may become durable in part. A snapshot that was being written may become complete.
    fn crash_disk(&mut self, idx: ServerIdx, process: &mut Process<F, S>) {
        let host = &mut self.hosts[idx.at()];
        let fsm = &mut process.machine.fsm;
        let mut captured = match process.work.front() {
            Some(Work::TakeSnapshot(meta)) => fsm.snapshot().ok().map(|state| (state, meta)),
            _ => None,
        };
        let capture = captured.as_mut().map(|(state, meta)| Capture { state, meta });
        let Remains { durable, torn, snapshot } = host.disk.crash(capture);
        for write in &durable {
            self.recorder.on_observation(ObservationKind::Durable { idx, write, torn: None });
        }
        if let Some(part) = torn {
            self.recorder.on_observation(ObservationKind::Durable {
                idx,
                write: &part.write,
                torn: Some(part.entries),
            });
        }
        if let Some(meta) = &snapshot {
            self.recorder.on_observation(ObservationKind::SnapshotTaken { idx, meta, digest: fsm.digest() });
        }
    }

    fn stop(&mut self, idx: ServerIdx) -> Option<Process<F, S>> {
        self.awake = self.awake.without(idx);
        self.network.crash(idx);
        if let Some(scheduling) = &mut self.pending.scheduling {
            scheduling.show(idx, None);
        }
        self.hosts[idx.at()].process.take()
    }

    pub(super) fn process(&self, idx: ServerIdx) -> Option<&Process<F, S>> {
        self.hosts.get(idx.at()).and_then(|host: &Host<F, S>| host.process.as_ref())
    }

    fn trace(&self, what: &'static str, idx: ServerIdx) {
        if enabled!(target: "wavetank", Level::DEBUG) {
            debug!(target: "wavetank", at = %self.recorder.now, %idx, "{what}");
        }
    }
}
