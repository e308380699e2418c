//! Draws the operations of the clients of the store. Each client has its own random stream.

use super::plan::{KvPlan, Reads};
use super::{KvOperation, KvWant};
use crate::clients::callers::{OperationAnswer, Script};
use crate::clients::kv::wire::{Command, Got, Verb};
use crate::observe::OperationEnd;
use crate::plan::rng::{Draw, Stream};

/// Draws the operations of a plan's clients.
#[derive(Debug)]
pub struct KvScript {
    plan: KvPlan,
    /// The sessions of the clients that write.
    sessions: Vec<ClientSession>,
    /// The number of the session that began last.
    last: u32,
}

/// The session of a client, and the value that the client knows.
#[derive(Debug)]
struct ClientSession {
    number: u32,
    /// The sequence number of the last command in the session.
    sequence: u32,
    /// A key, and the value of this key that the client last wrote or read. The next compare-and-set of the
    /// client expects this value. `None` if the client knows no value.
    known: Option<(u32, Vec<u8>)>,
}

impl ClientSession {
    const fn new(number: u32) -> Self {
        Self { number, sequence: 0, known: None }
    }
}

impl KvScript {
    pub(super) fn new(plan: KvPlan) -> Self {
        let last = u32::from(plan.followers);
        Self { plan, sessions: (1..=last).map(ClientSession::new).collect(), last }
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

    fn on_end(&mut self, operation: &KvOperation, rng: &mut Stream) {
        let Some(session) = self.sessions.get_mut(usize::from(operation.client)) else { return };
        if let Some(value) = learned_value(operation) {
            session.known = Some((operation.wanted.key, value));
        }
        if operation.ended(OperationEnd::Unknown) && rng.hits(self.plan.rename) {
            self.last += 1;
            (session.number, session.sequence) = (self.last, 0);
        }
    }
}

/// Returns the value that an operation read, or that an answered operation tried to write. Returns `None` if
/// the client does not know the value.
fn learned_value(operation: &KvOperation) -> Option<Vec<u8>> {
    match operation.answer()? {
        OperationAnswer::Got(bytes) => Some(Got::decode(bytes)?.value.to_vec()),
        OperationAnswer::Applied(..) => match operation.command()?.verb {
            Verb::Put(value) | Verb::Cas { new: value, .. } => Some(value.to_vec()),
            Verb::Append(_) | Verb::Delete => None,
        },
    }
}

/// Draws an operation. `operation` is the number of the operation.
fn draw(plan: &KvPlan, session: &mut ClientSession, operation: u64, rng: &mut Stream) -> KvWant {
    // Always draw four numbers, so that the next operation does not depend on this operation.
    let (kind, verb, way, place) = (rng.draw(), rng.draw(), rng.draw(), rng.draw());
    let key = place.below(u64::from(plan.keys)) as u32;
    if !kind.hits(plan.writes) {
        return KvWant::read(key, Reads::WAYS[share(plan.reads.shares(), way)]);
    }
    session.sequence += 1;
    let unique_value = unique_value(operation, plan.value_bytes);
    let (key, verb) = match share(plan.verbs.shares(), verb) {
        0 => (key, Verb::Put(&unique_value)),
        1 => (key, Verb::Append(&unique_value)),
        2 => match &session.known {
            Some((known, value)) => (*known, Verb::Cas { expected: value, new: &unique_value }),
            None => (key, Verb::Cas { expected: &[], new: &unique_value }),
        },
        _ => (key, Verb::Delete),
    };
    let command = Command { session: session.number, sequence: session.sequence, key, verb };
    // A write needs no read path, so this word decides about its extensions.
    if way.hits(plan.extended) { KvWant::extended_write(&command) } else { KvWant::write(&command) }
}

/// Draws a read for a client that asks only one server.
fn draw_read(plan: &KvPlan, rng: &mut Stream) -> KvWant {
    let (way, place) = (rng.draw(), rng.draw());
    let path = Reads::WAYS[share(plan.pinned_reads.shares(), way)];
    KvWant::read(place.below(u64::from(plan.keys)) as u32, path)
}

/// Draws an index of `shares`. The probability of an index is its share divided by the sum of all shares.
/// Returns the first index if all shares are zero.
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

/// Makes a value that only this operation writes: a `v`, the number of the operation, and dashes until the
/// value has `length` bytes. Digits and dashes contain no `v`. Therefore the value of a key shows all
/// operations that appended to the value.
fn unique_value(operation: u64, length: u32) -> Vec<u8> {
    let mut unique_value = format!("v{operation}").into_bytes();
    unique_value.resize(unique_value.len().max(length as usize), b'-');
    unique_value
}
