//! Finds the values that must still be read and that no remaining operation can produce.
//!
//! If appends to the current state cannot make one of these values, the search backtracks.

use std::ops::Range;

/// Two counts for each value: the operations that must still read the value, and the operations that can
/// still produce the value. The counts change when the search linearizes an operation or puts an operation
/// back.
#[derive(Debug, Default)]
pub(super) struct Unreachable {
    /// For each value, the number of operations that must still read the value.
    demand: Vec<u32>,
    /// For each value, the number of operations that can still produce the value. Some values cannot be
    /// produced without certain operations. For such a value, the number is one until the search linearizes
    /// the first of these operations. Afterwards the number is zero or negative.
    slack: Vec<i32>,
    /// For each operation, a list of the values whose `slack` the operation reduces. The lists are stored one
    /// after another.
    supplies: Vec<u32>,
    /// For each operation, the position in `supplies` at which the list of the operation begins.
    starts: Vec<u32>,
    /// The values that must still be read and that no remaining operation can produce.
    values: Vec<u32>,
    /// For each value, the position in the list `values`. A position is valid only if the list contains the
    /// value.
    places: Vec<u32>,
}

impl Unreachable {
    /// Makes the counts for a search that has linearized nothing. Each pair in `pairs` is an operation and a
    /// value whose `slack` the operation reduces.
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

    /// Updates the counts after an operation was linearized. `read` is the value that the operation must have
    /// found, if any.
    pub(super) fn lift(&mut self, at: u32, read: Option<u32>) {
        if let Some(value) = read {
            let was = self.has(value);
            self.demand[value as usize] -= 1;
            self.notice(value, was);
        }
        self.change_slack(at, -1);
    }

    /// Updates the counts after an operation was put back. `read` is the value that the operation must have
    /// found, if any.
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

    /// Adds a value to `values` or removes the value from `values`, after a count of the value has changed.
    /// `was` is true if the value is in `values`.
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
