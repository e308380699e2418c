//! Pending events, ordered by time.
//!
//! Events with equal times are ordered by insertion. The queue is generic over the event type.
//!
//! It has two parts. Events of the near future, which are nearly all events between servers, are in
//! a short sorted list: an insertion moves a few words, and a removal is free. Later events wait in
//! a heap. (A heap alone took a fifth of a storm's
//! time, a calendar a tenth.)

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use wavetank_raft::Time;

/// A queue of pending events.
///
/// 1. Events are taken in the order of time, then of insertion.
/// 2. It allocates only when more events are pending than ever before.
/// 3. `soon` has everything before `horizon`, the next event last.
#[derive(Clone, Debug)]
pub struct EventQueue<T> {
    soon: Vec<EventKey>,
    horizon: u64,
    later: BinaryHeap<Reverse<EventKey>>,
    entries: Vec<Option<T>>,
    free: Vec<u32>,
    serial: u64,
}

/// Time, serial number and index into `entries` in one word, from the top bit down: one number to compare.
type EventKey = u128;

const SERIAL_BITS: u32 = 40;
const INDEX_BITS: u32 = 24;
/// How much of the future is kept sorted, in microseconds: longer than a message takes, shorter
/// than most timeouts.
const SOON_US: u64 = 1 << 16;

impl<T> Default for EventQueue<T> {
    fn default() -> Self {
        Self {
            soon: Vec::new(),
            horizon: 0,
            later: BinaryHeap::new(),
            entries: Vec::new(),
            free: Vec::new(),
            serial: 0,
        }
    }
}

impl<T> EventQueue<T> {
    /// Inserts an event. Returns its serial number, which is unique.
    ///
    /// # Panics
    /// After 2⁴⁰ events, or with 2²⁴ pending.
    pub fn put(&mut self, at: Time, event: T) -> u64 {
        self.serial += 1;
        let rest = self.serial << INDEX_BITS | self.store(event);
        let key = EventKey::from(at.0) << 64 | EventKey::from(rest);
        if at.0 < self.horizon {
            let behind = self.soon.partition_point(|&other| key < other);
            self.soon.insert(behind, key);
        } else {
            self.later.push(Reverse(key));
        }
        self.serial
    }

    /// Removes the next event. Returns it with its time and serial number.
    pub fn take(&mut self) -> Option<(Time, u64, T)> {
        self.refill();
        let key = self.soon.pop()?;
        let rest = key as u64;
        let number = (rest & ((1 << INDEX_BITS) - 1)) as u32;
        self.free.push(number);
        let event = self.entries[number as usize].take().expect("an event that is due is stored");
        Some((time(key), rest >> INDEX_BITS, event))
    }

    /// The time of the next event.
    pub fn next_at(&mut self) -> Option<Time> {
        self.refill();
        self.soon.last().map(|&key| time(key))
    }

    /// The number of pending events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.soon.len() + self.later.len()
    }

    /// Whether no event is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Stores an event until it is due. Returns its index.
    fn store(&mut self, event: T) -> u64 {
        let number = match self.free.pop() {
            Some(number) => {
                self.entries[number as usize] = Some(event);
                u64::from(number)
            }
            None => {
                self.entries.push(Some(event));
                self.entries.len() as u64 - 1
            }
        };
        assert!(self.serial >> SERIAL_BITS == 0 && number >> INDEX_BITS == 0, "the event queue is full");
        number
    }

    /// Advances the horizon if no event before it is left.
    fn refill(&mut self) {
        if !self.soon.is_empty() {
            return;
        }
        let Some(&Reverse(first)) = self.later.peek() else { return };
        self.horizon = time(first).0.saturating_add(SOON_US);
        while let Some(&Reverse(key)) = self.later.peek()
            && (time(key).0 < self.horizon || key == first)
        {
            self.soon.push(key);
            self.later.pop();
        }
        self.soon.reverse();
    }
}

const fn time(key: EventKey) -> Time {
    Time((key >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::rng::{Domain, Stream};

    #[test]
    fn earlier_first_and_ties_in_the_order_of_insertion() {
        let mut event_queue = EventQueue::default();
        for (at, name) in [(5, "c"), (3, "a"), (5, "d"), (3, "b")] {
            event_queue.put(Time(at), name);
        }
        let order: Vec<_> =
            std::iter::from_fn(|| event_queue.take()).map(|(at, _, name)| (at.0, name)).collect();
        assert_eq!(order, [(3, "a"), (3, "b"), (5, "c"), (5, "d")]);
    }

    #[test]
    fn it_agrees_with_a_sorted_list() {
        let mut stream = Stream::new(6, Domain::Storm, 0, 0);
        let mut event_queue = EventQueue::default();
        let mut list = std::collections::BTreeMap::new();
        let mut now = 0;
        for _ in 0..30_000 {
            // As many are taken as inserted, but with long periods of one or the other.
            if stream.chance(now as u32 % 3 + 1, 4) {
                let reach = stream.one_of(&[0, 1, 900, 5_000, 100_000, 300_000, 9_000_000]);
                let at = Time(now + stream.below(reach + 1));
                let serial = event_queue.put(at, now);
                list.insert((at, serial), now);
            } else if let Some((at, serial, event)) = event_queue.take() {
                assert_eq!(list.pop_first(), Some(((at, serial), event)));
                now = at.0;
            }
            assert_eq!(event_queue.next_at(), list.first_key_value().map(|(&(at, _), _)| at));
            assert_eq!(event_queue.len(), list.len());
        }
    }

    #[test]
    fn entries_are_reused() {
        let mut event_queue = EventQueue::default();
        for round in 0..1_000 {
            event_queue.put(Time(round), round);
            event_queue.put(Time(round * 700), round);
            event_queue.take();
            event_queue.take();
        }
        assert!(event_queue.entries.len() <= 2 && event_queue.is_empty());
    }
}
