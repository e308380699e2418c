//! Delivers an event to a server, and finds the facts about this step that trigger reactive faults.

use super::World;
use crate::engine::host::Timer;
use crate::engine::workload::TankFsm;
use crate::engine::world::sim_event::{Envelope, SimEvent};
use crate::nemesis::Trigger;
use crate::observe::observer::Observer;
use crate::observe::{ObservationKind, digest};
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::schedule::Choice;
use crate::subject::{EventOf, Subject, View};
use tracing::{Level, debug, enabled};
use wavetank_raft::{Dialect, Event, Index, RoleName, Span, Term};

/// The part of a server's state that is compared before and after a step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepState {
    pub(crate) role: RoleName,
    pub(crate) term: Term,
    commit: Index,
}

impl StepState {
    /// Returns the state that a server shows. A part that the server does not show has a fixed value.
    #[inline]
    pub(crate) fn of(view: &View) -> Self {
        Self {
            role: view.role.unwrap_or(RoleName::Follower),
            term: view.term.unwrap_or_default(),
            commit: view.commit.unwrap_or_default(),
        }
    }

    /// Returns the facts that follow from the change of this state to the state `after` in a step.
    fn triggers_until(self, after: Self) -> Trigger {
        let leads = after.role == RoleName::Leader;
        let elected = leads && !self.has_role_and_term_of(after);
        let facts = [
            (elected, Trigger::ELECTED),
            (self.term < after.term, Trigger::NEW_TERM),
            (leads && self.commit < after.commit, Trigger::COMMITTED),
        ];
        facts.into_iter().filter(|(holds, _)| *holds).fold(Trigger::NOTHING, |all, (_, fact)| all.or(fact))
    }

    fn has_role_and_term_of(self, other: Self) -> bool {
        self.role == other.role && self.term == other.term
    }
}

impl<F: TankFsm, V: Observer<S>, S: Subject> World<F, V, S> {
    /// Introduces a server that has just started, if the server understands Wavetank's dialect. The server and
    /// the other servers that understand this dialect learn this fact about each other. Every server learns
    /// the dialect of any other peer with the first response of the peer.
    pub(super) fn introduce(&mut self, idx: ServerIdx) {
        let is_ours = |idx: ServerIdx| self.hosts[idx.at()].dialect == Some(Dialect::Wavetank);
        if !is_ours(idx) {
            return;
        }
        let others: ServerSet = self.all().without(idx).iter().filter(|&other| is_ours(other)).collect();
        for other in others.iter() {
            self.learn_dialect(idx, other);
            self.learn_dialect(other, idx);
        }
    }

    /// Tells a server the dialect of a peer. Does nothing if the server is down or already knows the dialect.
    fn learn_dialect(&mut self, idx: ServerIdx, peer: ServerIdx) {
        let Some(dialect) = self.hosts[peer.at()].dialect else { return };
        let host = &mut self.hosts[idx.at()];
        let Some(process) = host.process.as_mut().filter(|process| !process.heard.contains(peer)) else {
            return;
        };
        process.heard = process.heard.with(peer);
        let event = Event::PeerSpeaks { peer: peer.node(), dialect };
        process.server.step(host.clock.reads(self.recorder.now), event, &mut self.scratch, &mut self.actions);
        let name = process.server.name();
        assert!(self.actions.is_empty(), "{idx} ({name}) must take no action on the dialect of a peer");
    }

    /// Delivers an event to a server if the server runs, and executes the resulting actions. If the server
    /// cannot handle the event now, the event waits.
    pub(super) fn deliver(&mut self, idx: ServerIdx, event: EventOf<S>) {
        if let Event::Response { from, .. } = &event
            && let Some(peer) = ServerIdx::of(*from).filter(|peer| peer.at() < self.hosts.len())
        {
            self.learn_dialect(idx, peer);
        }
        let host = &mut self.hosts[idx.at()];
        let Some(process) = &mut host.process else { return };
        if !process.server.takes_now(&event) {
            return process.delayed.push_back(event);
        }
        self.take(idx, event);
        while let Some(event) = self.next_delayed(idx) {
            self.take(idx, event);
        }
    }

    /// Removes and returns the first delayed event of a server. Returns `None` if there is no delayed event,
    /// or if the server still cannot handle this event.
    fn next_delayed(&mut self, idx: ServerIdx) -> Option<EventOf<S>> {
        let process = self.hosts[idx.at()].process.as_mut()?;
        let is_taken = process.delayed.front().is_some_and(|event| process.server.takes_now(event));
        if is_taken { process.delayed.pop_front() } else { None }
    }

