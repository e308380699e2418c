//! Is what clients saw linearizable (Herlihy and Wing 1990)?
//!
//! In the room: the history of one key ([`History`]), the search for an order of its operations
//! that explains every answer, the smallest part of it that has none ([`History::conflict`]), and
//! the reader of histories in lines of JSON ([`judge`]). Not in the room: where histories come
//! from, clocks (who wants to stop a search says so), and anything with more than one key: a
//! history is linearizable if and only if that of each key is.
//!
//! The search is Wing and Gong's with Lowe's memory, and knows three things besides. A read that
//! fits the state at hand is taken at once: it changes nothing. Values that nobody sees are all
//! the same value. And a value that somebody still has to see, and that no operation left over can
//! bring about, must grow out of the state at hand, or there is no need to look further.

mod conflict;
mod elements;
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

pub use jsonl::{BadLine, Model, Place, Said};
pub use judge::{Finding, Judged, Window, judge};

use problem::Puzzle;
use search::Search;
use std::collections::BTreeMap;

/// What is known of one key: its operations, in the order in which they began and ended.
///
/// 1. Operations are numbered from 0 on, in the order of their beginnings.
/// 2. One that is never ended may take effect at any time after its beginning, or never.
#[derive(Clone, Debug)]
pub struct History {
    values: Vec<Box<[u8]>>,
    ids: BTreeMap<Box<[u8]>, u32>,
    operations: Vec<Operation>,
    /// How many beginnings and ends there were.
    moment: u32,
}

/// What an operation wants of its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed<'a> {
    /// To see its value.
    Read,
    /// To give it this value.
    Write(&'a [u8]),
    /// To add this at the end of its value.
    Append(&'a [u8]),
    /// To give it a new value if it has the expected one.
    Cas {
        /// The value it must have.
        expected: &'a [u8],
        /// The value it gets.
        new: &'a [u8],
    },
}

/// What came of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Came<'a> {
    /// It was done.
    Done,
    /// It was done, and this was read.
    Saw(&'a [u8]),
    /// The key had another value than the cas expected.
    Mismatch,
    /// It was not done, for certain.
    Nothing,
}

/// Whether a history is linearizable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// There is an order that explains everything.
    Linearizable,
    /// There is none.
    Not,
    /// The search was stopped.
    Unknown,
}

/// An operation whose values are numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Operation {
    begun: u32,
    /// When it ended; `None` if it never did.
    ended: Option<u32>,
    act: Act,
}

/// What an operation did, as far as is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Act {
    /// Nothing: it was refused, or it is a read that was not answered.
    Nothing,
    /// Saw this value.
    Read(u32),
    /// Saw that it was not this value.
    Not(u32),
    /// Gave it this value.
    Write(u32),
    /// Added this at the end.
    Append(u32),
    /// Made the second out of the first.
    Swap(u32, u32),
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

    /// An operation begins. Its number comes back.
    pub fn begin(&mut self, deed: Deed<'_>) -> usize {
        let act = match deed {
            Deed::Read => Act::Nothing,
            Deed::Write(value) => Act::Write(self.number(value)),
            Deed::Append(value) => Act::Append(self.number(value)),
            Deed::Cas { expected, new } => Act::Swap(self.number(expected), self.number(new)),
        };
        let begun = self.next_moment();
        self.operations.push(Operation { begun, ended: None, act });
        self.operations.len() - 1
    }

    /// An operation ends. Not called for one whose end is not known.
    ///
    /// # Panics
    /// When it ended before, or what came of it is not what comes of such an operation.
    pub fn end(&mut self, operation: usize, came: Came<'_>) {
        let ended = self.next_moment();
        let Operation { act, ended: before, .. } = self.operations[operation];
        assert!(before.is_none(), "operation {operation} ended before");
        let act = match (came, act) {
            (Came::Done, Act::Write(_) | Act::Append(_) | Act::Swap(..)) => act,
            (Came::Saw(value), Act::Nothing) => Act::Read(self.number(value)),
            (Came::Mismatch, Act::Swap(expected, _)) => Act::Not(expected),
            (Came::Nothing, _) => Act::Nothing,
            (Came::Done | Came::Saw(_) | Came::Mismatch, _) => {
                panic!("{came:?} is not what comes of {act:?}")
            }
        };
        let operation = &mut self.operations[operation];
        (operation.act, operation.ended) = (act, Some(ended));
    }

    /// How many operations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Whether the history is linearizable. Asked now and then whether to go on.
    pub fn check(&self, keep_going: &mut dyn FnMut() -> bool) -> Answer {
        let mut search = self.search(self.operations.iter().copied());
        while keep_going() {
            if let Some(linearizable) = search.run(SLICE) {
                return if linearizable { Answer::Linearizable } else { Answer::Not };
            }
        }
        Answer::Unknown
    }

    /// The smallest part of a history that is not linearizable: operations none of which could be
    /// left out. Only as small as can be told before `keep_going` says stop.
    pub fn conflict(&self, keep_going: &mut dyn FnMut() -> bool) -> Vec<usize> {
        conflict::smallest(self, keep_going)
    }

    fn search(&self, operations: impl Iterator<Item = Operation>) -> Search {
        Search::new(Puzzle::new(&self.values, operations))
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

/// How many steps a search takes between two questions whether to go on.
const SLICE: u64 = 4_096;

impl Act {
    /// Whether it leaves every state as it is.
    const fn is_neutral(self) -> bool {
        match self {
            Self::Nothing | Self::Read(_) | Self::Not(_) => true,
            Self::Write(_) | Self::Append(_) | Self::Swap(..) => false,
        }
    }
}
