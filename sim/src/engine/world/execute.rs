//! Executes the actions of a server on the network, on its disk and on its state machine.

use super::World;
use crate::disk::Done;
use crate::engine::host::Work;
use crate::engine::network::SendOutcome;
use crate::engine::scheduling::ticket_of;
use crate::engine::workload::TankFsm;
use crate::engine::world::sim_event::{Envelope, Message, SimEvent};
use crate::observe::observer::Observer;
use crate::observe::{Fate, ObservationKind};
use crate::plan::fault_id::Fault;
use crate::plan::server_set::ServerIdx;
use crate::schedule::{Choice, WorkId};
use crate::subject::{ActionOf, EventOf, Subject};
use wavetank_raft::{Action, Event, Member, NodeId, Observed, RpcId, Span, StoreJob, Time, Token};

impl<F: TankFsm, V: Observer<S>, S: Subject> World<F, V, S> {
    pub(super) fn execute_action(&mut self, idx: ServerIdx, action: ActionOf<S>) {
        match action {
            Action::Send { to, rpc, request } => self.send(idx, to, rpc, Message::Request(request)),
            Action::Reply { to, rpc, response } => self.send(idx, to, rpc, Message::Response(response)),
            Action::Store(job) => self.on_disk_job(idx, job),
            Action::Apply(batch) => self.on_work(idx, Work::Apply(batch)),
            Action::TakeSnapshot(meta) => self.on_work(idx, Work::TakeSnapshot(meta)),
            Action::Restore(meta) => self.on_work(idx, Work::Restore(meta)),
            Action::Answer { request, outcome } => self.on_answer(idx, request, outcome),
            Action::Observe(Observed::Peer { removed: false, peer }) => self.note_address(idx, &peer),
            Action::Observe(_) => {}
            Action::Halt(_) => self.halt(idx),
        }
    }

    fn send(&mut self, from: ServerIdx, to: NodeId, rpc: RpcId, message: Message<S::Protocol>) {
        let Some(to) = ServerIdx::of(to).filter(|to| to.at() < self.hosts.len()) else { return };
        let is_misrouted = matches!(message, Message::Request(_)) && !self.has_address(from, to);
        if is_misrouted {
            self.network.misrouted();
        }
        let is_cut = is_misrouted || self.topology.is_cut(from, to);
        let mut outcome = self.network.send(self.recorder.now, from, to, is_cut);
        let number = self.network.messages();
        if let Some(scheduling) = &mut self.pending.scheduling {
            scheduling.on_sent((from, to), rpc, &message, number, outcome.flips);
            if let Some(fate) = scheduling.fate(number) {
                outcome = SendOutcome { fate, held: false, flips: None };
            }
        }
        let message = match outcome.flips {
            None => message,
            // A receiver drops a message that it cannot decode, so the message counts as lost.
            Some(word) => message.flipped(word).unwrap_or_else(|whole| {
                self.network.rejected();
                (outcome.fate, outcome.held) = (Fate::Lost, false);
                whole
            }),
        };
        self.recorder.on_observation(ObservationKind::Sent {
            from,
            to,
            rpc,
            carried: message.to_ref(),
            fate: outcome.fate,
        });
        let envelope = Envelope { from, to, rpc, number, is_held: outcome.held, message };
        match outcome.fate {
            // The message waits until an element of the schedule delivers it.
            _ if self.is_playing() && is_misrouted => {}
            _ if self.is_playing() => self.schedule_message(self.recorder.now, envelope),
            Fate::Arrives(at) => self.schedule_message(at, envelope),
            Fate::ArrivesTwice(first, second) => {
                self.schedule_message(first, Envelope { is_held: false, ..envelope.clone() });
                self.schedule_message(second, envelope);
            }
            Fate::Lost => {}
        }
    }

    /// True if a request from `from` to `to` reaches its receiver. A request names its receiver, so another
    /// server that listens at the receiver's old address refuses the request. After all faults have ended, a
    /// name service knows the current address of every server, even if the operator has not corrected the
    /// configuration. In this case, the result is true if the address book of `from` agrees with the latest
    /// configuration.
    fn has_address(&self, from: ServerIdx, to: ServerIdx) -> bool {
        let Some(process) = self.process(from) else { return true };
        if self.addresses.is_right(&process.book, to) {
            return true;
        }
        let Some(latest) = process.server.configuration() else { return true };
        let member = latest.and_then(|(_, latest)| latest.server(to.node()));
        self.is_healed && member.is_none_or(|member| process.book.agrees_with(member))
    }

    fn note_address(&mut self, idx: ServerIdx, peer: &Member) {
        if let Some(process) = &mut self.hosts[idx.at()].process {
            process.book.note(peer);
        }
    }

    fn schedule_message(&mut self, at: Time, envelope: Envelope<S::Protocol>) {
        if envelope.is_held {
            let number = self.network.counts()[Fault::Hold];
            self.held.push_back((number, envelope));
            self.pending.put(at, SimEvent::ReleaseHeld(number));
        } else {
            self.pending.put(at, SimEvent::Arrive(envelope));
        }
    }

    fn on_disk_job(&mut self, idx: ServerIdx, job: StoreJob) {
        let host = &mut self.hosts[idx.at()];
        if let Some(takes) = host.disk.put(job) {
            self.pending.put(self.recorder.now + takes, SimEvent::Disk(idx, host.incarnation));
        }
    }

