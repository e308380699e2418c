//! Operations on a world from outside, by the nemesis and by stories: on its servers, links, disks
//! and clocks.

use super::World;
use crate::disk::fault::DiskFault;
use crate::disk::{Capture, Remains};
use crate::engine::host::{Caller, Host, Process, Timer, Work};
use crate::engine::workload::TankFsm;
use crate::engine::world::sim_event::SimEvent;
use crate::observe::observer::Observer;
use crate::observe::{NetworkChange, ObservationKind};
use crate::plan::rng::Draw;
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::plan::{DiskPlan, LinkPlan};
use tracing::{Level, debug, enabled};
use wavetank_raft::store::StoreError;
use wavetank_raft::{Call, Event, Outcome, RequestId, RoleName, Server, Span};

impl<F: TankFsm, V: Observer> World<F, V> {
    /// A server, while it runs.
    #[must_use]
    pub fn server(&self, idx: ServerIdx) -> Option<&Server> {
        Some(&self.process(idx)?.server)
    }

    /// A server's state machine, while it runs.
    #[must_use]
    pub fn fsm(&self, idx: ServerIdx) -> Option<&F> {
        Some(&self.process(idx)?.machine.fsm)
    }

    /// The leader of the newest term, if there is one.
    #[must_use]
    pub fn leader(&self) -> Option<ServerIdx> {
        self.leader_among(self.awake)
    }

    /// The leader of the newest term among these servers, if there is one.
    #[must_use]
    pub fn leader_among(&self, servers: ServerSet) -> Option<ServerIdx> {
        let node = |idx: ServerIdx| self.server(idx).map(Server::node);
        servers
            .iter()
            .filter(|&idx| node(idx).is_some_and(|node| node.role() == RoleName::Leader))
            .max_by_key(|&idx| node(idx).map(wavetank_raft::Node::term))
    }

    /// Crashes a server. A prefix of its unfinished writes may be durable.
    pub fn crash(&mut self, idx: ServerIdx) {
        if let Some(mut process) = self.stop(idx) {
            self.crash_disk(idx, &mut process);
            self.recorder.on_observation(ObservationKind::Crashed { idx, wiped: false });
            self.trace("crash", idx);
            self.break_calls(process.calls);
        }
    }

    /// Crashes a server and erases its disk. It restarts blank.
    pub fn crash_wiped(&mut self, idx: ServerIdx) {
        let process = self.stop(idx);
        self.hosts[idx.at()].disk.wipe();
        self.recorder.on_observation(ObservationKind::Crashed { idx, wiped: true });
        self.trace("wipe", idx);
        self.break_calls(process.map(|process| process.calls).unwrap_or_default());
    }

    /// Starts a server from its disk. Does nothing if it runs.
    pub fn restart(&mut self, idx: ServerIdx) {
        let host = &mut self.hosts[idx.at()];
        if host.process.is_some() || self.lost.contains(idx) {
            return;
        }
        let (boot, log) = match host.start(self.plan.seed, self.recorder.now, (self.make)(idx)) {
            Ok(started) => started,
            Err(error) => return self.refuse_to_start(idx, &error),
        };
        self.awake = self.awake.with(idx);
        self.refused = self.refused.without(idx);
        let Process { server, machine, .. } = host.process.as_mut().expect("it was just started");
        self.recorder.on_observation(ObservationKind::Booted { idx, server, boot: &boot, log: &log });
        if let Some(meta) = &boot.snapshot {
            let last = host.disk.load_snapshot(meta.last, &mut |reader| machine.fsm.restore(reader));
            let last = last.expect("a snapshot that can be listed can be loaded");
            self.recorder.on_observation(ObservationKind::Restored {
                idx,
                last,
                digest: machine.fsm.digest(),
            });
        }
        self.trace("start", idx);
        self.schedule_timer(idx);
    }

    /// A server refused to start from its disk. Its supervisor tries again later.
    fn refuse_to_start(&mut self, idx: ServerIdx, error: &StoreError) {
        self.recorder.on_observation(ObservationKind::Refused { idx, error });
        self.trace("refuse", idx);
        self.refused = self.refused.with(idx);
        if let Some(after) = self.plan.supervised.filter(|_| !self.broken.contains(idx)) {
            self.event_queue.put(self.recorder.now + after, SimEvent::Restart(idx));
        }
    }

