//! Values that must still be read and that no remaining operation can produce.
//!
//! If the current state cannot become such a value by appending, the search backtracks.

use std::ops::Range;

/// For each value, counts the operations that must still read it and the operations that can still produce
/// it. The counts change when operations are linearized and put back.
#[derive(Debug, Default)]
pub(super) struct Unreachable {
    /// For each value, the number of operations that must still read it.
    demand: Vec<u32>,
    /// For each value, the number of operations that can still produce it. If the operation that produced the
    /// value is known, the number is one until that operation is linearized, and zero afterwards.
    slack: Vec<i32>,
    /// For each operation, the values whose `slack` it reduces. The lists of all operations are stored one
    /// after another.
    supplies: Vec<u32>,
    /// The position in `supplies` at which the list of each operation begins.
    starts: Vec<u32>,
    /// The values that must still be read and that no remaining operation can produce.
    values: Vec<u32>,
    /// The position in `values` of each of its members.
    places: Vec<u32>,
}

impl Unreachable {
    /// Makes the counts for a search that has linearized nothing. `pairs` are operations and the values whose
    /// `slack` they reduce.
    pub(super) fn new(
        demand: Vec<u32>,
        slack: Vec<i32>,
        mut pairs: Vec<(u32, u32)>,
        operations: usize,
    ) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut starts = vec![0; operations + 1];
        for &(at, _) in &pairs {
            starts[at as usize + 1] += 1;
        }
        for at in 0..operations {
            starts[at + 1] += starts[at];
        }
        let supplies = pairs.into_iter().map(|(_, value)| value).collect();
        let places = vec![0; demand.len()];
        let mut all = Self { demand, slack, supplies, starts, values: Vec::new(), places };
        for value in 0..all.demand.len() as u32 {
            all.notice(value, false);
        }
        all
    }

    /// Returns the values that must still be read and that no remaining operation can produce.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.values.iter().copied()
    }

    /// Updates the counts after an operation was linearized. `read` is the value that it read, if it is a
    /// read.
    pub(super) fn lift(&mut self, at: u32, read: Option<u32>) {
        if let Some(value) = read {
            let was = self.has(value);
            self.demand[value as usize] -= 1;
            self.notice(value, was);
        }
        self.change_slack(at, -1);
    }

    /// Updates the counts after an operation was put back. `read` is the value that it read, if it is a read.
    pub(super) fn unlift(&mut self, at: u32, read: Option<u32>) {
        if let Some(value) = read {
            let was = self.has(value);
            self.demand[value as usize] += 1;
            self.notice(value, was);
        }
        self.change_slack(at, 1);
    }

    fn change_slack(&mut self, at: u32, by: i32) {
        for supply in self.supplies(at) {
            let value = self.supplies[supply];
            let was = self.has(value);
            self.slack[value as usize] += by;
            self.notice(value, was);
        }
    }

    fn supplies(&self, at: u32) -> Range<usize> {
        self.starts[at as usize] as usize..self.starts[at as usize + 1] as usize
    }

    fn has(&self, value: u32) -> bool {
        0 < self.demand[value as usize] && self.slack[value as usize] <= 0
    }

    /// Adds a value to the list or removes it from the list, after its counts have changed.
    fn notice(&mut self, value: u32, was: bool) {
        let is = self.has(value);
        if was && !is {
            let place = self.places[value as usize];
            self.values.swap_remove(place as usize);
            if let Some(&moved) = self.values.get(place as usize) {
                self.places[moved as usize] = place;
            }
        } else if is && !was {
            self.places[value as usize] = self.values.len() as u32;
            self.values.push(value);
        }
    }
}
