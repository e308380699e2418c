//! Caches distinct servers and messages, and the transitions of servers.

use std::collections::HashMap;
use wavetank_raft::{DeadlineReason, LogId, Response, RoleName, RpcId, Term};
use wavetank_sim::explore::fingerprint::Permutation;
use wavetank_sim::explore::server_state::{ServerState, StepContext};
use wavetank_sim::explore::stimulus::{ModelMessage, Stimulus};
use wavetank_sim::explore::{Bounds, Reductions};
use wavetank_sim::plan::server_set::ServerIdx;
use wavetank_sim::runner::catch_panic::catch_panic;

/// A claim about every server.
pub type Claim = fn(&ServerState) -> bool;

/// A stimulus of a server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LocalStimulus {
    /// The server's election timeout expires.
    TimeOut,
    /// A leader steps down.
    Resign,
    /// A leader sends a heartbeat, or a new commit index.
    Beat,
    /// The server's oldest pending write becomes durable.
    Persist,
    /// A client proposes a command.
    Propose,
    /// An operator adds a voter.
    Add(ServerIdx),
    /// An operator removes a voter.
    Remove(ServerIdx),
    /// The server crashes and restarts.
    Crash,
    /// A message is delivered.
    Deliver(u32),
}

/// A transition of a server.
#[derive(Clone, Debug)]
pub(crate) struct Transition {
    /// The number of the resulting server.
    pub(crate) to: u32,
    /// The messages that the server sent.
    pub(crate) sent: Vec<u32>,
    /// Whether the step broke a property or panicked.
    pub(crate) breach: bool,
    /// The term in which the server became leader, if it did.
    pub(crate) led: Option<Term>,
    /// All committed entries and the server's term, if the commit index advanced.
    pub(crate) committed: Option<(Vec<LogId>, Term)>,
}

/// A server, and its hash for each permutation.
pub(crate) struct CachedServer {
    pub(crate) local: ServerState,
    pub(crate) hashes: Vec<u64>,
}

/// A message, and its hash for each permutation.
pub(crate) struct CachedMessage {
    pub(crate) message: ModelMessage,
    pub(crate) hashes: Vec<u64>,
}

/// The distinct servers and messages, and the transitions of servers.
pub(crate) struct Cache {
    bounds: Bounds,
    claim: Option<Claim>,
    permutations: Vec<Permutation>,
    servers: Vec<CachedServer>,
    by_hash: HashMap<u64, u32>,
    messages: Vec<CachedMessage>,
    by_text: HashMap<String, u32>,
    transitions: HashMap<(u32, LocalStimulus, bool), Transition>,
}

impl Cache {
    /// A cache that holds only the servers of the bootstrapped cluster.
    pub(crate) fn new(bounds: Bounds, reductions: Reductions, claim: Option<Claim>) -> Self {
        let places = if reductions.symmetry { bounds.servers().len() } else { 1 };
        let mut cache = Self {
            bounds,
            claim,
            permutations: Permutation::all(places),
            servers: Vec::new(),
            by_hash: HashMap::new(),
            messages: Vec::new(),
            by_text: HashMap::new(),
            transitions: HashMap::new(),
        };
        for idx in bounds.servers().iter() {
            cache.server_number(ServerState::first(&bounds, idx));
        }
        cache
    }

    pub(crate) fn permutations(&self) -> &[Permutation] {
        &self.permutations
    }

    pub(crate) fn server(&self, number: u32) -> &CachedServer {
        &self.servers[number as usize]
    }

    pub(crate) fn message(&self, number: u32) -> &CachedMessage {
        &self.messages[number as usize]
    }

    /// Whether writes are pending on the server's disk.
    pub(crate) fn writes(&self, number: u32) -> bool {
        !self.server(number).local.disk.waiting.is_empty()
    }

