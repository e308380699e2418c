//! Records the schedule of a world, and plays schedules.

use super::World;
use crate::engine::host::{Caller, Timer};
use crate::engine::scheduling::Scheduling;
use crate::engine::workload::{Reply, TankFsm};
use crate::engine::world::sim_event::SimEvent;
use crate::observe::observer::Observer;
use crate::plan::InitialState;
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::schedule::{AskId, Choice, Element, Fit, JobId, MessageId, SkipReason, WorkId};
use crate::subject::{Protocol, Subject, is_ours};
use wavetank_raft::{DeadlineReason, RpcId, Time};

impl<F: TankFsm, V: Observer<S>, S: Subject> World<F, V, S> {
    /// Starts to record the schedule of the run. A schedule that is to be played again must be recorded from
    /// the beginning.
    pub fn record_schedule(&mut self) {
        self.pending.scheduling = Some(Box::default());
    }

    /// Starts to follow schedules. After this call, only the elements that are passed to [`World::play`]
    /// happen.
    pub fn follow_schedules(&mut self, fit: Fit) {
        self.nemesis = None;
        self.pending.scheduling = Some(Box::new(Scheduling::following(fit)));
    }

    /// Removes and returns the elements that were recorded so far. Returns an empty list if the world records
    /// no schedule. A world that plays a schedule also records the schedule. In the recorded schedule, skipped
    /// elements are missing and the times are exact.
    pub fn take_schedule(&mut self) -> Vec<Element> {
        self.pending.scheduling.as_mut().map(|it| it.take_elements()).unwrap_or_default()
    }

    /// Removes and returns, for each recorded element, the hash of the relative state of the cluster before
    /// the element.
    pub(crate) fn take_states(&mut self) -> Vec<u64> {
        self.pending.scheduling.as_mut().map(|it| it.take_states()).unwrap_or_default()
    }

    /// Returns the running servers whose timers should have fired before now. Timers that only maintain the
    /// state of a server do not count.
    pub(crate) fn overdue(&self) -> ServerSet {
        let now = self.recorder.now;
        let is_late = |idx: &ServerIdx| {
            let deadline = self.server(*idx).map(S::deadline);
            deadline.is_some_and(|deadline| {
                !maintains(deadline.reason) && self.hosts[idx.at()].clock.when(deadline.at) < now
            })
        };
        self.awake.iter().filter(is_late).collect()
    }

    /// Plays all elements, or stops early if `go_on` returns false. `go_on` is called before every element. An
    /// element is skipped if the message, timer, job or server that it names does not exist
    /// ([`World::skipped`] counts skipped elements). Call [`World::follow_schedules`] before this method.
    pub fn play(&mut self, elements: &[Element], mut go_on: impl FnMut(&V) -> bool) {
        if let Some(scheduling) = &mut self.pending.scheduling {
            scheduling.expect(elements);
        }
        for element in elements {
            if !go_on(self.observer()) {
                break;
            }
            if !self.play_element(element) {
                self.skip(element);
            }
        }
    }

    /// Ends the schedule that the run follows. From now on, the random streams decide the order of events.
    /// Disks, state machines, timers and clients continue. Messages that no element has delivered are lost.
    pub(crate) fn stop_following_schedules(&mut self) {
        let left = self.pending.scheduling.as_mut().map(|it| it.stop_following()).unwrap_or_default();
        // The events in the queue were queued before the run followed the schedule. The schedule has elements
        // in place of these events.
        self.pending.clear();
        left.into_iter().for_each(|event| {
            self.pending.put(self.recorder.now, event);
        });
        for idx in self.all().iter() {
            self.continue_host(idx);
        }
        self.clients_due = Timer::NONE;
        self.schedule_clients();
        if self.plan.birth == InitialState::Blank {
            self.pending.put(self.recorder.now, SimEvent::Bootstrap);
        }
    }

