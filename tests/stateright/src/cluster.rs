//! The cluster as a model: its states, and what may happen next.

use crate::met::{Claim, Deed, Made, Met};
use stateright::{Model, Property};
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, MutexGuard};
use wavetank_sim::explore::{fingerprint, Bounds, Disks, Reductions};
use wavetank_sim::explore::history_vars::HistoryVars;
use wavetank_sim::explore::state::Spent;
use wavetank_sim::plan::server_set::ServerIdx;

/// The name of the one property.
pub const HOLDS: &str = "what must hold";

/// A cluster within bounds.
pub struct Cluster {
    bounds: Bounds,
    reductions: Reductions,
    met: Mutex<Met>,
}

/// A state.
#[derive(Clone, PartialEq, Debug)]
pub struct State {
    /// The servers, by their places.
    servers: Vec<u32>,
    /// The letters on their way, in order.
    envelopes: Vec<u32>,
    past: HistoryVars,
    spent: Spent,
    /// Something that must hold does not: nothing follows.
    broken: bool,
    /// What it and its mirror images count as, if they count as one.
    mirror: Option<u64>,
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self { servers, envelopes, past, spent, broken, mirror } = self;
        match mirror {
            Some(print) => print.hash(hasher),
            None => (servers, envelopes, past).hash(hasher),
        }
        (numbers(*spent), broken).hash(hasher);
    }
}

/// How a step goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// As usual.
    Plain,
    /// The server's disk writes nothing from here on, until it dies.
    Hung,
    /// The letter stays on its way.
    Again,
}

/// What may happen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Action {
    /// A server's step, after which so much of the bounds is used up.
    Step(ServerIdx, Deed, How, Spent),
    /// A letter is lost.
    Lose(u32, Spent),
}

impl Cluster {
    /// As it is founded.
    #[must_use]
    pub fn new(bounds: Bounds, reductions: Reductions, claim: Option<Claim>) -> Self {
        Self { bounds, reductions, met: Mutex::new(Met::new(bounds, reductions, claim)) }
    }

    fn met(&self) -> MutexGuard<'_, Met> {
        self.met.lock().expect("panics of the code under test are caught")
    }

    /// A deed, and where disks may hang the same with a disk that hangs, if it does not already.
    fn both(&self, (idx, deed): (ServerIdx, Deed), writes: bool, spent: Spent) -> impl Iterator<Item = Action> {
        let may_hang = self.bounds.disks == Disks::Hang && spent.crashes < self.bounds.crashes && !writes;
        let hangs = Spent { crashes: spent.crashes + 1, ..spent };
        let hung = may_hang.then_some(Action::Step(idx, deed, How::Hung, hangs));
        std::iter::once(Action::Step(idx, deed, How::Plain, spent)).chain(hung)
    }

    fn own(&self, met: &Met, state: &State, idx: ServerIdx, to: &mut Vec<Action>) {
        let (bounds, spent, number) = (&self.bounds, state.spent, state.servers[idx.at()]);
        let writes = met.writes(number);
        let plain = |deed, spent| Action::Step(idx, deed, How::Plain, spent);
        for &deed in met.may(number) {
            match deed {
                Deed::TimeOut => to.extend(self.both((idx, deed), writes, spent)),
                Deed::Resign => to.push(plain(deed, spent)),
                Deed::Beat if spent.beats < bounds.beats => {
                    to.push(plain(deed, Spent { beats: spent.beats + 1, ..spent }));
                }
                Deed::Propose if spent.entries < bounds.entries => {
                    let spent = Spent { entries: spent.entries + 1, ..spent };
                    to.extend(self.both((idx, deed), writes, spent));
                }
                _ => {}
            }
        }
        if met.may(number).contains(&Deed::Resign) && spent.changes < bounds.changes {
            let spent = Spent { changes: spent.changes + 1, ..spent };
            let voters = met.server(number).local.node.voters();
            for other in bounds.servers().iter() {
                let is_in = voters.contains(other.node());
                let deed = if is_in { Deed::Remove(other) } else { Deed::Add(other) };
                to.extend(self.both((idx, deed), writes, spent));
            }
        }
        if writes && bounds.disks == Disks::Late {
            to.push(plain(Deed::Persist, spent));
        }
        // A disk that hangs has been counted as a crash when it began to.
        if writes && bounds.disks == Disks::Hang {
            to.push(plain(Deed::Crash, spent));
        } else if spent.crashes < bounds.crashes {
            to.push(plain(Deed::Crash, Spent { crashes: spent.crashes + 1, ..spent }));
        }
    }

    fn is_quick(&self, met: &Met, from: u32, how: How, spent: Spent) -> bool {
        match self.bounds.disks {
            Disks::Quick => true,
            Disks::Hang => how != How::Hung && !met.writes(from),
            Disks::Late => self.reductions.disks && spent.crashes == self.bounds.crashes,
        }
    }

    /// A state in which letters that can do nothing are thrown away, and the others are in order.
    fn tidied(&self, met: &Met, mut state: State) -> State {
        let State { servers, envelopes, .. } = &mut state;
        if self.reductions.inert {
            envelopes.retain(|&envelope| !met.is_inert(envelope, servers));
        }
        envelopes.sort_unstable();
        self.mirrored(met, state)
    }

    /// A state with what it and its mirror images count as: for each way to change places what its
    /// parts come to, and of those the least.
    fn mirrored(&self, met: &Met, mut state: State) -> State {
        let of = |at: usize| {
            let servers = state.servers.iter().map(|&server| met.server(server).prints[at]);
            let envelopes = state.envelopes.iter().map(|&envelope| met.post(envelope).prints[at]);
            let mut parts: Vec<u64> = servers.chain(envelopes).collect();
            parts.sort_unstable();
            parts.push(state.past.hash(&met.permutations()[at]));
            fingerprint::words(&parts)
        };
        state.mirror = (0..met.permutations().len()).map(of).min().filter(|_| self.reductions.symmetry);
        state
    }
}

