//! All servers, messages and pasts that an exploration has met, each once, and all steps of servers
//! that it has made.
//!
//! A state of the cluster is a handful of numbers into this. Millions of states share a few thousand
//! servers, so `Node::step` is called once for each thing that can happen to each of those, and a step
//! of the cluster is found in a table.

use super::bounds::Bounds;
use super::fingerprint::{self, MOST, Permutation};
use super::properties::{Breach, Claim, PANIC};
use super::stimulus::{Envelope, Stimulus};
use super::table::Table;
use crate::explore::history_vars::HistoryVars;
use crate::explore::server_state::{Around, Outcome, ServerState};
use crate::plan::server_set::ServerIdx;
use crate::runner::catch_panic::catch_panic;
use wavetank_raft::{DeadlineReason, LogId, Response, RoleName, RpcId, Term};

/// What happens to a server, in a word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Code(pub u32);

impl Code {
    pub(super) const TIME_OUT: Self = Self(0);
    pub(super) const RESIGN: Self = Self(1);
    pub(super) const BEAT: Self = Self(2);
    pub(super) const PERSIST: Self = Self(3);
    pub(super) const PROPOSE: Self = Self(4);
    pub(super) const CRASH: Self = Self(5);
    const ADD: u32 = 16;
    const REMOVE: u32 = 32;
    const ENVELOPE: u32 = 1 << 31;
    const QUICK: u32 = 1 << 30;

    pub(super) const fn add(idx: ServerIdx) -> Self {
        Self(Self::ADD + idx.0 as u32)
    }

    pub(super) const fn remove(idx: ServerIdx) -> Self {
        Self(Self::REMOVE + idx.0 as u32)
    }

    pub(super) const fn envelope(number: u32) -> Self {
        Self(Self::ENVELOPE | number)
    }

    /// The same, where writes are on disk at once.
    pub(super) const fn quick(self, quick: bool) -> Self {
        if quick { Self(self.0 | Self::QUICK) } else { self }
    }

    const fn is_quick(self) -> bool {
        self.0 & Self::QUICK != 0
    }

    const fn slow(self) -> Self {
        Self(self.0 & !Self::QUICK)
    }
}

/// What is known of a server without looking into it.
#[derive(Clone, Debug)]
pub struct Traits {
    /// Which it is.
    pub idx: ServerIdx,
    /// Its term.
    pub term: Term,
    /// Its log, from the first entry on.
    pub log: Vec<LogId>,
    /// What it may do by itself.
    pub part: Part,
    /// Writes are on their way to its disk.
    pub writes: bool,
}

/// What a server may do by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Nothing: there is no further term.
    Rests,
    /// Campaign.
    Waits,
    /// Give up leading.
    Leads,
    /// That, or speak.
    Speaks,
}

/// A server's step.
#[derive(Clone, Copy, Debug)]
pub struct Transition {
    /// What it comes to be.
    pub to: u32,
    /// What it sends: a run of the model's letters.
    sent: (u32, u32),
    /// It has come to lead.
    pub led: bool,
    /// It knows more to be committed.
    pub committed: bool,
    /// Its log is another.
    pub logged: bool,
    /// Which of the breaches it is.
    breach: Option<u32>,
}

/// What has been met.
#[derive(Debug)]
pub struct Model {
    bounds: Bounds,
    claim: Option<Claim>,
    permutations: Vec<Permutation>,
    locals: Vec<ServerState>,
    traits: Vec<Traits>,
    local_hashes: Vec<u64>,
    local_index: Table,
    envelopes: Vec<Envelope>,
    envelope_hashes: Vec<u64>,
    envelope_index: Table,
    pasts: Vec<HistoryVars>,
    past_hashes: Vec<u64>,
    past_index: Table,
    transitions: Vec<Transition>,
    transition_index: Table,
    sent: Vec<u32>,
    breaches: Vec<Breach>,
}

impl Model {
    /// Nothing met but the cluster as it was founded; states that are mirror images are one, if
    /// `symmetry` says so.
    #[must_use]
    pub fn new(bounds: Bounds, symmetry: bool) -> Self {
        let count = if symmetry { bounds.servers().len() } else { 1 };
        let mut model = Self {
            bounds,
            claim: None,
            permutations: Permutation::all(count),
            locals: Vec::new(),
            traits: Vec::new(),
            local_hashes: Vec::new(),
            local_index: Table::default(),
            envelopes: Vec::new(),
            envelope_hashes: Vec::new(),
            envelope_index: Table::default(),
            pasts: Vec::new(),
            past_hashes: Vec::new(),
            past_index: Table::default(),
            transitions: Vec::new(),
            transition_index: Table::default(),
            sent: Vec::new(),
            breaches: Vec::new(),
        };
        for idx in bounds.servers().iter() {
            model.meet(ServerState::first(&bounds, idx));
        }
        model.remember(HistoryVars::default());
        model
    }