    /// Loses a server and its disk permanently. It never comes back under its name.
    pub fn lose(&mut self, idx: ServerIdx) {
        self.crash_wiped(idx);
        self.lost = self.lost.with(idx);
    }

    /// Injects a fault into a server's disk, if the fault is applicable.
    pub fn damage(&mut self, idx: ServerIdx, fault: DiskFault, draw: Draw) {
        if let Some(damage) = self.hosts[idx.at()].disk.inject_fault(fault, draw) {
            self.recorder.on_observation(ObservationKind::Damaged { idx, damage });
        }
    }

    /// Fills a server's disk.
    pub fn fill_disk(&mut self, idx: ServerIdx) {
        self.damage(idx, DiskFault::Fill, Draw::ZERO);
    }

    /// Ends a disk-full fault.
    pub fn free_space(&mut self, idx: ServerIdx) {
        self.hosts[idx.at()].disk.free_space();
    }

    /// Servers whose disks are lost or damaged. They may not come back.
    #[must_use]
    pub fn lost_or_damaged(&self) -> ServerSet {
        let damaged = self.all().iter().filter(|idx| self.hosts[idx.at()].disk.is_damaged());
        damaged.fold(self.lost, ServerSet::with)
    }

    /// Pauses a server: it handles no events while time passes. Does nothing if it is down.
    pub fn pause(&mut self, idx: ServerIdx) {
        if let Some(process) = &mut self.hosts[idx.at()].process
            && process.waiting.is_none()
        {
            process.waiting = Some(Vec::new());
            self.awake = self.awake.without(idx);
            self.recorder.on_observation(ObservationKind::Paused(idx));
            self.trace("pause", idx);
        }
    }

    /// Resumes a paused server. Events that arrived meanwhile are delivered now, in their order.
    pub fn resume(&mut self, idx: ServerIdx) {
        let host = &mut self.hosts[idx.at()];
        let Some(process) = &mut host.process else { return };
        let Some(waiting) = process.waiting.take() else { return };
        self.awake = self.awake.with(idx);
        for sim_event in waiting {
            let is_timer = matches!(sim_event, SimEvent::Timer(_));
            let serial = self.event_queue.put(self.recorder.now, sim_event);
            // At most the last of the timers that came meanwhile is valid, as before.
            if is_timer {
                process.timer = Timer { at: self.recorder.now, serial };
            }
        }
        self.recorder.on_observation(ObservationKind::Resumed(idx));
        self.trace("resume", idx);
    }

    /// Changes which links work.
    pub fn change_network(&mut self, change: &NetworkChange) {
        self.topology.change(change);
        if !matches!(change, NetworkChange::Mend(..) | NetworkChange::HealAll) {
            self.network.cut(|from, to| self.topology.is_cut(from, to));
        }
        self.recorder.on_observation(ObservationKind::Network(change));
        if enabled!(target: "wavetank", Level::DEBUG) {
            debug!(target: "wavetank", at = %self.recorder.now, ?change, "network");
        }
    }

    /// Cuts all links between the two sets, in both directions.
    pub fn partition(&mut self, ours: ServerSet, theirs: ServerSet) {
        self.change_network(&NetworkChange::Partition(ours, theirs));
    }

    /// Cuts all links of this server, in both directions.
    pub fn isolate(&mut self, idx: ServerIdx) {
        self.partition(ServerSet::only(idx), self.all().without(idx));
    }

    /// Cuts all links from the first set to the second.
    pub fn cut_one_way(&mut self, from: ServerSet, to: ServerSet) {
        self.change_network(&NetworkChange::CutOneWay(from, to));
    }

    /// Cuts a link in this direction.
    pub fn cut(&mut self, from: ServerIdx, to: ServerIdx) {
        self.change_network(&NetworkChange::Cut(from, to));
    }

    /// Restores a link in this direction.
    pub fn mend(&mut self, from: ServerIdx, to: ServerIdx) {
        self.change_network(&NetworkChange::Mend(from, to));
    }

    /// Restores all links.
    pub fn heal_all(&mut self) {
        self.change_network(&NetworkChange::HealAll);
    }

    /// Changes how the links behave from here on.
    pub fn change_links(&mut self, links: LinkPlan) {
        self.network.set_plan(links);
    }

    /// Changes how a server's disk behaves from here on.
    pub fn change_disk(&mut self, idx: ServerIdx, disks: DiskPlan) {
        self.hosts[idx.at()].disk.set_plan(self.plan.seed, idx, disks);
    }