    fn take(&mut self, idx: ServerIdx, event: EventOf<S>) {
        let host = &mut self.hosts[idx.at()];
        let Some(process) = &mut host.process else { return };
        let server = &mut process.server;
        let kind = digest::kind(&event);
        let mut actions = std::mem::take(&mut self.actions);

        let clock = host.clock.reads(self.recorder.now);
        self.recorder.on_observation(ObservationKind::Stepping { idx, event: &event, server, clock });
        server.step(clock, event, &mut self.scratch, &mut actions);
        self.recorder.on_observation(ObservationKind::Stepped { idx, server, actions: &actions });

        let view = server.view();
        self.digest.take_step((self.recorder.now, idx, kind), &view, actions.len());
        if self.is_deep {
            server.hash_state(&mut self.digest);
        }
        if let Some(scheduling) = &mut self.pending.scheduling {
            scheduling.show(idx, Some(view));
        }
        let after = StepState::of(&view);
        let before = std::mem::replace(&mut process.state, after);
        let mut trigger = before.triggers_until(after);
        if trigger.intersects(Trigger::ELECTED.or(Trigger::COMMITTED)) {
            let was_fresh = std::mem::replace(&mut process.is_fresh, trigger.intersects(Trigger::ELECTED));
            if was_fresh && trigger.intersects(Trigger::COMMITTED) {
                trigger = trigger.or(Trigger::FIRST_COMMIT);
            }
        }
        if !before.has_role_and_term_of(after) {
            self.trace_state(idx, after);
        }

        // The nemesis may crash the server in the middle of a step: only the first actions of the step are
        // executed.
        let away = self.all().minus(self.awake);
        let interrupt = self.pending.scheduling.as_mut().and_then(|it| it.take_interrupt(idx));
        let crash = match interrupt {
            Some(carried) => Some((carried, Span::ZERO)),
            None => self.nemesis.as_mut().and_then(|it| it.crash_between(idx, actions.len(), away)),
        };
        if let Some((carried, _)) = crash {
            actions.truncate(carried);
        }
        for action in actions.drain(..) {
            trigger = trigger.or(Trigger::of(&action));
            self.execute_action(idx, action);
        }
        self.actions = actions;
        if self.hosts[idx.at()].disk.has_backlog() {
            trigger = trigger.or(Trigger::WRITE_BACKLOG);
        }
        match crash {
            Some((carried, away)) => self.interrupt(idx, carried, away),
            None => self.after_step(idx, trigger),
        }
    }

    fn after_step(&mut self, idx: ServerIdx, trigger: Trigger) {
        self.schedule_timer(idx);
        if self.nemesis.as_ref().is_some_and(|nemesis| nemesis.waits_for(trigger)) {
            self.on_trigger(idx, trigger);
        }
    }

    /// Schedules the server's deadline if this deadline is earlier than the pending timer event. If the
    /// deadline has moved to a later time, the pending event is too early, and this event schedules the
    /// deadline again.
    pub(super) fn schedule_timer(&mut self, idx: ServerIdx) {
        let host = &mut self.hosts[idx.at()];
        let Some(process) = &mut host.process else { return };
        let at = host.clock.when(process.server.deadline().at).max(self.recorder.now);
        if at < process.timer.at {
            let serial = self.pending.put(at, SimEvent::Timer(idx));
            process.timer = Timer { at, serial };
        }
    }

    pub(super) fn on_timer(&mut self, idx: ServerIdx, serial: u64) {
        let host = &mut self.hosts[idx.at()];
        let process = host.process.as_mut().expect("an awake server has a process");
        if process.timer.serial != serial {
            return;
        }
        process.timer = Timer::NONE;
        if process.server.deadline().at <= host.clock.reads(self.recorder.now) {
            self.fire(idx);
        } else {
            self.schedule_timer(idx);
        }
    }

    /// Fires the timer of a server whose deadline has come.
    pub(super) fn fire(&mut self, idx: ServerIdx) {
        if let Some(reason) = self.server(idx).map(|server| server.deadline().reason) {
            self.note(|| Choice::Fire(idx, reason));
        }
        self.deliver(idx, Event::Timer);
    }

    pub(super) fn on_envelope(&mut self, envelope: Envelope<S::Protocol>) {
        let is_lost = self.network.is_lost_in_flight(envelope.from, envelope.to, envelope.number);
        if is_lost && !envelope.is_held {
            return;
        }
        if let Some(scheduling) = &mut self.pending.scheduling {
            scheduling.note_arrival(self.recorder.now, envelope.number);
        }
        let from = self.hosts[envelope.from.at()].node;
        self.deliver(envelope.to, envelope.message.into_event(from, envelope.rpc));
    }

    /// Handles a held message that is due. The message arrives now, unless the nemesis has already released
    /// it.
    pub(super) fn on_release_held(&mut self, number: u64) {
        if let Some(place) = self.held.iter().position(|&(held, _)| held == number) {
            let (_, envelope) = self.held.remove(place).expect("the message was found at this position");
            self.pending.put(self.recorder.now, SimEvent::Arrive(envelope));
        }
    }

    fn trace_state(&self, idx: ServerIdx, now: StepState) {
        if enabled!(target: "wavetank", Level::DEBUG) {
            debug!(target: "wavetank", at = %self.recorder.now, %idx, role = %now.role, term = %now.term, "became");
        }
    }
}
