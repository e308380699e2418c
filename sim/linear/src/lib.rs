//! A linearizability checker (Herlihy and Wing 1990).
//!
//! [`History`] is the history of the operations on one key. The search looks for an order of the operations
//! that explains every output. [`History::conflict`] finds a small part of the history that has no such
//! order. [`judge`] reads a history in lines of JSON. This history may have several keys: a history is
//! linearizable if and only if the history of each key is linearizable. The crate does not record histories.
//! The crate reads no clock, so the caller decides when a search stops.
//!
//! The search is the algorithm of Wing and Gong with the memo of Lowe. Three more rules make the search
//! shorter. First, a read that fits the current state is linearized immediately, because a read changes
//! nothing. Second, all values that no operation reads count as one value. Third, the search backtracks if a
//! value must still be read, no remaining operation can produce the value, and appends to the current state
//! cannot make the value.

mod conflict;
mod edn;
mod elements;
mod format;
mod json;
mod jsonl;
mod judge;
mod list;
mod memo;
mod prefix;
mod problem;
mod search;
pub mod specification;
mod states;
mod unreachable;
mod writers;

#[cfg(test)]
mod brute_force;
#[cfg(test)]
mod tests;

pub use format::{FailedCas, HistoryFormat, KeyModel};
pub use jsonl::{BadLine, LinePosition, OperationText};
pub use judge::{Conflict, Explanation, Finding, Judgement, KeyVerdict, explain, judge, judge_edn};
pub use prefix::OrderedPrefix;

use problem::Problem;
use search::OrderSearch;
use std::collections::BTreeMap;

/// A history: the operations on one key, and the order of all invocations and completions.
///
/// 1. The operations have numbers from 0 on, in the order of the invocations.
/// 2. An operation that never completes may take effect at any time after the invocation, or never.
#[derive(Clone, Debug)]
pub struct History {
    values: Vec<Box<[u8]>>,
    ids: BTreeMap<Box<[u8]>, u32>,
    operations: Vec<HistoryOp>,
    /// The number of invocations and completions so far.
    moment: u32,
}

/// The input of an operation: the kind of the operation, and the arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// Reads the value.
    Read,
    /// Writes this value.
    Write(&'a [u8]),
    /// Appends these bytes to the value.
    Append(&'a [u8]),
    /// A compare-and-set (cas): writes the value `new` if the key has the value `expected`.
    Cas {
        /// The value that the key must have.
        expected: &'a [u8],
        /// The value that is written.
        new: &'a [u8],
    },
}

/// The output of a completed operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output<'a> {
    /// A write, an append or a cas succeeded.
    Done,
    /// A read succeeded, and returned this value.
    Read(&'a [u8]),
    /// A cas did not find the expected value.
    Mismatch,
    /// The operation certainly had no effect.
    Failed,
}

/// The verdict on a history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CheckResult {
    /// The history is linearizable: some order of the operations explains every output.
    Linearizable,
    /// The history is not linearizable: no order of the operations explains every output.
    Illegal,
    /// The search was stopped before the verdict was known.
    Unknown,
}

/// An operation. The numbers in `effect` are positions of values in `History::values`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct HistoryOp {
    /// The number of the operation in the history, or in the searched part of the history.
    id: u32,
    invoked: u32,
    /// The moment of the completion, or [`NEVER`] if the operation has not completed. A moment is a plain
    /// number, because the search compares moments very often.
    returned: u32,
    effect: Effect,
}

/// The value of `HistoryOp::returned` for an operation that has not completed.
const NEVER: u32 = u32::MAX;

/// The known effect of an operation. Each number is the position of a value in `History::values`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Effect {
    /// The operation failed, or the operation is a read that did not complete.
    Nothing,
    /// The operation read this value.
    Read(u32),
    /// The operation is a cas that did not find this expected value.
    Mismatch(u32),
    Write(u32),
    Append(u32),
    /// The operation is a cas that expects the first value and writes the second value.
    Cas(u32, u32),
}

impl History {
    /// Creates a history without operations. `initial` is the initial value of the key.
    #[must_use]
    pub fn new(initial: &[u8]) -> Self {
        let mut history =
            Self { values: Vec::new(), ids: BTreeMap::new(), operations: Vec::new(), moment: 0 };
        history.number(initial);
        history
    }

    /// Adds an operation. The invocation comes after all earlier invocations and completions. Returns the
    /// number of the operation.
    pub fn invoke(&mut self, input: Input<'_>) -> usize {
        let effect = match input {
            Input::Read => Effect::Nothing,
            Input::Write(value) => Effect::Write(self.number(value)),
            Input::Append(value) => Effect::Append(self.number(value)),
            Input::Cas { expected, new } => Effect::Cas(self.number(expected), self.number(new)),
        };
        let (invoked, number) = (self.next_moment(), self.operations.len());
        let id = u32::try_from(number).expect("there are fewer operations than 2³²");
        self.operations.push(HistoryOp { id, invoked, returned: NEVER, effect });
        number
    }

