//! What a client of the store wants next: drawn from its own stream.

use super::plan::{KvPlan, Reads};
use super::{KvWant, Operation};
use crate::clients::callers::{Script, Told};
use crate::clients::kv::wire::{Command, Got, Verb};
use crate::observe::OperationEnd;
use crate::plan::rng::{Draw, Stream};

/// What the clients of a plan want.
#[derive(Debug)]
pub struct KvScript {
    plan: KvPlan,
    /// The sessions of the clients that write.
    sessions: Vec<Session>,
    /// The session that began last.
    last: u32,
}

/// In which session a client writes, and what it knows.
#[derive(Debug)]
struct Session {
    number: u32,
    /// The sequence number of its last command.
    sequence: u32,
    /// A key, and a value of it that the client wrote or read: what its next cas expects.
    known: Option<(u32, Vec<u8>)>,
}

impl Session {
    const fn new(number: u32) -> Self {
        Self { number, sequence: 0, known: None }
    }
}

impl KvScript {
    pub(super) fn new(plan: KvPlan) -> Self {
        let last = u32::from(plan.followers);
        Self { plan, sessions: (1..=last).map(Session::new).collect(), last }
    }
}

impl Script for KvScript {
    type Wanted = KvWant;

    fn next(&mut self, client: u16, operation: u64, rng: &mut Stream) -> KvWant {
        match self.sessions.get_mut(usize::from(client)) {
            Some(session) => draw(&self.plan, session, operation, rng),
            None => draw_read(&self.plan, rng),
        }
    }

    fn told(&mut self, operation: &Operation, rng: &mut Stream) {
        let Some(session) = self.sessions.get_mut(usize::from(operation.client)) else { return };
        if let Some(value) = learned(operation) {
            session.known = Some((operation.wanted.key, value));
        }
        if operation.ended(OperationEnd::Unknown) && rng.hits(self.plan.rename) {
            self.last += 1;
            (session.number, session.sequence) = (self.last, 0);
        }
    }
}

/// The value that a client saw or wrote.
fn learned(operation: &Operation) -> Option<Vec<u8>> {
    match operation.told()? {
        Told::Got(bytes) => Some(Got::decode(bytes)?.value.to_vec()),
        Told::Applied(..) => match operation.command()?.verb {
            Verb::Put(value) | Verb::Cas { new: value, .. } => Some(value.to_vec()),
            Verb::Append(_) | Verb::Delete => None,
        },
    }
}

/// Draws the operation of this number.
fn draw(plan: &KvPlan, session: &mut Session, operation: u64, rng: &mut Stream) -> KvWant {
    // Always four words, so that what is wanted next does not depend on what is wanted now.
    let (kind, verb, way, place) = (rng.draw(), rng.draw(), rng.draw(), rng.draw());
    let key = place.below(u64::from(plan.keys)) as u32;
    if !kind.hits(plan.writes) {
        return KvWant::read(key, Reads::WAYS[share(plan.reads.shares(), way)]);
    }
    session.sequence += 1;
    let mark = mark(operation, plan.value_bytes);
    let (key, verb) = match share(plan.verbs.shares(), verb) {
        0 => (key, Verb::Put(&mark)),
        1 => (key, Verb::Append(&mark)),
        2 => match &session.known {
            Some((known, value)) => (*known, Verb::Cas { expected: value, new: &mark }),
            None => (key, Verb::Cas { expected: &[], new: &mark }),
        },
        _ => (key, Verb::Delete),
    };
    KvWant::write(&Command { session: session.number, sequence: session.sequence, key, verb })
}

/// Draws a read of a client that asks one server only.
fn draw_read(plan: &KvPlan, rng: &mut Stream) -> KvWant {
    let (way, place) = (rng.draw(), rng.draw());
    let path = Reads::WAYS[share(plan.pinned_reads.shares(), way)];
    KvWant::read(place.below(u64::from(plan.keys)) as u32, path)
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
/// Only marks have a `v`, so a reader of what was appended sees which operation appended it.
fn mark(operation: u64, length: u32) -> Vec<u8> {
    let mut mark = format!("v{operation}").into_bytes();
    mark.resize(mark.len().max(length as usize), b'-');
    mark
}
