//! Caches the distinct server states, messages and histories of a search, and the transitions of single
//! servers.
//!
//! A state of the cluster consists of a few numbers that refer to this cache. Millions of cluster states
//! share a few thousand server states. Therefore `Node::step` runs only once for each pair of a distinct
//! server state and a stimulus. A step of the cluster is a look-up in this cache.

use super::bounds::Bounds;
use super::fingerprint::{self, Permutation, SERVERS_MAX};
use super::properties::{Breach, Claim, PANIC};
use super::stimulus::{ModelMessage, Stimulus};
use super::table::FingerprintMap;
use crate::explore::history_vars::HistoryVars;
use crate::explore::server_state::{ServerState, StepContext, StepOutcome};
use crate::plan::server_set::ServerIdx;
use crate::runner::catch_panic::catch_panic;
use wavetank_raft::{DeadlineReason, LogId, Response, RoleName, RpcId, Term};

/// The code of a stimulus, in 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StimulusCode(pub u32);

impl StimulusCode {
    pub(super) const TIME_OUT: Self = Self(0);
    pub(super) const RESIGN: Self = Self(1);
    pub(super) const BEAT: Self = Self(2);
    pub(super) const PERSIST: Self = Self(3);
    pub(super) const PROPOSE: Self = Self(4);
    pub(super) const CRASH: Self = Self(5);
    const ADD: u32 = 16;
    const REMOVE: u32 = 32;
    const MESSAGE: u32 = 1 << 31;
    const QUICK: u32 = 1 << 30;

    pub(super) const fn add(idx: ServerIdx) -> Self {
        Self(Self::ADD + idx.0 as u32)
    }

    pub(super) const fn remove(idx: ServerIdx) -> Self {
        Self(Self::REMOVE + idx.0 as u32)
    }

    pub(super) const fn message(number: u32) -> Self {
        Self(Self::MESSAGE | number)
    }

    /// Returns the code of the same stimulus. If `quick` is true, the writes of the step become durable in
    /// the same step.
    pub(super) const fn quick(self, quick: bool) -> Self {
        if quick { Self(self.0 | Self::QUICK) } else { self }
    }

    const fn persists_at_once(self) -> bool {
        self.0 & Self::QUICK != 0
    }

    const fn without_quick(self) -> Self {
        Self(self.0 & !Self::QUICK)
    }
}

/// The facts about a server that an expansion needs most often.
#[derive(Clone, Debug)]
pub struct ServerSummary {
    /// The server's index.
    pub idx: ServerIdx,
    /// The term of the server.
    pub term: Term,
    /// The ids of the server's log entries, from the first entry on.
    pub log: Vec<LogId>,
    /// The actions that the server may take without a message.
    pub actions: LocalActions,
    /// True if the server has pending writes.
    pub writes: bool,
}

/// The actions that a server may take without a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LocalActions {
    /// No action: the bounds allow no further term.
    None,
    /// The server may campaign.
    Campaign,
    /// The server may step down.
    Resign,
    /// The server may step down, or send a heartbeat.
    ResignOrBeat,
}

/// The result of one step of one server.
#[derive(Clone, Copy, Debug)]
pub struct Transition {
    /// The number that the cache gives to the server state after the step.
    pub to: u32,
    /// The positions in `TransitionCache::sent` of the messages that the server sends: from the first value
    /// up to, but not including, the second value.
    sent: (u32, u32),
    /// True if the server became leader.
    pub led: bool,
    /// True if the commit index of the server advanced.
    pub committed: bool,
    /// True if the log of the server changed.
    pub logged: bool,
    /// The position in `TransitionCache::breaches` of the breach that the step caused. `None`: the step
    /// caused no breach.
    breach: Option<u32>,
}

/// The distinct server states, messages and histories of a search, and the transitions of single servers.
#[derive(Debug)]
pub struct TransitionCache {
    bounds: Bounds,
    claim: Option<Claim>,
    permutations: Vec<Permutation>,
    locals: Vec<ServerState>,
    summaries: Vec<ServerSummary>,
    local_hashes: Vec<u64>,
    local_index: FingerprintMap,
    messages: Vec<ModelMessage>,
    message_hashes: Vec<u64>,
    message_index: FingerprintMap,
    histories: Vec<HistoryVars>,
    history_hashes: Vec<u64>,
    history_index: FingerprintMap,
    transitions: Vec<Transition>,
    transition_index: FingerprintMap,
    sent: Vec<u32>,
    breaches: Vec<Breach>,
}

impl TransitionCache {
    /// Makes a cache that contains only the server states of the bootstrapped cluster. If `symmetry` is true,
    /// states that differ only in the names of servers count as one state.
    #[must_use]
    pub fn new(bounds: Bounds, symmetry: bool) -> Self {
        let count = if symmetry { bounds.servers().len() } else { 1 };
        let mut cache = Self {
            bounds,
            claim: None,
            permutations: Permutation::all(count),
            locals: Vec::new(),
            summaries: Vec::new(),
            local_hashes: Vec::new(),
            local_index: FingerprintMap::default(),
            messages: Vec::new(),
            message_hashes: Vec::new(),
            message_index: FingerprintMap::default(),
            histories: Vec::new(),
            history_hashes: Vec::new(),
            history_index: FingerprintMap::default(),
            transitions: Vec::new(),
            transition_index: FingerprintMap::default(),
            sent: Vec::new(),
            breaches: Vec::new(),
        };
        for idx in bounds.servers().iter() {
            cache.intern_server(ServerState::first(&bounds, idx));
        }
        cache.intern_history(HistoryVars::default());
        cache
    }