    /// Completes an operation. The completion comes after all earlier invocations and completions. Do not
    /// call this function for an operation whose output is not known.
    ///
    /// # Panics
    /// Panics if there is no operation with this number, if the operation has already completed, or if the
    /// operation cannot have this output.
    pub fn complete(&mut self, operation: usize, output: Output<'_>) {
        let now = self.next_moment();
        let HistoryOp { effect, returned, .. } = self.operations[operation];
        assert!(returned == NEVER, "operation {operation} has already completed");
        let effect = match (output, effect) {
            (Output::Done, Effect::Write(_) | Effect::Append(_) | Effect::Cas(..)) => effect,
            (Output::Read(value), Effect::Nothing) => Effect::Read(self.number(value)),
            (Output::Mismatch, Effect::Cas(expected, _)) => Effect::Mismatch(expected),
            (Output::Failed, _) => Effect::Nothing,
            (Output::Done | Output::Read(_) | Output::Mismatch, _) => {
                panic!("an operation with the effect {effect:?} cannot have the output {output:?}")
            }
        };
        let operation = &mut self.operations[operation];
        (operation.effect, operation.returned) = (effect, now);
    }

    /// Returns the number of operations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// True if the history has no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Checks whether the history is linearizable. The search calls `keep_going` every few thousand steps,
    /// and stops when `keep_going` returns false.
    pub fn check(&self, keep_going: &mut dyn FnMut() -> bool) -> CheckResult {
        let mut search = self.search(self.operations.iter().copied());
        while keep_going() {
            if let Some(linearizable) = search.run(SLICE) {
                return if linearizable { CheckResult::Linearizable } else { CheckResult::Illegal };
            }
        }
        CheckResult::Unknown
    }

    /// Finds a small part of a history. If the history is not linearizable, this part alone is not
    /// linearizable either. Returns the numbers of the operations in the part. No operation of the part can
    /// be left out, unless `keep_going` returned false before the end of the search. The search calls
    /// `keep_going` every few thousand steps.
    pub fn conflict(&self, keep_going: &mut dyn FnMut() -> bool) -> Vec<usize> {
        conflict::smallest(self, keep_going)
    }

    /// Finds the longest linearizable prefix of the history, and an order of the operations in this prefix.
    /// Returns `None` if the whole history is linearizable, or if `keep_going` returned false. The search
    /// calls `keep_going` every few thousand steps.
    pub fn longest_order(&self, keep_going: &mut dyn FnMut() -> bool) -> Option<OrderedPrefix> {
        prefix::longest(self, keep_going)
    }

    fn search(&self, operations: impl Iterator<Item = HistoryOp>) -> OrderSearch {
        OrderSearch::new(Problem::new(&self.values, operations))
    }

    fn number(&mut self, value: &[u8]) -> u32 {
        if let Some(&number) = self.ids.get(value) {
            return number;
        }
        let number = u32::try_from(self.values.len()).expect("there are fewer values than 2³²");
        self.values.push(value.into());
        self.ids.insert(value.into(), number);
        number
    }

    const fn next_moment(&mut self) -> u32 {
        self.moment += 1;
        self.moment
    }
}

/// The number of steps of a search between two calls of `keep_going`.
const SLICE: u64 = 4_096;

impl Effect {
    /// True if the effect changes no state.
    const fn is_read_only(self) -> bool {
        matches!(self, Self::Nothing | Self::Read(_) | Self::Mismatch(_))
    }
}

impl HistoryOp {
    const fn is_pending(&self) -> bool {
        self.returned == NEVER
    }

    /// True if the operation can change the verdict. An operation that was not done, or a read that has not
    /// completed, cannot change the verdict.
    fn matters(&self) -> bool {
        self.effect != Effect::Nothing && !(self.is_pending() && self.effect.is_read_only())
    }

    /// Returns the value that the operation must have found; `None` if the operation may have found any
    /// value.
    const fn reads(&self) -> Option<u32> {
        match self.effect {
            Effect::Read(value) | Effect::Cas(value, _) if !self.is_pending() => Some(value),
            _ => None,
        }
    }

    /// Returns the value that a write or a cas stores; `None` for other effects.
    const fn writes(&self) -> Option<u32> {
        match self.effect {
            Effect::Write(value) | Effect::Cas(_, value) => Some(value),
            _ => None,
        }
    }
}
