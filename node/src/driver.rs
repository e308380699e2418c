//! The driver: one task that passes events to the server and executes the server's actions.
//!
//! The driver contains no rule of the protocol. The task never waits for a peer, because messages wait in the
//! queues of the transport. The task waits for the disk or the state machine only if the work is done inline; see
//! `worker_queue`.

pub(crate) mod address_book;
mod alarm;
pub(crate) mod cluster_guard;
pub(crate) mod contacts;
pub(crate) mod disk;
pub(crate) mod machine;
pub(crate) mod metrics;
pub(crate) mod observer;
pub(crate) mod options;
pub(crate) mod peer_status;
pub(crate) mod pending_calls;
pub(crate) mod shared_snapshots;
pub(crate) mod state;
pub(crate) mod status;
pub(crate) mod worker_queue;

use crate::cluster;
use crate::driver::address_book::AddressBook;
use crate::driver::cluster_guard::ClusterGuard;
use crate::driver::disk::DiskJob;
use crate::driver::machine::MachineJob;
use crate::driver::observer::Sink;
use crate::driver::options::Options;
use crate::driver::pending_calls::{Caller, PendingCalls, Repliers, weight};
use crate::driver::state::RaftState;
use crate::driver::status::{End, Stats, StatusPublisher};
use crate::driver::worker_queue::WorkerQueue;
use crate::panic::caught;
use crate::transport::{Arrival, LocalCluster, Outgoing, Replier, Transport};
use crate::wire::{Header, Kind};
use alarm::Alarm;
use contacts::Contacts;
use metrics::Metrics;
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use wavetank_raft::{
    Action, Call, Effects, Event, Halt, NodeId, Observed, Outcome, Reloadable, Request, RequestId, Response,
    RpcId, Server, StoreJob, Time, Token,
};

/// The maximum number of items that are taken from one queue before the other queues are served.
const TURN: usize = 512;
/// The number of the driver's own shutdown call, which the driver makes when all handles are dropped or the
/// transport has closed its channel. No pending call has this number.
const LAST: RequestId = RequestId(u64::MAX);
/// The size in bytes at which the driver ends a batch of commands and begins the next batch. Each batch becomes
/// one write. The disk reports only whole writes, and a leader steps down if its disk reports nothing for
/// `disk_stall_timeout`.
const BATCH_BYTES: u64 = 8 << 20;
/// The limit for unfinished writes. While at least this number of writes is unfinished, the driver takes no
/// proposal from the queue.
const WRITES: u64 = 1024;

/// A call that appends a command, a barrier or the state of a restore to the log, and the caller of this call.
#[derive(Debug)]
pub(crate) struct Proposal {
    pub(crate) call: Call,
    pub(crate) caller: Caller,
}

/// A request of a handle that is not a [`Proposal`].
#[derive(Debug)]
pub(crate) enum Control {
    Call(Call, Caller),
    Stats(oneshot::Sender<Stats>),
    Reloadable(oneshot::Sender<Reloadable>),
    Observe(Sink, oneshot::Sender<()>),
}

/// The queues from which the driver reads.
#[derive(Debug)]
pub(crate) struct Inboxes {
    pub(crate) reports: UnboundedReceiver<Event>,
    pub(crate) arrivals: Receiver<Arrival>,
    pub(crate) controls: Receiver<Control>,
    pub(crate) proposals: Receiver<Proposal>,
}

/// The queues of the work that may block.
#[derive(Debug)]
pub(crate) struct WorkerQueues {
    pub(crate) disk: WorkerQueue<DiskJob>,
    pub(crate) machine: WorkerQueue<MachineJob>,
    pub(crate) snapshots: WorkerQueue<StoreJob>,
}

/// The items that the driver has taken from the inboxes for one turn, which is one pass of the driver's loop. The
/// next turn uses the memory again.
#[derive(Default)]
struct Received {
    reports: Vec<Event>,
    arrivals: Vec<Arrival>,
    controls: Vec<Control>,
    proposals: Vec<Proposal>,
}

/// The state of the driver's task.
pub(crate) struct Driver {
    pub(crate) server: Server,
    pub(crate) options: Options,
    pub(crate) queues: WorkerQueues,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) status: StatusPublisher,
    pub(crate) addresses: AddressBook,
    contacts: Contacts,
    guard: ClusterGuard,
    calls: PendingCalls,
    repliers: Repliers,
    observers: Vec<Sink>,
    metrics: Metrics,
    fx: Effects,
    actions: Vec<Action>,
    /// The outcomes of this turn, each with the number of its call. The driver publishes the status before it
    /// sends the outcomes, so a caller that receives an outcome already finds the effect in the status.
    answers: Vec<(RequestId, Outcome)>,
    /// The number of outcomes in the last turn that had at least one outcome.
    answered: usize,
    /// The token of the last write that the disk has reported as durable.
    persisted: Token,
    /// True if the server has ignored the peer's call that the current step handles.
    has_ignored: bool,
    halt: Option<Halt>,
}