    /// Sets the claim. The search tests this claim about every server after each step of the server.
    pub(super) const fn claim(&mut self, claim: Claim) {
        self.claim = Some(claim);
    }

    /// Returns the bounds of the exploration.
    #[must_use]
    pub const fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Returns the permutations of the servers.
    #[must_use]
    pub fn permutations(&self) -> &[Permutation] {
        &self.permutations
    }

    /// Returns the number of distinct server states and the number of distinct transitions.
    #[must_use]
    pub const fn met(&self) -> (usize, usize) {
        (self.locals.len(), self.transitions.len())
    }

    /// Returns all distinct server states.
    #[cfg(test)]
    pub(super) fn servers(&self) -> &[ServerState] {
        &self.locals
    }

    pub(super) fn local(&self, number: u32) -> &ServerState {
        &self.locals[number as usize]
    }

    pub(super) fn summary(&self, number: u32) -> &ServerSummary {
        &self.summaries[number as usize]
    }

    pub(super) fn message(&self, number: u32) -> &ModelMessage {
        &self.messages[number as usize]
    }

    pub(super) fn history(&self, number: u32) -> &HistoryVars {
        &self.histories[number as usize]
    }

    pub(super) fn breach(&self, transition: &Transition) -> Option<&Breach> {
        transition.breach.map(|at| &self.breaches[at as usize])
    }

    pub(super) fn sent(&self, transition: &Transition) -> &[u32] {
        &self.sent[transition.sent.0 as usize..transition.sent.1 as usize]
    }

    /// Returns the hashes of a server state, one hash for each permutation.
    pub(super) fn local_hashes(&self, number: u32) -> &[u64] {
        of(&self.local_hashes, self.permutations.len(), number)
    }

    pub(super) fn message_hashes(&self, number: u32) -> &[u64] {
        of(&self.message_hashes, self.permutations.len(), number)
    }

    pub(super) fn history_hashes(&self, number: u32) -> &[u64] {
        of(&self.history_hashes, self.permutations.len(), number)
    }

    /// Returns the number that the cache gives to a history, or `None` if the cache does not contain the
    /// history.
    pub(super) fn find_history(&self, history: &HistoryVars) -> Option<u32> {
        self.history_index.get(history.hash(&Permutation::NONE))
    }

    /// Returns the transition of a server state, or `None` if the cache does not contain the transition.
    pub(super) fn transition(&self, local: u32, code: StimulusCode) -> Option<&Transition> {
        let at = self.transition_index.get(step_key(local, code))?;
        Some(&self.transitions[at as usize])
    }

    /// True if a message can no longer have an effect, in every possible continuation. The test relies on two
    /// facts: durable terms never decrease, and a call identity is used only once.
    ///
    /// A response is inert if two conditions are true. First, the term of the response is not newer than the
    /// durable term of the receiver. Second, the receiver does not wait for the response, or the response
    /// refuses a vote. Only granted votes are counted.
    ///
    /// A request is inert if two conditions are true. First, the term of the request is older than the
    /// durable term of the receiver, so the receiver only replies. Second, the sender is in the last term, so
    /// the sender learns nothing from the reply.
    pub(super) fn is_inert(&self, message: u32, locals: &[u32]) -> bool {
        let message = self.message(message);
        let durable = |idx: ServerIdx| self.local(locals[idx.at()]).disk.record.term;
        let reader = message.to();
        match message {
            ModelMessage::Response { call_id, response } => {
                let refuses = matches!(response, Response::RequestVote(vote) if !vote.granted);
                response.term().unwrap_or(Term(0)) <= durable(reader)
                    && (refuses || !self.local(locals[reader.at()]).waits_for(*call_id))
            }
            ModelMessage::Request { call_id, .. } => {
                call_id.term < durable(reader) && self.bounds.last_term() <= durable(call_id.from)
            }
        }
    }

    /// Computes a transition that is missing in the cache, and adds the transition to the cache.
    pub(super) fn learn(&mut self, local: u32, code: StimulusCode) {
        if self.transition(local, code).is_some() {
            return;
        }
        let before = &self.locals[local as usize];
        let stepped = catch_panic(|| self.step(before, code));
        let (after, outcome) = stepped.unwrap_or_else(|message| {
            let breach = Breach { property: PANIC, section: "an assertion", what: message };
            (before.clone(), StepOutcome { breach: Some(breach), ..StepOutcome::default() })
        });
        let (was, now) = (&before.node, &after.node);
        let led = now.role() == RoleName::Leader && (was.role(), was.term()) != (now.role(), now.term());
        let committed = was.commit() < now.commit();
        let logged = was.log() != now.log();
        let first = self.sent.len() as u32;
        for message in outcome.sent {
            let number = self.intern_message(message);
            self.sent.push(number);
        }
        let breach = outcome.breach.map(|breach| {
            self.breaches.push(breach);
            self.breaches.len() as u32 - 1
        });
        let to = self.intern_server(after);
        let sent = (first, self.sent.len() as u32);
        let transition = Transition { to, sent, led, committed, logged, breach };
        self.transition_index.put(step_key(local, code), self.transitions.len() as u32);
        self.transitions.push(transition);
    }

