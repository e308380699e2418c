//! From a state to all that may come after it.

use super::bounds::Disks;
use super::model::{Code, Model, Part, Transition};
use super::properties::{
    Breach, breach, committed_is_durable_on_quorum, leader_completeness, log_matching, state_machine_safety,
};
use super::search::Reductions;
use super::state::{Head, Move, Spent, States, Sums};
use super::table::Seen;
use crate::check::election::election_safety;
use crate::check::{self};
use crate::explore::history_vars::HistoryVars;
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{Index, LogId, RoleName};

/// What came of some states.
#[derive(Debug, Default)]
pub struct Expansion {
    /// States that may be new.
    pub states: States,
    /// Of each of them its number, where it came from, and by which move.
    pub origins: Vec<Origin>,
    /// How many there were, new or not.
    pub generated: u64,
    /// Steps that no server has made yet, and for whose sake states were put off.
    pub unknown: Vec<(u32, Code)>,
    /// Pasts that were not met yet, for whose sake states were put off.
    pub pasts: Vec<HistoryVars>,
    /// The states that were put off.
    pub put_off: Vec<u32>,
    /// The first breach.
    pub found: Option<(u32, Move, Breach)>,
}

/// Where a state came from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Its fingerprint.
    pub print: u64,
    /// The state before, by its place.
    pub from: u32,
    /// The move.
    pub by: Move,
}

/// Why a state could not be expanded.
enum Obstacle {
    /// A step is not known.
    Step(u32, Code),
    /// A past is not known.
    HistoryVars(HistoryVars),
    /// A property is broken.
    Breach(Move, Breach),
}

/// Expands states.
pub struct Expander<'a> {
    model: &'a Model,
    seen: &'a Seen,
    reductions: Reductions,
    base: Sums,
    sums: Sums,
    envelopes: Vec<u32>,
    expansion: Expansion,
}

impl<'a> Expander<'a> {
    /// With nothing harvested.
    #[must_use]
    pub fn new(model: &'a Model, seen: &'a Seen, reductions: Reductions) -> Self {
        Self {
            model,
            seen,
            reductions,
            base: Sums::default(),
            sums: Sums::default(),
            envelopes: Vec::new(),
            expansion: Expansion::default(),
        }
    }

    /// What came of these.
    #[must_use]
    pub fn over(mut self, states: &States, which: &[u32]) -> Expansion {
        for &at in which {
            let (head, envelopes) = states.get(at as usize);
            self.base.of(self.model, head, envelopes);
            let (before, generated) = (self.expansion.origins.len(), self.expansion.generated);
            match self.state(at, head, envelopes) {
                Ok(()) => continue,
                Err(Obstacle::Breach(by, breach)) => {
                    self.expansion.found = Some((at, by, breach));
                    break;
                }
                Err(Obstacle::Step(local, code)) => self.expansion.unknown.push((local, code)),
                Err(Obstacle::HistoryVars(past)) => self.expansion.pasts.push(past),
            }
            self.expansion.put_off.push(at);
            self.expansion.states.truncate(before);
            self.expansion.origins.truncate(before);
            self.expansion.generated = generated;
        }
        self.expansion
    }

    fn state(&mut self, at: u32, head: &Head, envelopes: &[u32]) -> Result<(), Obstacle> {
        for idx in self.model.bounds().servers().iter() {
            self.server(at, head, envelopes, idx)?;
        }
        let bounds = self.model.bounds();
        let mut before = None;
        for &envelope in envelopes {
            if before.replace(envelope) == Some(envelope) {
                continue;
            }
            self.try_both(at, head, envelopes, Move::Deliver(envelope), head.spent)?;
            if head.spent.duplicates < bounds.duplicates {
                let spent = Spent { duplicates: head.spent.duplicates + 1, ..head.spent };
                self.step(at, head, envelopes, Move::Duplicate(envelope), spent)?;
            }
            if head.spent.drops < bounds.drops {
                let spent = Spent { drops: head.spent.drops + 1, ..head.spent };
                self.drop(at, head, envelopes, envelope, spent);
            }
        }
        Ok(())
    }

