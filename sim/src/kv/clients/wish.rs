//! What a client wants next: drawn from its own stream.

use super::operation::Aim;
use super::plan::{ClientPlan, Reads};
use crate::kv::wire::{Command, Verb};
use crate::rng::{Draw, Stream};
use crate::slot::Slot;

/// Which session a client speaks in, and what it knows.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    pub(super) session: u32,
    pub(super) sequence: u32,
    /// A value that the client wrote or read, and its key: what its next cas expects.
    pub(super) known: Option<(u32, Vec<u8>)>,
}

/// Draws the operation of this number.
pub(super) fn draw(plan: &ClientPlan, voice: &mut Voice, number: u64, luck: &mut Stream) -> (u32, Aim) {
    // Always four words, so that what is wanted next does not depend on what is wanted now.
    let (kind, verb, way, place) = (luck.draw(), luck.draw(), luck.draw(), luck.draw());
    let key = place.below(u64::from(plan.keys)) as u32;
    if !kind.hits(plan.writes) {
        let at = share(plan.reads.shares(), way);
        return (key, Aim::Read { path: Reads::WAYS[at], pinned: None });
    }
    voice.sequence += 1;
    let mark = mark(number, plan.value_bytes);
    let (key, verb) = match share(plan.verbs.shares(), verb) {
        0 => (key, Verb::Put(&mark)),
        1 => (key, Verb::Append(&mark)),
        2 => match &voice.known {
            Some((known, value)) => (*known, Verb::Cas { expected: value, new: &mark }),
            None => (key, Verb::Cas { expected: &[], new: &mark }),
        },
        _ => (key, Verb::Delete),
    };
    let command = Command { session: voice.session, sequence: voice.sequence, key, verb };
    (key, Aim::Write(command.encode()))
}

/// Draws a read of a client that asks one server only.
pub(super) fn draw_pinned(plan: &ClientPlan, slot: Slot, luck: &mut Stream) -> (u32, Aim) {
    let (way, place) = (luck.draw(), luck.draw());
    let path = Reads::WAYS[share(plan.pinned_reads.shares(), way)];
    (place.below(u64::from(plan.keys)) as u32, Aim::Read { path, pinned: Some(slot) })
}

/// Which of the shares is hit; the first if there are none.
fn share(shares: [u32; 4], drawn: Draw) -> usize {
    let mut at = drawn.below(u64::from(shares.iter().sum::<u32>()));
    for (which, &share) in shares.iter().enumerate() {
        match at.checked_sub(u64::from(share)) {
            Some(rest) => at = rest,
            None => return which,
        }
    }
    0
}

/// A value that only this operation writes: a `v`, its number, and as many dashes as are wanted.
/// Only marks have a `v`, so whoever sees what was appended sees by whom.
fn mark(number: u64, length: u32) -> Vec<u8> {
    let mut mark = format!("v{number}").into_bytes();
    mark.resize(mark.len().max(length as usize), b'-');
    mark
}
