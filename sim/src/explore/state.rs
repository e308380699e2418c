//! States of the cluster, as numbers into a [`Model`], and the moves from one to the next.

use super::fingerprint::{self, MOST};
use super::model::{Code, Model};
use crate::plan::server_set::ServerIdx;

/// One thing that happens to the cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    /// To a server, by itself.
    ServerState(ServerIdx, Code),
    /// A letter arrives.
    Deliver(u32),
    /// The same, and the disk that is to write what comes of it hangs.
    HangLocal(ServerIdx, Code),
    /// The same.
    HangDeliver(u32),
    /// A letter arrives, and will once more.
    Duplicate(u32),
    /// A letter is lost.
    Drop(u32),
}

impl Move {
    const DELIVER: u32 = 1 << 30;
    const DUPLICATE: u32 = 2 << 30;
    const DROP: u32 = 3 << 30;
    const HANGS: u32 = 1 << 29;

    /// In a word.
    #[must_use]
    pub const fn pack(self) -> u32 {
        match self {
            Self::ServerState(idx, code) => (idx.0 as u32) << 8 | code.0,
            Self::Deliver(envelope) => Self::DELIVER | envelope,
            Self::HangLocal(idx, code) => Self::HANGS | (idx.0 as u32) << 8 | code.0,
            Self::HangDeliver(envelope) => Self::DELIVER | Self::HANGS | envelope,
            Self::Duplicate(envelope) => Self::DUPLICATE | envelope,
            Self::Drop(envelope) => Self::DROP | envelope,
        }
    }

    /// Out of a word.
    #[must_use]
    pub const fn unpack(word: u32) -> Self {
        let envelope = word & !(Self::DROP | Self::HANGS);
        let hangs = word & Self::HANGS != 0;
        match word & Self::DROP {
            Self::DELIVER if hangs => Self::HangDeliver(envelope),
            Self::DELIVER => Self::Deliver(envelope),
            Self::DUPLICATE => Self::Duplicate(envelope),
            Self::DROP => Self::Drop(envelope),
            _ if hangs => Self::HangLocal(ServerIdx((envelope >> 8) as u8), Code(envelope & 0xff)),
            _ => Self::ServerState(ServerIdx((envelope >> 8) as u8), Code(envelope & 0xff)),
        }
    }
}

/// How much of the bounds is used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spent {
    /// Commands.
    pub entries: u8,
    /// Crashes.
    pub crashes: u8,
    /// Changes of membership.
    pub changes: u8,
    /// Heartbeats.
    pub beats: u8,
    /// Letters that arrived once more.
    pub duplicates: u8,
    /// Letters that were lost.
    pub drops: u8,
}

impl Spent {
    fn hash(self) -> u64 {
        let Self { entries, crashes, changes, beats, duplicates, drops } = self;
        let bytes = [entries, crashes, changes, beats, duplicates, drops, 0, 0];
        fingerprint::mix(u64::from_le_bytes(bytes))
    }
}

/// A state, but for its letters.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The servers, by their places.
    pub locals: [u32; MOST],
    /// What must be remembered.
    pub past: u32,
    /// How much of the bounds is used up.
    pub spent: Spent,
    /// Where its letters are.
    first: u32,
    count: u16,
}

impl Head {
    /// The cluster as it was founded.
    #[must_use]
    pub fn first(servers: usize) -> Self {
        let mut locals = [0; MOST];
        (0..servers).for_each(|at| locals[at] = at as u32);
        Self { locals, past: 0, spent: Spent::default(), first: 0, count: 0 }
    }
}

/// States in a row, with the letters that are on their way in each, in order.
#[derive(Debug, Default)]
pub struct States {
    heads: Vec<Head>,
    envelopes: Vec<u32>,
}

impl States {
    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// One of them, with its letters.
    #[must_use]
    pub fn get(&self, at: usize) -> (&Head, &[u32]) {
        let head = &self.heads[at];
        (head, &self.envelopes[head.first as usize..][..usize::from(head.count)])
    }

    /// Puts one at the end.
    ///
    /// # Panics
    /// When there are more letters than can be numbered.
    pub fn push(&mut self, head: &Head, envelopes: &[u32]) {
        let first = u32::try_from(self.envelopes.len()).expect("fewer than four thousand million letters");
        let count = u16::try_from(envelopes.len()).expect("few letters are on their way at once");
        self.heads.push(Head { first, count, ..*head });
        self.envelopes.extend_from_slice(envelopes);
    }

    /// Keeps the first so many.
    pub fn truncate(&mut self, count: usize) {
        if let Some(head) = self.heads.get(count) {
            self.envelopes.truncate(head.first as usize);
            self.heads.truncate(count);
        }
    }

    /// How many bytes they take.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.heads.capacity() * size_of::<Head>() + self.envelopes.capacity() * 4
    }
}

/// What the parts of a state come to, for each permutation: sums, so that a step changes them by
/// little.
#[derive(Clone, Debug, Default)]
pub struct Sums(Vec<u64>);

impl Sums {
    /// Of a whole state.
    pub fn of(&mut self, model: &Model, head: &Head, envelopes: &[u32]) {
        self.0.clear();
        self.0.resize(model.permutations().len(), 0);
        let servers = model.bounds().servers().len();
        head.locals[..servers].iter().for_each(|&local| self.add(model.local_hashes(local)));
        envelopes.iter().for_each(|&envelope| self.add(model.envelope_hashes(envelope)));
        self.add(model.past_hashes(head.past));
    }

    /// Like those.
    pub fn copy(&mut self, others: &Self) {
        self.0.clone_from(&others.0);
    }

    /// With this part.
    pub fn add(&mut self, hashes: &[u64]) {
        self.0.iter_mut().zip(hashes).for_each(|(sum, hash)| *sum = sum.wrapping_add(*hash));
    }

    /// Without that part.
    pub fn take(&mut self, hashes: &[u64]) {
        self.0.iter_mut().zip(hashes).for_each(|(sum, hash)| *sum = sum.wrapping_sub(*hash));
    }

    /// The number that stands for the state and its mirror images.
    #[must_use]
    pub fn least(&self, spent: Spent) -> u64 {
        let spent = spent.hash();
        self.0.iter().map(|sum| fingerprint::mix(sum ^ spent)).min().unwrap_or(0)
    }
}
