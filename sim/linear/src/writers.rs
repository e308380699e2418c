//! Finds the operations that must have produced the values that were read.

use super::elements::AppendedElements;
use super::problem::{INITIAL, UNREAD};
use super::states::AppendStates;
use super::unreachable::Unreachable;
use super::{HistoryOp, NEVER};
use std::ops::Range;

/// The operations that must have produced the values that were read.
#[derive(Debug)]
pub(super) struct Writers<'a> {
    values: &'a [Box<[u8]>],
    /// Pairs of a value and the id of an operation. Without this operation, the value cannot be produced.
    pairs: Vec<(u32, u32)>,
    /// The values that were read, but that no operation can have produced.
    impossible: Vec<u32>,
    /// The elements of the values. `None` if no operation appends, or if the values cannot be split into
    /// elements.
    elements: Option<AppendedElements<'a>>,
}

/// The maximum number of counted operations for one value. If more operations can lead to a value, these
/// operations are not counted, because the count would cost more time than the search saves.
const MOST_SUPPLIES: i32 = 64;

impl<'a> Writers<'a> {
    pub(super) fn new(
        values: &'a [Box<[u8]>],
        operations: &[HistoryOp],
        appends: bool,
        seen: &[bool],
    ) -> Self {
        let elements = if appends { AppendedElements::new(values, operations) } else { None };
        let mut writers = Self { values, pairs: Vec::new(), impossible: Vec::new(), elements };
        let seen = (0..).zip(seen).filter(|&(value, &seen)| seen && value != INITIAL).map(|(value, _)| value);
        match &mut writers.elements {
            Some(elements) => {
                for value in seen {
                    let mut is_possible = true;
                    elements.see(&values[value as usize], |element| match element {
                        Some(element) => writers.pairs.extend(element.writer.map(|writer| (value, writer))),
                        None => is_possible = false,
                    });
                    if !is_possible {
                        writers.impossible.push(value);
                    }
                }
            }
            None if appends => {}
            None => writers.find_writers(operations, seen),
        }
        writers
    }

    /// Finds the values in `seen` that have only one writer, and the values that have no writer. The history
    /// has no append operations.
    fn find_writers(&mut self, operations: &[HistoryOp], seen: impl Iterator<Item = u32>) {
        const NOBODY: u32 = u32::MAX;
        const SEVERAL: u32 = u32::MAX - 1;
        let mut writers = vec![NOBODY; self.values.len()];
        for (at, it) in (0..).zip(operations) {
            if let Some(value) = it.writes() {
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

    /// Shortens the time in which an operation may take effect. The only possible writer of a value took
    /// effect before the first read of the value completed, even if the write itself never completed.
    pub(super) fn tighten(&self, operations: &mut [HistoryOp]) {
        let mut ends = vec![NEVER; self.values.len()];
        loop {
            for it in &*operations {
                if let Some(value) = it.reads() {
                    ends[value as usize] = ends[value as usize].min(it.returned);
                }
            }
            let mut changed = false;
            for &(value, writer) in &self.pairs {
                let (it, end) = (&mut operations[writer as usize], ends[value as usize]);
                changed |= end < it.returned;
                it.returned = it.returned.min(end);
            }
            if !changed {
                break;
            }
        }
    }

    /// True if an appended element is part of a value that was read, or if this fact is not known.
    pub(super) fn is_seen(&self, element: u32, states: Option<&AppendStates>) -> bool {
        let element = &self.values[element as usize];
        match (&self.elements, states) {
            (Some(elements), _) => elements.is_seen(element),
            (None, Some(states)) => states.was_seen_within(element),
            (None, None) => true,
        }
    }

    /// Counts, for each value, the operations that must read the value and the operations that can lead to
    /// the value. Returns `None` if an operation must read a value that no operation can have produced. The
    /// order of `operations` must not change later.
    pub(super) fn count(&self, operations: &[HistoryOp], appends: bool) -> Option<Unreachable> {
        let mut demand = vec![0; self.values.len()];
        for value in operations.iter().filter_map(HistoryOp::reads) {
            demand[value as usize] += 1;
        }
        if self.impossible.iter().any(|&value| demand[value as usize] != 0) {
            return None;
        }
        let mut slack = vec![0; self.values.len()];
        let mut supplies = self.made(operations, &demand);
        for &(_, value) in &supplies {
            slack[value as usize] = 1;
        }
        let other = |value: &u32| demand[*value as usize] != 0 && slack[*value as usize] == 0;
        let mut others = (0..demand.len() as u32).filter(other).collect::<Vec<_>>();
        others.iter().for_each(|&value| slack[value as usize] = i32::MAX);
        let led = self.led(operations, &mut others, appends);
        others.iter().for_each(|&value| slack[value as usize] = 0);
        led.iter().for_each(|&(_, value)| slack[value as usize] += 1);
        supplies.extend(led);
        Some(Unreachable::new(demand, slack, supplies, operations.len()))
    }

    /// Returns pairs of the position of an operation and a value that must be read. Without this operation,
    /// the value cannot be produced.
    fn made(&self, operations: &[HistoryOp], demand: &[u32]) -> Vec<(u32, u32)> {
        let mut places = vec![None; operations.iter().map(|it| it.id + 1).max().unwrap_or(0) as usize];
        for (place, it) in (0..).zip(operations) {
            places[it.id as usize] = Some(place);
        }
        let needed = self.pairs.iter().filter(|(value, _)| demand[*value as usize] != 0);
        let place = |writer: u32| places.get(writer as usize).copied().flatten();
        needed.filter_map(|&(value, writer)| Some((place(writer)?, value))).collect()
    }

    /// Returns pairs of the position of an operation and a value of `later`. The value can follow from the
    /// write of the operation. If too many operations can lead to a value, the value is removed from `later`.
    fn led(&self, operations: &[HistoryOp], later: &mut Vec<u32>, appends: bool) -> Vec<(u32, u32)> {
        later.sort_unstable_by_key(|&value| &self.values[value as usize]);
        let mut leads = vec![0_i32; later.len() + 1];
        for it in operations {
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
        let led = (0..).zip(operations).flat_map(|(at, it)| {
            let values = &later[self.range(it, later, appends)];
            values.iter().map(move |&value| (at, value))
        });
        led.collect()
    }

    /// Returns a range of positions in the sorted list `later`. The values at these positions can follow from
    /// the write of the operation.
    fn range(&self, it: &HistoryOp, later: &[u32], appends: bool) -> Range<usize> {
        let Some(value) = it.writes().filter(|&value| value != UNREAD) else { return 0..0 };
        let (base, of) = (&*self.values[value as usize], |later: &u32| &*self.values[*later as usize]);
        let start = later.partition_point(|later| of(later) < base);
        let is_led = |later: &u32| if appends { of(later).starts_with(base) } else { of(later) == base };
        start..start + later[start..].partition_point(is_led)
    }
}