    /// The actions that a server may take without a message, before the bounds are applied.
    pub(crate) fn local_stimuli(&self, number: u32) -> &'static [LocalStimulus] {
        let node = &self.server(number).local.node;
        match node.role() {
            RoleName::Leader
                if matches!(
                    node.deadline().reason,
                    DeadlineReason::Heartbeat | DeadlineReason::CommitFlush
                ) =>
            {
                &[LocalStimulus::Resign, LocalStimulus::Propose, LocalStimulus::Beat]
            }
            RoleName::Leader => &[LocalStimulus::Resign, LocalStimulus::Propose],
            RoleName::Follower | RoleName::PreCandidate | RoleName::Candidate
                if node.term() < self.bounds.last_term() =>
            {
                &[LocalStimulus::TimeOut]
            }
            RoleName::Follower | RoleName::PreCandidate | RoleName::Candidate => &[],
        }
    }

    /// The transition of a server. It is computed only once.
    pub(crate) fn step(&mut self, number: u32, stimulus: LocalStimulus, quick: bool) -> &Transition {
        let key = (number, stimulus, quick);
        if !self.transitions.contains_key(&key) {
            let transitions = self.compute(number, stimulus, quick);
            self.transitions.insert(key, transitions);
        }
        &self.transitions[&key]
    }

    fn compute(&mut self, number: u32, stimulus: LocalStimulus, quick: bool) -> Transition {
        let before = &self.server(number).local;
        let taken = match stimulus {
            LocalStimulus::Deliver(message) => message,
            _ => 0,
        };
        let message = |number: u32| &self.message(number).message;
        let context = StepContext { bounds: &self.bounds, number: taken, message: &message, quick };
        let Ok((after, outcome)) = catch_panic(|| before.step(&self.stimulus(stimulus), &context)) else {
            return Transition { to: number, sent: Vec::new(), breach: true, led: None, committed: None };
        };
        let (was, now) = (&before.node, &after.node);
        let leads = now.role() == RoleName::Leader;
        let led = (leads && (was.role(), was.term()) != (now.role(), now.term())).then(|| now.term());
        let committed = (was.commit() < now.commit()).then(|| {
            let ids = after.log().take_while(|id| id.index <= now.commit()).collect();
            (ids, now.term())
        });
        let breach = outcome.breach.is_some() || self.claim.is_some_and(|holds| !holds(&after));
        let sent = outcome.sent.into_iter().map(|message| self.message_number(message)).collect();
        Transition { to: self.server_number(after), sent, breach, led, committed }
    }

    fn stimulus(&self, stimulus: LocalStimulus) -> Stimulus<'_> {
        match stimulus {
            LocalStimulus::TimeOut => Stimulus::TimeOut,
            LocalStimulus::Resign => Stimulus::Resign,
            LocalStimulus::Beat => Stimulus::Beat,
            LocalStimulus::Persist => Stimulus::Persist,
            LocalStimulus::Propose => Stimulus::Propose,
            LocalStimulus::Add(idx) => Stimulus::Add(idx),
            LocalStimulus::Remove(idx) => Stimulus::Remove(idx),
            LocalStimulus::Crash => Stimulus::Crash,
            LocalStimulus::Deliver(message) => Stimulus::Deliver(&self.message(message).message),
        }
    }

    /// The number of a server. Equal servers have the same number.
    fn server_number(&mut self, local: ServerState) -> u32 {
        let hash_of = |at: usize| {
            let calls = |rpc: RpcId| {
                let message = usize::try_from(rpc.0).ok().and_then(|number| self.messages.get(number));
                message.map_or(0, |message| message.hashes[at])
            };
            local.hash(&self.permutations[at], &calls)
        };
        let hashes: Vec<u64> = (0..self.permutations.len()).map(hash_of).collect();
        let next = self.servers.len() as u32;
        let number = *self.by_hash.entry(hashes[0]).or_insert(next);
        if number == next {
            self.servers.push(CachedServer { local, hashes });
        }
        number
    }

    /// The number of a message. Equal messages have the same number.
    fn message_number(&mut self, message: ModelMessage) -> u32 {
        let next = self.messages.len() as u32;
        let number = *self.by_text.entry(format!("{message:?}")).or_insert(next);
        if number == next {
            let hashes = self.permutations.iter().map(|permutation| message.hash(permutation)).collect();
            self.messages.push(CachedMessage { message, hashes });
        }
        number
    }

    /// Whether a message can have no effect any more. A response is inert if its receiver has persisted a
    /// term that is at least as new, and if the receiver does not wait for the response or the response
    /// denies a vote. A request is inert if its receiver has persisted a newer term and its sender is in
    /// the last term.
    pub(crate) fn is_inert(&self, message: u32, servers: &[u32]) -> bool {
        let of = |idx: ServerIdx| &self.server(servers[idx.at()]).local;
        let on_disk = |idx: ServerIdx| of(idx).disk.record.term;
        match &self.message(message).message {
            ModelMessage::Response { call_id, response } => {
                let (term, refuses) = match response {
                    Response::RequestVote(vote) => (vote.term, !vote.granted),
                    Response::AppendEntries(append) => (append.term, false),
                    Response::RequestPreVote(_) | Response::InstallSnapshot(_) | Response::TimeoutNow(_) => {
                        unreachable!("an exploration sends no such message")
                    }
                };
                term <= on_disk(call_id.from) && (refuses || !of(call_id.from).waits_for(*call_id))
            }
            ModelMessage::Request { call_id, .. } => {
                call_id.term < on_disk(call_id.to) && self.bounds.last_term() <= on_disk(call_id.from)
            }
        }
    }
}