    /// What a server may do by itself.
    fn server(&mut self, at: u32, head: &Head, envelopes: &[u32], idx: ServerIdx) -> Result<(), Obstacle> {
        let (bounds, spent) = (*self.model.bounds(), head.spent);
        let traits = self.model.traits(head.locals[idx.at()]);
        if traits.part == Part::Waits {
            self.try_both(at, head, envelopes, Move::ServerState(idx, Code::TIME_OUT), spent)?;
        }
        if traits.writes && bounds.disks == Disks::Late {
            self.step(at, head, envelopes, Move::ServerState(idx, Code::PERSIST), spent)?;
        }
        if traits.writes && bounds.disks == Disks::Hang {
            self.step(at, head, envelopes, Move::ServerState(idx, Code::CRASH), spent)?;
        } else if spent.crashes < bounds.crashes {
            let spent = Spent { crashes: spent.crashes + 1, ..spent };
            self.step(at, head, envelopes, Move::ServerState(idx, Code::CRASH), spent)?;
        }
        match traits.part {
            Part::Rests | Part::Waits => Ok(()),
            Part::Leads | Part::Speaks => self.leader(at, head, envelopes, idx, traits.part),
        }
    }

    /// What a leader may do by itself, or be asked for.
    fn leader(
        &mut self,
        at: u32,
        head: &Head,
        envelopes: &[u32],
        idx: ServerIdx,
        part: Part,
    ) -> Result<(), Obstacle> {
        let (bounds, spent) = (*self.model.bounds(), head.spent);
        self.step(at, head, envelopes, Move::ServerState(idx, Code::RESIGN), spent)?;
        if part == Part::Speaks && spent.beats < bounds.beats {
            let spent = Spent { beats: spent.beats + 1, ..spent };
            self.step(at, head, envelopes, Move::ServerState(idx, Code::BEAT), spent)?;
        }
        if spent.entries < bounds.entries {
            let spent = Spent { entries: spent.entries + 1, ..spent };
            self.try_both(at, head, envelopes, Move::ServerState(idx, Code::PROPOSE), spent)?;
        }
        if spent.changes < bounds.changes {
            let spent = Spent { changes: spent.changes + 1, ..spent };
            for other in bounds.servers().iter() {
                let is_voter = self.model.local(head.locals[idx.at()]).node.voters().contains(other.node());
                let code = if is_voter { Code::remove(other) } else { Code::add(other) };
                self.try_both(at, head, envelopes, Move::ServerState(idx, code), spent)?;
            }
        }
        Ok(())
    }

    /// A step of a server, and where disks may hang the same with what it writes left unwritten.
    fn try_both(
        &mut self,
        at: u32,
        head: &Head,
        envelopes: &[u32],
        by: Move,
        spent: Spent,
    ) -> Result<(), Obstacle> {
        self.step(at, head, envelopes, by, spent)?;
        let bounds = self.model.bounds();
        if bounds.disks != Disks::Hang || bounds.crashes <= spent.crashes {
            return Ok(());
        }
        let spent = Spent { crashes: spent.crashes + 1, ..spent };
        match by {
            Move::ServerState(idx, code) => self.step(at, head, envelopes, Move::HangLocal(idx, code), spent),
            Move::Deliver(envelope) => self.step(at, head, envelopes, Move::HangDeliver(envelope), spent),
            _ => Ok(()),
        }
    }

    /// A step of a server, and with it of the cluster.
    fn step(
        &mut self,
        at: u32,
        head: &Head,
        envelopes: &[u32],
        by: Move,
        spent: Spent,
    ) -> Result<(), Obstacle> {
        let model = self.model;
        let (idx, code) = match by {
            Move::ServerState(idx, code) | Move::HangLocal(idx, code) => (idx, code),
            Move::Deliver(envelope) | Move::HangDeliver(envelope) | Move::Duplicate(envelope) => {
                (model.envelope(envelope).to(), Code::envelope(envelope))
            }
            Move::Drop(_) => unreachable!("nobody steps when a letter is lost"),
        };
        let from = head.locals[idx.at()];
        let hangs = matches!(by, Move::HangLocal(..) | Move::HangDeliver(_));
        if hangs && model.traits(from).writes {
            return Ok(());
        }
        let code = code.quick(match model.bounds().disks {
            Disks::Quick => true,
            Disks::Hang => !hangs && !model.traits(from).writes,
            Disks::Late => self.reductions.disks && spent.crashes == model.bounds().crashes,
        });
        let Some(transition) = model.transition(from, code) else { return Err(Obstacle::Step(from, code)) };
        if let Some(breach) = model.breach(transition) {
            return Err(Obstacle::Breach(by, breach.clone()));
        }
        let refused = matches!(by, Move::ServerState(..)) && transition.to == from;
        if refused || hangs && !model.traits(transition.to).writes {
            return Ok(());
        }
        let mut next = *head;
        next.spent = spent;
        next.locals[idx.at()] = transition.to;
        self.sums.copy(&self.base);
        self.sums.take(model.local_hashes(from));
        self.sums.add(model.local_hashes(transition.to));
        if transition.led || transition.committed || transition.logged {
            self.judge(&mut next, idx, transition, from, by)?;
        }
        let taken = match by {
            Move::Deliver(envelope) | Move::HangDeliver(envelope) => Some(envelope),
            _ => None,
        };
        self.mail(&next, envelopes, taken, model.sent(transition));
        self.add(at, &next, by);
        Ok(())
    }

