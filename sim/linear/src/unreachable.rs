//! Values that somebody must still see and that no move that is left can lead to.

use super::writers::Counts;

/// Kept up to date as moves are taken and put back.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    values: Vec<u32>,
    /// Where in `values` each is.
    places: Vec<u32>,
    counts: Option<Counts>,
}

impl Orphans {
    /// With nothing taken yet; `None` if there is nothing to count.
    pub(super) fn new(counts: Option<Counts>) -> Self {
        let Some(counts) = counts else { return Self::default() };
        let values = counts.demand.len();
        let mut orphans = Self { values: Vec::new(), places: vec![0; values], counts: None };
        for value in 0..values as u32 {
            orphans.notice(value, false, counts.is_orphan(value));
        }
        orphans.counts = Some(counts);
        orphans
    }

    /// Each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.values.iter().copied()
    }

    /// A move was taken; it saw this.
    pub(super) fn take(&mut self, at: u32, saw: Option<u32>) {
        self.change(at, saw, |counts, value| counts.demand[value as usize] -= 1, -1);
    }

    /// It was put back.
    pub(super) fn put_back(&mut self, at: u32, saw: Option<u32>) {
        self.change(at, saw, |counts, value| counts.demand[value as usize] += 1, 1);
    }

    fn change(&mut self, at: u32, saw: Option<u32>, demand: fn(&mut Counts, u32), slack: i32) {
        let Some(mut counts) = self.counts.take() else { return };
        if let Some(value) = saw {
            let was = counts.is_orphan(value);
            demand(&mut counts, value);
            self.notice(value, was, counts.is_orphan(value));
        }
        for supply in counts.supplies(at) {
            let value = counts.supply(supply);
            let was = counts.is_orphan(value);
            counts.slack[value as usize] += slack;
            self.notice(value, was, counts.is_orphan(value));
        }
        self.counts = Some(counts);
    }

    /// Puts a value on the list, or takes it off.
    fn notice(&mut self, value: u32, was: bool, is: bool) {
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