    /// Adds the pending events of a server, its disk and its state machine to the event queue.
    fn continue_host(&mut self, idx: ServerIdx) {
        let host = &mut self.hosts[idx.at()];
        let incarnation = host.incarnation;
        if host.disk.running().is_some() {
            self.pending.put(self.recorder.now + self.plan.disks.sync.max, SimEvent::Disk(idx, incarnation));
        }
        let Some(process) = &mut host.process else { return };
        process.timer = Timer::NONE;
        if !process.batched.is_empty() {
            self.pending.put(self.recorder.now, SimEvent::Batch(idx, incarnation));
        }
        self.begin_work(idx);
        self.schedule_timer(idx);
    }

    /// Counts an element that was skipped. Keeps the first skipped element, and the reason for the skip.
    fn skip(&mut self, element: &Element) {
        self.skipped += 1;
        self.first_skipped.get_or_insert_with(|| {
            let reason = match &element.choice {
                Choice::Deliver { message, .. }
                    if message.call.kind.is_labelled() == is_ours::<<S::Protocol as Protocol>::Request>() =>
                {
                    SkipReason::OtherProtocol
                }
                _ => SkipReason::NoObject,
            };
            (element.clone(), reason)
        });
    }

    /// Returns the first element that was skipped, with the reason. Returns `None` if no element was skipped.
    pub(crate) fn first_skipped(&self) -> Option<(Element, SkipReason)> {
        self.first_skipped.clone()
    }

    /// True if the run follows a schedule.
    pub(super) fn is_playing(&self) -> bool {
        self.pending.scheduling.as_ref().is_some_and(|it| it.is_playing())
    }

    /// Plays one element. Returns false if the object of the element does not exist.
    fn play_element(&mut self, element: &Element) -> bool {
        self.advance(element.at);
        if let Choice::Interrupt(idx, carried) = element.choice {
            return self.arm(Some((idx, carried)));
        }
        self.events += 1;
        let has_played = match &element.choice {
            Choice::Deliver { message, flips } => self.play_arrival(message, *flips),
            Choice::Fire(idx, timer) => self.play_timer(*idx, *timer),
            Choice::Finish(idx, job) => self.play_disk(*idx, *job),
            Choice::Hear(idx, ticket) => self.play_result(*idx, *ticket),
            Choice::Work(idx, work) => self.play_work(*idx, *work),
            Choice::Batch(idx) => self.play_batch(*idx),
            Choice::Ask(ask) => self.play_ask(*ask),
            Choice::Reply(ask) => self.play_reply(*ask),
            Choice::Call(idx, call) => {
                self.call_as(Caller::Nemesis, *idx, (**call).clone());
                true
            }
            act => self.play_act(act),
        };
        self.arm(None);
        has_played
    }

    /// Plays an act of the nemesis or of an operator on servers, disks, clocks or links. Returns false if the
    /// act is impossible, for example a crash of a server that is down.
    fn play_act(&mut self, act: &Choice) -> bool {
        let is_up = act.server().is_some_and(|idx| self.process(idx).is_some());
        match act {
            Choice::Crash(idx) if is_up => self.crash(*idx),
            Choice::Wipe(idx) => self.crash_wiped(*idx),
            Choice::Lose(idx) => self.lose(*idx),
            Choice::Start(idx) if !is_up => self.restart(*idx),
            Choice::Pause(idx) if self.awake.contains(*idx) => self.pause(*idx),
            Choice::Resume(idx) if is_up && !self.awake.contains(*idx) => self.resume(*idx),
            Choice::Damage(idx, fault, draw) => self.damage(*idx, *fault, *draw),
            Choice::FreeSpace(idx) => self.free_space(*idx),
            Choice::NewDisk(idx) => self.give_new_disk(*idx),
            Choice::BreakMachine(idx, fault) => self.break_machine(*idx, *fault),
            Choice::Move(idx) => self.move_to_new_address(*idx),
            Choice::ExchangeAddresses(one, other) => self.exchange_addresses(*one, *other),
            Choice::Network(change) => self.change_network(change),
            Choice::Jump(idx, by) => self.jump_clock(*idx, *by),
            Choice::Freeze(idx, by) => self.freeze_clock(*idx, *by),
            Choice::Drift(idx, ppm) => self.drift_clock(*idx, *ppm),
            Choice::Heal(broken) => {
                self.heal(*broken);
            }
            Choice::Rest => self.stop_clients(),
            _ => return false,
        }
        true
    }

