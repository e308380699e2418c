//! Computes all successors of a state.

use super::bounds::DiskModel;
use super::properties::{
    Breach, breach, committed_is_durable_on_quorum, leader_completeness, log_matching, state_machine_safety,
};
use super::search::Reductions;
use super::state::{GlobalState, Move, StateHashes, StateList, UsedBounds};
use super::table::FingerprintSet;
use super::transition_cache::{LocalActions, StimulusCode, Transition, TransitionCache};
use crate::check::election::election_safety;
use crate::check::{self};
use crate::explore::history_vars::HistoryVars;
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{Index, LogId, RoleName};

/// The result of one task: the successors of the task's states.
#[derive(Debug, Default)]
pub struct Expansion {
    /// The states that may be new.
    pub states: StateList,
    /// The origins of the states in `states`, in the same order.
    pub origins: Vec<Origin>,
    /// The number of successors, including the states that were found before.
    pub generated: u64,
    /// The transitions that are missing in the cache. Each pair has the number that the cache gives to a
    /// server state, and the code of a stimulus. The states that need a missing transition are deferred.
    pub unknown: Vec<(u32, StimulusCode)>,
    /// The histories that are missing in the cache. The states that need a missing history are deferred.
    pub histories: Vec<HistoryVars>,
    /// The positions of the deferred states in the level that is being expanded.
    pub deferred: Vec<u32>,
    /// The first breach of a property: the position of the state before the move, the move, and the breach.
    /// `None`: no move breaks a property.
    pub found: Option<(u32, Move, Breach)>,
}

/// The way in which a state was first reached: the predecessor of the state, and the move.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The fingerprint of the state.
    pub fingerprint: u64,
    /// The position of the predecessor in the level of the predecessor.
    pub from: u32,
    /// The move that led from the predecessor to the state.
    pub by: Move,
}

/// The reason why a state could not be expanded.
enum Obstacle {
    /// The cache does not contain a transition. The values are the number that the cache gives to the server
    /// state, and the code of the stimulus.
    UnknownStep(u32, StimulusCode),
    /// The cache does not contain this history.
    UnknownHistory(HistoryVars),
    /// This move breaks a property. The second value is the breach.
    Breach(Move, Breach),
}

/// Computes the successors of states.
pub struct Expander<'a> {
    cache: &'a TransitionCache,
    seen: &'a FingerprintSet,
    reductions: Reductions,
    base: StateHashes,
    hashes: StateHashes,
    messages: Vec<u32>,
    expansion: Expansion,
}

impl<'a> Expander<'a> {
    /// Makes an expander without results.
    #[must_use]
    pub fn new(cache: &'a TransitionCache, seen: &'a FingerprintSet, reductions: Reductions) -> Self {
        Self {
            cache,
            seen,
            reductions,
            base: StateHashes::default(),
            hashes: StateHashes::default(),
            messages: Vec::new(),
            expansion: Expansion::default(),
        }
    }

    /// Computes the successors of the states at the positions `which` in `states`. Stops at the first breach
    /// of a property.
    #[must_use]
    pub fn expand(mut self, states: &StateList, which: &[u32]) -> Expansion {
        for &at in which {
            let (state, messages) = states.get(at as usize);
            self.base.set(self.cache, state, messages);
            let (before, generated) = (self.expansion.origins.len(), self.expansion.generated);
            match self.state(at, state, messages) {
                Ok(()) => continue,
                Err(Obstacle::Breach(by, breach)) => {
                    self.expansion.found = Some((at, by, breach));
                    break;
                }
                Err(Obstacle::UnknownStep(local, code)) => self.expansion.unknown.push((local, code)),
                Err(Obstacle::UnknownHistory(history)) => self.expansion.histories.push(history),
            }
            self.expansion.deferred.push(at);
            self.expansion.states.truncate(before);
            self.expansion.origins.truncate(before);
            self.expansion.generated = generated;
        }
        self.expansion
    }

