//! Plays a schedule with whole servers, so that the judges of runs can judge the schedule and a trace can
//! show the schedule.
//!
//! The player and the search share only the call identities, the clock and the disk. If the player gets the
//! same result as the search, the two implementations agree.

use super::bounds::DiskModel;
use super::clock;
use super::disk::ModelDisk;
use super::schedule::{MessageId, Schedule, Step};
use super::stimulus::{ModelMessage, Stimulus};
use crate::check::{ClockBound, Options};
use crate::explore::call_id::CallId;
use crate::explore::call_table::CallTable;
use crate::explore::server_state;
use crate::observe::digest::{self, Digest};
use crate::observe::observer::{Observer, Recorder};
use crate::observe::report::{Report, Verdict};
use crate::observe::requests::operator_request;
use crate::observe::{Fate, MessageRef, ObservationKind};
use crate::plan::server_set::ServerIdx;
use crate::runner::catch_panic::catch_panic;
use crate::runner::observers::Observers;
use crate::runner::{self, Run, Simulation};
use crate::subject::Subject;
use std::collections::{BTreeMap, VecDeque};
use wavetank_raft::{
    Action, Batch, Call, Change, Data, Event, NodeId, Payload, Request, Response, RpcId, Server, Span,
    StoreJob, Time,
};

/// The scenario name of a played schedule.
pub const NAME: &str = "explored";

/// The virtual time between two steps of a schedule, for traces that show times.
const PACE: Span = Span::ms(1);

/// Plays a schedule to its end. The player stops earlier if a judge reports a violation or the code under
/// test panics. The player also stops if the schedule delivers a message that no server sent; the verdict is
/// then `Vacuous`. A schedule can deliver such a message only if the code has changed since the search.
pub fn play<T: Observer + Default>(schedule: &Schedule, trace: T) -> Run<T> {
    runner::run(NAME, 0, || {
        // A trace shows a message's fate when the message is sent, but the fate is known only after a
        // first pass.
        let mut rehearsal = Player::new(schedule, Vec::new(), ());
        let _ = catch_panic(|| rehearsal.play_all(|()| true));
        let judged = schedule.bounds.judged;
        let options = Options { level: judged, clocks: ClockBound::Unbounded, ..Options::default() };
        Player::new(schedule, rehearsal.fates(), Observers::new(options, (), trace))
    })
}

/// A server with its disk and its calls.
struct PlayedServer {
    server: Server,
    disk: ModelDisk,
    call_table: CallTable,
    hangs: bool,
    digest: Digest,
}

/// A message in flight.
struct InFlight {
    message: ModelMessage,
    rpc: RpcId,
    /// The number of the message among all messages that were sent.
    number: usize,
}

/// A schedule that is being played.
struct Player<'a, W> {
    schedule: &'a Schedule,
    servers: Vec<PlayedServer>,
    in_flight: Vec<InFlight>,
    /// All calls so far: the core's number and the identity of each call.
    calls: Vec<(RpcId, CallId)>,
    /// The times at which each message was delivered, by the number of the message.
    arrived: Vec<Vec<Time>>,
    /// The fate of each message, by the number of the message. The list is empty in the first pass. The first
    /// pass finds the fates for the second pass.
    known: Vec<Fate>,
    crashes: u64,
    operations: u64,
    digest: Digest,
    recorder: Recorder<W>,
}

impl<'a, W: Observer> Player<'a, W> {
    fn new(schedule: &'a Schedule, known: Vec<Fate>, observer: W) -> Self {
        let bounds = schedule.bounds;
        let mut player = Self {
            schedule,
            servers: Vec::new(),
            in_flight: Vec::new(),
            calls: Vec::new(),
            arrived: Vec::new(),
            known,
            crashes: 0,
            operations: 0,
            digest: Digest::default(),
            recorder: Recorder::new(observer),
        };
        for idx in bounds.servers().iter() {
            let played = player.start(idx, ModelDisk::first(&bounds, idx), 1);
            player.servers.push(played);
        }
        player
    }

    /// Plays the steps while `wants` returns true. Returns the position of the first step that cannot be
    /// played, or `None` if there is no such step.
    fn play_all(&mut self, wants: impl Fn(&W) -> bool) -> Option<usize> {
        for (at, step) in self.schedule.steps.iter().enumerate() {
            self.recorder.now = self.recorder.now + PACE;
            if !wants(&self.recorder.observer) {
                return None;
            }
            if self.step(step).is_none() {
                return Some(at);
            }
        }
        None
    }