    /// Advances virtual time to `to`. Clients whose deadlines come before `to` act at these deadlines.
    fn advance(&mut self, to: Time) {
        while self.workload.deadline() <= to {
            self.recorder.now = self.recorder.now.max(self.workload.deadline());
            self.workload.wake(self.recorder.now, &mut self.wants);
            self.process_wants();
        }
        self.recorder.now = self.recorder.now.max(to);
    }

    fn play_arrival(&mut self, id: &MessageId, flips: Option<u64>) -> bool {
        if !self.awake.contains(id.to()) {
            return false;
        }
        let Some((id, mut envelope)) = self.pending.scheduling.as_mut().and_then(|it| it.message(id)) else {
            return false;
        };
        if let Some(word) = flips {
            match envelope.message.flipped(word) {
                Ok(message) => envelope.message = message,
                Err(_) => return false,
            }
        }
        self.note(|| Choice::Deliver { message: id, flips });
        let from = self.hosts[envelope.from.at()].node;
        self.deliver(envelope.to, envelope.message.into_event(from, envelope.rpc));
        true
    }

    fn play_timer(&mut self, idx: ServerIdx, timer: DeadlineReason) -> bool {
        if !self.awake.contains(idx) {
            return false;
        }
        if self.scheduling().fit() == Fit::Repeating {
            self.fire_before(idx, timer);
        }
        let Some(deadline) = self.server(idx).map(S::deadline) else { return false };
        let clock = &self.hosts[idx.at()].clock;
        if clock.reads(self.recorder.now) < deadline.at {
            if deadline.reason != timer || deadline.at == Time::NEVER {
                return false;
            }
            let at = clock.when(deadline.at);
            if self.scheduling().fit() == Fit::Punctual
                && (maintains(timer) || self.must_lead_before(idx, at))
            {
                return false;
            }
            self.advance(at);
        }
        self.fire(idx);
        true
    }

    /// True if another server leads, and a timer of this leader is due before the time `at`.
    fn must_lead_before(&self, idx: ServerIdx, at: Time) -> bool {
        let is_due = |other: ServerIdx| {
            let deadline = self.server(other).map(S::deadline);
            deadline.is_some_and(|deadline| {
                is_of_a_leader(deadline.reason) && self.hosts[other.at()].clock.when(deadline.at) < at
            })
        };
        self.awake.without(idx).iter().any(is_due)
    }

    /// Fires the server's next timer if this timer only maintains the state of the server and its reason is not
    /// `wanted`. The timer `wanted` may fire later than in the schedule. Such a maintenance timer may then come
    /// first, and the schedule has no element for it.
    fn fire_before(&mut self, idx: ServerIdx, wanted: DeadlineReason) {
        let Some(deadline) = self.server(idx).map(S::deadline) else { return };
        if maintains(deadline.reason) && deadline.reason != wanted && deadline.at != Time::NEVER {
            let at = self.hosts[idx.at()].clock.when(deadline.at);
            self.advance(at);
            self.fire(idx);
        }
    }

    fn play_disk(&mut self, idx: ServerIdx, job: JobId) -> bool {
        let host = &self.hosts[idx.at()];
        let is_it = |running| running == job || self.fits_similar();
        let runs = self.awake.contains(idx) && host.disk.running().is_some_and(is_it);
        if runs {
            self.on_disk(idx, host.incarnation);
        }
        runs
    }

    fn play_result(&mut self, idx: ServerIdx, ticket: Option<RpcId>) -> bool {
        let incarnation = self.hosts[idx.at()].incarnation;
        if !self.awake.contains(idx) {
            return false;
        }
        let event = self.pending.scheduling.as_mut().and_then(|it| it.take_result(idx, incarnation, ticket));
        let is_there = event.is_some();
        event.into_iter().for_each(|event| self.hear(idx, event));
        is_there
    }

