//! Requests of clients to servers, and the replies to these requests.

use super::World;
use crate::engine::host::{Caller, PendingCall, Timer};
use crate::engine::network::ClientLink;
use crate::engine::workload::{Ask, Reply, TankFsm, Told, Want};
use crate::engine::world::sim_event::SimEvent;
use crate::observe::ObservationKind;
use crate::observe::observer::Observer;
use crate::plan::server_set::ServerIdx;
use crate::schedule::{AskId, Choice};
use crate::subject::Subject;
use wavetank_raft::{Call, Data, Event, Outcome, RequestError, RequestId, Span};

impl<F: TankFsm, V: Observer<S>, S: Subject> World<F, V, S> {
    pub(super) fn on_clients(&mut self, serial: u64) {
        if self.clients_due.serial != serial {
            return;
        }
        self.clients_due = Timer::NONE;
        if self.workload.deadline() <= self.recorder.now {
            self.workload.wake(self.recorder.now, &mut self.wants);
            self.process_wants();
        }
        self.schedule_clients();
    }

    pub(super) fn on_reply(&mut self, request: RequestId, reply: Reply) {
        self.note_ask(request, Choice::Reply);
        self.workload.reply(self.recorder.now, request, reply, &mut self.wants);
        self.process_wants();
        self.schedule_clients();
    }

    /// Schedules the clients' deadline if this deadline is earlier than the pending timer event.
    pub(super) fn schedule_clients(&mut self) {
        let at = self.workload.deadline().max(self.recorder.now);
        if at < self.clients_due.at {
            let serial = self.pending.put(at, SimEvent::Clients);
            self.clients_due = Timer { at, serial };
        }
    }

    pub(super) fn process_wants(&mut self) {
        if self.wants.is_empty() {
            return;
        }
        let mut wants = std::mem::take(&mut self.wants);
        for told in wants.told.drain(..) {
            let kind = match told {
                Told::Invoked { client, operation } => {
                    ObservationKind::Invoked { client, operation, what: self.workload.operation(operation) }
                }
                Told::Returned { client, operation, ending } => {
                    let what = self.workload.operation(operation);
                    ObservationKind::Returned { client, operation, ending, what }
                }
            };
            self.recorder.on_observation(kind);
        }
        for ask in wants.asks.drain(..) {
            if let Some(scheduling) = &mut self.pending.scheduling {
                scheduling.on_asked(ask.client, ask.request);
            }
            if let Some(after) = self.client_link(ask.client).pass() {
                self.pending.put(self.recorder.now + after, SimEvent::Ask(ask));
            }
        }
        self.wants = wants;
    }

    /// Adds an element to the schedule: a client's request reaches its server, or a reply reaches its client.
    pub(super) fn note_ask(&mut self, request: RequestId, choice: fn(AskId) -> Choice) {
        if let Some(scheduling) = &mut self.pending.scheduling
            && let Some(id) = scheduling.ask_id(request)
        {
            scheduling.note(self.recorder.now, choice(id));
        }
    }

    pub(super) fn on_ask(&mut self, ask: Ask) {
        let Ask { request, client, to, want } = ask;
        self.note_ask(request, Choice::Ask);
        match want {
            Want::Apply(command) => match self.plan.clients.gather {
                Some(span) => self.gather(to, request, client, command, span),
                None => self.make_call(to, request, Caller::Writer(client), Call::Apply(command)),
            },
            Want::ApplyLog { data, extensions } => {
                self.make_call(to, request, Caller::Writer(client), Call::ApplyLog { data, extensions });
            }
            Want::Read(path, query) => {
                self.make_call(to, request, Caller::Reader(client, query), Call::Read(path));
            }
            Want::Stale(query) => {
                let process = self.hosts[to.at()].process.as_ref().expect("an awake server has a process");
                let value = process.machine.fsm.query(&query);
                self.send_reply(client, request, Reply::Value(Ok(value)));
            }
        }
    }

    fn gather(&mut self, to: ServerIdx, request: RequestId, client: u16, command: Data, span: Span) {
        let host = &mut self.hosts[to.at()];
        let process = host.process.as_mut().expect("an awake server has a process");
        process.calls.push(PendingCall { request, caller: Caller::Writer(client), stages: None });
        process.batched.push((request, command));
        if process.batched.len() == 1 {
            self.pending.put(self.recorder.now + span, SimEvent::Batch(to, host.incarnation));
        }
    }

    pub(super) fn on_batch(&mut self, idx: ServerIdx, incarnation: u32) {
        let host = &mut self.hosts[idx.at()];
        if host.incarnation == incarnation {
            let process = host.process.as_mut().expect("an awake server has a process");
            if let Some(scheduling) = &mut self.pending.scheduling {
                scheduling.note(self.recorder.now, Choice::Batch(idx));
            }
            let batched = std::mem::take(&mut process.batched);
            self.deliver(idx, Event::ApplyBatch(batched));
        }
    }

    pub(super) fn make_call(&mut self, to: ServerIdx, request: RequestId, caller: Caller, call: Call) {
        if let Some(process) = &mut self.hosts[to.at()].process {
            let stages = match &call {
                Call::AddVoterStaged { id, .. } => Some(id.node()),
                _ => None,
            };
            process.calls.push(PendingCall { request, caller, stages });
            self.deliver(to, Event::Call { request, call });
        }
    }

    /// Sends an answer to the caller. Drops a second answer to the same call, and an answer without a call.
    pub(super) fn on_answer(&mut self, idx: ServerIdx, request: RequestId, outcome: Outcome) {
        let Some(process) = &mut self.hosts[idx.at()].process else { return };
        let Some(place) = process.calls.iter().position(|call| call.request == request) else { return };
        match process.calls.swap_remove(place).caller {
            Caller::Writer(client) => self.send_reply(client, request, Reply::Answered(outcome)),
            Caller::Reader(client, query) => {
                // The server has just allowed this read, so the query reads the current state. The
                // judges verify that the server was right.
                let machine = &process.machine;
                let value = outcome.map(|_| machine.fsm.query(&query));
                self.send_reply(client, request, Reply::Value(value));
            }
            Caller::Operator => {
                self.outcomes.insert(request, outcome);
            }
            Caller::Nemesis => {}
        }
    }

    /// Tells the callers of open calls that the connection broke, because the server is down.
    pub(super) fn break_calls(&mut self, calls: Vec<PendingCall>) {
        for PendingCall { request, caller, .. } in calls {
            match caller {
                Caller::Writer(client) | Caller::Reader(client, _) => {
                    self.send_reply(client, request, Reply::Broken);
                }
                Caller::Operator => {
                    self.outcomes.insert(request, Err(RequestError::Shutdown));
                }
                Caller::Nemesis => {}
            }
        }
    }

    pub(super) fn send_reply(&mut self, client: u16, request: RequestId, reply: Reply) {
        if let Some(after) = self.client_link(client).pass() {
            self.pending.put(self.recorder.now + after, SimEvent::Reply(request, reply));
        }
    }

    fn client_link(&mut self, client: u16) -> &mut ClientLink {
        let clients = &self.plan.clients;
        while self.client_links.len() <= usize::from(client) {
            let next =
                u16::try_from(self.client_links.len()).expect("the number of a client fits into 16 bits");
            self.client_links.push(ClientLink::new(self.plan.seed, next, clients.delay, clients.loss));
        }
        &mut self.client_links[usize::from(client)]
    }
}
