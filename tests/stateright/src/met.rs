//! Servers and letters that were met, each once, and steps of servers that were made.

use std::collections::HashMap;
use wavetank_raft::{LogId, Response, RoleName, RpcId, Term, Why};
use wavetank_sim::explore::fingerprint::Permutation;
use wavetank_sim::explore::server_state::{ServerState, StepContext};
use wavetank_sim::explore::stimulus::{ModelMessage, Stimulus};
use wavetank_sim::explore::{Bounds, Reductions};
use wavetank_sim::plan::server_set::ServerIdx;
use wavetank_sim::runner::catch_panic::catch_panic;

/// Something said of every server, which holds or not.
pub type Claim = fn(&ServerState) -> bool;

/// What a server does, or what is done to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Deed {
    /// It campaigns.
    TimeOut,
    /// It gives up leading.
    Resign,
    /// It speaks unasked.
    Beat,
    /// Its oldest write is on disk.
    Persist,
    /// A client asks it.
    Propose,
    /// It is asked to take a voter in.
    Add(ServerIdx),
    /// It is asked to take a voter out.
    Remove(ServerIdx),
    /// It dies and starts again.
    Crash,
    /// A letter arrives.
    Take(u32),
}

/// A step that was made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// What the server came to be.
    pub(crate) to: u32,
    /// What it sent.
    pub(crate) sent: Vec<u32>,
    /// It broke a rule of its own, or panicked.
    pub(crate) broken: bool,
    /// It came to lead this term.
    pub(crate) led: Option<Term>,
    /// More is committed: all of it, by a server of this term.
    pub(crate) committed: Option<(Vec<LogId>, Term)>,
}

/// A server, and what it counts as when servers have changed places.
pub(crate) struct Server {
    pub(crate) local: ServerState,
    pub(crate) prints: Vec<u64>,
}

/// A letter, and the same.
pub(crate) struct Post {
    pub(crate) message: ModelMessage,
    pub(crate) prints: Vec<u64>,
}

/// All that was met.
pub(crate) struct Met {
    bounds: Bounds,
    claim: Option<Claim>,
    permutations: Vec<Permutation>,
    servers: Vec<Server>,
    by_print: HashMap<u64, u32>,
    messages: Vec<Post>,
    by_words: HashMap<String, u32>,
    made: HashMap<(u32, Deed, bool), Made>,
}

impl Met {
    /// The founders, by their places, and nothing else.
    pub(crate) fn new(bounds: Bounds, reductions: Reductions, claim: Option<Claim>) -> Self {
        let places = if reductions.symmetry { bounds.servers().len() } else { 1 };
        let mut met = Self {
            bounds,
            claim,
            permutations: Permutation::all(places),
            servers: Vec::new(),
            by_print: HashMap::new(),
            messages: Vec::new(),
            by_words: HashMap::new(),
            made: HashMap::new(),
        };
        for idx in bounds.servers().iter() {
            met.server_number(ServerState::first(&bounds, idx));
        }
        met
    }

    pub(crate) fn permutations(&self) -> &[Permutation] {
        &self.permutations
    }

    pub(crate) fn server(&self, number: u32) -> &Server {
        &self.servers[number as usize]
    }

    pub(crate) fn message_ref(&self, number: u32) -> &Post {
        &self.messages[number as usize]
    }

    /// Whether writes of a server are on their way to its disk.
    pub(crate) fn writes(&self, number: u32) -> bool {
        !self.server(number).local.disk.waiting.is_empty()
    }

