//! Who made the values that were seen, and what is left that could.

use super::elements::Pieces;
use super::problem::{INITIAL, Move, NEVER, UNSEEN};
use super::states::Strings;
use std::ops::Range;

/// What alone can have made the values that were seen.
#[derive(Debug)]
pub(super) struct Makers<'a> {
    values: &'a [Box<[u8]>],
    /// Values and the moves without which they are not, by the moves' first places.
    pairs: Vec<(u32, u32)>,
    /// Values that nothing can have made.
    impossible: Vec<u32>,
    /// What was appended can be told apart.
    pieces: Option<Pieces<'a>>,
}

/// What each value needs and what can lead to it. A value that is needed and that nothing leads to
/// any more must grow out of the state at hand.
#[derive(Debug)]
pub(super) struct Counts {
    /// How many moves there are, for each value, that must see it.
    pub(super) demand: Vec<u32>,
    /// How many moves there are, for each value, that can lead to it; or, if it is known which
    /// moves must have made it: one less than one for each of them that was taken.
    pub(super) slack: Vec<i32>,
    /// For each move the values whose slack it takes, one after the other, and where each begins.
    supplies: Vec<u32>,
    starts: Vec<u32>,
}

/// Values to which more moves lead are not counted: it would cost more than it saves.
const MOST_SUPPLIES: i32 = 64;

impl<'a> Makers<'a> {
    pub(super) fn new(values: &'a [Box<[u8]>], moves: &[Move], appends: bool, seen: &[bool]) -> Self {
        let pieces = if appends { Pieces::new(values, moves) } else { None };
        let mut makers = Self { values, pairs: Vec::new(), impossible: Vec::new(), pieces };
        let seen = (0..).zip(seen).filter(|&(value, &seen)| seen && value != INITIAL).map(|(value, _)| value);
        match &mut makers.pieces {
            Some(pieces) => {
                for value in seen {
                    let mut is_possible = true;
                    pieces.see(&values[value as usize], |piece| match piece {
                        Some(piece) => makers.pairs.extend(piece.maker.map(|maker| (value, maker))),
                        None => is_possible = false,
                    });
                    if !is_possible {
                        makers.impossible.push(value);
                    }
                }
            }
            None if appends => {}
            None => makers.find_writers(moves, seen),
        }
        makers
    }

    /// Nothing is appended: a value is made by who writes it.
    fn find_writers(&mut self, moves: &[Move], seen: impl Iterator<Item = u32>) {
        const NOBODY: u32 = u32::MAX;
        const SEVERAL: u32 = u32::MAX - 1;
        let mut writers = vec![NOBODY; self.values.len()];
        for (at, it) in (0..).zip(moves) {
            if let Some(value) = it.sets() {
                let writer = &mut writers[value as usize];
                *writer = if *writer == NOBODY { at } else { SEVERAL };
            }
        }
        for value in seen {
            match writers[value as usize] {
                NOBODY => self.impossible.push(value),
                SEVERAL => {}
                writer => self.pairs.push((value, writer)),
            }
        }
    }

    /// Who alone can have made a value had done so by the time that the first who saw it ended,
    /// even if nobody knows how it ended itself.
    pub(super) fn tighten(&self, moves: &mut [Move]) {
        let mut ends = vec![NEVER; self.values.len()];
        loop {
            for it in &*moves {
                if let Some(value) = it.sees() {
                    ends[value as usize] = ends[value as usize].min(it.ended);
                }
            }
            let mut changed = false;
            for &(value, maker) in &self.pairs {
                let (it, end) = (&mut moves[maker as usize], ends[value as usize]);
                changed |= end < it.ended;
                it.ended = it.ended.min(end);
            }
            if !changed {
                break;
            }
        }
    }

    /// Whether what is appended is part of something that was seen.
    pub(super) fn is_seen(&self, piece: u32, strings: Option<&Strings>) -> bool {
        let piece = &self.values[piece as usize];
        match (&self.pieces, strings) {
            (Some(pieces), _) => pieces.is_seen(piece),
            (None, Some(strings)) => strings.was_seen_within(piece),
            (None, None) => true,
        }
    }

