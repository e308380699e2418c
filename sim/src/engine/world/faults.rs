//! What can be done to a world from outside, by the nemesis and by whoever tells a story: to its
//! servers, its links and its clocks.

use super::World;
use crate::disk::fault::Blow;
use crate::disk::{Capture, Remains};
use crate::engine::host::{Caller, Host, Process, Timer, Work};
use crate::engine::workload::TankFsm;
use crate::engine::world::sim_event::Happening;
use crate::observe::observer::Watch;
use crate::observe::{NetworkChange, Seen};
use crate::plan::rng::Draw;
use crate::plan::server_set::{Slot, Slots};
use crate::plan::{Disks, Links};
use tracing::{Level, debug, enabled};
use wavetank_raft::store::StoreError;
use wavetank_raft::{Call, Event, Outcome, RequestId, RoleName, Server, Span};

impl<F: TankFsm, V: Watch> World<F, V> {
    /// A server, while it runs.
    #[must_use]
    pub fn server(&self, slot: Slot) -> Option<&Server> {
        Some(&self.process(slot)?.server)
    }

    /// A server's state machine, while it runs.
    #[must_use]
    pub fn fsm(&self, slot: Slot) -> Option<&F> {
        Some(&self.process(slot)?.machine.fsm)
    }

    /// Whoever leads in the newest term, if anybody does.
    #[must_use]
    pub fn leader(&self) -> Option<Slot> {
        self.leader_among(self.awake)
    }

    /// Whoever of these leads in the newest term, if anybody does.
    #[must_use]
    pub fn leader_among(&self, slots: Slots) -> Option<Slot> {
        let node = |slot: Slot| self.server(slot).map(Server::node);
        slots
            .iter()
            .filter(|&slot| node(slot).is_some_and(|node| node.role() == RoleName::Leader))
            .max_by_key(|&slot| node(slot).map(wavetank_raft::Node::term))
    }

    /// Crashes a server. Of what it was writing a first part may be on the disk after all.
    pub fn crash(&mut self, slot: Slot) {
        if let Some(mut process) = self.stop(slot) {
            self.crash_disk(slot, &mut process);
            self.eye.see(Seen::Crashed { slot, wiped: false });
            self.trace("crash", slot);
            self.break_calls(process.calls);
        }
    }

    /// Crashes a server and loses its disk. What is started in its place begins blank.
    pub fn crash_wiped(&mut self, slot: Slot) {
        let process = self.stop(slot);
        self.hosts[slot.at()].disk.wipe();
        self.eye.see(Seen::Crashed { slot, wiped: true });
        self.trace("wipe", slot);
        self.break_calls(process.map(|process| process.calls).unwrap_or_default());
    }

    /// Starts a server with what its disk still has. Nothing if it runs.
    pub fn restart(&mut self, slot: Slot) {
        let host = &mut self.hosts[slot.at()];
        if host.process.is_some() || self.lost.contains(slot) {
            return;
        }
        let (boot, log) = match host.start(self.plan.seed, self.eye.now, (self.make)(slot)) {
            Ok(started) => started,
            Err(error) => return self.refuse_to_start(slot, &error),
        };
        self.awake = self.awake.with(slot);
        self.refused = self.refused.without(slot);
        let Process { server, machine, .. } = host.process.as_mut().expect("it was just started");
        self.eye.see(Seen::Booted { slot, server, boot: &boot, log: &log });
        if let Some(meta) = &boot.snapshot {
            let last = host.disk.load_snapshot(meta.last, &mut |source| machine.fsm.restore(source));
            let last = last.expect("a snapshot that can be listed can be loaded");
            self.eye.see(Seen::Restored { slot, last, digest: machine.fsm.digest() });
        }
        self.trace("start", slot);
        self.expect_timer(slot);
    }

    /// A server does not start with what its disk has. Whoever supervises it tries again.
    fn refuse_to_start(&mut self, slot: Slot, error: &StoreError) {
        self.eye.see(Seen::Refused { slot, error });
        self.trace("refuse", slot);
        self.refused = self.refused.with(slot);
        if let Some(after) = self.plan.supervised.filter(|_| !self.broken.contains(slot)) {
            self.agenda.put(self.eye.now + after, Happening::Restart(slot));
        }
    }

    /// A server is lost for good, and all that it had. It never comes back under its name.
    pub fn lose(&mut self, slot: Slot) {
        self.crash_wiped(slot);
        self.lost = self.lost.with(slot);
    }

