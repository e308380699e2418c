//! Values that were made by appending, split into the elements that were appended.
//!
//! Suppose that every element begins with a byte that occurs nowhere else in an element, or that every
//! element ends with such a byte. Then a value shows which operations made it, and in which order.

use super::problem::INITIAL;
use super::{Effect, HistoryOp};
use std::collections::BTreeMap;

/// The elements of a history, with the operation that wrote each element.
#[derive(Debug)]
pub(super) struct AppendedElements<'a> {
    edge: DelimiterEnd,
    is_edge: [bool; 256],
    elements: BTreeMap<&'a [u8], Element>,
}

/// The facts that are known about an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Element {
    /// The operation that wrote the element; `None` if several operations did.
    pub(super) writer: Option<u32>,
    /// True if the element is part of a value that was read.
    pub(super) is_seen: bool,
}

/// The end at which every element has a byte that occurs nowhere else in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum DelimiterEnd {
    Front,
    Back,
}

impl<'a> AppendedElements<'a> {
    /// Splits the values of a history into elements. Returns `None` if that is impossible.
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

    /// Calls `look` with each element of a value that was read, or with `None` for an element that no
    /// operation wrote.
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

    /// True if the byte at this end of the element occurs nowhere else in an element.
    fn is_alone(self, element: &[u8], bytes: &[bool; 256]) -> bool {
        let inner = match self {
            Self::Front => &element[1..],
            Self::Back => &element[..element.len() - 1],
        };
        !inner.iter().any(|&byte| bytes[usize::from(byte)])
    }
}
