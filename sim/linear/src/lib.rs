//! A linearizability checker (Herlihy and Wing 1990).
//!
//! [`History`] is the history of one key. The search looks for an order of its operations that explains every
//! output. [`History::conflict`] finds the smallest part of the history that has no such order. [`judge`]
//! reads histories in lines of JSON. The crate does not record histories, and it reads no clock: the caller
//! stops a search. A [`History`] has one key; [`judge`] takes several keys, since a history is linearizable
//! if and only if the history of each key is.
//!
//! The search is Wing and Gong's with Lowe's memo. Three more rules make the search shorter. A read that fits
//! the current state is linearized at once, since it changes nothing. All values that no operation reads
//! count as one value. A value that must still be read, and that no remaining operation can produce, must be
//! reachable from the current state by appending.

mod conflict;
mod elements;
mod format;
mod json;
mod jsonl;
mod judge;
mod list;
mod memo;
mod problem;
mod search;
mod states;
mod unreachable;
mod writers;

#[cfg(test)]
mod brute_force;
#[cfg(test)]
mod tests;

pub use format::{FailedCas, HistoryFormat, KeyModel};
pub use jsonl::{BadLine, LinePosition, OperationText};
pub use judge::{Conflict, Finding, Judgement, KeyVerdict, judge};

use problem::Problem;
use search::OrderSearch;
use std::collections::BTreeMap;

/// The operations on one key, in the order of their invocations and completions.
///
/// 1. Operations are numbered from 0 on, in the order of their invocations.
/// 2. An operation that never completes may take effect at any time after its invocation, or never.
#[derive(Clone, Debug)]
pub struct History {
    values: Vec<Box<[u8]>>,
    ids: BTreeMap<Box<[u8]>, u32>,
    operations: Vec<HistoryOp>,
    /// How many invocations and completions there were.
    moment: u32,
}

/// The request of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// Reads the value.
    Read,
    /// Writes this value.
    Write(&'a [u8]),
    /// Appends this to the value.
    Append(&'a [u8]),
    /// Writes the new value if the key has the expected one.
    Cas {
        /// The value that the key must have.
        expected: &'a [u8],
        /// The value that is written.
        new: &'a [u8],
    },
}

/// How an operation completed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output<'a> {
    /// A write, an append or a cas was done.
    Done,
    /// A read was done, and returned this value.
    Read(&'a [u8]),
    /// A cas did not find the expected value.
    Mismatch,
    /// It was certainly not done.
    Failed,
}

/// Whether a history is linearizable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CheckResult {
    /// There is an order of its operations that explains every output.
    Linearizable,
    /// There is no such order.
    Illegal,
    /// The search was stopped.
    Unknown,
}

/// An operation; its values are numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct HistoryOp {
    /// Its number in the history, or in the part of it that is searched.
    id: u32,
    invoked: u32,
    /// The moment of its completion, or [`NEVER`]. It is a plain number, since the search compares it all the
    /// time.
    returned: u32,
    effect: Effect,
}

/// The moment of a completion that never comes.
const NEVER: u32 = u32::MAX;

/// What an operation did, as far as is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Effect {
    /// It failed, or it is a read that did not complete.
    Nothing,
    /// It read this value.
    Read(u32),
    /// It did not find this value.
    Mismatch(u32),
    Write(u32),
    Append(u32),
    /// It found the first value and wrote the second.
    Cas(u32, u32),
}

impl History {
    /// The history of a key that starts with this value, before anything happened.
    #[must_use]
    pub fn new(initial: &[u8]) -> Self {
        let mut history =
            Self { values: Vec::new(), ids: BTreeMap::new(), operations: Vec::new(), moment: 0 };
        history.number(initial);
        history
    }