    fn step(&self, local: &ServerState, code: StimulusCode) -> (ServerState, StepOutcome) {
        let number = code.without_quick().0 & !StimulusCode::MESSAGE;
        let around = StepContext {
            bounds: &self.bounds,
            number,
            message: &|number| self.message(number),
            quick: code.persists_at_once(),
        };
        let (after, mut outcome) = local.step(&self.stimulus(code), &around);
        if let Some(claim) = self.claim {
            outcome.breach = outcome.breach.or_else(|| claim.breach(&after));
        }
        (after, outcome)
    }

    /// Returns the stimulus that corresponds to a code.
    pub(super) fn stimulus(&self, code: StimulusCode) -> Stimulus<'_> {
        let code = code.without_quick();
        if code.0 & StimulusCode::MESSAGE != 0 {
            return Stimulus::Deliver(self.message(code.0 & !StimulusCode::MESSAGE));
        }
        match code {
            StimulusCode::TIME_OUT => Stimulus::TimeOut,
            StimulusCode::RESIGN => Stimulus::Resign,
            StimulusCode::BEAT => Stimulus::Beat,
            StimulusCode::PERSIST => Stimulus::Persist,
            StimulusCode::PROPOSE => Stimulus::Propose,
            StimulusCode::CRASH => Stimulus::Crash,
            StimulusCode(other) if other < StimulusCode::REMOVE => {
                Stimulus::Add(ServerIdx((other - StimulusCode::ADD) as u8))
            }
            StimulusCode(other) => Stimulus::Remove(ServerIdx((other - StimulusCode::REMOVE) as u8)),
        }
    }

    /// Returns the number that the cache gives to a server state. Adds the state to the cache if the state is
    /// new.
    fn intern_server(&mut self, local: ServerState) -> u32 {
        let others = |rpc: RpcId, at: usize| {
            let known = usize::try_from(rpc.0).ok().filter(|number| *number < self.messages.len());
            known.map_or(0, |number| self.message_hashes(number as u32)[at])
        };
        let hash = |at: usize| local.hash(&self.permutations[at], &|rpc| others(rpc, at));
        let first = hash(0);
        if let Some(number) = self.local_index.get(first) {
            return number;
        }
        let hashes: Vec<u64> = (0..self.permutations.len()).map(hash).collect();
        let number = self.locals.len() as u32;
        self.local_hashes.extend(hashes);
        self.local_index.put(first, number);
        self.summaries.push(summary(&local, &self.bounds));
        self.locals.push(local);
        number
    }

    fn intern_message(&mut self, message: ModelMessage) -> u32 {
        let hash = |permutation: &Permutation| message.hash(permutation);
        let first = hash(&Permutation::NONE);
        if let Some(number) = self.message_index.get(first) {
            return number;
        }
        let number = self.messages.len() as u32;
        self.message_hashes.extend(self.permutations.iter().map(hash));
        self.message_index.put(first, number);
        self.messages.push(message);
        number
    }

    /// Returns the number that the cache gives to a history. Adds the history to the cache if the history is
    /// new.
    pub(super) fn intern_history(&mut self, history: HistoryVars) -> u32 {
        if let Some(number) = self.find_history(&history) {
            return number;
        }
        let number = self.histories.len() as u32;
        self.history_index.put(history.hash(&Permutation::NONE), number);
        self.history_hashes.extend(self.permutations.iter().map(|permutation| history.hash(permutation)));
        self.histories.push(history);
        number
    }
}

fn of(hashes: &[u64], stride: usize, number: u32) -> &[u64] {
    &hashes[number as usize * stride..][..stride]
}

const fn step_key(local: u32, code: StimulusCode) -> u64 {
    fingerprint::mix((local as u64) << 32 | code.0 as u64)
}

fn summary(local: &ServerState, bounds: &Bounds) -> ServerSummary {
    let node = &local.node;
    let actions = match node.role() {
        RoleName::Leader
            if matches!(node.deadline().reason, DeadlineReason::Heartbeat | DeadlineReason::CommitFlush) =>
        {
            LocalActions::ResignOrBeat
        }
        RoleName::Leader => LocalActions::Resign,
        _ if node.term() < bounds.last_term() => LocalActions::Campaign,
        _ => LocalActions::None,
    };
    ServerSummary {
        idx: local.idx,
        term: node.term(),
        log: local.log().collect(),
        actions,
        writes: !local.disk.waiting.is_empty(),
    }
}

// The permutations are indexed by server.
const _: () = assert!(SERVERS_MAX <= 8);
