//! What is going to happen, and in which order.
//!
//! Events are ordered by time, and by the order in which they were put down when their times are
//! equal. What an event is, the agenda does not know.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use wavetank_raft::Time;

/// Events to come.
///
/// 1. Nothing is taken out before something earlier, or put down earlier for the same time.
/// 2. Once as many events have been pending as ever will be, nothing is allocated any more.
#[derive(Clone, Debug)]
pub struct Agenda<T> {
    heap: BinaryHeap<Reverse<(Time, u64, u32)>>,
    slab: Vec<Option<T>>,
    free: Vec<u32>,
    serial: u64,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), slab: Vec::new(), free: Vec::new(), serial: 0 }
    }
}

impl<T> Agenda<T> {
    /// Puts an event down. Returns its serial number, which is never used again.
    pub fn put(&mut self, at: Time, event: T) -> u64 {
        self.serial += 1;
        let place = if let Some(place) = self.free.pop() {
            self.slab[place as usize] = Some(event);
            place
        } else {
            self.slab.push(Some(event));
            u32::try_from(self.slab.len() - 1).expect("fewer than 2^32 events are pending")
        };
        self.heap.push(Reverse((at, self.serial, place)));
        self.serial
    }

    /// Takes the next event out, with its time and serial number.
    pub fn take(&mut self) -> Option<(Time, u64, T)> {
        let Reverse((at, serial, place)) = self.heap.pop()?;
        self.free.push(place);
        let event = self.slab[place as usize].take().expect("a place in the heap is taken in the slab");
        Some((at, serial, event))
    }

    /// When the next event happens.
    #[must_use]
    pub fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    /// How many events are pending.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn places_are_used_again() {
        let mut agenda = Agenda::default();
        for round in 0..1_000 {
            agenda.put(Time(round), round);
            agenda.put(Time(round), round);
            agenda.take();
            agenda.take();
        }
        assert_eq!(agenda.slab.len(), 2);
        assert!(agenda.is_empty());
    }
}
