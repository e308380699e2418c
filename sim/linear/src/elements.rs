//! Splits the values that append operations made into the appended elements.
//!
//! A delimiter is the first or the last byte of an element, and occurs at no other place in any element. If
//! all elements begin with a delimiter, or all elements end with a delimiter, each value can be split into
//! its elements. The elements show the operations that made the value, and the order of these operations.

use super::problem::INITIAL;
use super::{Effect, HistoryOp};
use std::collections::BTreeMap;

/// The elements of a history, and for each element the operation that wrote the element.
#[derive(Debug)]
pub(super) struct AppendedElements<'a> {
    edge: DelimiterEnd,
    is_edge: [bool; 256],
    elements: BTreeMap<&'a [u8], Element>,
}

/// The facts that are known about an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Element {
    /// The number of the operation that wrote the element; `None` if several operations wrote the element.
    pub(super) writer: Option<u32>,
    /// True if the element is part of a value that was read.
    pub(super) is_seen: bool,
}

/// The place of the delimiter in every element: the front or the back. A delimiter occurs at no other place
/// in any element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum DelimiterEnd {
    Front,
    Back,
}

impl<'a> AppendedElements<'a> {
    /// Collects the elements that the operations wrote, and finds the delimiters. Returns `None` if the
    /// initial value is not empty, or if the elements have no delimiters.
    pub(super) fn new(values: &'a [Box<[u8]>], operations: &[HistoryOp]) -> Option<Self> {
        if !values[INITIAL as usize].is_empty() {
            return None;
        }
        let mut elements = BTreeMap::new();
        for (at, it) in (0..).zip(operations) {
            let (Effect::Write(element) | Effect::Append(element) | Effect::Cas(_, element)) = it.effect
            else {
                continue;
            };
            let element = &*values[element as usize];
            let first = Element { writer: Some(at), is_seen: false };
            elements
                .entry(element)
                .and_modify(|element: &mut Element| element.writer = None)
                .or_insert(first);
        }
        elements.remove(&[][..]);
        let found = [DelimiterEnd::Front, DelimiterEnd::Back].into_iter().find_map(|edge| {
            let bytes = edge.bytes(elements.keys().copied());
            elements.keys().all(|element| edge.is_alone(element, &bytes)).then_some((edge, bytes))
        });
        let (edge, is_edge) = found?;
        Some(Self { edge, is_edge, elements })
    }

    /// Splits `value`, which an operation has read, into elements. Marks each element as seen, and passes the
    /// element to `look`. The argument of `look` is `None` if no operation wrote the element.
    pub(super) fn see(&mut self, mut value: &[u8], mut look: impl FnMut(Option<Element>)) {
        while !value.is_empty() {
            let is_edge = |byte: &u8| self.is_edge[usize::from(*byte)];
            let end = match self.edge {
                DelimiterEnd::Front => value[1..].iter().position(is_edge),
                DelimiterEnd::Back => value.iter().position(is_edge),
            };
            let (element, rest) = value.split_at(end.map_or(value.len(), |at| at + 1));
            let known = self.elements.get_mut(element);
            look(known.map(|known| {
                known.is_seen = true;
                *known
            }));
            value = rest;
        }
    }

    /// True if this element is part of a value that was read.
    pub(super) fn is_seen(&self, element: &[u8]) -> bool {
        element.is_empty() || self.elements.get(element).is_some_and(|element| element.is_seen)
    }
}

impl DelimiterEnd {
    fn bytes<'a>(self, elements: impl Iterator<Item = &'a [u8]>) -> [bool; 256] {
        let mut bytes = [false; 256];
        let edge = |element: &'a [u8]| match self {
            Self::Front => element.first(),
            Self::Back => element.last(),
        };
        elements.filter_map(edge).for_each(|&byte| bytes[usize::from(byte)] = true);
        bytes
    }

    /// True if the element has a delimiter only at this end. `bytes` marks the delimiters of all elements.
    fn is_alone(self, element: &[u8], bytes: &[bool; 256]) -> bool {
        let inner = match self {
            Self::Front => &element[1..],
            Self::Back => &element[..element.len() - 1],
        };
        !inner.iter().any(|&byte| bytes[usize::from(byte)])
    }
}
