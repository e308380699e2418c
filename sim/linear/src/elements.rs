//! Values that were appended to, cut back into what was written.
//!
//! If every piece begins with a byte that no piece has further on (or ends with one that no piece
//! has before), then a value shows which operations made it, and in which order.

use super::Act;
use super::problem::{INITIAL, Move};
use std::collections::BTreeMap;

/// The pieces of a history, and who wrote each.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    edge: Edge,
    is_edge: [bool; 256],
    pieces: BTreeMap<&'a [u8], Piece>,
}

/// What is known of a piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    /// Which move wrote it; `None` if several did.
    pub(super) maker: Option<u32>,
    /// It is part of a value that was seen.
    pub(super) is_seen: bool,
}

/// Where a piece has its own byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Edge {
    Front,
    Back,
}

impl<'a> Pieces<'a> {
    /// `None` if values cannot be cut.
    pub(super) fn new(values: &'a [Box<[u8]>], moves: &[Move]) -> Option<Self> {
        if !values[INITIAL as usize].is_empty() {
            return None;
        }
        let mut pieces = BTreeMap::new();
        for (at, it) in (0..).zip(moves) {
            let (Act::Write(piece) | Act::Append(piece) | Act::Swap(_, piece)) = it.act else { continue };
            let piece = &*values[piece as usize];
            let first = Piece { maker: Some(at), is_seen: false };
            pieces.entry(piece).and_modify(|piece: &mut Piece| piece.maker = None).or_insert(first);
        }
        pieces.remove(&[][..]);
        let found = [Edge::Front, Edge::Back].into_iter().find_map(|edge| {
            let bytes = edge.bytes(pieces.keys().copied());
            pieces.keys().all(|piece| edge.is_alone(piece, &bytes)).then_some((edge, bytes))
        });
        let (edge, is_edge) = found?;
        Some(Self { edge, is_edge, pieces })
    }

    /// Looks at each piece of a value that was seen; `None` stands for one that nobody wrote.
    pub(super) fn see(&mut self, mut value: &[u8], mut look: impl FnMut(Option<Piece>)) {
        while !value.is_empty() {
            let is_edge = |byte: &u8| self.is_edge[usize::from(*byte)];
            let end = match self.edge {
                Edge::Front => value[1..].iter().position(is_edge),
                Edge::Back => value.iter().position(is_edge),
            };
            let (piece, rest) = value.split_at(end.map_or(value.len(), |at| at + 1));
            let known = self.pieces.get_mut(piece);
            look(known.map(|known| {
                known.is_seen = true;
                *known
            }));
            value = rest;
        }
    }

    /// Whether a piece is part of a value that was seen.
    pub(super) fn is_seen(&self, piece: &[u8]) -> bool {
        piece.is_empty() || self.pieces.get(piece).is_some_and(|piece| piece.is_seen)
    }
}

impl Edge {
    fn bytes<'a>(self, pieces: impl Iterator<Item = &'a [u8]>) -> [bool; 256] {
        let mut bytes = [false; 256];
        let edge = |piece: &'a [u8]| match self {
            Self::Front => piece.first(),
            Self::Back => piece.last(),
        };
        pieces.filter_map(edge).for_each(|&byte| bytes[usize::from(byte)] = true);
        bytes
    }

    /// Whether a piece has an edge byte nowhere but at its edge.
    fn is_alone(self, piece: &[u8], bytes: &[bool; 256]) -> bool {
        let inner = match self {
            Self::Front => &piece[1..],
            Self::Back => &piece[..piece.len() - 1],
        };
        !inner.iter().any(|&byte| bytes[usize::from(byte)])
    }
}
