//! Finds a small part of a history, for a person to read. Even this part alone is not linearizable.
//!
//! Two changes keep a history valid. First, the history may end earlier; an operation that completes after
//! the new end becomes pending. Second, an operation may be left out if no other operation could have
//! observed the effect of the operation. A part counts as a conflict only after a new search has found that
//! the part is not linearizable.

use super::{Effect, History, HistoryOp, NEVER, SLICE};
use std::ops::Range;

pub(super) fn smallest(history: &History, keep_going: &mut dyn FnMut() -> bool) -> Vec<usize> {
    let mut part = shortest_illegal_prefix(history, keep_going);
    let mut size = part.len().div_ceil(2).max(1);
    loop {
        let before = part.len();
        leave_out(history, &mut part, size, keep_going);
        if size == 1 && (part.len() == before || !keep_going()) {
            break;
        }
        size = size.div_ceil(2);
    }
    part.into_iter().map(|it| it.id as usize).collect()
}

/// Returns the operations of the history up to the first completion after which the history is not
/// linearizable.
fn shortest_illegal_prefix(history: &History, keep_going: &mut dyn FnMut() -> bool) -> Vec<HistoryOp> {
    let mut ends =
        history.operations.iter().map(|it| it.returned).filter(|&end| end != NEVER).collect::<Vec<_>>();
    ends.sort_unstable();
    let (mut good, mut bad) = (0, ends.len());
    let mut part = history.operations.clone();
    while good < bad {
        let middle = usize::midpoint(good, bad);
        let shorter = prefix(history, ends[middle]);
        if is_illegal(history, &shorter, keep_going) {
            (part, bad) = (shorter, middle);
        } else {
            good = middle + 1;
        }
    }
    part
}

/// Returns the operations of the history up to the moment `end`. An operation that completes after `end` is
/// pending in the result.
fn prefix(history: &History, end: u32) -> Vec<HistoryOp> {
    let cut = |it: &HistoryOp| if it.returned <= end { *it } else { HistoryOp { returned: NEVER, ..*it } };
    let invoked = history.operations.iter().filter(|it| it.invoked < end);
    invoked.map(cut).filter(HistoryOp::matters).collect()
}

/// Tries to remove each group of `size` consecutive operations from `part`. Removes a group only if the
/// remaining part is not linearizable.
fn leave_out(
    history: &History,
    part: &mut Vec<HistoryOp>,
    size: usize,
    keep_going: &mut dyn FnMut() -> bool,
) {
    let mut at = 0;
    while at < part.len() && keep_going() {
        let upto = part.len().min(at + size);
        let smaller = without(history, part, at..upto);
        if smaller.len() < part.len() && is_illegal(history, &smaller, keep_going) {
            *part = smaller;
        } else {
            at = upto;
        }
    }
}

fn is_illegal(history: &History, part: &[HistoryOp], keep_going: &mut dyn FnMut() -> bool) -> bool {
    let mut search = history.search(part.iter().copied());
    while keep_going() {
        if let Some(linearizable) = search.run(SLICE) {
            return !linearizable;
        }
    }
    false
}

/// Returns `part` without the operations of `run` whose effects no remaining operation could have observed.
/// `run` is a range of positions in `part`.
fn without(history: &History, part: &[HistoryOp], run: Range<usize>) -> Vec<HistoryOp> {
    let stays = |at: usize, it: &HistoryOp| !(run.contains(&at) && it.effect.is_read_only());
    let staying = part.iter().enumerate().filter(|(at, it)| stays(*at, it));
    let observed = ObservedValues::by(history, staying.map(|(_, it)| it.effect));
    let is_kept = |at: usize, it: &HistoryOp| {
        stays(at, it) && !(run.contains(&at) && observed.is_unobserved(it.effect))
    };
    part.iter().enumerate().filter(|(at, it)| is_kept(*at, it)).map(|(_, &it)| it).collect()
}

/// The values that a list of operations observes.
struct ObservedValues<'a> {
    history: &'a History,
    values: Vec<u32>,
    /// True if one of the operations is a failed `cas`. A failed `cas` can observe any value except the
    /// expected value.
    mismatches: bool,
    appends: bool,
}

impl<'a> ObservedValues<'a> {
    fn by(history: &'a History, effects: impl Iterator<Item = Effect>) -> Self {
        let mut observed = Self { history, values: Vec::new(), mismatches: false, appends: false };
        for effect in effects {
            match effect {
                Effect::Read(value) | Effect::Cas(value, _) => observed.values.push(value),
                Effect::Mismatch(_) => observed.mismatches = true,
                Effect::Append(_) => observed.appends = true,
                _ => {}
            }
        }
        observed
    }

    /// True if none of the operations can observe this effect.
    fn is_unobserved(&self, effect: Effect) -> bool {
        match effect {
            Effect::Nothing | Effect::Read(_) | Effect::Mismatch(_) => true,
            Effect::Write(_) | Effect::Append(_) | Effect::Cas(..) if self.mismatches => false,
            Effect::Write(value) | Effect::Cas(_, value) if !self.appends => !self.values.contains(&value),
            Effect::Write(value) | Effect::Append(value) | Effect::Cas(_, value) => {
                let element = &*self.history.values[value as usize];
                let has = |value: &u32| has(&self.history.values[*value as usize], element);
                !self.values.iter().any(has)
            }
        }
    }
}

fn has(value: &[u8], element: &[u8]) -> bool {
    element.is_empty() || value.windows(element.len()).any(|part| part == element)
}