    fn state(&mut self, at: u32, state: &GlobalState, messages: &[u32]) -> Result<(), Obstacle> {
        for idx in self.cache.bounds().servers().iter() {
            self.server(at, state, messages, idx)?;
        }
        let bounds = self.cache.bounds();
        let mut before = None;
        for &message in messages {
            if before.replace(message) == Some(message) {
                continue;
            }
            self.step_with_hang(at, state, messages, Move::Deliver(message), state.used)?;
            if state.used.duplicates < bounds.duplicates {
                let used = UsedBounds { duplicates: state.used.duplicates + 1, ..state.used };
                self.step(at, state, messages, Move::Duplicate(message), used)?;
            }
            if state.used.drops < bounds.drops {
                let used = UsedBounds { drops: state.used.drops + 1, ..state.used };
                self.drop(at, state, messages, message, used);
            }
        }
        Ok(())
    }

    /// Makes the moves that one server can make without a message.
    fn server(
        &mut self,
        at: u32,
        state: &GlobalState,
        messages: &[u32],
        idx: ServerIdx,
    ) -> Result<(), Obstacle> {
        let (bounds, used) = (*self.cache.bounds(), state.used);
        let summary = self.cache.summary(state.locals[idx.at()]);
        if summary.actions == LocalActions::Campaign {
            self.step_with_hang(at, state, messages, Move::Local(idx, StimulusCode::TIME_OUT), used)?;
        }
        if summary.writes && bounds.disks == DiskModel::Late {
            self.step(at, state, messages, Move::Local(idx, StimulusCode::PERSIST), used)?;
        }
        if summary.writes && bounds.disks == DiskModel::Hang {
            self.step(at, state, messages, Move::Local(idx, StimulusCode::CRASH), used)?;
        } else if used.crashes < bounds.crashes {
            let used = UsedBounds { crashes: used.crashes + 1, ..used };
            self.step(at, state, messages, Move::Local(idx, StimulusCode::CRASH), used)?;
        }
        match summary.actions {
            LocalActions::None | LocalActions::Campaign => Ok(()),
            LocalActions::Resign | LocalActions::ResignOrBeat => {
                self.leader(at, state, messages, idx, summary.actions)
            }
        }
    }

    /// Tries each possible move of a leader: its own moves, and the requests from clients and operators.
    fn leader(
        &mut self,
        at: u32,
        state: &GlobalState,
        messages: &[u32],
        idx: ServerIdx,
        actions: LocalActions,
    ) -> Result<(), Obstacle> {
        let (bounds, used) = (*self.cache.bounds(), state.used);
        self.step(at, state, messages, Move::Local(idx, StimulusCode::RESIGN), used)?;
        if actions == LocalActions::ResignOrBeat && used.beats < bounds.beats {
            let used = UsedBounds { beats: used.beats + 1, ..used };
            self.step(at, state, messages, Move::Local(idx, StimulusCode::BEAT), used)?;
        }
        if used.entries < bounds.entries {
            let used = UsedBounds { entries: used.entries + 1, ..used };
            self.step_with_hang(at, state, messages, Move::Local(idx, StimulusCode::PROPOSE), used)?;
        }
        if used.changes < bounds.changes {
            let used = UsedBounds { changes: used.changes + 1, ..used };
            for other in bounds.servers().iter() {
                let is_voter = self.cache.local(state.locals[idx.at()]).node.voters().contains(other.node());
                let code = if is_voter { StimulusCode::remove(other) } else { StimulusCode::add(other) };
                self.step_with_hang(at, state, messages, Move::Local(idx, code), used)?;
            }
        }
        Ok(())
    }

