//! One server of an explored cluster: the core, the disk, the open calls, and the last vote that the server
//! granted.

use super::bounds::Bounds;
use super::clock;
use super::disk::ModelDisk;
use super::fingerprint::{self, HashContext, Permutation, StateHasher};
use super::properties::{self, Breach, ServerStep};
use super::stimulus::{ModelMessage, Stimulus};
use crate::explore::call_id::CallId;
use crate::explore::call_table::CallTable;
use crate::plan::server_set::ServerIdx;
use std::cell::Cell;
use wavetank_raft::{
    Boot, Effect, Effects, Entropy, Index, Input, LogId, Node, RpcId, StoreJob, Term, Time, Token,
};

/// The state of one server.
#[derive(Clone, Debug)]
pub struct ServerState {
    /// The server's index.
    pub idx: ServerIdx,
    /// The core of the server.
    pub node: Node,
    /// The disk of the server.
    pub disk: ModelDisk,
    /// The last vote that the server granted: the term and the candidate. `None`: the server has granted no
    /// vote. Older votes do not matter, because a server that has voted in a term grants no request of an
    /// older term.
    pub granted: Option<(Term, ServerIdx)>,
    /// The calls of the server.
    call_table: CallTable,
    /// The token of the last durable write.
    persisted: Token,
}

/// The result of a server's step.
#[derive(Debug, Default)]
pub struct StepOutcome {
    /// The messages that the server sent.
    pub sent: Vec<ModelMessage>,
    /// The breach of the first property that the step broke. `None`: the step broke no property.
    pub breach: Option<Breach>,
}

/// The input of a step, in addition to the server and the stimulus.
pub struct StepContext<'a> {
    /// The bounds of the exploration.
    pub bounds: &'a Bounds,
    /// The number that the cache gives to the delivered message.
    pub number: u32,
    /// Returns the message with a given number.
    pub message: &'a dyn Fn(u32) -> &'a ModelMessage,
    /// True if the writes of the step become durable in the same step.
    pub quick: bool,
}

impl ServerState {
    /// Makes the state of a server before its first step. A spare server of `bounds` is blank; every other server
    /// is a voter of the first configuration.
    #[must_use]
    pub fn first(bounds: &Bounds, idx: ServerIdx) -> Self {
        let disk = ModelDisk::first(bounds, idx);
        let node = Node::boot(bounds.settings(idx), boot_from(&disk, 1), clock::QUIET_AT);
        let call_table = CallTable::new(idx, 1, node.term());
        Self { idx, node, disk, granted: None, call_table, persisted: Token(0) }
    }

    /// Computes the state of the server after this stimulus, and the result of the step.
    #[must_use]
    pub fn step(&self, stimulus: &Stimulus<'_>, context: &StepContext<'_>) -> (Self, StepOutcome) {
        let mut next = self.clone();
        let mut outcome = StepOutcome::default();
        let now = clock::time_of(stimulus, &self.node);
        match stimulus {
            Stimulus::Crash => next.crash(context.bounds),
            Stimulus::Persist => next.persist(now, context, &mut outcome),
            _ => {
                let input = stimulus
                    .input(self.number(stimulus, context))
                    .expect("the core handles every stimulus but a crash and a durable write");
                next.handle_input(now, input, context, &mut outcome);
            }
        }
        if context.quick {
            while !next.disk.waiting.is_empty() {
                next.persist(now, context, &mut outcome);
            }
        }
        let step = ServerStep { before: self, stimulus, after: &next };
        outcome.breach = outcome.breach.or_else(|| properties::step_breach(&step, context.bounds.judged));
        next.drop_closed_calls();
        (next, outcome)
    }

    /// Returns the core's number of the call to which the delivered message belongs. Returns a number that
    /// the core has never used if the message is a response and the call is not open.
    fn number(&self, stimulus: &Stimulus<'_>, context: &StepContext<'_>) -> RpcId {
        match stimulus {
            Stimulus::Deliver(ModelMessage::Response { call_id, .. }) => {
                self.call_table.number_of(*call_id).unwrap_or(RpcId(0))
            }
            _ => RpcId(u64::from(context.number)),
        }
    }

    fn crash(&mut self, bounds: &Bounds) {
        self.disk.waiting.clear();
        let life = self.call_table.life() + 1;
        self.node = Node::boot(bounds.settings(self.idx), boot_from(&self.disk, life), clock::QUIET_AT);
        self.call_table = CallTable::new(self.idx, life, self.node.term());
        self.persisted = Token(0);
    }

