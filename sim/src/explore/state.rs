//! States of the cluster, and the moves between these states. A state consists of numbers. Each number
//! identifies a value in a [`TransitionCache`].

use super::fingerprint::{self, SERVERS_MAX};
use super::transition_cache::{StimulusCode, TransitionCache};
use crate::plan::server_set::ServerIdx;

/// One event in the cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    /// This server handles a stimulus that is not a message.
    Local(ServerIdx, StimulusCode),
    /// The message with this number is delivered.
    Deliver(u32),
    /// This server handles a stimulus that is not a message, and the disk of the server hangs from this step
    /// on.
    LocalHang(ServerIdx, StimulusCode),
    /// The message with this number is delivered, and the disk of the receiver hangs from this step on.
    DeliverHang(u32),
    /// The message with this number is delivered, and a copy of the message stays in flight.
    Duplicate(u32),
    /// The message with this number is lost.
    Drop(u32),
}

impl Move {
    const DELIVER: u32 = 1 << 30;
    const DUPLICATE: u32 = 2 << 30;
    const DROP: u32 = 3 << 30;
    const HANGS: u32 = 1 << 29;

    /// Packs the move into 32 bits.
    #[must_use]
    pub const fn pack(self) -> u32 {
        match self {
            Self::Local(idx, code) => (idx.0 as u32) << 8 | code.0,
            Self::Deliver(message) => Self::DELIVER | message,
            Self::LocalHang(idx, code) => Self::HANGS | (idx.0 as u32) << 8 | code.0,
            Self::DeliverHang(message) => Self::DELIVER | Self::HANGS | message,
            Self::Duplicate(message) => Self::DUPLICATE | message,
            Self::Drop(message) => Self::DROP | message,
        }
    }

    /// Unpacks a move.
    #[must_use]
    pub const fn unpack(packed: u32) -> Self {
        let message = packed & !(Self::DROP | Self::HANGS);
        let hangs = packed & Self::HANGS != 0;
        match packed & Self::DROP {
            Self::DELIVER if hangs => Self::DeliverHang(message),
            Self::DELIVER => Self::Deliver(message),
            Self::DUPLICATE => Self::Duplicate(message),
            Self::DROP => Self::Drop(message),
            _ if hangs => Self::LocalHang(ServerIdx((message >> 8) as u8), StimulusCode(message & 0xff)),
            _ => Self::Local(ServerIdx((message >> 8) as u8), StimulusCode(message & 0xff)),
        }
    }
}

/// The number of events so far, for each bounded kind of event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UsedBounds {
    /// The number of commands that clients proposed.
    pub entries: u8,
    /// The number of crashes. A disk that hangs counts as a crash.
    pub crashes: u8,
    /// The number of membership changes.
    pub changes: u8,
    /// The number of heartbeats and commit announcements that a timer has caused.
    pub beats: u8,
    /// The number of messages that were delivered a second time.
    pub duplicates: u8,
    /// The number of messages that were lost.
    pub drops: u8,
}

impl UsedBounds {
    fn hash(self) -> u64 {
        let Self { entries, crashes, changes, beats, duplicates, drops } = self;
        let bytes = [entries, crashes, changes, beats, duplicates, drops, 0, 0];
        fingerprint::mix(u64::from_le_bytes(bytes))
    }
}

/// A state of the cluster. The [`StateList`] that contains the state also contains the messages in flight.
#[derive(Clone, Copy, Debug)]
pub struct GlobalState {
    /// For each server, the number that the cache gives to the server's state.
    pub locals: [u32; SERVERS_MAX],
    /// The number that the cache gives to the history variables.
    pub history: u32,
    /// The number of events so far, for each bounded kind of event.
    pub used: UsedBounds,
    /// The position of the state's first message in the list of messages of the [`StateList`].
    first: u32,
    count: u16,
}

impl GlobalState {
    /// Makes the state of the cluster after the bootstrap. `servers` is the number of servers.
    #[must_use]
    pub fn first(servers: usize) -> Self {
        let mut locals = [0; SERVERS_MAX];
        (0..servers).for_each(|at| locals[at] = at as u32);
        Self { locals, history: 0, used: UsedBounds::default(), first: 0, count: 0 }
    }
}

/// A list of states. Each state has the numbers of its messages in flight, in ascending order.
#[derive(Debug, Default)]
pub struct StateList {
    states: Vec<GlobalState>,
    messages: Vec<u32>,
}

impl StateList {
    /// Returns the number of states.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.states.len()
    }

    /// True if the list is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Returns the state at a position, and the numbers of the messages in flight.
    #[must_use]
    pub fn get(&self, at: usize) -> (&GlobalState, &[u32]) {
        let state = &self.states[at];
        (state, &self.messages[state.first as usize..][..usize::from(state.count)])
    }

    /// Appends a state. `messages` are the numbers of the messages in flight, in ascending order.
    ///
    /// # Panics
    /// Panics if the list already contains 2³² messages or more, or if the state has more than 65,535
    /// messages.
    pub fn push(&mut self, state: &GlobalState, messages: &[u32]) {
        let first = u32::try_from(self.messages.len()).expect("the number of messages fits into a u32");
        let count = u16::try_from(messages.len()).expect("the number of messages in flight fits into a u16");
        self.states.push(GlobalState { first, count, ..*state });
        self.messages.extend_from_slice(messages);
    }

    /// Keeps the first `count` states.
    pub fn truncate(&mut self, count: usize) {
        if let Some(state) = self.states.get(count) {
            self.messages.truncate(state.first as usize);
            self.states.truncate(count);
        }
    }

    /// Returns the number of allocated bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.states.capacity() * size_of::<GlobalState>() + self.messages.capacity() * 4
    }
}

/// The hash of a state for each permutation. Each hash is a sum over the parts of the state. Therefore a step
/// only subtracts the hashes of the old parts and adds the hashes of the new parts.
#[derive(Clone, Debug, Default)]
pub struct StateHashes(Vec<u64>);

impl StateHashes {
    /// Sets the hashes to the hashes of a whole state.
    pub fn set(&mut self, cache: &TransitionCache, state: &GlobalState, messages: &[u32]) {
        self.0.clear();
        self.0.resize(cache.permutations().len(), 0);
        let servers = cache.bounds().servers().len();
        state.locals[..servers].iter().for_each(|&local| self.add(cache.local_hashes(local)));
        messages.iter().for_each(|&message| self.add(cache.message_hashes(message)));
        self.add(cache.history_hashes(state.history));
    }

    /// Copies the hashes of another state.
    pub fn copy(&mut self, others: &Self) {
        self.0.clone_from(&others.0);
    }

    /// Adds the hashes of a part of the state, one hash for each permutation.
    pub fn add(&mut self, hashes: &[u64]) {
        self.0.iter_mut().zip(hashes).for_each(|(sum, hash)| *sum = sum.wrapping_add(*hash));
    }

    /// Subtracts the hashes of a part of the state, one hash for each permutation.
    pub fn subtract(&mut self, hashes: &[u64]) {
        self.0.iter_mut().zip(hashes).for_each(|(sum, hash)| *sum = sum.wrapping_sub(*hash));
    }

    /// Returns the fingerprint of the state. `used` has the numbers of the bounded events so far. States that
    /// differ only in the names of servers have the same fingerprint.
    #[must_use]
    pub fn least(&self, used: UsedBounds) -> u64 {
        let used = used.hash();
        self.0.iter().map(|sum| fingerprint::mix(sum ^ used)).min().unwrap_or(0)
    }
}