    /// Adds an operation that is invoked now. Returns its number.
    pub fn invoke(&mut self, input: Input<'_>) -> usize {
        let effect = match input {
            Input::Read => Effect::Nothing,
            Input::Write(value) => Effect::Write(self.number(value)),
            Input::Append(value) => Effect::Append(self.number(value)),
            Input::Cas { expected, new } => Effect::Cas(self.number(expected), self.number(new)),
        };
        let (invoked, number) = (self.next_moment(), self.operations.len());
        let id = u32::try_from(number).expect("fewer operations than 2³²");
        self.operations.push(HistoryOp { id, invoked, returned: NEVER, effect });
        number
    }

    /// Completes an operation now. Do not call it for an operation whose output is not known.
    ///
    /// # Panics
    /// Panics if the operation completed before, or cannot have such an output.
    pub fn complete(&mut self, operation: usize, output: Output<'_>) {
        let now = self.next_moment();
        let HistoryOp { effect, returned, .. } = self.operations[operation];
        assert!(returned == NEVER, "operation {operation} completed before");
        let effect = match (output, effect) {
            (Output::Done, Effect::Write(_) | Effect::Append(_) | Effect::Cas(..)) => effect,
            (Output::Read(value), Effect::Nothing) => Effect::Read(self.number(value)),
            (Output::Mismatch, Effect::Cas(expected, _)) => Effect::Mismatch(expected),
            (Output::Failed, _) => Effect::Nothing,
            (Output::Done | Output::Read(_) | Output::Mismatch, _) => {
                panic!("{output:?} is no output of {effect:?}")
            }
        };
        let operation = &mut self.operations[operation];
        (operation.effect, operation.returned) = (effect, now);
    }

    /// How many operations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// True if there is no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// True if the history is linearizable. `keep_going` is called every few thousand steps; the search stops
    /// when it returns false.
    pub fn check(&self, keep_going: &mut dyn FnMut() -> bool) -> CheckResult {
        let mut search = self.search(self.operations.iter().copied());
        while keep_going() {
            if let Some(linearizable) = search.run(SLICE) {
                return if linearizable { CheckResult::Linearizable } else { CheckResult::Illegal };
            }
        }
        CheckResult::Unknown
    }

    /// The smallest part of the history that is not linearizable, as the numbers of its operations: the part
    /// without any one of them is linearizable. The part may be larger if `keep_going` returns false.
    pub fn conflict(&self, keep_going: &mut dyn FnMut() -> bool) -> Vec<usize> {
        conflict::smallest(self, keep_going)
    }

    fn search(&self, operations: impl Iterator<Item = HistoryOp>) -> OrderSearch {
        OrderSearch::new(Problem::new(&self.values, operations))
    }

    fn number(&mut self, value: &[u8]) -> u32 {
        if let Some(&number) = self.ids.get(value) {
            return number;
        }
        let number = u32::try_from(self.values.len()).expect("fewer values than 2³²");
        self.values.push(value.into());
        self.ids.insert(value.into(), number);
        number
    }

    const fn next_moment(&mut self) -> u32 {
        self.moment += 1;
        self.moment
    }
}

/// How many steps a search takes before it asks whether to continue.
const SLICE: u64 = 4_096;

impl Effect {
    /// True if it leaves every state unchanged.
    const fn is_read_only(self) -> bool {
        matches!(self, Self::Nothing | Self::Read(_) | Self::Mismatch(_))
    }
}

impl HistoryOp {
    const fn is_pending(&self) -> bool {
        self.returned == NEVER
    }

    /// Whether it was done, or may have been done and changed something.
    fn matters(&self) -> bool {
        self.effect != Effect::Nothing && !(self.is_pending() && self.effect.is_read_only())
    }

    /// The value that it must have found; `None` if it may have found any value.
    const fn reads(&self) -> Option<u32> {
        match self.effect {
            Effect::Read(value) | Effect::Cas(value, _) if !self.is_pending() => Some(value),
            _ => None,
        }
    }

    /// The value that a write or a cas stores; `None` for other effects.
    const fn writes(&self) -> Option<u32> {
        match self.effect {
            Effect::Write(value) | Effect::Cas(_, value) => Some(value),
            _ => None,
        }
    }
}