impl Driver {
    pub(crate) fn new(
        server: Server,
        options: Options,
        queues: WorkerQueues,
        transport: Arc<dyn Transport>,
        mut status: StatusPublisher,
        local: LocalCluster,
    ) -> Self {
        let now = status.numbers.now();
        status.publish(&server, now);
        let addresses = AddressBook::of(server.node().configuration().map(|(_, latest)| &**latest));
        Self {
            server,
            options,
            queues,
            transport,
            status,
            addresses,
            contacts: Contacts::default(),
            guard: ClusterGuard::new(local),
            calls: PendingCalls::default(),
            repliers: Repliers::default(),
            observers: Vec::new(),
            metrics: Metrics::new(),
            fx: Effects::new(),
            actions: Vec::new(),
            answers: Vec::new(),
            answered: 0,
            persisted: Token(0),
            has_ignored: false,
            halt: None,
        }
    }

    /// Runs until the server has stopped. If the driver panics, this method closes the transport and ends all
    /// calls, and the panic becomes the reason for the stop.
    pub(crate) async fn run(self, inboxes: Inboxes, mut ended: Receiver<()>) {
        let (transport, end) = (self.transport.clone(), self.status.end.clone());
        if let Err(why) = caught("the driver", self.serve(inboxes, &mut ended)).await {
            tracing::error!(error = %why, "the server has stopped");
            transport.close();
            while ended.recv().await.is_some() {}
            end.send_replace(Some(End { why: Halt::Store(why), stats: None }));
        }
    }

    async fn serve(mut self, mut inboxes: Inboxes, ended: &mut Receiver<()>) {
        let mut received = Received::default();
        let mut alarm = Alarm::new();
        while self.halt.is_none() {
            alarm.set(self.server.deadline().at, &self.status);
            let is_over = self.await_anything(&mut inboxes, &mut received, &mut alarm).await;
            if self.expects_more(&received) {
                yield_now().await;
            }
            inboxes.drain_ready(&mut received, self.capacity());
            self.turn(&mut received);
            if is_over && self.halt.is_none() {
                self.step(Event::Call { request: LAST, call: Call::Shutdown }, self.status.numbers.now());
            }
        }
        self.stop(inboxes, ended).await;
    }

    /// Waits until an item arrives in an inbox or the alarm rings. Returns true if all handles are dropped, or if
    /// the transport has closed its channel.
    async fn await_anything(
        &mut self,
        inboxes: &mut Inboxes,
        received: &mut Received,
        alarm: &mut Alarm,
    ) -> bool {
        let capacity = self.capacity();
        tokio::select! {
            biased;
            _ = inboxes.reports.recv_many(&mut received.reports, TURN) => false,
            arrived = inboxes.arrivals.recv_many(&mut received.arrivals, TURN) => arrived == 0,
            asked = inboxes.controls.recv_many(&mut received.controls, TURN) => asked == 0,
            _ = inboxes.proposals.recv_many(&mut received.proposals, capacity), if 0 < capacity => false,
            () = alarm.rings() => false,
        }
    }

    /// True if further calls are likely to arrive very soon. In that case the driver yields once before it handles
    /// the calls. Callers that were just answered often call again, and a peer that sends entries often sends more
    /// entries. Without this pause, the disk would write the first call alone, and the other calls would have to
    /// wait for that write.
    fn expects_more(&self, received: &Received) -> bool {
        let are_missing = !received.proposals.is_empty() && received.proposals.len() < self.answered;
        self.queues.disk.is_elsewhere() && (are_missing || !received.arrivals.is_empty())
    }

    /// Returns the number of proposals that the driver may take from the queue now.
    fn capacity(&self) -> usize {
        let writes = self.server.node().issued().0 - self.persisted.0;
        if self.options.open_bytes <= self.calls.bytes() || WRITES <= writes {
            return 0;
        }
        self.options.open_calls.saturating_sub(self.calls.len()).min(TURN)
    }

    /// Passes all received items to the server, and executes the server's actions.
    fn turn(&mut self, received: &mut Received) {
        let now = self.status.numbers.now();
        for report in received.reports.drain(..) {
            self.report(report, now);
        }
        for arrival in received.arrivals.drain(..) {
            self.arrival(arrival, now);
        }
        for control in received.controls.drain(..) {
            self.control(control, now);
        }
        self.propose(&mut received.proposals, now);
        if self.server.deadline().at <= now {
            self.step(Event::Timer, now);
            self.contacts.on_timer();
        }
        self.work_inline(&mut received.reports);
        self.check_quorum(now);
        self.metrics.look(&self.server, now);
        self.status.publish(&self.server, now);
        if !self.answers.is_empty() {
            self.answered = self.answers.len();
        }
        for (request, outcome) in self.answers.drain(..) {
            self.calls.answer(request, outcome, self.contacts.no_quorum.as_ref());
        }
        if let Some(reason) = &self.contacts.no_quorum {
            self.calls.end_without_quorum(reason);
        }
    }

