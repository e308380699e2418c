//! The cluster as a model: its states, and what may happen next.

use crate::met::{Claim, Deed, Made, Met};
use stateright::{Model, Property};
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, MutexGuard};
use wavetank_sim::explore::history_vars::HistoryVars;
use wavetank_sim::explore::state::UsedBounds;
use wavetank_sim::explore::{Bounds, DiskModel, Reductions, fingerprint};
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
    messages: Vec<u32>,
    past: HistoryVars,
    used: UsedBounds,
    /// Something that must hold does not: nothing follows.
    broken: bool,
    /// What it and its mirror images count as, if they count as one.
    mirror: Option<u64>,
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self { servers, messages, past, used, broken, mirror } = self;
        match mirror {
            Some(print) => print.hash(hasher),
            None => (servers, messages, past).hash(hasher),
        }
        (numbers(*used), broken).hash(hasher);
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
    Step(ServerIdx, Deed, How, UsedBounds),
    /// A letter is lost.
    Lose(u32, UsedBounds),
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
    fn both(
        &self,
        (idx, deed): (ServerIdx, Deed),
        writes: bool,
        used: UsedBounds,
    ) -> impl Iterator<Item = Action> {
        let may_hang = self.bounds.disks == DiskModel::Hang && used.crashes < self.bounds.crashes && !writes;
        let hangs = UsedBounds { crashes: used.crashes + 1, ..used };
        let hung = may_hang.then_some(Action::Step(idx, deed, How::Hung, hangs));
        std::iter::once(Action::Step(idx, deed, How::Plain, used)).chain(hung)
    }

    fn own(&self, met: &Met, state: &State, idx: ServerIdx, to: &mut Vec<Action>) {
        let (bounds, used, number) = (&self.bounds, state.used, state.servers[idx.at()]);
        let writes = met.writes(number);
        let plain = |deed, used| Action::Step(idx, deed, How::Plain, used);
        for &deed in met.may(number) {
            match deed {
                Deed::TimeOut => to.extend(self.both((idx, deed), writes, used)),
                Deed::Resign => to.push(plain(deed, used)),
                Deed::Beat if used.beats < bounds.beats => {
                    to.push(plain(deed, UsedBounds { beats: used.beats + 1, ..used }));
                }
                Deed::Propose if used.entries < bounds.entries => {
                    let used = UsedBounds { entries: used.entries + 1, ..used };
                    to.extend(self.both((idx, deed), writes, used));
                }
                _ => {}
            }
        }
        if met.may(number).contains(&Deed::Resign) && used.changes < bounds.changes {
            let used = UsedBounds { changes: used.changes + 1, ..used };
            let voters = met.server(number).local.node.voters();
            for other in bounds.servers().iter() {
                let is_in = voters.contains(other.node());
                let deed = if is_in { Deed::Remove(other) } else { Deed::Add(other) };
                to.extend(self.both((idx, deed), writes, used));
            }
        }
        if writes && bounds.disks == DiskModel::Late {
            to.push(plain(Deed::Persist, used));
        }
        // A disk that hangs has been counted as a crash when it began to.
        if writes && bounds.disks == DiskModel::Hang {
            to.push(plain(Deed::Crash, used));
        } else if used.crashes < bounds.crashes {
            to.push(plain(Deed::Crash, UsedBounds { crashes: used.crashes + 1, ..used }));
        }
    }

    fn is_quick(&self, met: &Met, from: u32, how: How, used: UsedBounds) -> bool {
        match self.bounds.disks {
            DiskModel::Quick => true,
            DiskModel::Hang => how != How::Hung && !met.writes(from),
            DiskModel::Late => self.reductions.disks && used.crashes == self.bounds.crashes,
        }
    }

    /// A state in which letters that can do nothing are thrown away, and the others are in order.
    fn tidied(&self, met: &Met, mut state: State) -> State {
        let State { servers, messages, .. } = &mut state;
        if self.reductions.inert {
            messages.retain(|&message| !met.is_inert(message, servers));
        }
        messages.sort_unstable();
        self.mirrored(met, state)
    }

    /// A state with what it and its mirror images count as: for each way to change places what its
    /// parts come to, and of those the least.
    fn mirrored(&self, met: &Met, mut state: State) -> State {
        let of = |at: usize| {
            let servers = state.servers.iter().map(|&server| met.server(server).prints[at]);
            let messages = state.messages.iter().map(|&message| met.message_ref(message).prints[at]);
            let mut parts: Vec<u64> = servers.chain(messages).collect();
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
        let (past, used) = (HistoryVars::default(), UsedBounds::default());
        let first = State { servers, messages: Vec::new(), past, used, broken: false, mirror: None };
        vec![self.mirrored(&self.met(), first)]
    }

    fn actions(&self, state: &State, to: &mut Vec<Action>) {
        if state.broken {
            return;
        }
        let (met, bounds, used) = (self.met(), &self.bounds, state.used);
        for idx in bounds.servers().iter() {
            self.own(&met, state, idx, to);
        }
        for same in state.messages.chunk_by(|a, b| a == b) {
            let (message, idx) = (same[0], met.message_ref(same[0]).message.to());
            let writes = met.writes(state.servers[idx.at()]);
            to.extend(self.both((idx, Deed::Take(message)), writes, used));
            if used.duplicates < bounds.duplicates {
                let used = UsedBounds { duplicates: used.duplicates + 1, ..used };
                to.push(Action::Step(idx, Deed::Take(message), How::Again, used));
            }
            if used.drops < bounds.drops {
                to.push(Action::Lose(message, UsedBounds { drops: used.drops + 1, ..used }));
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut met = self.met();
        let mut next = state.clone();
        let (idx, deed, how) = match action {
            Action::Step(idx, deed, how, used) => {
                next.used = used;
                (idx, deed, how)
            }
            Action::Lose(message, used) => {
                next.used = used;
                take(&mut next.messages, message);
                return Some(self.tidied(&met, next));
            }
        };
        let from = state.servers[idx.at()];
        let quick = self.is_quick(&met, from, how, next.used);
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
        if let Deed::Take(message) = deed
            && how != How::Again
        {
            take(&mut next.messages, message);
        }
        next.messages.extend(sent);
        Some(self.tidied(&met, next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(HOLDS, |_, state: &State| !state.broken)]
    }
}

/// One of a letter, which may be there more than once.
fn take(messages: &mut Vec<u32>, message: u32) {
    let at = messages.iter().position(|&other| other == message).expect("it is on its way");
    messages.remove(at);
}

const fn numbers(used: UsedBounds) -> [u8; 6] {
    let UsedBounds { entries, crashes, changes, beats, duplicates, drops } = used;
    [entries, crashes, changes, beats, duplicates, drops]
}
