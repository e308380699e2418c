//! The cluster as a model for stateright: its states and actions.

use crate::cache::{Cache, Claim, LocalStimulus, Transition};
use stateright::{Model, Property};
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, MutexGuard};
use wavetank_sim::explore::history_vars::HistoryVars;
use wavetank_sim::explore::state::UsedBounds;
use wavetank_sim::explore::{Bounds, DiskModel, Reductions, fingerprint};
use wavetank_sim::plan::server_set::ServerIdx;

/// The name of the only property.
pub const HOLDS: &str = "what must hold";

/// A cluster within bounds.
pub struct Cluster {
    bounds: Bounds,
    reductions: Reductions,
    cache: Mutex<Cache>,
}

/// A state of the cluster.
#[derive(Clone, PartialEq, Debug)]
pub struct State {
    /// The servers, as numbers into the cache.
    servers: Vec<u32>,
    /// The messages in flight, in ascending order.
    messages: Vec<u32>,
    history: HistoryVars,
    used: UsedBounds,
    /// Whether a property is broken. Such a state has no successors.
    breach: bool,
    /// The fingerprint that the state shares with its mirror images, if symmetry is used.
    mirror: Option<u64>,
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self { servers, messages, history, used, breach, mirror } = self;
        match mirror {
            Some(hash) => hash.hash(hasher),
            None => (servers, messages, history).hash(hasher),
        }
        (numbers(*used), breach).hash(hasher);
    }
}

/// How a step is executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StepMode {
    /// The step is executed normally.
    Normal,
    /// The server's disk hangs until the server crashes.
    DiskHangs,
    /// A copy of the message stays in flight.
    Duplicate,
}

/// An action.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Action {
    /// A server makes a step. The bounds are used up to this point after it.
    Step(ServerIdx, LocalStimulus, StepMode, UsedBounds),
    /// A message is lost.
    Drop(u32, UsedBounds),
}

impl Cluster {
    /// The cluster after bootstrap.
    #[must_use]
    pub fn new(bounds: Bounds, reductions: Reductions, claim: Option<Claim>) -> Self {
        Self { bounds, reductions, cache: Mutex::new(Cache::new(bounds, reductions, claim)) }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().expect("panics of the code under test are caught")
    }

    /// Adds a stimulus. If disks may hang and this disk does not hang yet, it adds the same stimulus with
    /// a disk that hangs.
    fn with_hang(
        &self,
        (idx, stimulus): (ServerIdx, LocalStimulus),
        writes: bool,
        used: UsedBounds,
    ) -> impl Iterator<Item = Action> {
        let may_hang = self.bounds.disks == DiskModel::Hang && used.crashes < self.bounds.crashes && !writes;
        let hangs = UsedBounds { crashes: used.crashes + 1, ..used };
        let hung = may_hang.then_some(Action::Step(idx, stimulus, StepMode::DiskHangs, hangs));
        std::iter::once(Action::Step(idx, stimulus, StepMode::Normal, used)).chain(hung)
    }

    fn local_actions(&self, cache: &Cache, state: &State, idx: ServerIdx, to: &mut Vec<Action>) {
        let (bounds, used, number) = (&self.bounds, state.used, state.servers[idx.at()]);
        let writes = cache.writes(number);
        let plain = |stimulus, used| Action::Step(idx, stimulus, StepMode::Normal, used);
        for &stimulus in cache.local_stimuli(number) {
            match stimulus {
                LocalStimulus::TimeOut => to.extend(self.with_hang((idx, stimulus), writes, used)),
                LocalStimulus::Resign => to.push(plain(stimulus, used)),
                LocalStimulus::Beat if used.beats < bounds.beats => {
                    to.push(plain(stimulus, UsedBounds { beats: used.beats + 1, ..used }));
                }
                LocalStimulus::Propose if used.entries < bounds.entries => {
                    let used = UsedBounds { entries: used.entries + 1, ..used };
                    to.extend(self.with_hang((idx, stimulus), writes, used));
                }
                _ => {}
            }
        }
        if cache.local_stimuli(number).contains(&LocalStimulus::Resign) && used.changes < bounds.changes {
            let used = UsedBounds { changes: used.changes + 1, ..used };
            let voters = cache.server(number).local.node.voters();
            for other in bounds.servers().iter() {
                let is_in = voters.contains(other.node());
                let stimulus = if is_in { LocalStimulus::Remove(other) } else { LocalStimulus::Add(other) };
                to.extend(self.with_hang((idx, stimulus), writes, used));
            }
        }
        if writes && bounds.disks == DiskModel::Late {
            to.push(plain(LocalStimulus::Persist, used));
        }
        // A disk that hangs was counted as a crash when it began to hang.
        if writes && bounds.disks == DiskModel::Hang {
            to.push(plain(LocalStimulus::Crash, used));
        } else if used.crashes < bounds.crashes {
            to.push(plain(LocalStimulus::Crash, UsedBounds { crashes: used.crashes + 1, ..used }));
        }
    }