    /// A server's state machine begins no work for that long.
    pub fn stall_machine(&mut self, idx: ServerIdx, lasts: Span) {
        self.hosts[idx.at()].times.hold(self.recorder.now + lasts);
    }

    /// Delivers the oldest message that the network holds. Returns whether there was one.
    pub fn release_held(&mut self) -> bool {
        let oldest = self.held.pop_front();
        let there_was = oldest.is_some();
        if let Some((_, envelope)) = oldest {
            self.event_queue.put(self.recorder.now, SimEvent::Arrive(envelope));
        }
        there_was
    }

    /// Calls a server, as an operator does. [`World::outcome`] returns the outcome.
    pub fn call(&mut self, idx: ServerIdx, call: Call) -> RequestId {
        self.call_as(Caller::Operator, idx, call)
    }

    /// The outcome of an operator's call; `None` while it is open. A server that was down, or crashed,
    /// answers [`Error::Shutdown`](wavetank_raft::Error::Shutdown).
    #[must_use]
    pub fn outcome(&self, request: RequestId) -> Option<&Outcome> {
        self.outcomes.get(&request)
    }

    /// Delivers an event to a server that is awake, as if it came from outside.
    pub fn force(&mut self, idx: ServerIdx, event: Event) {
        if self.awake.contains(idx) {
            self.deliver(idx, event);
        }
    }

    /// Sets a server's clock forward.
    pub fn jump_clock(&mut self, idx: ServerIdx, by: Span) {
        self.hosts[idx.at()].clock.jump(by);
        self.schedule_timer(idx);
    }

    /// Freezes a server's clock for that long.
    pub fn freeze_clock(&mut self, idx: ServerIdx, by: Span) {
        self.hosts[idx.at()].clock.freeze(self.recorder.now, by);
    }

    /// Changes the rate of a server's clock: `ppm` parts per million faster, or slower if negative.
    pub fn drift_clock(&mut self, idx: ServerIdx, ppm: i32) {
        self.hosts[idx.at()].clock.drift(self.recorder.now, ppm);
        self.schedule_timer(idx);
    }

    pub(super) fn call_as(&mut self, caller: Caller, idx: ServerIdx, call: Call) -> RequestId {
        self.calls += 1;
        let request = crate::observe::operator_request(self.calls);
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
        if self.server(first).is_some_and(|server| server.node().configuration().is_some()) {
            return;
        }
        self.call_as(Caller::Nemesis, first, Call::Bootstrap(self.founders()));
        // The first server may crash before its first configuration is durable.
        self.event_queue.put(self.recorder.now + AGAIN, SimEvent::Bootstrap);
    }

    /// Crashes a server for a while.
    pub(super) fn crash_for(&mut self, idx: ServerIdx, away: Span) {
        self.crash(idx);
        self.event_queue.put(self.recorder.now + away, SimEvent::Restart(idx));
    }

    /// The server has stopped itself.
    pub(super) fn halt(&mut self, idx: ServerIdx) {
        if let Some(mut process) = self.stop(idx) {
            self.hosts[idx.at()].halted = true;
            self.crash_disk(idx, &mut process);
            self.recorder.on_observation(ObservationKind::Halted(idx));
            self.trace("halt", idx);
            if let Some(after) = self.plan.supervised {
                self.event_queue.put(self.recorder.now + after, SimEvent::Restart(idx));
            }
            self.break_calls(process.calls);
        }
    }

    /// Queued disk jobs, and a snapshot that is being written, are finished in part or not at all.
    fn crash_disk(&mut self, idx: ServerIdx, process: &mut Process<F, SimEvent>) {
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

    fn stop(&mut self, idx: ServerIdx) -> Option<Process<F, SimEvent>> {
        self.awake = self.awake.without(idx);
        self.network.crash(idx);
        self.hosts[idx.at()].process.take()
    }

    pub(super) fn process(&self, idx: ServerIdx) -> Option<&Process<F, SimEvent>> {
        self.hosts.get(idx.at()).and_then(|host: &Host<F, SimEvent>| host.process.as_ref())
    }

    fn trace(&self, what: &'static str, idx: ServerIdx) {
        if enabled!(target: "wavetank", Level::DEBUG) {
            debug!(target: "wavetank", at = %self.recorder.now, %idx, "{what}");
        }
    }
}
