//! The clients of a run. Each has one operation open at a time: it asks the server that it thinks
//! leads, waits, asks again, and knows how the operation ended or says that it does not know.
//!
//! What the clients ask for is a [`Script`]: that of the key-value store ([`crate::clients::kv::clients`]), or
//! one of your own. Not here: how a question travels, and whether an answer is right.

mod operation;

pub use operation::{End, Operation, Told, Wanted};

use crate::engine::workload::{self, Ask, Reply, Want, Wants, Workload};
use crate::observe::{OperationEnd, OperationValue};
use crate::plan::Plan;
use crate::plan::rng::{Domain, Ratio, Spans, Stream};
use crate::plan::server_set::{ServerIdx, ServerSet};
use operation::LeaderContact;
use std::fmt::Debug;
use wavetank_raft::{RequestId, Span, Time};

/// What the clients of a run ask for, one operation after the other.
pub trait Script: Debug {
    /// What one operation asks for: [`Want`], unless traces and judges are to know more of it.
    type Wanted: Wanted;

    /// Draws from a client's stream what the client asks for in the operation of this number.
    fn next(&mut self, client: u16, operation: u64, rng: &mut Stream) -> Self::Wanted;

    /// An operation has ended. What is drawn here does not change what [`Script::next`] draws.
    fn told(&mut self, _: &Operation<Self::Wanted>, _: &mut Stream) {}
}

/// The clients of a run.
///
/// 1. A client has at most one operation open.
/// 2. A write that was told [`OperationEnd::Failed`] was refused by every server that it was sent to.
/// 3. Requests have numbers from 2⁴⁰ on; smaller numbers are left to others.
#[derive(Debug)]
pub struct Callers<S: Script> {
    script: S,
    callers: Vec<Caller>,
    servers: ServerSet,
    habits: Habits,
    operations: Vec<Operation<S::Wanted>>,
    /// How many requests were sent.
    requests: u64,
    /// How many operations began or ended.
    order: u64,
    due: Time,
    stopped: bool,
}

/// What all clients of a run do alike when they are refused or not answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// How long a client waits for an answer.
    pub(crate) patience: Span,
    /// How long it waits after a refusal before it asks again.
    pub(crate) backoff: Spans,
    /// How often it asks before it gives an operation up (≥ 1).
    pub(crate) tries: u32,
    /// How often it gives an operation up at the first refusal.
    pub(crate) resign: Ratio,
}

/// One client.
#[derive(Debug)]
pub(crate) struct Caller {
    number: u16,
    /// The one server that is asked; `None` for a client that looks for the leader.
    pinned: Option<ServerIdx>,
    /// The server that is thought to lead.
    leader: ServerIdx,
    /// How long the client rests between operations.
    think: Spans,
    /// Draws what is wanted, apart from `moves`: trouble on the way does not change what is wanted.
    wishes: Stream,
    moves: Stream,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Resting(Time),
    Waiting(Effort, RequestId, Time),
    BackingOff(Effort, Time),
    Gone,
}

/// What was done for an operation so far.
#[derive(Clone, Copy, Debug)]
struct Effort {
    operation: u64,
    tries: u32,
    /// A server that was asked may have done it, or may yet do it.
    doubtful: bool,
}

impl Caller {
    /// A client that looks for the leader among these servers.
    pub(crate) fn seeking(number: u16, servers: ServerSet, think: Spans, seed: u64) -> Self {
        let mut caller = Self::new(number, think, seed);
        caller.leader = caller.one_of(servers);
        caller
    }

    /// A client that asks one server, without a second try.
    pub(crate) fn pinned(number: u16, idx: ServerIdx, think: Spans, seed: u64) -> Self {
        Self { pinned: Some(idx), leader: idx, ..Self::new(number, think, seed) }
    }

    fn new(number: u16, think: Spans, seed: u64) -> Self {
        let stream = |topic| Stream::new(seed, Domain::Workload, u64::from(number), topic);
        let (wishes, moves) = (stream(0), stream(1));
        Self { number, pinned: None, leader: ServerIdx(0), think, wishes, moves, state: State::Gone }
    }