    /// Plays one step. Returns `None` if the step cannot be played.
    fn step(&mut self, step: &Step) -> Option<()> {
        match step {
            Step::TimeOut(idx) => self.timer(*idx, &Stimulus::TimeOut),
            Step::Resign(idx) => self.timer(*idx, &Stimulus::Resign),
            Step::Beat(idx) => self.timer(*idx, &Stimulus::Beat),
            Step::Persist(idx) => {
                self.persist(*idx, clock::QUIET_AT);
                self.settle(*idx, clock::QUIET_AT);
            }
            Step::Hang(idx) => self.servers[idx.at()].hangs = true,
            Step::Crash(idx) => self.crash(*idx),
            Step::Propose(idx) => self.ask(*idx, Call::Apply(super::stimulus::command())),
            Step::Add(idx, other) => self.change(*idx, Change::AddVoter(other.id(), other.address())),
            Step::Remove(idx, other) => self.change(*idx, Change::RemoveServer(other.id())),
            Step::Deliver(message_id) => {
                let at = self.find(message_id)?;
                let in_flight = self.in_flight.remove(at);
                self.deliver(&in_flight);
            }
            Step::Duplicate(message_id) => {
                let InFlight { message, rpc, number } = &self.in_flight[self.find(message_id)?];
                let again = InFlight { message: message.clone(), rpc: *rpc, number: *number };
                self.deliver(&again);
            }
            Step::Drop(message_id) => {
                let at = self.find(message_id)?;
                self.in_flight.remove(at);
            }
        }
        Some(())
    }

    fn timer(&mut self, idx: ServerIdx, stimulus: &Stimulus<'_>) {
        let now = clock::time_of(stimulus, self.servers[idx.at()].server.node());
        self.handle(idx, now, Event::Timer);
    }

    fn change(&mut self, idx: ServerIdx, change: Change) {
        self.ask(idx, Call::Change { change, prev_index: None });
    }

    fn ask(&mut self, idx: ServerIdx, call: Call) {
        self.operations += 1;
        let request = operator_request(self.operations);
        self.handle(idx, clock::QUIET_AT, Event::Call { request, call });
    }

    fn find(&self, message_id: &MessageId) -> Option<usize> {
        self.in_flight.iter().position(|in_flight| MessageId::of(&in_flight.message) == *message_id)
    }

    fn deliver(&mut self, in_flight: &InFlight) {
        self.arrived[in_flight.number].push(self.recorder.now);
        let idx = in_flight.message.to();
        let stimulus = Stimulus::Deliver(&in_flight.message);
        let now = clock::time_of(&stimulus, self.servers[idx.at()].server.node());
        let event = match &in_flight.message {
            ModelMessage::Request { call_id, request } => {
                Event::Request { from: call_id.from.node(), rpc: in_flight.rpc, request: request.clone() }
            }
            ModelMessage::Response { call_id, response } => {
                Event::Response { from: call_id.to.node(), rpc: in_flight.rpc, response: response.clone() }
            }
        };
        self.handle(idx, now, event);
    }

    fn handle(&mut self, idx: ServerIdx, now: Time, event: Event) {
        self.handle_event(idx, now, event);
        self.settle(idx, now);
    }

    /// Ends a step of a server. Makes the writes of the step durable, unless the disk is slow or hangs.
    fn settle(&mut self, idx: ServerIdx, now: Time) {
        let quick = match self.schedule.bounds.disks {
            DiskModel::Quick => true,
            DiskModel::Hang => !self.servers[idx.at()].hangs,
            DiskModel::Late => {
                self.schedule.disk_reduction && self.crashes == u64::from(self.schedule.bounds.crashes)
            }
        };
        while quick && !self.servers[idx.at()].disk.waiting.is_empty() {
            self.persist(idx, now);
        }
        let played = &mut self.servers[idx.at()];
        let (role, term) = (played.server.node().role(), played.server.node().term());
        played.call_table.settle(role, term, |_| false);
    }

    fn persist(&mut self, idx: ServerIdx, now: Time) {
        if let Some(write) = self.servers[idx.at()].disk.persist() {
            self.recorder.on_observation(ObservationKind::Durable { idx, write: &write, torn: None });
            self.handle_event(idx, now, Event::Persisted(write.token));
        }
    }

    fn crash(&mut self, idx: ServerIdx) {
        self.crashes += 1;
        self.recorder.on_observation(ObservationKind::Crashed { idx, wiped: false });
        let played = &mut self.servers[idx.at()];
        let (mut disk, life) = (std::mem::take(&mut played.disk), played.call_table.life() + 1);
        disk.waiting.clear();
        self.servers[idx.at()] = self.start(idx, disk, life);
    }

    fn start(&mut self, idx: ServerIdx, disk: ModelDisk, life: u8) -> PlayedServer {
        let boot = server_state::boot_from(&disk, life);
        let server = Server::boot(self.schedule.bounds.settings(idx), boot.clone(), clock::QUIET_AT);
        self.recorder.on_observation(ObservationKind::Booted {
            idx,
            server: &server,
            boot: &boot,
            log: &disk.log,
        });
        let call_table = CallTable::new(idx, life, server.node().term());
        PlayedServer { server, disk, call_table, hangs: false, digest: Digest::default() }
    }