    /// Of every server after its steps this is claimed, too.
    pub(super) const fn claim(&mut self, claim: Claim) {
        self.claim = Some(claim);
    }

    /// How far it goes.
    #[must_use]
    pub const fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Who may take whose place.
    #[must_use]
    pub fn permutations(&self) -> &[Permutation] {
        &self.permutations
    }

    /// How many servers were met, and how many steps of them made.
    #[must_use]
    pub const fn met(&self) -> (usize, usize) {
        (self.locals.len(), self.transitions.len())
    }

    /// All servers that were met.
    #[cfg(test)]
    pub(super) fn servers(&self) -> &[ServerState] {
        &self.locals
    }

    pub(super) fn local(&self, number: u32) -> &ServerState {
        &self.locals[number as usize]
    }

    pub(super) fn traits(&self, number: u32) -> &Traits {
        &self.traits[number as usize]
    }

    pub(super) fn envelope(&self, number: u32) -> &Envelope {
        &self.envelopes[number as usize]
    }

    pub(super) fn past(&self, number: u32) -> &HistoryVars {
        &self.pasts[number as usize]
    }

    pub(super) fn breach(&self, transition: &Transition) -> Option<&Breach> {
        transition.breach.map(|at| &self.breaches[at as usize])
    }

    pub(super) fn sent(&self, transition: &Transition) -> &[u32] {
        &self.sent[transition.sent.0 as usize..transition.sent.1 as usize]
    }

    /// A server's hashes, one a permutation.
    pub(super) fn local_hashes(&self, number: u32) -> &[u64] {
        of(&self.local_hashes, self.permutations.len(), number)
    }

    pub(super) fn envelope_hashes(&self, number: u32) -> &[u64] {
        of(&self.envelope_hashes, self.permutations.len(), number)
    }

    pub(super) fn past_hashes(&self, number: u32) -> &[u64] {
        of(&self.past_hashes, self.permutations.len(), number)
    }

    /// The number of a past, if it was met.
    pub(super) fn find_past(&self, past: &HistoryVars) -> Option<u32> {
        self.past_index.get(past.hash(&Permutation::NONE))
    }

    /// The step that a server makes, if it was made before.
    pub(super) fn transition(&self, local: u32, code: Code) -> Option<&Transition> {
        let at = self.transition_index.get(step_key(local, code))?;
        Some(&self.transitions[at as usize])
    }

    /// Whether a letter can do nothing any more, whatever comes. Terms on disk never fall, and
    /// numbers of calls are never used twice.
    ///
    /// An answer is inert if it has no newer term to tell than its reader has on disk, and its reader
    /// does not wait for it, or it refuses a vote: only votes that are given are counted. A call is
    /// inert if it is of an older term than its reader has on disk, so that it is only answered, and
    /// its caller is in the last term of all, so that no answer tells it anything.
    pub(super) fn is_inert(&self, envelope: u32, locals: &[u32]) -> bool {
        let envelope = self.envelope(envelope);
        let durable = |idx: ServerIdx| self.local(locals[idx.at()]).disk.record.term;
        let reader = envelope.to();
        match envelope {
            Envelope::Answer { name, response } => {
                let refuses = matches!(response, Response::RequestVote(vote) if !vote.granted);
                response.term().unwrap_or(Term(0)) <= durable(reader)
                    && (refuses || !self.local(locals[reader.at()]).waits_for(*name))
            }
            Envelope::Call { name, .. } => {
                name.term < durable(reader) && self.bounds.last_term() <= durable(name.from)
            }
        }
    }

