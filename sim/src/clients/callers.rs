//! The clients of a run. Each client has one open operation at a time. The client sends the request to the
//! server that the client regards as the leader, waits for the answer, and retries. In the end, the client
//! reports the outcome of the operation. The outcome may be unknown.
//!
//! A [`Script`] chooses the operations. Use the script of the key-value store
//! ([`crate::clients::kv::clients`]) or write your own script. The network and the checks of answers are in
//! other modules.

mod operation;

pub use operation::{Completion, Operation, OperationAnswer, Wanted};

use crate::engine::workload::{self, Ask, Reply, Want, Wants, Workload};
use crate::observe::{OperationEnd, OperationValue, requests};
use crate::plan::Plan;
use crate::plan::rng::{Domain, Ratio, Spans, Stream};
use crate::plan::server_set::{ServerIdx, ServerSet};
use operation::ReplyMeaning;
use std::fmt::Debug;
use wavetank_raft::{RequestId, Span, Time};

/// Chooses the operations that the clients of a run perform.
pub trait Script: Debug {
    /// The request of an operation: [`Want`], or a type with more details for traces and checks.
    type Wanted: Wanted;

    /// Draws the request of an operation from the client's random stream. `operation` is the number of the
    /// operation.
    fn next(&mut self, client: u16, operation: u64, rng: &mut Stream) -> Self::Wanted;

    /// Handles an operation that has ended. Random draws in this method do not change the random draws of
    /// [`Script::next`].
    fn on_end(&mut self, _: &Operation<Self::Wanted>, _: &mut Stream) {}
}

/// The clients of a run.
///
/// 1. A client has at most one operation open.
/// 2. A write that ends with [`OperationEnd::Failed`] was refused by every server to which the write was
///    sent.
/// 3. Requests have numbers of at least 2⁴⁰. Smaller numbers are free for other callers.
#[derive(Debug)]
pub struct Callers<S: Script> {
    script: S,
    callers: Vec<ClientMachine>,
    servers: ServerSet,
    retry: RetryPolicy,
    operations: Vec<Operation<S::Wanted>>,
    /// The number of requests that were sent.
    requests: u64,
    /// The number of beginnings and ends of operations so far.
    order: u64,
    due: Time,
    stopped: bool,
}

/// The reaction of clients to refusals and timeouts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryPolicy {
    /// The time that a client waits for an answer, in microseconds.
    pub(crate) patience: Span,
    /// The time that a client waits before the client sends a request again, in microseconds. The client waits
    /// after a refusal, and after a reply that leaves the outcome unknown. After a timeout, the client does not
    /// wait.
    pub(crate) backoff: Spans,
    /// The maximum number of requests for one operation, at least 1. After the last request, the client gives
    /// up.
    pub(crate) tries: u32,
    /// The probability that a client gives up after a refusal and does not send the request again. The client
    /// never gives up for this reason if an earlier request of the same operation may have been executed.
    pub(crate) resign: Ratio,
    /// The reaction to a write whose outcome is unknown.
    pub(crate) unknown: UnknownWrite,
}

/// The reaction of a client to a write that may have been executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UnknownWrite {
    /// The client sends the write again. The state machine must recognise the repetition.
    Repeat,
    /// The client gives up.
    GiveUp,
}

/// One client.
#[derive(Debug)]
pub(crate) struct ClientMachine {
    number: u16,
    /// The only server that the client asks. `None` for a client that looks for the leader.
    pinned: Option<ServerIdx>,
    /// The server that the client regards as the leader.
    leader: ServerIdx,
    /// The time between two operations of the client, in microseconds.
    think: Spans,
    /// The random stream of the operations. This stream is separate from `timing_rng`, so that timeouts and
    /// refusals change no operation.
    wanted_rng: Stream,
    timing_rng: Stream,
    state: ClientState,
}

#[derive(Clone, Copy, Debug)]
enum ClientState {
    Resting(Time),
    Waiting(Attempts, RequestId, Time),
    BackingOff(Attempts, Time),
    Stopped,
}

/// The open operation of a client, and the number of requests that the client has sent for this operation.
#[derive(Clone, Copy, Debug)]
struct Attempts {
    operation: u64,
    tries: u32,
    /// True if a server may have executed one of these requests, or may still execute one of these requests
    /// later. Then the outcome of a write is unknown.
    may_have_taken_effect: bool,
}

impl ClientMachine {
    /// Creates a client that looks for the leader among these servers.
    pub(crate) fn seeking(number: u16, servers: ServerSet, think: Spans, seed: u64) -> Self {
        let mut caller = Self::new(number, think, seed);
        caller.leader = caller.one_of(servers);
        caller
    }

    /// Creates a client that asks only one server and does not retry.
    pub(crate) fn pinned(number: u16, idx: ServerIdx, think: Spans, seed: u64) -> Self {
        Self { pinned: Some(idx), leader: idx, ..Self::new(number, think, seed) }
    }

