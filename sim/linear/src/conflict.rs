//! The smallest part of a history that is not linearizable: what a person has to read.
//!
//! Two things may be done to a history that is not linearizable without a false claim: to end it
//! earlier, what is open then being open for ever; and to leave out an operation that no other
//! could have noticed. Whatever comes out is searched again before it is believed.

use super::{Act, History, Operation, SLICE};
use std::ops::Range;

type Part = Vec<(usize, Operation)>;

pub(super) fn smallest(history: &History, keep_going: &mut dyn FnMut() -> bool) -> Vec<usize> {
    let mut part = first_bad_prefix(history, keep_going);
    let mut size = part.len().div_ceil(2).max(1);
    loop {
        let before = part.len();
        leave_out(history, &mut part, size, keep_going);
        if size == 1 && (part.len() == before || !keep_going()) {
            break;
        }
        size = size.div_ceil(2);
    }
    part.into_iter().map(|(at, _)| at).collect()
}

/// Up to the first end that cannot be explained.
fn first_bad_prefix(history: &History, keep_going: &mut dyn FnMut() -> bool) -> Part {
    let mut ends = history.operations.iter().filter_map(|it| it.ended).collect::<Vec<_>>();
    ends.sort_unstable();
    let (mut good, mut bad) = (0, ends.len());
    let mut part = history.operations.iter().copied().enumerate().collect();
    while good < bad {
        let middle = usize::midpoint(good, bad);
        let shorter = prefix(history, ends[middle]);
        if is_bad(history, &shorter, keep_going) {
            (part, bad) = (shorter, middle);
        } else {
            good = middle + 1;
        }
    }
    part
}

fn prefix(history: &History, end: u32) -> Part {
    let cut = |it: &Operation| match it.ended {
        Some(ended) if ended <= end => *it,
        Some(_) if it.act.is_neutral() => Operation { act: Act::Nothing, ended: None, ..*it },
        Some(_) | None => Operation { ended: None, ..*it },
    };
    let begun = history.operations.iter().enumerate().filter(|(_, it)| it.begun < end);
    begun.map(|(at, it)| (at, cut(it))).filter(|(_, it)| it.act != Act::Nothing).collect()
}

/// Leaves out as many runs of this size as can be.
fn leave_out(history: &History, part: &mut Part, size: usize, keep_going: &mut dyn FnMut() -> bool) {
    let mut at = 0;
    while at < part.len() {
        let upto = part.len().min(at + size);
        let smaller = without(history, part, at..upto);
        if smaller.len() < part.len() && is_bad(history, &smaller, keep_going) {
            *part = smaller;
        } else {
            at = upto;
        }
    }
}

fn is_bad(history: &History, part: &Part, keep_going: &mut dyn FnMut() -> bool) -> bool {
    let mut search = history.search(part.iter().map(|&(_, it)| it));
    while keep_going() {
        if let Some(linearizable) = search.run(SLICE) {
            return !linearizable;
        }
    }
    false
}

/// The part without those of a run that nobody outside it could have noticed.
fn without(history: &History, part: &Part, run: Range<usize>) -> Part {
    let is_in_run = |at: usize| run.contains(&at);
    let stays = |at: usize, it: &Operation| !(is_in_run(at) && it.act.is_neutral());
    let noticed = Noticed::by(history, part.iter().enumerate().filter(|(at, (_, it))| stays(*at, it)));
    let is_kept = |at: usize, it: &Operation| stays(at, it) && !(is_in_run(at) && noticed.may_miss(it.act));
    part.iter().enumerate().filter(|(at, (_, it))| is_kept(*at, it)).map(|(_, &it)| it).collect()
}

/// What operations notice of each other.
struct Noticed<'a> {
    history: &'a History,
    seen: Vec<u32>,
    /// A cas notices any value but the one that it expects.
    mismatches: bool,
    appends: bool,
}

impl<'a> Noticed<'a> {
    fn by<'p>(history: &'a History, part: impl Iterator<Item = (usize, &'p (usize, Operation))>) -> Self {
        let mut noticed = Self { history, seen: Vec::new(), mismatches: false, appends: false };
        for (_, (_, it)) in part {
            match it.act {
                Act::Read(value) | Act::Swap(value, _) => noticed.seen.push(value),
                Act::Not(_) => noticed.mismatches = true,
                Act::Append(_) => noticed.appends = true,
                Act::Nothing | Act::Write(_) => {}
            }
        }
        noticed
    }

    /// Whether nobody would notice if this had not been done.
    fn may_miss(&self, act: Act) -> bool {
        match act {
            Act::Nothing | Act::Read(_) | Act::Not(_) => true,
            Act::Write(_) | Act::Append(_) | Act::Swap(..) if self.mismatches => false,
            Act::Write(value) | Act::Swap(_, value) if !self.appends => !self.seen.contains(&value),
            Act::Write(value) | Act::Append(value) | Act::Swap(_, value) => {
                let piece = &*self.history.values[value as usize];
                let has = |value: &u32| has(&self.history.values[*value as usize], piece);
                !self.seen.iter().any(has)
            }
        }
    }
}

fn has(value: &[u8], piece: &[u8]) -> bool {
    piece.is_empty() || value.windows(piece.len()).any(|part| part == piece)
}