    /// Makes a step of one server. Also makes the same step with a disk that hangs, if disks may hang: the
    /// write of this second step stays pending.
    fn step_with_hang(
        &mut self,
        at: u32,
        state: &GlobalState,
        messages: &[u32],
        by: Move,
        used: UsedBounds,
    ) -> Result<(), Obstacle> {
        self.step(at, state, messages, by, used)?;
        let bounds = self.cache.bounds();
        if bounds.disks != DiskModel::Hang || bounds.crashes <= used.crashes {
            return Ok(());
        }
        let used = UsedBounds { crashes: used.crashes + 1, ..used };
        match by {
            Move::Local(idx, code) => self.step(at, state, messages, Move::LocalHang(idx, code), used),
            Move::Deliver(message) => self.step(at, state, messages, Move::DeliverHang(message), used),
            _ => Ok(()),
        }
    }

    /// Makes a step of the cluster from a step of one server.
    fn step(
        &mut self,
        at: u32,
        state: &GlobalState,
        messages: &[u32],
        by: Move,
        used: UsedBounds,
    ) -> Result<(), Obstacle> {
        let cache = self.cache;
        let (idx, code) = match by {
            Move::Local(idx, code) | Move::LocalHang(idx, code) => (idx, code),
            Move::Deliver(message) | Move::DeliverHang(message) | Move::Duplicate(message) => {
                (cache.message(message).to(), StimulusCode::message(message))
            }
            Move::Drop(_) => unreachable!("a lost message causes no step of a server"),
        };
        let from = state.locals[idx.at()];
        let hangs = matches!(by, Move::LocalHang(..) | Move::DeliverHang(_));
        if hangs && cache.summary(from).writes {
            return Ok(());
        }
        let code = code.quick(match cache.bounds().disks {
            DiskModel::Quick => true,
            DiskModel::Hang => !hangs && !cache.summary(from).writes,
            DiskModel::Late => self.reductions.disks && used.crashes == cache.bounds().crashes,
        });
        let Some(transition) = cache.transition(from, code) else {
            return Err(Obstacle::UnknownStep(from, code));
        };
        if let Some(breach) = cache.breach(transition) {
            return Err(Obstacle::Breach(by, breach.clone()));
        }
        let refused = matches!(by, Move::Local(..)) && transition.to == from;
        if refused || hangs && !cache.summary(transition.to).writes {
            return Ok(());
        }
        let mut next = *state;
        next.used = used;
        next.locals[idx.at()] = transition.to;
        self.hashes.copy(&self.base);
        self.hashes.subtract(cache.local_hashes(from));
        self.hashes.add(cache.local_hashes(transition.to));
        if transition.led || transition.committed || transition.logged {
            self.judge(&mut next, idx, transition, from, by)?;
        }
        let taken = match by {
            Move::Deliver(message) | Move::DeliverHang(message) => Some(message),
            _ => None,
        };
        self.update_messages(&next, messages, taken, cache.sent(transition));
        self.add(at, &next, by);
        Ok(())
    }

    /// Adds the move in which the network loses `message`.
    fn drop(&mut self, at: u32, state: &GlobalState, messages: &[u32], message: u32, used: UsedBounds) {
        self.hashes.copy(&self.base);
        self.update_messages(state, messages, Some(message), &[]);
        let mut next = *state;
        next.used = used;
        self.add(at, &next, Move::Drop(message));
    }

    /// Computes the messages in flight after a step. Removes the delivered message and the messages that can
    /// no longer have an effect, and adds the messages that were sent.
    fn update_messages(&mut self, next: &GlobalState, messages: &[u32], taken: Option<u32>, sent: &[u32]) {
        let cache = self.cache;
        self.messages.clear();
        let mut taken = taken;
        for &message in messages {
            if taken == Some(message) {
                taken = None;
                self.hashes.subtract(cache.message_hashes(message));
            } else if self.is_inert(next, message) {
                self.hashes.subtract(cache.message_hashes(message));
            } else {
                self.messages.push(message);
            }
        }
        for &message in sent {
            if !self.is_inert(next, message) {
                self.hashes.add(cache.message_hashes(message));
                let position = self.messages.partition_point(|&other| other <= message);
                self.messages.insert(position, message);
            }
        }
    }