    const fn due(&self) -> Time {
        match self.state {
            State::Resting(until) | State::Waiting(_, _, until) | State::BackingOff(_, until) => until,
            State::Gone => Time::NEVER,
        }
    }

    const fn is_idle(&self) -> bool {
        matches!(self.state, State::Resting(_) | State::Gone)
    }

    /// Rests until the next operation, if there is to be one.
    fn rest(&mut self, now: Time, stopped: bool) {
        let until = now + self.moves.within(self.think);
        self.state = if stopped { State::Gone } else { State::Resting(until) };
    }

    fn look_elsewhere(&mut self, servers: ServerSet) {
        let others = servers.without(self.leader);
        self.leader = self.one_of(if others.is_empty() { servers } else { others });
    }

    fn one_of(&mut self, servers: ServerSet) -> ServerIdx {
        let at = self.moves.below(servers.len() as u64);
        servers.iter().nth(at as usize).expect("drawn below their number")
    }
}

impl<S: Script> Callers<S> {
    /// As many and as busy clients as a plan has, who try each operation once: an answer that does
    /// not come in time leaves it unknown whether a command was done.
    #[must_use]
    pub fn trying_once(plan: &Plan, script: S) -> Self {
        let clients = &plan.clients;
        let servers = ServerSet::first(usize::from(plan.servers));
        let callers =
            (0..clients.count).map(|number| Caller::seeking(number, servers, clients.think, plan.seed));
        let (patience, backoff, resign) = (clients.patience, Spans::ZERO, Ratio::NEVER);
        Self::with(script, callers.collect(), servers, Habits { patience, backoff, tries: 1, resign })
    }

    /// These clients, who know these servers.
    pub(crate) fn with(script: S, mut callers: Vec<Caller>, servers: ServerSet, habits: Habits) -> Self {
        assert!(!servers.is_empty(), "clients need a server");
        assert!(1 <= habits.tries, "clients try at least once");
        callers.iter_mut().for_each(|caller| caller.rest(Time(0), false));
        let mut all = Self {
            script,
            callers,
            servers,
            habits,
            operations: Vec::new(),
            requests: 0,
            order: 0,
            due: Time(0),
            stopped: false,
        };
        all.look_ahead();
        all
    }

    /// Every operation so far, by number.
    #[must_use]
    pub fn operations(&self) -> &[Operation<S::Wanted>] {
        &self.operations
    }

    fn look_ahead(&mut self) {
        self.due = self.callers.iter().map(Caller::due).min().unwrap_or(Time::NEVER);
    }

    fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    fn begin(&mut self, at: usize, now: Time, wants: &mut Wants) {
        let (number, order) = (self.operations.len() as u64 + 1, self.next_order());
        let caller = &mut self.callers[at];
        let (client, pinned) = (caller.number, caller.pinned);
        let wanted = self.script.next(client, number, &mut caller.wishes);
        self.operations.push(Operation { number, client, pinned, wanted, invoked: now, order, end: None });
        wants.told.push(workload::Told::Invoked { client, operation: number });
        self.ask(at, Effort { operation: number, tries: 0, doubtful: false }, now, wants);
    }

    fn ask(&mut self, at: usize, effort: Effort, now: Time, wants: &mut Wants) {
        self.requests += 1;
        let want = self.operations[place(effort.operation)].wanted.want();
        let caller = &mut self.callers[at];
        let request = RequestId((u64::from(caller.number) + 1) << CLIENT_SHIFT | self.requests);
        let to = caller.pinned.unwrap_or(caller.leader);
        wants.asks.push(Ask { request, client: caller.number, to, want });
        let effort = Effort { tries: effort.tries + 1, ..effort };
        caller.state = State::Waiting(effort, request, now + self.habits.patience);
    }

    /// No answer came in time. Nobody knows what became of the request.
    fn on_silence(&mut self, at: usize, effort: Effort, now: Time, wants: &mut Wants) {
        let effort = Effort { doubtful: true, ..effort };
        self.callers[at].look_elsewhere(self.servers);
        if self.is_spent(at, effort) {
            self.give_up(at, effort, now, wants);
        } else {
            self.ask(at, effort, now, wants);
        }
    }