    /// Something befalls a server's disk, as far as it can.
    pub fn harm(&mut self, slot: Slot, blow: Blow, draw: Draw) {
        if let Some(harm) = self.hosts[slot.at()].disk.strike(blow, draw) {
            self.eye.see(Seen::Harmed { slot, harm });
        }
    }

    /// Nothing more can be written on a server's disk.
    pub fn fill_disk(&mut self, slot: Slot) {
        self.harm(slot, Blow::Fill, Draw::ZERO);
    }

    /// There is room again on a server's disk.
    pub fn make_room(&mut self, slot: Slot) {
        self.hosts[slot.at()].disk.make_room();
    }

    /// Servers whose disk is lost, or is not what was written to it. They may not come back.
    #[must_use]
    pub fn hurt(&self) -> Slots {
        let damaged = self.all().iter().filter(|slot| self.hosts[slot.at()].disk.is_damaged());
        damaged.fold(self.lost, Slots::with)
    }

    /// Makes a server stand still: it takes nothing in, while time passes. Nothing if it is down.
    pub fn pause(&mut self, slot: Slot) {
        if let Some(process) = &mut self.hosts[slot.at()].process
            && process.waiting.is_none()
        {
            process.waiting = Some(Vec::new());
            self.awake = self.awake.without(slot);
            self.eye.see(Seen::Paused(slot));
            self.trace("pause", slot);
        }
    }

    /// Lets a server that stands still go on. Whatever came meanwhile comes now, in its order.
    pub fn resume(&mut self, slot: Slot) {
        let host = &mut self.hosts[slot.at()];
        let Some(process) = &mut host.process else { return };
        let Some(waiting) = process.waiting.take() else { return };
        self.awake = self.awake.with(slot);
        for happening in waiting {
            let is_timer = matches!(happening, Happening::Timer(_));
            let serial = self.agenda.put(self.eye.now, happening);
            // Of the timers that came meanwhile at most the last one counts, as before.
            if is_timer {
                process.timer = Timer { at: self.eye.now, serial };
            }
        }
        self.eye.see(Seen::Resumed(slot));
        self.trace("resume", slot);
    }

    /// Changes who reaches whom.
    pub fn change_network(&mut self, change: &NetworkChange) {
        self.topology.change(change);
        if !matches!(change, NetworkChange::Mend(..) | NetworkChange::HealAll) {
            self.network.cut(|from, to| self.topology.is_cut(from, to));
        }
        self.eye.see(Seen::Network(change));
        if enabled!(target: "wavetank", Level::DEBUG) {
            debug!(target: "wavetank", at = %self.eye.now, ?change, "network");
        }
    }

    /// Nothing passes between the two sets, either way.
    pub fn partition(&mut self, ours: Slots, theirs: Slots) {
        self.change_network(&NetworkChange::Partition(ours, theirs));
    }

    /// Nothing passes between this server and the others, either way.
    pub fn isolate(&mut self, slot: Slot) {
        self.partition(Slots::only(slot), self.all().without(slot));
    }

    /// Nothing passes from the first set to the second.
    pub fn cut_one_way(&mut self, from: Slots, to: Slots) {
        self.change_network(&NetworkChange::CutOneWay(from, to));
    }

    /// A link fails in this direction.
    pub fn cut(&mut self, from: Slot, to: Slot) {
        self.change_network(&NetworkChange::Cut(from, to));
    }

    /// It works again.
    pub fn mend(&mut self, from: Slot, to: Slot) {
        self.change_network(&NetworkChange::Mend(from, to));
    }

    /// All links work.
    pub fn heal_all(&mut self) {
        self.change_network(&NetworkChange::HealAll);
    }

    /// Changes how the links behave from here on.
    pub fn change_links(&mut self, links: Links) {
        self.network.become_like(links);
    }

    /// Changes how a server's disk behaves from here on.
    pub fn change_disk(&mut self, slot: Slot, disks: Disks) {
        self.hosts[slot.at()].disk.become_like(self.plan.seed, slot, disks);
    }

    /// For that long a server's state machine begins nothing new.
    pub fn stall_machine(&mut self, slot: Slot, lasts: Span) {
        self.hosts[slot.at()].times.hold(self.eye.now + lasts);
    }

    /// Delivers the oldest message that the network holds; whether there was one.
    pub fn let_go(&mut self) -> bool {
        let oldest = self.held.pop_front();
        let there_was = oldest.is_some();
        if let Some((_, letter)) = oldest {
            self.agenda.put(self.eye.now, Happening::Arrive(letter));
        }
        there_was
    }

    /// Calls a server, as an operator does. [`World::outcome`] has what came of it.
    pub fn call(&mut self, slot: Slot, call: Call) -> RequestId {
        self.call_as(Caller::Operator, slot, call)
    }

