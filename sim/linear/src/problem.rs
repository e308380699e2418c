//! A history made ready for the search: what can be known before it begins.

use super::states::Strings;
use super::writers::{Counts, Makers};
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
    /// `None`: something was seen that nobody made.
    pub(super) counts: Option<Counts>,
    /// If something is appended.
    pub(super) strings: Option<Strings>,
}

/// One operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Move {
    /// Its place in the order of beginnings.
    pub(super) id: u32,
    pub(super) begun: u32,
    pub(super) ended: u32,
    pub(super) act: Act,
}

impl Puzzle {
    pub(super) fn new(values: &[Box<[u8]>], operations: impl Iterator<Item = Operation>) -> Self {
        let numbered = (0..).zip(operations.filter(Operation::matters));
        let mut moves = numbered.map(|(id, operation)| Move::new(id, operation)).collect::<Vec<_>>();
        let appends = moves.iter().any(|it| matches!(it.act, Act::Append(_)));
        let seen = seen(&moves, values.len());
        let makers = Makers::new(values, &moves, appends, &seen);
        makers.tighten(&mut moves);
        moves.sort_by_key(|it| it.ended == NEVER);
        let mut puzzle = Self {
            musts: moves.partition_point(|it| it.ended != NEVER),
            initial: INITIAL,
            counts: None,
            strings: appends.then(|| Strings::new(values, &seen)),
            moves,
        };
        puzzle.unify_unseen(values, &seen, &makers);
        puzzle.drop_pointless();
        puzzle.counts = makers.count(&puzzle.moves, appends);
        puzzle
    }

    /// Gives one name to all values that nobody sees, and to all ways to get there.
    fn unify_unseen(&mut self, values: &[Box<[u8]>], seen: &[bool], makers: &Makers<'_>) {
        let strings = self.strings.as_ref();
        let matters = |value: u32| match strings {
            Some(strings) => strings.leads_somewhere(&values[value as usize]),
            None => seen[value as usize],
        };
        let named = |value: u32| if matters(value) { value } else { UNSEEN };
        self.initial = named(self.initial);
        for it in &mut self.moves {
            it.act = match it.act {
                Act::Write(value) => Act::Write(named(value)),
                Act::Swap(expected, value) => Act::Swap(expected, named(value)),
                Act::Append(piece) if !makers.is_seen(piece, strings) => Act::Write(UNSEEN),
                Act::Nothing | Act::Read(_) | Act::Not(_) | Act::Append(_) => it.act,
            };
        }
    }

    /// Leaves out what may have happened and made no difference: an order with it is an order
    /// without it. Only a cas that found another value might have found just that.
    fn drop_pointless(&mut self) {
        if !self.moves.iter().any(|it| matches!(it.act, Act::Not(_))) {
            self.moves.retain(|it| it.ended != NEVER || it.sets() != Some(UNSEEN));
        }
    }
}

impl Operation {
    /// Whether it was done, or may have been and changed something.
    fn matters(&self) -> bool {
        self.act != Act::Nothing && (self.ended.is_some() || !self.act.is_neutral())
    }
}

impl Move {
    fn new(id: u32, Operation { begun, ended, act }: Operation) -> Self {
        Self { id, begun, ended: ended.unwrap_or(NEVER), act }
    }

    /// The value that it must see, if it must see one.
    pub(super) const fn sees(&self) -> Option<u32> {
        match self.act {
            Act::Read(value) | Act::Swap(value, _) if self.ended != NEVER => Some(value),
            Act::Nothing | Act::Read(_) | Act::Not(_) => None,
            Act::Write(_) | Act::Append(_) | Act::Swap(..) => None,
        }
    }

    /// The value that it gives the key.
    pub(super) const fn sets(&self) -> Option<u32> {
        match self.act {
            Act::Write(value) | Act::Swap(_, value) => Some(value),
            Act::Nothing | Act::Read(_) | Act::Not(_) | Act::Append(_) => None,
        }
    }
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
