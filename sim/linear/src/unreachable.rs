//! Values that must still be read and that no remaining operation can produce.
//!
//! If the current state cannot become such a value by appending, the search backtracks.

use std::ops::Range;

/// Counts for each value how often it must still be read and what can still produce it; kept up to date
/// as operations are linearized and put back.
#[derive(Debug, Default)]
pub(super) struct Unreachable {
    /// For each value, how many operations must still read it.
    demand: Vec<u32>,
    /// For each value, the number of operations that can still produce it. If the operation that
    /// produced the value is known, this is one, and zero after that operation was linearized.
    slack: Vec<i32>,
    /// The values whose slack each operation reduces. The lists of all operations follow each other.
    supplies: Vec<u32>,
    /// The position in `supplies` at which the list of each operation begins.
    starts: Vec<u32>,
    /// The unreachable values.
    values: Vec<u32>,
    /// Where in `values` each of them is.
    places: Vec<u32>,
}

impl Unreachable {
    /// With nothing linearized yet. `pairs` are operations and the values whose slack they take.
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

    /// The unreachable values.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.values.iter().copied()
    }

    /// An operation was linearized; it read this value, if it read one.
    pub(super) fn lift(&mut self, at: u32, read: Option<u32>) {
        if let Some(value) = read {
            let was = self.has(value);
            self.demand[value as usize] -= 1;
            self.notice(value, was);
        }
        self.change_slack(at, -1);
    }

    /// The operation was put back.
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

    /// Adds a value to the list, or removes it, after its counts have changed.
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
