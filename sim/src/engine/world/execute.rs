//! What a server wants is carried out: on the network, its disk, its state machine.

use super::World;
use crate::disk::{Capture, Done};
use crate::engine::host::Work;
use crate::engine::workload::TankFsm;
use crate::engine::world::sim_event::{Happening, Letter, Parcel};
use crate::observe::observer::Watch;
use crate::observe::{Fate, Seen};
use crate::plan::fault_id::Fault;
use crate::plan::server_set::Slot;
use wavetank_raft::{Action, Event, NodeId, RpcId, Span, StoreJob, Time, Token};

impl<F: TankFsm, V: Watch> World<F, V> {
    pub(super) fn carry_out(&mut self, slot: Slot, action: Action) {
        match action {
            Action::Send { to, rpc, request } => self.send(slot, to, rpc, Parcel::Request(request)),
            Action::Reply { to, rpc, response } => self.send(slot, to, rpc, Parcel::Response(response)),
            Action::Store(job) => self.on_disk_job(slot, job),
            Action::Apply(batch) => self.on_work(slot, Work::Apply(batch)),
            Action::TakeSnapshot(meta) => self.on_work(slot, Work::TakeSnapshot(meta)),
            Action::Restore(meta) => self.on_work(slot, Work::Restore(meta)),
            Action::Answer { request, outcome } => self.on_answer(slot, request, outcome),
            Action::Observe(_) => {}
            Action::Halt(_) => self.halt(slot),
        }
    }

    fn send(&mut self, from: Slot, to: NodeId, rpc: RpcId, parcel: Parcel) {
        let Some(to) = Slot::of(to).filter(|to| to.at() < self.hosts.len()) else { return };
        let is_cut = self.topology.is_cut(from, to);
        let mut passage = self.network.pass(self.eye.now, from, to, is_cut);
        let parcel = match passage.flips {
            None => parcel,
            Some(word) => parcel.flipped(word).unwrap_or_else(|whole| {
                self.network.rejected();
                (passage.fate, passage.held) = (Fate::Lost, false);
                whole
            }),
        };
        self.eye.see(Seen::Sent { from, to, rpc, carried: parcel.carried(), fate: passage.fate });
        let letter = Letter { from, to, rpc, number: self.network.messages(), parcel };
        match passage.fate {
            Fate::Arrives(at) => self.post(at, letter, passage.held),
            Fate::ArrivesTwice(first, second) => {
                self.post(first, letter.clone(), false);
                self.post(second, letter, passage.held);
            }
            Fate::Lost => {}
        }
    }

    fn post(&mut self, at: Time, mut letter: Letter, is_held: bool) {
        if is_held {
            letter.number = u64::MAX;
            let number = self.network.counts()[Fault::Hold];
            self.held.push_back((number, letter));
            self.agenda.put(at, Happening::LetGo(number));
        } else {
            self.agenda.put(at, Happening::Arrive(letter));
        }
    }

    fn on_disk_job(&mut self, slot: Slot, job: StoreJob) {
        let host = &mut self.hosts[slot.at()];
        if let Some(takes) = host.disk.put(job) {
            self.agenda.put(self.eye.now + takes, Happening::Disk(slot, host.incarnation));
        }
    }

    /// What was running is done, and what waits begins. The server hears of all that was synced
    /// together at once, when all of it is durable.
    pub(super) fn on_disk(&mut self, slot: Slot, incarnation: u32) {
        let host = &mut self.hosts[slot.at()];
        if host.incarnation != incarnation {
            return;
        }
        let mut written: Option<Token> = None;
        let mut heard: Option<Event> = None;
        while let Some(done) = host.disk.next_done(&host.settings) {
            match done {
                Done::Durable(write) => {
                    written = Some(write.token);
                    self.eye.see(Seen::Durable { slot, write: &write, torn: None });
                }
                Done::Failed(part, error) => {
                    for harm in host.disk.take_harms() {
                        self.eye.see(Seen::Harmed { slot, harm });
                    }
                    if let Some(part) = part {
                        self.eye.see(Seen::Durable { slot, write: &part.write, torn: Some(part.entries) });
                    }
                    heard = Some(Event::StoreFailed(error));
                }
                Done::Tell(event, Span::ZERO) => heard = Some(event),
                Done::Tell(event, late) => {
                    self.agenda.put(self.eye.now + late, Happening::Tell(slot, incarnation, event));
                }
            }
        }
        if let Some(takes) = host.disk.start() {
            self.agenda.put(self.eye.now + takes, Happening::Disk(slot, incarnation));
        }
        if let Some(token) = written {
            self.give(slot, Event::Persisted(token));
        }
        if let Some(event) = heard {
            self.give(slot, event);
        }
    }

    /// What was read reaches the server late, if it is still the one that asked.
    pub(super) fn on_tell(&mut self, slot: Slot, incarnation: u32, event: Event) {
        if self.hosts[slot.at()].incarnation == incarnation {
            self.give(slot, event);
        }
    }

    fn on_work(&mut self, slot: Slot, work: Work) {
        let host = &mut self.hosts[slot.at()];
        let Some(process) = &mut host.process else { return };
        process.work.push_back(work);
        if process.work.len() == 1 {
            self.begin_work(slot);
        }
    }

    fn begin_work(&mut self, slot: Slot) {
        let host = &mut self.hosts[slot.at()];
        let Some(work) = host.process.as_ref().and_then(|process| process.work.front()) else { return };
        let takes = host.times.takes(self.eye.now, work);
        self.agenda.put(self.eye.now + takes, Happening::Machine(slot, host.incarnation));
    }

    /// The state machine has had its time: what it had to do is done now.
    pub(super) fn on_machine(&mut self, slot: Slot, incarnation: u32) {
        let host = &mut self.hosts[slot.at()];
        if host.incarnation != incarnation {
            return;
        }
        let process = host.process.as_mut().expect("who is awake runs");
        let machine = &mut process.machine;
        let work = process.work.pop_front().expect("the work that is done was begun");
        let event = match work {
            Work::Apply(batch) => {
                let responses = machine.apply(&batch);
                let digest = machine.fsm.digest();
                self.eye.see(Seen::Applied { slot, batch: &batch, digest });
                let upto = batch.entries.last().expect("a batch is not empty").id.index;
                Event::Applied { upto, responses }
            }
            Work::TakeSnapshot(meta) => {
                let digest = machine.fsm.digest();
                let captured = machine.fsm.snapshot();
                let taken = captured.and_then(|mut state| {
                    host.disk.keep_snapshot(Capture { state: &mut state, meta: &meta })
                });
                if let Ok(meta) = &taken {
                    self.eye.see(Seen::SnapshotTaken { slot, meta, digest });
                }
                Event::SnapshotTaken(taken)
            }
            Work::Restore(meta) => {
                let restored = host.disk.load_snapshot(meta.last, &mut |source| machine.fsm.restore(source));
                if let Ok(last) = restored {
                    self.eye.see(Seen::Restored { slot, last, digest: machine.fsm.digest() });
                }
                Event::Restored(restored)
            }
        };
        self.begin_work(slot);
        self.give(slot, event);
    }
}