    fn new(number: u16, think: Spans, seed: u64) -> Self {
        let stream = |topic| Stream::new(seed, Domain::Workload, u64::from(number), topic);
        let (wanted_rng, timing_rng) = (stream(0), stream(1));
        Self {
            number,
            pinned: None,
            leader: ServerIdx(0),
            think,
            wanted_rng,
            timing_rng,
            state: ClientState::Stopped,
        }
    }

    const fn due(&self) -> Time {
        match self.state {
            ClientState::Resting(until)
            | ClientState::Waiting(_, _, until)
            | ClientState::BackingOff(_, until) => until,
            ClientState::Stopped => Time::NEVER,
        }
    }

    const fn is_idle(&self) -> bool {
        matches!(self.state, ClientState::Resting(_) | ClientState::Stopped)
    }

    /// Sets the time at which the client begins its next operation. If the clients are stopped, the client
    /// begins no further operation.
    fn rest(&mut self, now: Time, stopped: bool) {
        let until = now + self.timing_rng.within(self.think);
        self.state = if stopped { ClientState::Stopped } else { ClientState::Resting(until) };
    }

    fn try_another_server(&mut self, servers: ServerSet) {
        let others = servers.without(self.leader);
        self.leader = self.one_of(if others.is_empty() { servers } else { others });
    }

    fn one_of(&mut self, servers: ServerSet) -> ServerIdx {
        let at = self.timing_rng.below(servers.len() as u64);
        servers.iter().nth(at as usize).expect("the draw is below the number of elements")
    }
}

impl<S: Script> Callers<S> {
    /// Creates the clients of a plan. Each client sends only one request for each operation. Therefore the
    /// outcome of a command is unknown after a timeout.
    ///
    /// # Panics
    /// Panics if the plan has no servers.
    #[must_use]
    pub fn trying_once(plan: &Plan, script: S) -> Self {
        let clients = &plan.clients;
        let servers = ServerSet::first(usize::from(plan.servers));
        let callers = (0..clients.count)
            .map(|number| ClientMachine::seeking(number, servers, clients.think, plan.seed));
        let retry = RetryPolicy {
            patience: clients.patience,
            backoff: Spans::ZERO,
            tries: 1,
            resign: Ratio::NEVER,
            unknown: UnknownWrite::Repeat,
        };
        Self::with(script, callers.collect(), servers, retry)
    }

    /// Creates clients that know these servers.
    pub(crate) fn with(
        script: S,
        mut callers: Vec<ClientMachine>,
        servers: ServerSet,
        retry: RetryPolicy,
    ) -> Self {
        assert!(!servers.is_empty(), "clients need at least one server");
        assert!(1 <= retry.tries, "clients send at least one request for each operation");
        callers.iter_mut().for_each(|caller| caller.rest(Time(0), false));
        let mut all = Self {
            script,
            callers,
            servers,
            retry,
            operations: Vec::new(),
            requests: 0,
            order: 0,
            due: Time(0),
            stopped: false,
        };
        all.update_deadline();
        all
    }

    /// Returns all operations so far, in the order of their numbers.
    #[must_use]
    pub fn operations(&self) -> &[Operation<S::Wanted>] {
        &self.operations
    }

    fn update_deadline(&mut self) {
        self.due = self.callers.iter().map(ClientMachine::due).min().unwrap_or(Time::NEVER);
    }

    fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    fn begin(&mut self, at: usize, now: Time, wants: &mut Wants) {
        let (number, order) = (self.operations.len() as u64 + 1, self.next_order());
        let caller = &mut self.callers[at];
        let (client, pinned) = (caller.number, caller.pinned);
        let wanted = self.script.next(client, number, &mut caller.wanted_rng);
        self.operations.push(Operation { number, client, pinned, wanted, invoked: now, order, end: None });
        wants.told.push(workload::Told::Invoked { client, operation: number });
        self.ask(at, Attempts { operation: number, tries: 0, may_have_taken_effect: false }, now, wants);
    }

    fn ask(&mut self, at: usize, attempts: Attempts, now: Time, wants: &mut Wants) {
        self.requests += 1;
        let want = self.operations[index_of(attempts.operation)].wanted.want();
        let caller = &mut self.callers[at];
        let request = requests::client_request(caller.number, self.requests);
        let to = caller.pinned.unwrap_or(caller.leader);
        wants.asks.push(Ask { request, client: caller.number, to, want });
        let attempts = Attempts { tries: attempts.tries + 1, ..attempts };
        caller.state = ClientState::Waiting(attempts, request, now + self.retry.patience);
    }

    /// Handles a request that was not answered before the client's time limit. The outcome of this request is
    /// unknown.
    fn on_timeout(&mut self, at: usize, attempts: Attempts, now: Time, wants: &mut Wants) {
        let attempts = Attempts { may_have_taken_effect: true, ..attempts };
        self.callers[at].try_another_server(self.servers);
        if self.is_last_attempt(at, attempts) {
            self.give_up(at, attempts, now, wants);
        } else {
            self.ask(at, attempts, now, wants);
        }
    }