    fn is_inert(&self, next: &GlobalState, message: u32) -> bool {
        self.reductions.inert && self.cache.is_inert(message, &next.locals)
    }

    fn add(&mut self, from: u32, next: &GlobalState, by: Move) {
        self.expansion.generated += 1;
        let fingerprint = self.hashes.least(next.used);
        if !self.seen.contains(fingerprint) {
            self.expansion.states.push(next, &self.messages);
            self.expansion.origins.push(Origin { fingerprint, from, by });
        }
    }

    /// Judges the properties that concern more than one server. Also records a new leader and newly committed
    /// entries in the history.
    fn judge(
        &mut self,
        next: &mut GlobalState,
        idx: ServerIdx,
        transition: &Transition,
        from: u32,
        by: Move,
    ) -> Result<(), Obstacle> {
        let cache = self.cache;
        if let Some(breach) = cluster_breach(cache, next, idx, transition, from) {
            return Err(Obstacle::Breach(by, breach));
        }
        if !(transition.led || transition.committed) {
            return Ok(());
        }
        let node = &cache.local(transition.to).node;
        let mut history = cache.history(next.history).clone();
        if transition.led {
            history.led(node.term(), idx);
        }
        if transition.committed {
            history.commit(&cache.summary(transition.to).log[..node.commit().0 as usize], node.term());
        }
        let Some(number) = cache.find_history(&history) else {
            return Err(Obstacle::UnknownHistory(history));
        };
        self.hashes.subtract(cache.history_hashes(next.history));
        self.hashes.add(cache.history_hashes(number));
        next.history = number;
        Ok(())
    }
}

/// Returns the breach if the step of a server breaks a property of the cluster. Returns `None` if the step
/// breaks no such property.
fn cluster_breach(
    cache: &TransitionCache,
    next: &GlobalState,
    idx: ServerIdx,
    transition: &Transition,
    from: u32,
) -> Option<Breach> {
    let judged = cache.bounds().judged;
    let (node, history) = (&cache.local(transition.to).node, cache.history(next.history));
    let log: &[LogId] = &cache.summary(transition.to).log;
    let term = node.term();
    if transition.led {
        let two = || election_safety::two_leaders(history.leader(term), idx, term);
        let lacks = || leader_completeness::breach(history.committed(), node.log(), idx, term);
        let seen = breach(&election_safety::CHECK, judged, two)
            .or_else(|| breach(&check::commit::leader_completeness::CHECK, judged, lacks));
        if seen.is_some() {
            return seen;
        }
    }
    if transition.committed {
        let before = cache.local(from).node.commit();
        let (now, newest) = (&log[..node.commit().0 as usize], log[node.commit().0 as usize - 1]);
        let other = || state_machine_safety::breach(history.committed(), &now[before.0 as usize..], idx);
        let server = |idx: ServerIdx| {
            if idx.at() < next.locals.len() { cache.local(next.locals[idx.at()]) } else { cache.local(from) }
        };
        let leads = node.role() == RoleName::Leader && Index::ZERO < node.commit();
        let rare = || {
            leads
                .then(|| committed_is_durable_on_quorum::breach(idx, node.voters(), newest, server))
                .flatten()
        };
        let seen = breach(&check::commit::state_machine_safety::CHECK, judged, other)
            .or_else(|| breach(&check::commit::committed_is_durable_on_quorum::CHECK, judged, rare));
        if seen.is_some() {
            return seen;
        }
    }
    let mut others = cache.bounds().servers().iter().filter(|other| transition.logged && *other != idx);
    others.find_map(|other| {
        let theirs: &[LogId] = &cache.summary(next.locals[other.at()]).log;
        let twin = || log_matching::breach(idx, log, other, theirs);
        breach(&check::log::log_matching::CHECK, judged, twin)
    })
}