impl Model for Cluster {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let servers = (0..self.bounds.servers().len() as u32).collect();
        let (past, spent) = (HistoryVars::default(), Spent::default());
        let first = State { servers, envelopes: Vec::new(), past, spent, broken: false, mirror: None };
        vec![self.mirrored(&self.met(), first)]
    }

    fn actions(&self, state: &State, to: &mut Vec<Action>) {
        if state.broken {
            return;
        }
        let (met, bounds, spent) = (self.met(), &self.bounds, state.spent);
        for idx in bounds.servers().iter() {
            self.own(&met, state, idx, to);
        }
        for same in state.envelopes.chunk_by(|a, b| a == b) {
            let (envelope, idx) = (same[0], met.post(same[0]).envelope.to());
            let writes = met.writes(state.servers[idx.at()]);
            to.extend(self.both((idx, Deed::Take(envelope)), writes, spent));
            if spent.duplicates < bounds.duplicates {
                let spent = Spent { duplicates: spent.duplicates + 1, ..spent };
                to.push(Action::Step(idx, Deed::Take(envelope), How::Again, spent));
            }
            if spent.drops < bounds.drops {
                to.push(Action::Lose(envelope, Spent { drops: spent.drops + 1, ..spent }));
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut met = self.met();
        let mut next = state.clone();
        let (idx, deed, how) = match action {
            Action::Step(idx, deed, how, spent) => {
                next.spent = spent;
                (idx, deed, how)
            }
            Action::Lose(envelope, spent) => {
                next.spent = spent;
                take(&mut next.envelopes, envelope);
                return Some(self.tidied(&met, next));
            }
        };
        let from = state.servers[idx.at()];
        let quick = self.is_quick(&met, from, how, next.spent);
        let Made { to, sent, broken, led, committed } = met.step(from, deed, quick).clone();
        if broken {
            return Some(State { broken, ..next });
        }
        let refused = !matches!(deed, Deed::Take(_)) && how == How::Plain && to == from;
        if refused || how == How::Hung && !met.writes(to) {
            return None;
        }
        next.servers[idx.at()] = to;
        if let Some(term) = led {
            next.broken |= next.past.leader(term).is_some_and(|other| other != idx);
            next.past.led(term, idx);
        }
        if let Some((ids, term)) = committed {
            next.broken |= ids.iter().zip(next.past.committed()).any(|(id, before)| *id != before.id);
            next.past.commit(&ids, term);
        }
        if let Deed::Take(envelope) = deed
            && how != How::Again
        {
            take(&mut next.envelopes, envelope);
        }
        next.envelopes.extend(sent);
        Some(self.tidied(&met, next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(HOLDS, |_, state: &State| !state.broken)]
    }
}

/// One of a letter, which may be there more than once.
fn take(envelopes: &mut Vec<u32>, envelope: u32) {
    let at = envelopes.iter().position(|&other| other == envelope).expect("it is on its way");
    envelopes.remove(at);
}

const fn numbers(spent: Spent) -> [u8; 6] {
    let Spent { entries, crashes, changes, beats, duplicates, drops } = spent;
    [entries, crashes, changes, beats, duplicates, drops]
}