    /// A letter is lost.
    fn drop(&mut self, at: u32, head: &Head, envelopes: &[u32], envelope: u32, spent: Spent) {
        self.sums.copy(&self.base);
        self.mail(head, envelopes, Some(envelope), &[]);
        let mut next = *head;
        next.spent = spent;
        self.add(at, &next, Move::Drop(envelope));
    }

    /// The letters that are on their way after a step: one was taken, some were sent, and those that
    /// can do nothing any more are thrown away.
    fn mail(&mut self, next: &Head, envelopes: &[u32], taken: Option<u32>, sent: &[u32]) {
        let model = self.model;
        self.envelopes.clear();
        let mut taken = taken;
        for &envelope in envelopes {
            if taken == Some(envelope) {
                taken = None;
                self.sums.take(model.envelope_hashes(envelope));
            } else if self.is_inert(next, envelope) {
                self.sums.take(model.envelope_hashes(envelope));
            } else {
                self.envelopes.push(envelope);
            }
        }
        for &envelope in sent {
            if !self.is_inert(next, envelope) {
                self.sums.add(model.envelope_hashes(envelope));
                let place = self.envelopes.partition_point(|&other| other <= envelope);
                self.envelopes.insert(place, envelope);
            }
        }
    }

    fn is_inert(&self, next: &Head, envelope: u32) -> bool {
        self.reductions.inert && self.model.is_inert(envelope, &next.locals)
    }

    fn add(&mut self, from: u32, next: &Head, by: Move) {
        self.expansion.generated += 1;
        let print = self.sums.least(next.spent);
        if !self.seen.contains(print) {
            self.expansion.states.push(next, &self.envelopes);
            self.expansion.origins.push(Origin { print, from, by });
        }
    }

    /// What only the cluster as a whole can break.
    fn judge(
        &mut self,
        next: &mut Head,
        idx: ServerIdx,
        transition: &Transition,
        from: u32,
        by: Move,
    ) -> Result<(), Obstacle> {
        let model = self.model;
        if let Some(breach) = of_the_cluster(model, next, idx, transition, from) {
            return Err(Obstacle::Breach(by, breach));
        }
        if !(transition.led || transition.committed) {
            return Ok(());
        }
        let node = &model.local(transition.to).node;
        let mut past = model.past(next.past).clone();
        if transition.led {
            past.led(node.term(), idx);
        }
        if transition.committed {
            past.commit(&model.traits(transition.to).log[..node.commit().0 as usize], node.term());
        }
        let Some(number) = model.find_past(&past) else { return Err(Obstacle::HistoryVars(past)) };
        self.sums.take(model.past_hashes(next.past));
        self.sums.add(model.past_hashes(number));
        next.past = number;
        Ok(())
    }
}

/// What a server's step breaks, given what the others are and what was before.
fn of_the_cluster(
    model: &Model,
    next: &Head,
    idx: ServerIdx,
    transition: &Transition,
    from: u32,
) -> Option<Breach> {
    let judged = model.bounds().judged;
    let (node, past) = (&model.local(transition.to).node, model.past(next.past));
    let log: &[LogId] = &model.traits(transition.to).log;
    let term = node.term();
    if transition.led {
        let two = || election_safety::two_leaders(past.leader(term), idx, term);
        let lacks = || leader_completeness::breach(past.committed(), node.log(), idx, term);
        let seen = breach(&election_safety::CHECK, judged, two)
            .or_else(|| breach(&check::commit::leader_completeness::CHECK, judged, lacks));
        if seen.is_some() {
            return seen;
        }
    }
    if transition.committed {
        let before = model.local(from).node.commit();
        let (now, newest) = (&log[..node.commit().0 as usize], log[node.commit().0 as usize - 1]);
        let other = || state_machine_safety::breach(past.committed(), &now[before.0 as usize..], idx);
        let server = |idx: ServerIdx| {
            if idx.at() < next.locals.len() { model.local(next.locals[idx.at()]) } else { model.local(from) }
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
    let mut others = model.bounds().servers().iter().filter(|other| transition.logged && *other != idx);
    others.find_map(|other| {
        let theirs: &[LogId] = &model.traits(next.locals[other.at()]).log;
        let twin = || log_matching::breach(idx, log, other, theirs);
        breach(&check::log::log_matching::CHECK, judged, twin)
    })
}