    fn hear(&mut self, at: usize, heard: LeaderContact, effort: Effort, now: Time, wants: &mut Wants) {
        let caller = &mut self.callers[at];
        match heard {
            LeaderContact::Told(told) => {
                self.end(at, effort.operation, OperationEnd::Ok, Some(told), now, wants);
            }
            LeaderContact::Refused(leader) => {
                match leader {
                    Some(leader) => caller.leader = leader,
                    None => caller.look_elsewhere(self.servers),
                }
                if caller.moves.hits(self.habits.resign) && !effort.doubtful {
                    self.give_up(at, effort, now, wants);
                } else {
                    self.try_again(at, effort, now, wants);
                }
            }
            LeaderContact::Doubt => {
                caller.look_elsewhere(self.servers);
                self.try_again(at, Effort { doubtful: true, ..effort }, now, wants);
            }
        }
    }

    fn try_again(&mut self, at: usize, effort: Effort, now: Time, wants: &mut Wants) {
        if self.is_spent(at, effort) {
            self.give_up(at, effort, now, wants);
        } else {
            let caller = &mut self.callers[at];
            let until = now + caller.moves.within(self.habits.backoff);
            caller.state = State::BackingOff(effort, until);
        }
    }

    fn is_spent(&self, at: usize, effort: Effort) -> bool {
        self.callers[at].pinned.is_some() || self.habits.tries <= effort.tries
    }

    /// A read that was not answered has failed; a write only if it was refused each time.
    fn give_up(&mut self, at: usize, effort: Effort, now: Time, wants: &mut Wants) {
        let want = self.operations[place(effort.operation)].wanted.want();
        let is_unknown = matches!(want, Want::Apply(_)) && effort.doubtful;
        let ending = if is_unknown { OperationEnd::Unknown } else { OperationEnd::Failed };
        self.end(at, effort.operation, ending, None, now, wants);
    }

    fn end(
        &mut self,
        at: usize,
        number: u64,
        ending: OperationEnd,
        answer: Option<Told>,
        now: Time,
        wants: &mut Wants,
    ) {
        let order = self.next_order();
        let operation = &mut self.operations[place(number)];
        operation.end = Some(End { at: now, order, ending, answer });
        let caller = &mut self.callers[at];
        self.script.told(operation, &mut caller.moves);
        wants.told.push(workload::Told::Returned { client: caller.number, operation: number, ending });
        caller.rest(now, self.stopped);
    }
}

/// Where in a request's number the client stands.
const CLIENT_SHIFT: u32 = 40;

/// The client that sent a request; `None` if no client did.
fn asker(request: RequestId) -> Option<usize> {
    usize::try_from(request.0 >> CLIENT_SHIFT).ok()?.checked_sub(1)
}

fn place(number: u64) -> usize {
    usize::try_from(number - 1).expect("as many operations as fit in memory")
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
                State::Resting(_) => self.begin(at, now, wants),
                State::BackingOff(effort, _) => self.ask(at, effort, now, wants),
                State::Waiting(effort, _, _) => self.on_silence(at, effort, now, wants),
                State::Gone => {}
            }
        }
        self.look_ahead();
    }

    fn reply(&mut self, now: Time, request: RequestId, reply: Reply, wants: &mut Wants) {
        let Some(at) = asker(request) else { return };
        if let Some(State::Waiting(effort, awaited, _)) = self.callers.get(at).map(|caller| caller.state)
            && awaited == request
        {
            self.hear(at, reply.into(), effort, now, wants);
            self.look_ahead();
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
        let idle = self.callers.iter_mut().filter(|caller| caller.is_idle());
        idle.for_each(|caller| caller.state = State::Gone);
        self.look_ahead();
    }

    fn is_idle(&self) -> bool {
        self.callers.iter().all(Caller::is_idle)
    }

    fn operation(&self, number: u64) -> &dyn OperationValue {
        &self.operations[place(number)]
    }
}
