//! What is going to happen, and in which order.
//!
//! Events are ordered by time, and by the order in which they were put down when their times are
//! equal. What an event is, the agenda does not know.
//!
//! It is kept like a calendar: a page per millisecond for the next quarter of a second, where
//! nearly everything falls, and a heap for what is further off. Only the page of the present is
//! sorted. (A heap alone took a fifth of a storm's time.)

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use wavetank_raft::Time;

/// Events to come.
///
/// 1. Nothing is taken out before something earlier, or put down earlier for the same time.
/// 2. Once as many events have been pending as ever will be, nothing is allocated any more.
#[derive(Clone, Debug)]
pub struct Agenda<T> {
    /// What is on today's page or an earlier one, the next event last.
    today: Vec<Key>,
    page: u64,
    /// The first event on each of the next pages; a page holds its events in no order.
    pages: [u32; PAGES],
    filled: [u64; PAGES / 64],
    /// What is beyond the last page, or was when it was put down.
    later: BinaryHeap<Reverse<Key>>,
    places: Vec<Place<T>>,
    free: u32,
    serial: u64,
    pending: usize,
}

/// Time, serial number and place in one word, from the top bit down: one number to compare.
type Key = u128;

const SERIAL_BITS: u32 = 40;
const PLACE_BITS: u32 = 24;
/// A page is a millisecond, or nearly so.
const PAGE_BITS: u32 = 10;
const PAGES: usize = 256;
/// The end of a chain of places.
const END: u32 = u32::MAX;

#[derive(Clone, Debug)]
struct Place<T> {
    key: Key,
    event: Option<T>,
    /// The next on the same page, or the next that is free.
    next: u32,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self {
            today: Vec::new(),
            page: 0,
            pages: [END; PAGES],
            filled: [0; PAGES / 64],
            later: BinaryHeap::new(),
            places: Vec::new(),
            free: END,
            serial: 0,
            pending: 0,
        }
    }
}

impl<T> Agenda<T> {
    /// Puts an event down. Returns its serial number, which is never used again.
    ///
    /// # Panics
    /// After 2⁴⁰ events, or with 2²⁴ pending.
    pub fn put(&mut self, at: Time, event: T) -> u64 {
        self.serial += 1;
        self.pending += 1;
        let (place, key) = self.keep(at, event);
        let page = at.0 >> PAGE_BITS;
        if page <= self.page {
            let behind = self.today.partition_point(|&other| key < other);
            self.today.insert(behind, key);
        } else if page - self.page < PAGES as u64 {
            let page = page as usize % PAGES;
            self.places[place as usize].next = self.pages[page];
            self.pages[page] = place;
            self.filled[page / 64] |= 1 << (page % 64);
        } else {
            self.later.push(Reverse(key));
        }
        self.serial
    }

    /// Takes the next event out, with its time and serial number.
    pub fn take(&mut self) -> Option<(Time, u64, T)> {
        self.turn();
        let key = self.today.pop()?;
        let rest = key as u64;
        let number = (rest & ((1 << PLACE_BITS) - 1)) as u32;
        let place = &mut self.places[number as usize];
        let event = place.event.take().expect("an event that is on a page has its place");
        place.next = std::mem::replace(&mut self.free, number);
        self.pending -= 1;
        Some((time(key), rest >> PLACE_BITS, event))
    }

    /// When the next event happens.
    pub fn next_at(&mut self) -> Option<Time> {
        self.turn();
        self.today.last().map(|&key| time(key))
    }