    fn work_inline(&mut self, reports: &mut Vec<Event>) {
        loop {
            self.queues.disk.work(reports);
            self.queues.machine.work(reports);
            self.queues.snapshots.work(reports);
            if reports.is_empty() {
                return;
            }
            let now = self.status.numbers.now();
            for report in reports.drain(..) {
                self.report(report, now);
            }
        }
    }

    fn report(&mut self, report: Event, now: Time) {
        if let Event::Persisted(token) = report {
            self.persisted = token;
        }
        self.step(report, now);
    }

    fn arrival(&mut self, arrival: Arrival, now: Time) {
        match arrival {
            Arrival::Request { header, request, replier } => {
                self.peer_calls(&header, request, replier, now);
            }
            Arrival::Response { from, rpc, response } => {
                self.metrics.answered(from, rpc, now);
                self.guard.on_answered(from);
                self.contacts.on_answer(from);
                self.step(Event::Response { from, rpc, response }, now);
            }
            Arrival::Speaks { peer, dialect } => self.step(Event::PeerSpeaks { peer, dialect }, now),
            Arrival::Refused { from, why } => self.refused(from, why),
            Arrival::TooLarge { to: peer, entry, bytes, limit } => {
                self.observe(&Observed::EntryTooLarge { peer, entry, bytes, limit });
            }
            Arrival::Failed(error) => self.step(Event::StoreFailed(error), now),
        }
    }

    fn peer_calls(&mut self, header: &Header, request: Request, replier: Replier, now: Time) {
        let leader = self.server.node().leader();
        let Some(from) = self.addresses.caller(header, Kind::of(&request), leader) else { return };
        if let Some(words) = self.refusal(from, header, &request) {
            return replier.refuse(words);
        }
        let rpc = self.repliers.open(replier);
        let (name, since) = (metrics::rpc_name(&request), self.status.numbers.now());
        self.has_ignored = false;
        self.step(Event::Request { from, rpc, request }, now);
        self.metrics.served(name, since, self.status.numbers.now());
        if self.has_ignored {
            // The server does not answer this call. The peer's later calls must not wait for an answer to this
            // call.
            drop(self.repliers.take(rpc));
        }
    }

    fn control(&mut self, control: Control, now: Time) {
        match control {
            Control::Call(call, caller) => self.call(call, caller, now),
            Control::Stats(reply) => drop(reply.send(self.stats(now))),
            Control::Reloadable(reply) => {
                drop(reply.send(Reloadable::from(&***self.server.node().settings())));
            }
            Control::Observe(sink, done) => {
                self.observers.push(sink);
                // The caller may have dropped its future.
                let _ = done.send(());
            }
        }
    }

    fn stats(&self, now: Time) -> Stats {
        let server = self.server.stats(now);
        let state = if self.halt.is_some() { RaftState::Shutdown } else { server.state.into() };
        let (cluster, refused) = (self.guard.local.get(), self.guard.refused);
        Stats {
            state,
            server,
            cluster,
            calls_of_other_clusters: refused,
            peers: self.peer_status(now),
            no_quorum: self.contacts.no_quorum.clone(),
        }
    }

    fn call(&mut self, call: Call, caller: Caller, now: Time) {
        self.metrics.called(&call);
        let Some(caller) = caller.unless_missing(self.contacts.no_quorum.as_ref()) else { return };
        let request = self.calls.open(caller, weight(&call));
        if let Call::Bootstrap(configuration) = &call {
            self.guard.founding = Some(cluster::bootstrapped(configuration, self.options.entropy));
        }
        self.step(Event::Call { request, call }, now);
        self.guard.founding = None;
    }

    /// Passes the proposals to the server. Consecutive commands without extensions become one batch. A batch ends
    /// when it has at least `BATCH_BYTES` bytes.
    fn propose(&mut self, proposals: &mut Vec<Proposal>, now: Time) {
        let (mut batch, mut bytes) = (Vec::with_capacity(proposals.len()), 0);
        for Proposal { call, caller } in proposals.drain(..) {
            let Some(caller) = caller.unless_missing(self.contacts.no_quorum.as_ref()) else { continue };
            let request = self.calls.open(caller, weight(&call));
            if let Call::Apply(data) = call {
                bytes += data.len() as u64;
                batch.push((request, data));
                if BATCH_BYTES <= bytes {
                    self.apply(core::mem::take(&mut batch), now);
                    bytes = 0;
                }
            } else {
                self.apply(core::mem::take(&mut batch), now);
                bytes = 0;
                self.metrics.called(&call);
                self.step(Event::Call { request, call }, now);
            }
        }
        self.apply(batch, now);
    }