    /// Makes a server's step for the first time.
    pub(super) fn learn(&mut self, local: u32, code: Code) {
        if self.transition(local, code).is_some() {
            return;
        }
        let before = &self.locals[local as usize];
        let stepped = catch_panic(|| self.step(before, code));
        let (after, outcome) = stepped.unwrap_or_else(|words| {
            let breach = Breach { property: PANIC, section: "an assertion", what: words };
            (before.clone(), Outcome { breach: Some(breach), ..Outcome::default() })
        });
        let (was, now) = (&before.node, &after.node);
        let led = now.role() == RoleName::Leader && (was.role(), was.term()) != (now.role(), now.term());
        let committed = was.commit() < now.commit();
        let logged = was.log() != now.log();
        let first = self.sent.len() as u32;
        for envelope in outcome.sent {
            let number = self.post(envelope);
            self.sent.push(number);
        }
        let breach = outcome.breach.map(|breach| {
            self.breaches.push(breach);
            self.breaches.len() as u32 - 1
        });
        let to = self.meet(after);
        let sent = (first, self.sent.len() as u32);
        let transition = Transition { to, sent, led, committed, logged, breach };
        self.transition_index.put(step_key(local, code), self.transitions.len() as u32);
        self.transitions.push(transition);
    }

    fn step(&self, local: &ServerState, code: Code) -> (ServerState, Outcome) {
        let number = code.slow().0 & !Code::ENVELOPE;
        let around = Around {
            bounds: &self.bounds,
            number,
            envelope: &|number| self.envelope(number),
            quick: code.is_quick(),
        };
        let (after, mut outcome) = local.step(&self.stimulus(code), &around);
        if let Some(claim) = self.claim {
            outcome.breach = outcome.breach.or_else(|| claim.breach(&after));
        }
        (after, outcome)
    }

    /// What a code stands for.
    pub(super) fn stimulus(&self, code: Code) -> Stimulus<'_> {
        let code = code.slow();
        if code.0 & Code::ENVELOPE != 0 {
            return Stimulus::Take(self.envelope(code.0 & !Code::ENVELOPE));
        }
        match code {
            Code::TIME_OUT => Stimulus::TimeOut,
            Code::RESIGN => Stimulus::Resign,
            Code::BEAT => Stimulus::Beat,
            Code::PERSIST => Stimulus::Persist,
            Code::PROPOSE => Stimulus::Propose,
            Code::CRASH => Stimulus::Crash,
            Code(other) if other < Code::REMOVE => Stimulus::Add(ServerIdx((other - Code::ADD) as u8)),
            Code(other) => Stimulus::Remove(ServerIdx((other - Code::REMOVE) as u8)),
        }
    }

    /// The number of a server, met before or not.
    fn meet(&mut self, local: ServerState) -> u32 {
        let others = |rpc: RpcId, at: usize| {
            let known = usize::try_from(rpc.0).ok().filter(|number| *number < self.envelopes.len());
            known.map_or(0, |number| self.envelope_hashes(number as u32)[at])
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
        self.traits.push(traits(&local, &self.bounds));
        self.locals.push(local);
        number
    }

    fn post(&mut self, envelope: Envelope) -> u32 {
        let hash = |permutation: &Permutation| envelope.hash(permutation);
        let first = hash(&Permutation::NONE);
        if let Some(number) = self.envelope_index.get(first) {
            return number;
        }
        let number = self.envelopes.len() as u32;
        self.envelope_hashes.extend(self.permutations.iter().map(hash));
        self.envelope_index.put(first, number);
        self.envelopes.push(envelope);
        number
    }

    /// The number of a past, met before or not.
    pub(super) fn remember(&mut self, past: HistoryVars) -> u32 {
        if let Some(number) = self.find_past(&past) {
            return number;
        }
        let number = self.pasts.len() as u32;
        self.past_index.put(past.hash(&Permutation::NONE), number);
        self.past_hashes.extend(self.permutations.iter().map(|permutation| past.hash(permutation)));
        self.pasts.push(past);
        number
    }
}

fn of(hashes: &[u64], stride: usize, number: u32) -> &[u64] {
    &hashes[number as usize * stride..][..stride]
}

const fn step_key(local: u32, code: Code) -> u64 {
    fingerprint::mix((local as u64) << 32 | code.0 as u64)
}

fn traits(local: &ServerState, bounds: &Bounds) -> Traits {
    let node = &local.node;
    let part = match node.role() {
        RoleName::Leader
            if matches!(node.deadline().reason, DeadlineReason::Heartbeat | DeadlineReason::CommitFlush) =>
        {
            Part::Speaks
        }
        RoleName::Leader => Part::Leads,
        _ if node.term() < bounds.last_term() => Part::Waits,
        _ => Part::Rests,
    };
    Traits {
        idx: local.idx,
        term: node.term(),
        log: local.log().collect(),
        part,
        writes: !local.disk.waiting.is_empty(),
    }
}

// A permutation is walked through by place.
const _: () = assert!(MOST <= 8);