    fn handle_event(&mut self, idx: ServerIdx, now: Time, event: Event) {
        let played = &mut self.servers[idx.at()];
        let kind = digest::kind(&event);
        let mut actions = Vec::new();
        self.recorder.on_observation(ObservationKind::Stepping {
            idx,
            event: &event,
            server: &played.server,
            clock: now,
        });
        played.server.step(now, event, &mut actions);
        self.recorder.on_observation(ObservationKind::Stepped {
            idx,
            server: &played.server,
            actions: &actions,
        });
        self.digest.take_step((self.recorder.now, idx, kind), &played.server.view(), actions.len());
        let mut batches = VecDeque::new();
        for action in actions {
            match action {
                Action::Send { to, rpc, request } => self.call(idx, to, rpc, request),
                Action::Reply { to, rpc, response } => self.answer(idx, to, rpc, response),
                Action::Store(StoreJob::Persist(write)) => {
                    self.servers[idx.at()].disk.waiting.push_back(write);
                }
                Action::Apply(batch) => batches.push_back(batch),
                Action::Answer { .. } | Action::Observe(_) => {}
                _ => panic!("server {idx} took an action that no exploration takes: {action:?}"),
            }
        }
        for batch in batches {
            self.apply(idx, now, &batch);
        }
    }

    fn call(&mut self, from: ServerIdx, to: NodeId, rpc: RpcId, request: Request) {
        let played = &mut self.servers[from.at()];
        let term = played.server.node().term();
        if let Some(call_id) = played.call_table.call(rpc, to, term) {
            self.calls.push((rpc, call_id));
            self.send(from, call_id.to, rpc, ModelMessage::Request { call_id, request });
        }
    }

    fn answer(&mut self, from: ServerIdx, to: NodeId, rpc: RpcId, response: Response) {
        let call = |(own, call_id): &&(RpcId, CallId)| {
            *own == rpc && call_id.to == from && call_id.from.node() == to
        };
        let (_, call_id) = *self.calls.iter().find(call).expect("every response answers a recorded call");
        self.send(from, call_id.from, rpc, ModelMessage::Response { call_id, response });
    }

    fn send(&mut self, from: ServerIdx, to: ServerIdx, rpc: RpcId, message: ModelMessage) {
        let number = self.arrived.len();
        let fate = self.known.get(number).copied().unwrap_or(Fate::Lost);
        let carried = match &message {
            ModelMessage::Request { request, .. } => MessageRef::Request(request),
            ModelMessage::Response { response, .. } => MessageRef::Response(response),
        };
        self.recorder.on_observation(ObservationKind::Sent { from, to, rpc, carried, fate });
        self.arrived.push(Vec::new());
        self.in_flight.push(InFlight { message, rpc, number });
    }

    /// Applies a batch. The state machine is a digest of the entries.
    fn apply(&mut self, idx: ServerIdx, now: Time, batch: &Batch) {
        let played = &mut self.servers[idx.at()];
        let mut responses = Vec::new();
        for entry in &batch.entries {
            if let Payload::Command(_) = &entry.payload {
                played.digest.take(entry.id.index.0);
                played.digest.take(entry.id.term.0);
                responses.push((entry.id.index, Data::from([].as_slice())));
            }
        }
        let digest = played.digest.value();
        self.recorder.on_observation(ObservationKind::Applied { idx, batch, digest });
        let upto = batch.entries.last().expect("a batch has at least one entry").id.index;
        self.handle_event(idx, now, Event::Applied { upto, responses });
    }

    /// Returns the fate of each message.
    fn fates(&self) -> Vec<Fate> {
        let fate = |arrived: &Vec<Time>| match arrived.as_slice() {
            [] => Fate::Lost,
            [once] => Fate::Arrives(*once),
            [first, .., last] => Fate::ArrivesTwice(*first, *last),
        };
        self.arrived.iter().map(fate).collect()
    }
}

impl<T: Observer + Default> Simulation for Player<'_, Observers<(), T>> {
    type Checks = ();
    type Trace = T;
    /// The position of the first step that could not be played; `None` if no step failed.
    type DriveOutcome = Option<usize>;

    fn drive(&mut self) -> Option<usize> {
        self.play_all(|observers| observers.violation().is_none())
    }

    fn now(&self) -> Time {
        self.recorder.now
    }

    fn observers(&mut self) -> &mut Observers<(), T> {
        &mut self.recorder.observer
    }

    fn verdict(&mut self, not_played: Option<usize>) -> Verdict {
        if not_played.is_some() {
            return Verdict::Vacuous(vec!["the schedule delivers a message that no server sent".to_owned()]);
        }
        Verdict::Held
    }

    fn describe(&self, report: &mut Report) {
        report.events = self.recorder.step;
        report.virtual_time = self.recorder.now;
        report.messages = self.arrived.len() as u64;
        report.faults = BTreeMap::from([("crash".to_owned(), self.crashes)]);
        report.digest = self.digest.value();
    }
}