    /// What a server may do by itself, whatever the bounds say of it.
    pub(crate) fn may(&self, number: u32) -> &'static [Deed] {
        let node = &self.server(number).local.node;
        match node.role() {
            RoleName::Leader if matches!(node.deadline().why, Why::Heartbeat | Why::CommitFlush) => {
                &[Deed::Resign, Deed::Propose, Deed::Beat]
            }
            RoleName::Leader => &[Deed::Resign, Deed::Propose],
            RoleName::Follower | RoleName::PreCandidate | RoleName::Candidate
                if node.term() < self.bounds.last_term() =>
            {
                &[Deed::TimeOut]
            }
            RoleName::Follower | RoleName::PreCandidate | RoleName::Candidate => &[],
        }
    }

    /// What comes of a deed, found out once.
    pub(crate) fn step(&mut self, number: u32, deed: Deed, quick: bool) -> &Made {
        let key = (number, deed, quick);
        if !self.made.contains_key(&key) {
            let made = self.make(number, deed, quick);
            self.made.insert(key, made);
        }
        &self.made[&key]
    }

    fn make(&mut self, number: u32, deed: Deed, quick: bool) -> Made {
        let before = &self.server(number).local;
        let taken = match deed {
            Deed::Take(message) => message,
            _ => 0,
        };
        let message = |number: u32| &self.message_ref(number).message;
        let around = StepContext { bounds: &self.bounds, number: taken, message: &message, quick };
        let Ok((after, outcome)) = catch_panic(|| before.step(&self.stimulus(deed), &around)) else {
            return Made { to: number, sent: Vec::new(), broken: true, led: None, committed: None };
        };
        let (was, now) = (&before.node, &after.node);
        let leads = now.role() == RoleName::Leader;
        let led = (leads && (was.role(), was.term()) != (now.role(), now.term())).then(|| now.term());
        let committed = (was.commit() < now.commit()).then(|| {
            let ids = after.log().take_while(|id| id.index <= now.commit()).collect();
            (ids, now.term())
        });
        let broken = outcome.breach.is_some() || self.claim.is_some_and(|holds| !holds(&after));
        let sent = outcome.sent.into_iter().map(|message| self.message_number(message)).collect();
        Made { to: self.server_number(after), sent, broken, led, committed }
    }

    fn stimulus(&self, deed: Deed) -> Stimulus<'_> {
        match deed {
            Deed::TimeOut => Stimulus::TimeOut,
            Deed::Resign => Stimulus::Resign,
            Deed::Beat => Stimulus::Beat,
            Deed::Persist => Stimulus::Persist,
            Deed::Propose => Stimulus::Propose,
            Deed::Add(idx) => Stimulus::Add(idx),
            Deed::Remove(idx) => Stimulus::Remove(idx),
            Deed::Crash => Stimulus::Crash,
            Deed::Take(message) => Stimulus::Take(&self.message_ref(message).message),
        }
    }

    /// Servers that differ in nothing that can matter are one.
    fn server_number(&mut self, local: ServerState) -> u32 {
        let print = |at: usize| {
            let calls = |rpc: RpcId| {
                let message_ref = usize::try_from(rpc.0).ok().and_then(|number| self.messages.get(number));
                message_ref.map_or(0, |message_ref| message_ref.prints[at])
            };
            local.hash(&self.permutations[at], &calls)
        };
        let prints: Vec<u64> = (0..self.permutations.len()).map(print).collect();
        let next = self.servers.len() as u32;
        let number = *self.by_print.entry(prints[0]).or_insert(next);
        if number == next {
            self.servers.push(Server { local, prints });
        }
        number
    }

    /// Letters that say the same under the same call_id are one.
    fn message_number(&mut self, message: ModelMessage) -> u32 {
        let next = self.messages.len() as u32;
        let number = *self.by_words.entry(format!("{message:?}")).or_insert(next);
        if number == next {
            let prints = self.permutations.iter().map(|permutation| message.hash(permutation)).collect();
            self.messages.push(Post { message, prints });
        }
        number
    }

    /// Whether a letter can do nothing any more. An answer: its reader's disk knows its term, and
    /// nobody waits for it, or it refuses a vote. A call: its reader's disk is in a newer term, and its
    /// caller's in the last.
    pub(crate) fn is_inert(&self, message: u32, servers: &[u32]) -> bool {
        let of = |idx: ServerIdx| &self.server(servers[idx.at()]).local;
        let on_disk = |idx: ServerIdx| of(idx).disk.record.term;
        match &self.message_ref(message).message {
            ModelMessage::Response { call_id, response } => {
                let (term, refuses) = match response {
                    Response::RequestVote(vote) => (vote.term, !vote.granted),
                    Response::AppendEntries(append) => (append.term, false),
                    Response::RequestPreVote(_) | Response::InstallSnapshot(_) | Response::TimeoutNow(_) => {
                        unreachable!("there is none of these in an exploration")
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
