//! The states of a key with append operations.

use super::problem::UNREAD;
use std::collections::BTreeMap;

/// The states of a key as numbers. A state makes a difference if a value that was read begins with the value
/// of the state.
#[derive(Debug)]
pub(super) struct AppendStates {
    values: Vec<Box<[u8]>>,
    ids: BTreeMap<Box<[u8]>, u32>,
    /// The values that were read, sorted.
    seen: Vec<Box<[u8]>>,
    grown: BTreeMap<(u32, u32), u32>,
}

impl AppendStates {
    pub(super) fn new(values: &[Box<[u8]>], seen: &[bool]) -> Self {
        let ids = values.iter().cloned().zip(0..).collect();
        let seen = values.iter().zip(seen).filter(|(_, seen)| **seen);
        let mut seen = seen.map(|(value, _)| value.clone()).collect::<Vec<_>>();
        seen.sort_unstable();
        Self { values: values.to_vec(), ids, seen, grown: BTreeMap::new() }
    }

    /// Returns the state after `element` was appended to `state`. Returns `UNREAD` if the new state makes no
    /// difference.
    pub(super) fn append(&mut self, state: u32, element: u32) -> u32 {
        if state == UNREAD {
            return UNREAD;
        }
        if let Some(&grown) = self.grown.get(&(state, element)) {
            return grown;
        }
        let value = [&*self.values[state as usize], &*self.values[element as usize]].concat();
        let grown = if self.leads_somewhere(&value) { self.number(value) } else { UNREAD };
        self.grown.insert((state, element), grown);
        grown
    }

    /// True if a value that was read begins with this value.
    pub(super) fn leads_somewhere(&self, value: &[u8]) -> bool {
        let at = self.seen.partition_point(|seen| &**seen < value);
        self.seen.get(at).is_some_and(|seen| seen.starts_with(value))
    }

    /// True if a value that was read contains this element.
    pub(super) fn was_seen_within(&self, element: &[u8]) -> bool {
        let is_within =
            |seen: &[u8]| element.is_empty() || seen.windows(element.len()).any(|part| part == element);
        self.seen.iter().any(|seen| is_within(seen))
    }

    /// True if appends to `state` can make `later`: the value of `later` begins with the value of `state`.
    pub(super) fn leads_to(&self, state: u32, later: u32) -> bool {
        state != UNREAD && self.values[later as usize].starts_with(&self.values[state as usize])
    }

    fn number(&mut self, value: Vec<u8>) -> u32 {
        let value = value.into_boxed_slice();
        if let Some(&number) = self.ids.get(&value) {
            return number;
        }
        let number = u32::try_from(self.values.len()).expect("there are fewer values than 2³²");
        self.values.push(value.clone());
        self.ids.insert(value, number);
        number
    }
}