    /// Counts what must be seen and what can lead there; `None` if something must be seen that
    /// nobody made. `moves` are in their last places.
    pub(super) fn count(&self, moves: &[Move], appends: bool) -> Option<Counts> {
        let mut demand = vec![0; self.values.len()];
        for value in moves.iter().filter_map(Move::sees) {
            demand[value as usize] += 1;
        }
        if self.impossible.iter().any(|&value| demand[value as usize] != 0) {
            return None;
        }
        let mut slack = vec![0; self.values.len()];
        let mut supplies = self.made(moves, &demand);
        for &(_, value) in &supplies {
            slack[value as usize] = 1;
        }
        let other = |value: &u32| demand[*value as usize] != 0 && slack[*value as usize] == 0;
        let mut others = (0..demand.len() as u32).filter(other).collect::<Vec<_>>();
        others.iter().for_each(|&value| slack[value as usize] = i32::MAX);
        let led = self.led(moves, &mut others, appends);
        others.iter().for_each(|&value| slack[value as usize] = 0);
        led.iter().for_each(|&(_, value)| slack[value as usize] += 1);
        supplies.extend(led);
        Some(Counts::new(demand, slack, supplies, moves.len()))
    }

    /// Moves and the needed values that are not without them.
    fn made(&self, moves: &[Move], demand: &[u32]) -> Vec<(u32, u32)> {
        let mut places = vec![None; moves.iter().map(|it| it.id + 1).max().unwrap_or(0) as usize];
        for (place, it) in (0..).zip(moves) {
            places[it.id as usize] = Some(place);
        }
        let needed = self.pairs.iter().filter(|(value, _)| demand[*value as usize] != 0);
        let place = |maker: u32| places.get(maker as usize).copied().flatten();
        needed.filter_map(|&(value, maker)| Some((place(maker)?, value))).collect()
    }

    /// Moves and those of the values that can come of what they write. Values to which too many
    /// lead are taken out.
    fn led(&self, moves: &[Move], later: &mut Vec<u32>, appends: bool) -> Vec<(u32, u32)> {
        later.sort_unstable_by_key(|&value| &self.values[value as usize]);
        let mut leads = vec![0_i32; later.len() + 1];
        for it in moves {
            let range = self.range(it, later, appends);
            leads[range.start] += 1;
            leads[range.end] -= 1;
        }
        let mut sum = 0;
        let mut leads = leads.into_iter().map(|change| {
            sum += change;
            sum
        });
        later.retain(|_| leads.next().is_some_and(|leads| leads <= MOST_SUPPLIES));
        let led = (0..).zip(moves).flat_map(|(at, it)| {
            let values = &later[self.range(it, later, appends)];
            values.iter().map(move |&value| (at, value))
        });
        led.collect()
    }

    /// Which of the sorted values can come of what a move writes.
    fn range(&self, it: &Move, later: &[u32], appends: bool) -> Range<usize> {
        let Some(value) = it.sets().filter(|&value| value != UNSEEN) else { return 0..0 };
        let (base, of) = (&*self.values[value as usize], |later: &u32| &*self.values[*later as usize]);
        let start = later.partition_point(|later| of(later) < base);
        let is_led = |later: &u32| if appends { of(later).starts_with(base) } else { of(later) == base };
        start..start + later[start..].partition_point(is_led)
    }
}

impl Counts {
    fn new(demand: Vec<u32>, slack: Vec<i32>, mut pairs: Vec<(u32, u32)>, moves: usize) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut starts = vec![0; moves + 1];
        for &(at, _) in &pairs {
            starts[at as usize + 1] += 1;
        }
        for at in 0..moves {
            starts[at + 1] += starts[at];
        }
        Self { demand, slack, supplies: pairs.into_iter().map(|(_, value)| value).collect(), starts }
    }

    /// Whether a value is needed and nothing leads to it.
    pub(super) fn is_orphan(&self, value: u32) -> bool {
        0 < self.demand[value as usize] && self.slack[value as usize] <= 0
    }

    /// Where the values stand whose slack a move takes.
    pub(super) fn supplies(&self, at: u32) -> Range<usize> {
        self.starts[at as usize] as usize..self.starts[at as usize + 1] as usize
    }

    /// One of them.
    pub(super) fn supply(&self, at: usize) -> u32 {
        self.supplies[at]
    }
}