    fn persists_at_once(&self, cache: &Cache, from: u32, mode: StepMode, used: UsedBounds) -> bool {
        match self.bounds.disks {
            DiskModel::Quick => true,
            DiskModel::Hang => mode != StepMode::DiskHangs && !cache.writes(from),
            DiskModel::Late => self.reductions.disks && used.crashes == self.bounds.crashes,
        }
    }

    /// Removes inert messages from a state and sorts the others.
    fn tidied(&self, cache: &Cache, mut state: State) -> State {
        let State { servers, messages, .. } = &mut state;
        if self.reductions.inert {
            messages.retain(|&message| !cache.is_inert(message, servers));
        }
        messages.sort_unstable();
        self.mirrored(cache, state)
    }

    /// Sets the fingerprint of a state. For each permutation it combines the hashes of the parts, and it
    /// takes the smallest result.
    fn mirrored(&self, cache: &Cache, mut state: State) -> State {
        let of = |at: usize| {
            let servers = state.servers.iter().map(|&server| cache.server(server).hashes[at]);
            let messages = state.messages.iter().map(|&message| cache.message(message).hashes[at]);
            let mut parts: Vec<u64> = servers.chain(messages).collect();
            parts.sort_unstable();
            parts.push(state.history.hash(&cache.permutations()[at]));
            fingerprint::hash_all(&parts)
        };
        state.mirror = (0..cache.permutations().len()).map(of).min().filter(|_| self.reductions.symmetry);
        state
    }
}

impl Model for Cluster {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let servers = (0..self.bounds.servers().len() as u32).collect();
        let (history, used) = (HistoryVars::default(), UsedBounds::default());
        let first = State { servers, messages: Vec::new(), history, used, breach: false, mirror: None };
        vec![self.mirrored(&self.cache(), first)]
    }

    fn actions(&self, state: &State, to: &mut Vec<Action>) {
        if state.breach {
            return;
        }
        let (cache, bounds, used) = (self.cache(), &self.bounds, state.used);
        for idx in bounds.servers().iter() {
            self.local_actions(&cache, state, idx, to);
        }
        for same in state.messages.chunk_by(|a, b| a == b) {
            let (message, idx) = (same[0], cache.message(same[0]).message.to());
            let writes = cache.writes(state.servers[idx.at()]);
            to.extend(self.with_hang((idx, LocalStimulus::Deliver(message)), writes, used));
            if used.duplicates < bounds.duplicates {
                let used = UsedBounds { duplicates: used.duplicates + 1, ..used };
                to.push(Action::Step(idx, LocalStimulus::Deliver(message), StepMode::Duplicate, used));
            }
            if used.drops < bounds.drops {
                to.push(Action::Drop(message, UsedBounds { drops: used.drops + 1, ..used }));
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut cache = self.cache();
        let mut next = state.clone();
        let (idx, stimulus, mode) = match action {
            Action::Step(idx, stimulus, mode, used) => {
                next.used = used;
                (idx, stimulus, mode)
            }
            Action::Drop(message, used) => {
                next.used = used;
                take(&mut next.messages, message);
                return Some(self.tidied(&cache, next));
            }
        };
        let from = state.servers[idx.at()];
        let quick = self.persists_at_once(&cache, from, mode, next.used);
        let Transition { to, sent, breach, led, committed } = cache.step(from, stimulus, quick).clone();
        if breach {
            return Some(State { breach, ..next });
        }
        let refused =
            !matches!(stimulus, LocalStimulus::Deliver(_)) && mode == StepMode::Normal && to == from;
        if refused || mode == StepMode::DiskHangs && !cache.writes(to) {
            return None;
        }
        next.servers[idx.at()] = to;
        if let Some(term) = led {
            next.breach |= next.history.leader(term).is_some_and(|other| other != idx);
            next.history.led(term, idx);
        }
        if let Some((ids, term)) = committed {
            next.breach |= ids.iter().zip(next.history.committed()).any(|(id, before)| *id != before.id);
            next.history.commit(&ids, term);
        }
        if let LocalStimulus::Deliver(message) = stimulus
            && mode != StepMode::Duplicate
        {
            take(&mut next.messages, message);
        }
        next.messages.extend(sent);
        Some(self.tidied(&cache, next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(HOLDS, |_, state: &State| !state.breach)]
    }
}

/// Removes one copy of a message.
fn take(messages: &mut Vec<u32>, message: u32) {
    let at = messages.iter().position(|&other| other == message).expect("the message is in flight");
    messages.remove(at);
}

const fn numbers(used: UsedBounds) -> [u8; 6] {
    let UsedBounds { entries, crashes, changes, beats, duplicates, drops } = used;
    [entries, crashes, changes, beats, duplicates, drops]
}
