//! What is going to happen, and in which order.
//!
//! Events are ordered by time, and by the order in which they were put down when their times are
//! equal. What an event is, the agenda does not know.
//!
//! It is kept in two parts. What comes within the next moments, which is nearly everything that
//! moves between servers, is a short sorted list: putting something down moves a few words, and
//! taking it out is free. What comes later waits in a heap. (A heap alone took a fifth of a storm's
//! time, a calendar a tenth.)

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use wavetank_raft::Time;

/// Events to come.
///
/// 1. Nothing is taken out before something earlier, or put down earlier for the same time.
/// 2. Once as many events have been pending as ever will be, nothing is allocated any more.
/// 3. `soon` has everything before `horizon`, the next event last.
#[derive(Clone, Debug)]
pub struct EventQueue<T> {
    soon: Vec<EventKey>,
    horizon: u64,
    later: BinaryHeap<Reverse<EventKey>>,
    places: Vec<Option<T>>,
    free: Vec<u32>,
    serial: u64,
}

/// Time, serial number and place in one word, from the top bit down: one number to compare.
type EventKey = u128;

const SERIAL_BITS: u32 = 40;
const PLACE_BITS: u32 = 24;
/// How much of the future is kept sorted, in microseconds: longer than a message takes, shorter
/// than most timeouts.
const SOON: u64 = 1 << 16;

impl<T> Default for EventQueue<T> {
    fn default() -> Self {
        Self {
            soon: Vec::new(),
            horizon: 0,
            later: BinaryHeap::new(),
            places: Vec::new(),
            free: Vec::new(),
            serial: 0,
        }
    }
}

impl<T> EventQueue<T> {
    /// Puts an event down. Returns its serial number, which is never used again.
    ///
    /// # Panics
    /// After 2⁴⁰ events, or with 2²⁴ pending.
    pub fn put(&mut self, at: Time, event: T) -> u64 {
        self.serial += 1;
        let rest = self.serial << PLACE_BITS | self.keep(event);
        let key = EventKey::from(at.0) << 64 | EventKey::from(rest);
        if at.0 < self.horizon {
            let behind = self.soon.partition_point(|&other| key < other);
            self.soon.insert(behind, key);
        } else {
            self.later.push(Reverse(key));
        }
        self.serial
    }

    /// Takes the next event out, with its time and serial number.
    pub fn take(&mut self) -> Option<(Time, u64, T)> {
        self.look_ahead();
        let key = self.soon.pop()?;
        let rest = key as u64;
        let number = (rest & ((1 << PLACE_BITS) - 1)) as u32;
        self.free.push(number);
        let event = self.places[number as usize].take().expect("an event that is due has its place");
        Some((time(key), rest >> PLACE_BITS, event))
    }

    /// When the next event happens.
    pub fn next_at(&mut self) -> Option<Time> {
        self.look_ahead();
        self.soon.last().map(|&key| time(key))
    }

    /// How many events are pending.
    #[must_use]
    pub fn len(&self) -> usize {
        self.soon.len() + self.later.len()
    }

    /// Whether nothing is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where an event lies until it is due.
    fn keep(&mut self, event: T) -> u64 {
        let number = match self.free.pop() {
            Some(number) => {
                self.places[number as usize] = Some(event);
                u64::from(number)
            }
            None => {
                self.places.push(Some(event));
                self.places.len() as u64 - 1
            }
        };
        assert!(self.serial >> SERIAL_BITS == 0 && number >> PLACE_BITS == 0, "the agenda is full");
        number
    }

    /// Moves the horizon on if there is nothing left before it.
    fn look_ahead(&mut self) {
        if !self.soon.is_empty() {
            return;
        }
        let Some(&Reverse(first)) = self.later.peek() else { return };
        self.horizon = time(first).0.saturating_add(SOON);
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
    fn earlier_first_and_ties_in_the_order_they_were_put_down() {
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
            // As many are taken as are put down, but for long spells of one or the other.
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
    fn places_are_used_again() {
        let mut event_queue = EventQueue::default();
        for round in 0..1_000 {
            event_queue.put(Time(round), round);
            event_queue.put(Time(round * 700), round);
            event_queue.take();
            event_queue.take();
        }
        assert!(event_queue.places.len() <= 2 && event_queue.is_empty());
    }
}