    fn play_work(&mut self, idx: ServerIdx, work: WorkId) -> bool {
        let current = self.process(idx).and_then(|process| process.work.front()).map(WorkId::of);
        let is_it = |current| current == work || self.fits_similar();
        let is_there = self.awake.contains(idx) && current.is_some_and(is_it);
        if is_there {
            self.on_machine(idx, self.hosts[idx.at()].incarnation);
        }
        is_there
    }

    fn play_batch(&mut self, idx: ServerIdx) -> bool {
        let is_there =
            self.awake.contains(idx) && self.process(idx).is_some_and(|process| !process.batched.is_empty());
        if is_there {
            self.on_batch(idx, self.hosts[idx.at()].incarnation);
        }
        is_there
    }

    fn play_ask(&mut self, id: AskId) -> bool {
        let Some((id, to)) = self.scheduling().ask(id) else { return false };
        let is_down = self.process(to).is_none();
        if !is_down && !self.awake.contains(to) {
            return false;
        }
        let ask = self.pending.scheduling.as_mut().and_then(|it| it.take_ask(id));
        if let Some(ask) = ask {
            if is_down {
                self.note(|| Choice::Ask(id));
                self.send_reply(ask.client, ask.request, Reply::Broken);
            } else {
                self.on_ask(ask);
            }
        }
        true
    }

    fn play_reply(&mut self, id: AskId) -> bool {
        let reply = self.pending.scheduling.as_mut().and_then(|it| it.take_reply(id));
        let is_there = reply.is_some();
        reply.into_iter().for_each(|(request, reply)| self.on_reply(request, reply));
        is_there
    }

    fn fits_similar(&self) -> bool {
        self.scheduling().fit() != Fit::Exact
    }

    fn scheduling(&self) -> &Scheduling<S::Protocol> {
        self.pending.scheduling.as_deref().expect("a world that plays elements follows a schedule")
    }

    fn arm(&mut self, interrupt: Option<(ServerIdx, usize)>) -> bool {
        if let Some(scheduling) = &mut self.pending.scheduling {
            scheduling.arm(interrupt);
        }
        true
    }

    /// Adds an element to the schedule, if a schedule is recorded.
    #[inline]
    pub(super) fn note(&mut self, choice: impl FnOnce() -> Choice) {
        if let Some(scheduling) = &mut self.pending.scheduling {
            scheduling.note(self.recorder.now, choice());
        }
    }

    /// Adds one element that stands for everything that `act` does.
    pub(super) fn note_as_one(&mut self, choice: impl FnOnce() -> Choice, act: impl FnOnce(&mut Self)) {
        self.note(choice);
        if let Some(scheduling) = &mut self.pending.scheduling {
            scheduling.mute();
        }
        act(self);
        if let Some(scheduling) = &mut self.pending.scheduling {
            scheduling.unmute();
        }
    }
}

/// True if a timer with this reason only maintains the state of a server.
const fn maintains(reason: DeadlineReason) -> bool {
    match reason {
        DeadlineReason::Snapshot
        | DeadlineReason::Lease
        | DeadlineReason::CommitFlush
        | DeadlineReason::DiskStall => true,
        DeadlineReason::Election
        | DeadlineReason::Ballot
        | DeadlineReason::Heartbeat
        | DeadlineReason::Transfer
        | DeadlineReason::Idle => false,
    }
}

/// True if only a leader has a timer with this reason.
const fn is_of_a_leader(reason: DeadlineReason) -> bool {
    match reason {
        DeadlineReason::Heartbeat
        | DeadlineReason::CommitFlush
        | DeadlineReason::Lease
        | DeadlineReason::Transfer
        | DeadlineReason::DiskStall => true,
        DeadlineReason::Election
        | DeadlineReason::Ballot
        | DeadlineReason::Snapshot
        | DeadlineReason::Idle => false,
    }
}