    fn persist(&mut self, now: Time, context: &StepContext<'_>, outcome: &mut StepOutcome) {
        if let Some(write) = self.disk.persist() {
            self.persisted = write.token;
            self.handle_input(now, Input::Persisted(write.token), context, outcome);
        }
    }

    fn handle_input(
        &mut self,
        now: Time,
        input: Input,
        context: &StepContext<'_>,
        outcome: &mut StepOutcome,
    ) {
        let mut fx = Effects::new();
        self.node.step(now, input, &mut fx);
        for effect in fx {
            self.execute_effect(effect, context, outcome);
        }
    }

    fn execute_effect(&mut self, effect: Effect, context: &StepContext<'_>, outcome: &mut StepOutcome) {
        let message = match effect {
            Effect::Store(StoreJob::Persist(write)) => return self.disk.waiting.push_back(write),
            Effect::Send { to, rpc, request } => {
                let Some(call_id) = self.call_table.call(rpc, to, self.node.term()) else { return };
                ModelMessage::Request { call_id, request }
            }
            Effect::Reply { rpc, mut response, .. } => {
                // If `refused_for_term` is true, the candidate campaigns again immediately, perhaps in a term
                // beyond the bounds. An ordinary refusal and a later election timeout have the same effect,
                // and the search explores these two steps.
                if let wavetank_raft::Response::RequestVote(vote) = &mut response {
                    vote.refused_for_term = false;
                }
                let call = (context.message)(
                    u32::try_from(rpc.0)
                        .expect("the stimulus code of a delivery contains the number of the message"),
                );
                let breach = || properties::response_breach(self, call, &response, context.bounds.judged);
                outcome.breach = outcome.breach.take().or_else(breach);
                self.record_vote(call.call_id(), &response);
                ModelMessage::Response { call_id: call.call_id(), response }
            }
            Effect::Store(_) => {
                panic!("server {} asked to read its disk, but its whole log is in the cache", self.idx)
            }
            _ => return,
        };
        let breach = || properties::request_breach(self, &message, context.bounds.judged);
        outcome.breach = outcome.breach.take().or_else(breach);
        outcome.sent.push(message);
    }

    fn record_vote(&mut self, call: CallId, response: &wavetank_raft::Response) {
        if let wavetank_raft::Response::RequestVote(vote) = response
            && vote.granted
        {
            self.granted = Some((call.term, call.from));
        }
    }

    /// Drops the calls whose responses the core no longer waits for.
    fn drop_closed_calls(&mut self) {
        let known = Cell::new(0);
        self.walk(&Permutation::NONE, &known, &|_| 0);
        let (role, term) = (self.node.role(), self.node.term());
        self.call_table.settle(role, term, |at| known.get() & 1 << at != 0);
    }

    /// Hashes the state into 64 bits. `permutation` renumbers the servers. `others` returns the hash of a
    /// call that another server made, from the core's number of the call.
    #[must_use]
    pub fn hash(&self, permutation: &Permutation, others: &dyn Fn(RpcId) -> u64) -> u64 {
        let core = self.walk(permutation, &Cell::new(0), others);
        let granted = self.granted.map_or(0, |(term, to)| 1 | permutation.of(to) << 8 | term.0 << 16);
        fingerprint::hash_all(&[core, self.call_table.hash(permutation), granted])
    }

    fn walk(&self, permutation: &Permutation, known: &Cell<u64>, others: &dyn Fn(RpcId) -> u64) -> u64 {
        let persisted = self.persisted;
        let context = HashContext {
            permutation,
            persisted,
            calls: self.call_table.open(),
            known: Cell::new(known.get()),
            others,
        };
        let hash = StateHasher::hash(&context, &(&self.node, &self.disk));
        known.set(context.known.get());
        hash
    }

    /// True if the server waits for a response to this call.
    #[must_use]
    pub fn waits_for(&self, call_id: CallId) -> bool {
        self.call_table.number_of(call_id).is_some()
    }

    /// Returns the ids of all log entries in memory.
    pub fn log(&self) -> impl Iterator<Item = LogId> + '_ {
        (1..=self.node.log().last().index.0).filter_map(|index| self.node.log().id_at(Index(index)))
    }
}

/// Returns the data from which a server starts. `life` is the number of the start: 1 for the first start.
#[must_use]
pub fn boot_from(disk: &ModelDisk, life: u8) -> Boot {
    Boot {
        entropy: Entropy(0),
        incarnation: u32::from(life),
        hard_state: disk.record,
        log: disk.image(),
        snapshot: None,
        catch_up: disk.catch_up,
    }
}
