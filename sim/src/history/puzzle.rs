//! A history made ready for the search: what can be known before it begins.

use super::strings::Strings;
use super::{Act, Operation};

/// The state of a key whose value nobody ever sees, nor anything that grows out of it.
pub(super) const UNSEEN: u32 = u32::MAX;

/// The moment of an end that never comes.
pub(super) const NEVER: u32 = u32::MAX;

/// The value that every key starts with.
pub(super) const INITIAL: u32 = 0;

/// Operations that must have happened, in the order of their beginnings, and behind them those
/// that may have.
#[derive(Debug)]
pub(super) struct Puzzle {
    pub(super) moves: Vec<Move>,
    /// How many of the moves must happen.
    pub(super) musts: usize,
    pub(super) initial: u32,
    /// How many moves there are, for each value, that must see it.
    pub(super) demand: Vec<u32>,
    /// How many moves there are, for each value, out of whose value it can grow.
    pub(super) supply: Vec<u32>,
    /// For each move the values it supplies, one after the other, and where each begins.
    supplies: Vec<u32>,
    starts: Vec<u32>,
    /// Whether demand and supply are counted.
    pub(super) is_counted: bool,
    /// If something is appended.
    pub(super) strings: Option<Strings>,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub(super) begun: u32,
    pub(super) ended: u32,
    pub(super) act: Act,
}

/// Above this many supplies for each move they are not counted any more.
const MOST_SUPPLIES: usize = 64;

impl Puzzle {
    pub(super) fn new(values: &[Box<[u8]>], operations: impl Iterator<Item = Operation>) -> Self {
        let (mut moves, mut maybes) = (Vec::new(), Vec::new());
        for Operation { begun, ended, act } in operations {
            match ended {
                Some(_) if act == Act::Nothing => {}
                Some(ended) => moves.push(Move { begun, ended, act }),
                None if act.is_neutral() => {}
                None => maybes.push(Move { begun, ended: NEVER, act }),
            }
        }
        let appends = moves.iter().chain(&maybes).any(|it| matches!(it.act, Act::Append(_)));
        if !appends {
            promote(&mut moves, &mut maybes, values.len());
        }
        let musts = moves.len();
        moves.append(&mut maybes);
        let seen = seen(&moves, values.len());
        let strings = appends.then(|| Strings::new(values, &seen));
        let mut puzzle = Self {
            musts,
            initial: INITIAL,
            demand: demand(&moves[..musts], values.len()),
            supply: vec![0; values.len()],
            supplies: Vec::new(),
            starts: vec![0],
            is_counted: true,
            strings,
            moves,
        };
        puzzle.unify_unseen(values, &seen);
        puzzle.drop_pointless(values);
        puzzle.count_supplies(values);
        puzzle
    }