    fn apply(&mut self, batch: Vec<(RequestId, wavetank_raft::Data)>, now: Time) {
        if !batch.is_empty() {
            self.metrics.applied(batch.len());
            self.step(Event::ApplyBatch(batch), now);
            self.metrics.dispatched(&self.server, now);
        }
    }

    fn step(&mut self, event: Event, now: Time) {
        self.server.step_with(now, event, &mut self.fx, &mut self.actions);
        let mut actions = core::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            self.carry_out(action);
        }
        self.actions = actions;
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Send { to, rpc, request } => self.send(to, rpc, request),
            Action::Reply { rpc, response, .. } => self.reply(rpc, response),
            Action::Store(job @ (StoreJob::Persist(_) | StoreJob::Fetch { .. })) => {
                // A bootstrap that is refused stores nothing, and makes no cluster.
                if let Some(cluster) = self.guard.founding.take() {
                    self.join(cluster);
                }
                self.queues.disk.put(DiskJob::Store(job));
            }
            Action::Store(job @ (StoreJob::ReadSnapshot { .. } | StoreJob::WriteSnapshot { .. })) => {
                self.queues.snapshots.put(job);
            }
            Action::Apply(batch) => self.queues.machine.put(MachineJob::Apply(batch)),
            Action::TakeSnapshot(meta) => self.queues.machine.put(MachineJob::TakeSnapshot(meta)),
            Action::Restore(meta) => self.queues.machine.put(MachineJob::Restore(meta)),
            Action::Answer { request, outcome } => self.answers.push((request, outcome)),
            Action::Observe(observed) => self.observe(&observed),
            Action::Halt(halt) => self.halt = Some(halt),
        }
    }

    fn send(&mut self, to: NodeId, rpc: RpcId, request: Request) {
        let Some((id, address)) = self.addresses.find(to) else { return };
        let now = self.status.numbers.now();
        self.contacts.on_call(to, now);
        self.metrics.sending(id, rpc, &request, now);
        self.transport.send(Outgoing { to: id.clone(), address: address.clone(), rpc, request });
    }

    fn reply(&mut self, rpc: RpcId, response: Response) {
        if let Some(replier) = self.repliers.take(rpc) {
            replier.reply(response);
        }
    }

    fn observe(&mut self, observed: &Observed) {
        observer::log(observed);
        self.contacts.on_observed(observed);
        match observed {
            Observed::Peer { removed: false, peer } => self.addresses.note(peer),
            Observed::Ignored(_) => self.has_ignored = true,
            Observed::State { role, .. } => self.metrics.entered(*role),
            _ => {}
        }
        self.observers.retain(|sink| sink.send(observed));
    }

    /// Publishes the state `Shutdown`, and closes the transport, the queues and the stores. Publishes the end of
    /// the server after all worker threads have ended.
    async fn stop(mut self, inboxes: Inboxes, ended: &mut Receiver<()>) {
        let Some(why) = self.halt.take() else { return };
        match &why {
            Halt::Store(error) => tracing::error!(%error, "the server has stopped"),
            Halt::Removed => tracing::info!("the server has stopped: it was removed from the cluster"),
            Halt::Shutdown => tracing::info!("the server has stopped"),
        }
        self.status.stop();
        let mut stats = self.stats(self.status.numbers.now());
        stats.state = RaftState::Shutdown;
        let stats = Some(stats);
        self.transport.close();
        let Self { queues, status, observers, .. } = self;
        drop((inboxes, queues, observers));
        // Nothing is sent on this channel: `recv` returns when all threads have dropped their senders.
        while ended.recv().await.is_some() {}
        status.end(End { why, stats });
    }
}

impl Inboxes {
    /// Takes the items that have already arrived, without waiting for more.
    fn drain_ready(&mut self, received: &mut Received, capacity: usize) {
        take(&mut received.reports, TURN, || self.reports.try_recv().ok());
        take(&mut received.arrivals, TURN, || self.arrivals.try_recv().ok());
        take(&mut received.controls, TURN, || self.controls.try_recv().ok());
        take(&mut received.proposals, capacity, || self.proposals.try_recv().ok());
    }
}

fn take<T>(into: &mut Vec<T>, most: usize, mut next: impl FnMut() -> Option<T>) {
    while into.len() < most {
        let Some(one) = next() else { return };
        into.push(one);
    }
}
