//! Servers and letters that were met, each once, and steps of servers that were made.

use std::collections::HashMap;
use wavetank_raft::{LogId, Response, RoleName, RpcId, Term, Why};
use wavetank_sim::runner::catch_panic::catch_panic;
use wavetank_sim::explore::fingerprint::Permutation;
use wavetank_sim::explore::server_state::{Around, ServerState};
use wavetank_sim::explore::stimulus::{Envelope, Stimulus};
use wavetank_sim::explore::{Bounds, Reductions};
use wavetank_sim::plan::server_set::ServerIdx;

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
    pub(crate) envelope: Envelope,
    pub(crate) prints: Vec<u64>,
}

/// All that was met.
pub(crate) struct Met {
    bounds: Bounds,
    claim: Option<Claim>,
    permutations: Vec<Permutation>,
    servers: Vec<Server>,
    by_print: HashMap<u64, u32>,
    envelopes: Vec<Post>,
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
            envelopes: Vec::new(),
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

    pub(crate) fn post(&self, number: u32) -> &Post {
        &self.envelopes[number as usize]
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
            Deed::Take(envelope) => envelope,
            _ => 0,
        };
        let envelope = |number: u32| &self.post(number).envelope;
        let around = Around { bounds: &self.bounds, number: taken, envelope: &envelope, quick };
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
        let sent = outcome.sent.into_iter().map(|envelope| self.envelope_number(envelope)).collect();
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
            Deed::Take(envelope) => Stimulus::Take(&self.post(envelope).envelope),
        }
    }

    /// Servers that differ in nothing that can matter are one.
    fn server_number(&mut self, local: ServerState) -> u32 {
        let print = |at: usize| {
            let calls = |rpc: RpcId| {
                let post = usize::try_from(rpc.0).ok().and_then(|number| self.envelopes.get(number));
                post.map_or(0, |post| post.prints[at])
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

    /// Letters that say the same under the same name are one.
    fn envelope_number(&mut self, envelope: Envelope) -> u32 {
        let next = self.envelopes.len() as u32;
        let number = *self.by_words.entry(format!("{envelope:?}")).or_insert(next);
        if number == next {
            let prints = self.permutations.iter().map(|permutation| envelope.hash(permutation)).collect();
            self.envelopes.push(Post { envelope, prints });
        }
        number
    }

    /// Whether a letter can do nothing any more. An answer: its reader's disk knows its term, and
    /// nobody waits for it, or it refuses a vote. A call: its reader's disk is in a newer term, and its
    /// caller's in the last.
    pub(crate) fn is_inert(&self, envelope: u32, servers: &[u32]) -> bool {
        let of = |idx: ServerIdx| &self.server(servers[idx.at()]).local;
        let on_disk = |idx: ServerIdx| of(idx).disk.record.term;
        match &self.post(envelope).envelope {
            Envelope::Answer { name, response } => {
                let (term, refuses) = match response {
                    Response::RequestVote(vote) => (vote.term, !vote.granted),
                    Response::AppendEntries(append) => (append.term, false),
                    Response::RequestPreVote(_) | Response::InstallSnapshot(_) | Response::TimeoutNow(_) => {
                        unreachable!("there is none of these in an exploration")
                    }
                };
                term <= on_disk(name.from) && (refuses || !of(name.from).waits_for(*name))
            }
            Envelope::Call { name, .. } => {
                name.term < on_disk(name.to) && self.bounds.last_term() <= on_disk(name.from)
            }
        }
    }
}