    /// How many events are pending.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.pending
    }

    /// Whether nothing is pending.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pending == 0
    }

    fn keep(&mut self, at: Time, event: T) -> (u32, Key) {
        let number = if self.free == END {
            self.places.push(Place { key: 0, event: None, next: END });
            u32::try_from(self.places.len() - 1).expect("fewer than 2^32 events are pending")
        } else {
            self.free
        };
        assert!(self.serial >> SERIAL_BITS == 0 && number >> PLACE_BITS == 0, "the agenda is full");
        let rest = self.serial << PLACE_BITS | u64::from(number);
        let key = Key::from(at.0) << 64 | Key::from(rest);
        let place = &mut self.places[number as usize];
        if self.free == number {
            self.free = place.next;
        }
        (place.key, place.event) = (key, Some(event));
        (number, key)
    }

    /// Turns to the next page that has anything on it, if there is nothing left today. What is put
    /// down for an earlier page afterwards comes onto today's, in its order.
    fn turn(&mut self) {
        if !self.today.is_empty() {
            return;
        }
        let later = self.later.peek().map(|Reverse(key)| time(*key).0 >> PAGE_BITS);
        let Some(page) = [self.next_page(), later].into_iter().flatten().min() else { return };
        self.page = page;
        while let Some(Reverse(key)) = self.later.peek()
            && time(*key).0 >> PAGE_BITS == page
        {
            self.today.push(*key);
            self.later.pop();
        }
        let page = page as usize % PAGES;
        let mut place = std::mem::replace(&mut self.pages[page], END);
        self.filled[page / 64] &= !(1 << (page % 64));
        while place != END {
            self.today.push(self.places[place as usize].key);
            place = self.places[place as usize].next;
        }
        self.today.sort_unstable_by_key(|&key| Reverse(key));
    }

    /// The next page that has anything on it: a search for a bit, from tomorrow's on, around.
    fn next_page(&self) -> Option<u64> {
        let tomorrow = self.page + 1;
        let (word, bit) = (tomorrow as usize % PAGES / 64, tomorrow % 64);
        let words = self.filled.len();
        for turn in 0..=words {
            let mut bits = self.filled[(word + turn) % words];
            if turn == 0 {
                bits &= u64::MAX << bit;
            } else if turn == words {
                bits &= !(u64::MAX << bit);
            }
            if bits != 0 {
                return Some(tomorrow - bit + 64 * turn as u64 + u64::from(bits.trailing_zeros()));
            }
        }
        None
    }
}

const fn time(key: Key) -> Time {
    Time((key >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Domain, Stream};

    #[test]
    fn earlier_first_and_ties_in_the_order_they_were_put_down() {
        let mut agenda = Agenda::default();
        for (at, name) in [(5, "c"), (3, "a"), (5, "d"), (3, "b")] {
            agenda.put(Time(at), name);
        }
        let order: Vec<_> = std::iter::from_fn(|| agenda.take()).map(|(at, _, name)| (at.0, name)).collect();
        assert_eq!(order, [(3, "a"), (3, "b"), (5, "c"), (5, "d")]);
    }

    #[test]
    fn it_agrees_with_a_sorted_list() {
        let mut stream = Stream::new(6, Domain::Storm, 0, 0);
        let mut agenda = Agenda::default();
        let mut list = std::collections::BTreeMap::new();
        let mut now = 0;
        for _ in 0..30_000 {
            // As many are taken as are put down, but for long spells of one or the other.
            if stream.chance(now as u32 % 3 + 1, 4) {
                let reach = stream.one_of(&[0, 1, 900, 5_000, 100_000, 300_000, 9_000_000]);
                let at = Time(now + stream.below(reach + 1));
                let serial = agenda.put(at, now);
                list.insert((at, serial), now);
            } else if let Some((at, serial, event)) = agenda.take() {
                assert_eq!(list.pop_first(), Some(((at, serial), event)));
                now = at.0;
            }
            assert_eq!(agenda.next_at(), list.first_key_value().map(|(&(at, _), _)| at));
            assert_eq!(agenda.len(), list.len());
        }
    }

    #[test]
    fn places_are_used_again() {
        let mut agenda = Agenda::default();
        for round in 0..1_000 {
            agenda.put(Time(round), round);
            agenda.put(Time(round * 700), round);
            agenda.take();
            agenda.take();
        }
        assert!(agenda.places.len() <= 2 && agenda.is_empty());
    }
}