    /// Handles the end of the running disk jobs and begins the next jobs. The server gets one report for all
    /// writes of a sync, when all these writes are durable.
    pub(super) fn on_disk(&mut self, idx: ServerIdx, incarnation: u32) {
        let host = &mut self.hosts[idx.at()];
        if host.incarnation != incarnation {
            return;
        }
        if let Some((scheduling, job)) = self.pending.scheduling.as_mut().zip(host.disk.running()) {
            scheduling.note(self.recorder.now, Choice::Finish(idx, job));
        }
        let mut written: Option<Token> = None;
        let mut heard: Option<EventOf<S>> = None;
        while let Some(done) = host.disk.next_done(&host.settings) {
            match done {
                Done::Durable(write) => {
                    written = Some(write.token);
                    self.recorder.on_observation(ObservationKind::Durable { idx, write: &write, torn: None });
                }
                Done::Failed(part, error) => {
                    for damage in host.disk.take_damage() {
                        self.recorder.on_observation(ObservationKind::Damaged { idx, damage });
                    }
                    if let Some(part) = part {
                        self.recorder.on_observation(ObservationKind::Durable {
                            idx,
                            write: &part.write,
                            torn: Some(part.entries),
                        });
                    }
                    heard = Some(Event::StoreFailed(error));
                }
                Done::Deliver(event, Span::ZERO) => heard = Some(event),
                Done::Deliver(event, late) => {
                    self.pending.put(self.recorder.now + late, SimEvent::Deliver(idx, incarnation, event));
                }
            }
        }
        // The next jobs begin before the server gets the report, so the jobs that the server adds now wait
        // behind these jobs.
        if let Some(takes) = host.disk.start() {
            self.pending.put(self.recorder.now + takes, SimEvent::Disk(idx, incarnation));
        }
        if let Some(token) = written {
            self.deliver(idx, Event::Persisted(token));
        }
        if let Some(event) = heard {
            if written.is_some() {
                self.hear_apart(idx, incarnation, event);
            } else {
                self.deliver(idx, event);
            }
        }
    }

    /// Delivers a disk result of another kind than durable writes to a server, directly after a report of
    /// durable writes. A schedule has one element for the report and one for this result, because other events
    /// can happen between them.
    fn hear_apart(&mut self, idx: ServerIdx, incarnation: u32, event: EventOf<S>) {
        match &mut self.pending.scheduling {
            Some(scheduling) if scheduling.is_playing() => {
                scheduling.hold(SimEvent::Deliver(idx, incarnation, event));
            }
            _ => self.hear(idx, event),
        }
    }

    /// Delivers a result of the disk to a server, and adds the delivery to the schedule.
    pub(super) fn hear(&mut self, idx: ServerIdx, event: EventOf<S>) {
        if self.process(idx).is_some() {
            self.note(|| Choice::Hear(idx, ticket_of(&event)));
        }
        self.deliver(idx, event);
    }

    /// Delivers the late result of a read, unless the server was restarted in the meantime.
    pub(super) fn on_deliver(&mut self, idx: ServerIdx, incarnation: u32, event: EventOf<S>) {
        if self.hosts[idx.at()].incarnation == incarnation {
            self.hear(idx, event);
        }
    }

    fn on_work(&mut self, idx: ServerIdx, work: Work) {
        let host = &mut self.hosts[idx.at()];
        let Some(process) = &mut host.process else { return };
        process.work.push_back(work);
        if process.work.len() == 1 {
            self.begin_work(idx);
        }
    }

    pub(super) fn begin_work(&mut self, idx: ServerIdx) {
        let host = &mut self.hosts[idx.at()];
        let Some(work) = host.process.as_ref().and_then(|process| process.work.front()) else { return };
        let takes = host.times.takes(self.recorder.now, work);
        self.pending.put(self.recorder.now + takes, SimEvent::Machine(idx, host.incarnation));
    }

    /// Executes the current work of a state machine at the end of the work's duration.
    pub(super) fn on_machine(&mut self, idx: ServerIdx, incarnation: u32) {
        let host = &mut self.hosts[idx.at()];
        if host.incarnation != incarnation {
            return;
        }
        let process = host.process.as_mut().expect("an awake server has a process");
        let machine = &mut process.machine;
        let work = process.work.pop_front().expect("the current work is in the queue");
        if let Some(scheduling) = &mut self.pending.scheduling {
            scheduling.note(self.recorder.now, Choice::Work(idx, WorkId::of(&work)));
        }
        let event = match work {
            Work::Apply(batch) => {
                let responses = machine.apply(&batch);
                let digest = machine.fsm.digest();
                self.recorder.on_observation(ObservationKind::Applied { idx, batch: &batch, digest });
                let upto = batch.entries.last().expect("a batch has at least one entry").id.index;
                Event::Applied { upto, responses }
            }
            Work::TakeSnapshot(meta) => {
                let digest = machine.fsm.digest();
                let taken = host.take_snapshot(&meta);
                if let Ok(meta) = &taken {
                    self.recorder.on_observation(ObservationKind::SnapshotTaken { idx, meta, digest });
                }
                Event::SnapshotTaken(taken)
            }
            Work::Restore(meta) => {
                let restored = host.load_snapshot(&meta, &mut *self.make);
                if let (Ok(last), Some(process)) = (&restored, &host.process) {
                    self.recorder.on_observation(ObservationKind::Restored {
                        idx,
                        last: *last,
                        digest: process.machine.fsm.digest(),
                    });
                }
                Event::Restored(restored)
            }
        };
        // The next work begins before the server gets the event. Otherwise work that the server adds to an
        // empty queue would begin twice.
        self.begin_work(idx);
        self.deliver(idx, event);
    }
}