    fn on_reply(
        &mut self,
        at: usize,
        meaning: ReplyMeaning,
        attempts: Attempts,
        now: Time,
        wants: &mut Wants,
    ) {
        let caller = &mut self.callers[at];
        match meaning {
            ReplyMeaning::Answered(answer) => {
                self.end(at, attempts.operation, OperationEnd::Ok, Some(answer), now, wants);
            }
            ReplyMeaning::Refused(leader) => {
                match leader {
                    Some(leader) => caller.leader = leader,
                    None => caller.try_another_server(self.servers),
                }
                if caller.timing_rng.hits(self.retry.resign) && !attempts.may_have_taken_effect {
                    self.give_up(at, attempts, now, wants);
                } else {
                    self.try_again(at, attempts, now, wants);
                }
            }
            ReplyMeaning::Unknown => {
                caller.try_another_server(self.servers);
                self.try_again(at, Attempts { may_have_taken_effect: true, ..attempts }, now, wants);
            }
        }
    }

    fn try_again(&mut self, at: usize, attempts: Attempts, now: Time, wants: &mut Wants) {
        if self.is_last_attempt(at, attempts) {
            self.give_up(at, attempts, now, wants);
        } else {
            let caller = &mut self.callers[at];
            let until = now + caller.timing_rng.within(self.retry.backoff);
            caller.state = ClientState::BackingOff(attempts, until);
        }
    }

    fn is_last_attempt(&self, at: usize, attempts: Attempts) -> bool {
        let gives_up = self.retry.unknown == UnknownWrite::GiveUp
            && attempts.may_have_taken_effect
            && self.is_write(attempts.operation);
        self.callers[at].pinned.is_some() || self.retry.tries <= attempts.tries || gives_up
    }

    fn is_write(&self, operation: u64) -> bool {
        matches!(self.operations[index_of(operation)].wanted.want(), Want::Apply(_) | Want::ApplyLog { .. })
    }

    /// Ends an operation that has no answer. A read without an answer has failed. A write without an answer
    /// has failed only if every request for the write was refused. Otherwise the outcome of the write is
    /// unknown.
    fn give_up(&mut self, at: usize, attempts: Attempts, now: Time, wants: &mut Wants) {
        let is_unknown = attempts.may_have_taken_effect && self.is_write(attempts.operation);
        let ending = if is_unknown { OperationEnd::Unknown } else { OperationEnd::Failed };
        self.end(at, attempts.operation, ending, None, now, wants);
    }

    fn end(
        &mut self,
        at: usize,
        number: u64,
        ending: OperationEnd,
        answer: Option<OperationAnswer>,
        now: Time,
        wants: &mut Wants,
    ) {
        let order = self.next_order();
        let operation = &mut self.operations[index_of(number)];
        operation.end = Some(Completion { at: now, order, ending, answer });
        let caller = &mut self.callers[at];
        self.script.on_end(operation, &mut caller.timing_rng);
        wants.told.push(workload::Told::Returned { client: caller.number, operation: number, ending });
        caller.rest(now, self.stopped);
    }
}

fn index_of(number: u64) -> usize {
    usize::try_from(number - 1).expect("the operations fit in memory")
}

impl<S: Script> Workload for Callers<S> {
    fn deadline(&self) -> Time {
        self.due
    }

    fn wake(&mut self, now: Time, wants: &mut Wants) {
        for at in 0..self.callers.len() {
            if now < self.callers[at].due() {
                continue;
            }
            match self.callers[at].state {
                ClientState::Resting(_) => self.begin(at, now, wants),
                ClientState::BackingOff(attempts, _) => self.ask(at, attempts, now, wants),
                ClientState::Waiting(attempts, _, _) => self.on_timeout(at, attempts, now, wants),
                ClientState::Stopped => {}
            }
        }
        self.update_deadline();
    }

    fn reply(&mut self, now: Time, request: RequestId, reply: Reply, wants: &mut Wants) {
        let Some(at) = requests::client_of(request).map(usize::from) else { return };
        if let Some(ClientState::Waiting(attempts, awaited, _)) =
            self.callers.get(at).map(|caller| caller.state)
            && awaited == request
        {
            self.on_reply(at, reply.into(), attempts, now, wants);
            self.update_deadline();
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
        let idle = self.callers.iter_mut().filter(|caller| caller.is_idle());
        idle.for_each(|caller| caller.state = ClientState::Stopped);
        self.update_deadline();
    }

    fn is_idle(&self) -> bool {
        self.callers.iter().all(ClientMachine::is_idle)
    }

    fn operation(&self, number: u64) -> &dyn OperationValue {
        &self.operations[index_of(number)]
    }
}