    /// What came of an operator's call; `None` while nothing has. A server that was down, or went
    /// down, answers [`Error::Shutdown`](wavetank_raft::Error::Shutdown).
    #[must_use]
    pub fn outcome(&self, request: RequestId) -> Option<&Outcome> {
        self.outcomes.get(&request)
    }

    /// Hands an event to a server that is awake, as if it came from outside.
    pub fn force(&mut self, slot: Slot, event: Event) {
        if self.awake.contains(slot) {
            self.give(slot, event);
        }
    }

    /// Sets a server's clock forward.
    pub fn jump_clock(&mut self, slot: Slot, by: Span) {
        self.hosts[slot.at()].clock.jump(by);
        self.expect_timer(slot);
    }

    /// A server's clock stands still for that long.
    pub fn freeze_clock(&mut self, slot: Slot, by: Span) {
        self.hosts[slot.at()].clock.freeze(self.eye.now, by);
    }

    /// Makes a server's clock go at another rate, so many parts per million faster or slower.
    pub fn drift_clock(&mut self, slot: Slot, ppm: i32) {
        self.hosts[slot.at()].clock.drift(self.eye.now, ppm);
        self.expect_timer(slot);
    }

    pub(super) fn call_as(&mut self, caller: Caller, slot: Slot, call: Call) -> RequestId {
        self.calls += 1;
        let request = crate::observe::operators(self.calls);
        if self.awake.contains(slot) {
            self.make_call(slot, request, caller, call);
        } else {
            self.break_calls(vec![crate::engine::host::PendingCall { request, caller }]);
        }
        request
    }

    pub(super) fn on_bootstrap(&mut self) {
        const AGAIN: Span = Span::ms(500);
        let first = Slot(0);
        if self.server(first).is_some_and(|server| server.node().configuration().is_some()) {
            return;
        }
        self.call_as(Caller::Nemesis, first, Call::Bootstrap(self.founders()));
        // The first server may crash before its first configuration is durable.
        self.agenda.put(self.eye.now + AGAIN, Happening::Bootstrap);
    }

    /// Crashes a server for a while.
    pub(super) fn crash_for(&mut self, slot: Slot, away: Span) {
        self.crash(slot);
        self.agenda.put(self.eye.now + away, Happening::Restart(slot));
    }

    /// The server has stopped by its own decision.
    pub(super) fn halt(&mut self, slot: Slot) {
        if let Some(mut process) = self.stop(slot) {
            self.hosts[slot.at()].halted = true;
            self.crash_disk(slot, &mut process);
            self.eye.see(Seen::Halted(slot));
            self.trace("halt", slot);
            if let Some(after) = self.plan.supervised {
                self.agenda.put(self.eye.now + after, Happening::Restart(slot));
            }
            self.break_calls(process.calls);
        }
    }

    /// What was waiting for the disk is done in part, or not at all, and so is a snapshot that was
    /// being kept.
    fn crash_disk(&mut self, slot: Slot, process: &mut Process<F, Happening>) {
        let host = &mut self.hosts[slot.at()];
        let fsm = &mut process.machine.fsm;
        let mut captured = match process.work.front() {
            Some(Work::TakeSnapshot(meta)) => fsm.snapshot().ok().map(|state| (state, meta)),
            _ => None,
        };
        let capture = captured.as_mut().map(|(state, meta)| Capture { state, meta });
        let Remains { durable, torn, snapshot } = host.disk.crash(capture);
        for write in &durable {
            self.eye.see(Seen::Durable { slot, write, torn: None });
        }
        if let Some(part) = torn {
            self.eye.see(Seen::Durable { slot, write: &part.write, torn: Some(part.entries) });
        }
        if let Some(meta) = &snapshot {
            self.eye.see(Seen::SnapshotTaken { slot, meta, digest: fsm.digest() });
        }
    }

    fn stop(&mut self, slot: Slot) -> Option<Process<F, Happening>> {
        self.awake = self.awake.without(slot);
        self.network.crash(slot);
        self.hosts[slot.at()].process.take()
    }

    pub(super) fn process(&self, slot: Slot) -> Option<&Process<F, Happening>> {
        self.hosts.get(slot.at()).and_then(|host: &Host<F, Happening>| host.process.as_ref())
    }

    fn trace(&self, what: &'static str, slot: Slot) {
        if enabled!(target: "wavetank", Level::DEBUG) {
            debug!(target: "wavetank", at = %self.eye.now, %slot, "{what}");
        }
    }
}
