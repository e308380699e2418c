//! The steps of a write on a disk. A crash can occur between any two steps.
//!
//! A step is one change of a store: a record is set, a range of the log is deleted, or an entry is stored.
//! The log and the vote record of a server share one counter of steps. The counter counts the steps in the
//! order in which the server executes them. The maximum number of steps limits the steps of the log and of
//! the vote record together.

use std::cell::Cell;
use std::rc::Rc;
use wavetank_raft::execute::HARD_STATE;
use wavetank_raft::store::{StoreError, StoreErrorKind};

/// A counter of the steps of a server's stores, with a maximum number of steps. All clones share the counter.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps(Rc<Cell<Counted>>);

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    taken: Taken,
    /// The maximum number of steps until the power is cut; `None` while no crash is simulated.
    most: Option<u64>,
}

/// The number of steps of each kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Taken {
    /// The number of writes of the vote record.
    pub(super) votes: u64,
    /// The number of writes of records other than the vote record.
    pub(super) records: u64,
    /// The number of ranges of the log that were deleted.
    pub(super) deletions: u64,
    /// The number of entries that were stored.
    pub(super) entries: u64,
}

impl Taken {
    /// Returns the number of steps of all kinds.
    pub(super) const fn all(&self) -> u64 {
        self.votes + self.records + self.deletions + self.entries
    }
}

impl Steps {
    /// Starts to count the steps. Cuts the power after `most` steps.
    pub(super) fn begin(&self, most: u64) {
        self.0.set(Counted { taken: Taken::default(), most: Some(most) });
    }

    /// Ends the simulated crash. Returns the number of steps of each kind since [`Steps::begin`].
    pub(super) fn end(&self) -> Taken {
        self.0.take().taken
    }

    pub(super) fn set(&self, key: &[u8]) -> Result<(), StoreError> {
        self.step(|taken| if key == HARD_STATE { taken.votes += 1 } else { taken.records += 1 })
    }

    pub(super) fn delete(&self) -> Result<(), StoreError> {
        self.step(|taken| taken.deletions += 1)
    }

    /// Counts one step for each of these entries. Returns the number of entries that are stored before the
    /// power is cut.
    pub(super) fn store(&self, entries: usize) -> usize {
        let whole = |_: &usize| self.step(|taken| taken.entries += 1).is_ok();
        if self.0.get().most.is_none() { entries } else { (0..entries).take_while(whole).count() }
    }

    fn step(&self, count: impl FnOnce(&mut Taken)) -> Result<(), StoreError> {
        let mut counted = self.0.get();
        let Some(most) = counted.most else { return Ok(()) };
        if most <= counted.taken.all() {
            return Err(power_cut());
        }
        count(&mut counted.taken);
        self.0.set(counted);
        Ok(())
    }
}

/// Returns the error of a write that a crash has interrupted. No server sees this error.
pub(super) fn power_cut() -> StoreError {
    StoreError::new(StoreErrorKind::Io, "the power is cut")
}