    /// The values that a move can bring about.
    pub(super) fn supplies(&self, at: usize) -> &[u32] {
        &self.supplies[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    /// Gives one name to all values that nobody sees.
    fn unify_unseen(&mut self, values: &[Box<[u8]>], seen: &[bool]) {
        let matters = |value: u32| match &self.strings {
            Some(strings) => strings.leads_somewhere(&values[value as usize]),
            None => seen[value as usize],
        };
        let named = |value| if matters(value) { value } else { UNSEEN };
        self.initial = named(self.initial);
        for Move { act, .. } in &mut self.moves {
            match act {
                Act::Write(value) | Act::Swap(_, value) => *value = named(*value),
                Act::Nothing | Act::Read(_) | Act::Not(_) | Act::Append(_) => {}
            }
        }
    }

    /// Leaves out what may have happened and made no difference: an order with it is an order
    /// without it. A cas that found another value might have found just that.
    fn drop_pointless(&mut self, values: &[Box<[u8]>]) {
        if self.moves.iter().any(|it| matches!(it.act, Act::Not(_))) {
            return;
        }
        let musts = self.musts;
        let mut at = 0;
        let strings = &self.strings;
        self.moves.retain(|it| {
            at += 1;
            let matters = match it.act {
                Act::Write(value) | Act::Swap(_, value) => value != UNSEEN,
                Act::Append(piece) => {
                    strings.as_ref().is_some_and(|strings| strings.was_seen_within(&values[piece as usize]))
                }
                Act::Nothing | Act::Read(_) | Act::Not(_) => false,
            };
            at <= musts || matters
        });
    }

    fn count_supplies(&mut self, values: &[Box<[u8]>]) {
        let mut wanted = (0..values.len()).filter(|&at| self.demand[at] != 0).collect::<Vec<_>>();
        wanted.sort_unstable_by_key(|&at| &values[at]);
        for it in &self.moves {
            match it.act {
                Act::Write(value) | Act::Swap(_, value) if value == UNSEEN => {}
                Act::Write(value) | Act::Swap(_, value) if self.strings.is_some() => {
                    let base = &values[value as usize];
                    let from = wanted.partition_point(|&at| values[at] < *base);
                    let grown = wanted[from..].iter().take_while(|&&at| values[at].starts_with(base));
                    self.supplies.extend(grown.map(|&at| at as u32));
                }
                Act::Write(value) | Act::Swap(_, value) => self.supplies.push(value),
                Act::Nothing | Act::Read(_) | Act::Not(_) | Act::Append(_) => {}
            }
            self.starts.push(self.supplies.len() as u32);
        }
        if MOST_SUPPLIES * self.moves.len() < self.supplies.len() {
            self.forget_supplies();
        }
        for &value in &self.supplies {
            self.supply[value as usize] += 1;
        }
    }

    /// Does without the counts: they only save steps, and here they would cost more.
    fn forget_supplies(&mut self) {
        self.is_counted = false;
        self.supplies.clear();
        self.starts.fill(0);
        self.demand.fill(0);
    }
}

/// What may have happened must have happened if its value was seen and nothing else wrote it; and
/// no later than the first that saw it had ended.
fn promote(musts: &mut Vec<Move>, maybes: &mut Vec<Move>, values: usize) {
    loop {
        let (mut first_seen, mut writers) = (vec![NEVER; values], vec![0_u32; values]);
        for it in &*musts {
            if let Act::Read(value) | Act::Swap(value, _) = it.act {
                first_seen[value as usize] = first_seen[value as usize].min(it.ended);
            }
        }
        for it in musts.iter().chain(&*maybes) {
            if let Act::Write(value) | Act::Swap(_, value) = it.act {
                writers[value as usize] += 1;
            }
        }
        let end = |it: &Move| match it.act {
            Act::Write(value) | Act::Swap(_, value) if value != INITIAL && writers[value as usize] == 1 => {
                first_seen[value as usize]
            }
            Act::Nothing | Act::Read(_) | Act::Not(_) => NEVER,
            Act::Write(_) | Act::Append(_) | Act::Swap(..) => NEVER,
        };
        let before = musts.len();
        musts.extend(maybes.iter().map(|it| Move { ended: end(it), ..*it }).filter(|it| it.ended != NEVER));
        maybes.retain(|it| end(it) == NEVER);
        if musts.len() == before {
            break;
        }
    }
    musts.sort_unstable_by_key(|it| it.begun);
}

/// Which values would be told apart from any other.
fn seen(moves: &[Move], values: usize) -> Vec<bool> {
    let mut seen = vec![false; values];
    for it in moves {
        if let Act::Read(value) | Act::Not(value) | Act::Swap(value, _) = it.act {
            seen[value as usize] = true;
        }
    }
    seen
}

fn demand(musts: &[Move], values: usize) -> Vec<u32> {
    let mut demand = vec![0; values];
    for it in musts {
        if let Act::Read(value) | Act::Swap(value, _) = it.act {
            demand[value as usize] += 1;
        }
    }
    demand
}
