//! Ends: what struck a disk, and servers that stop, or do not start, by their own decision.

use super::{Facts, Ledger, Life, Stop};
use crate::plan::server_set::Slot;
use wavetank_raft::Halt;

impl Ledger {
    /// A fault struck a server's disk.
    pub(crate) fn harmed(&mut self, slot: Slot) -> Facts {
        self.shadows[slot.at()].harmed = true;
        Facts::NONE
    }

    /// A server means to stop.
    pub(super) fn halts(&mut self, slot: Slot, why: &Halt) {
        self.shadows[slot.at()].halting = Some(match why {
            Halt::Shutdown => Stop::Told,
            Halt::Removed => Stop::Removed,
            Halt::Store(_) => Stop::Store,
        });
    }

    pub(crate) fn halted(&mut self, slot: Slot) -> Facts {
        self.step.clear(slot);
        let shadow = &mut self.shadows[slot.at()];
        shadow.life = Life::Halted;
        self.step.stopped = shadow.halting.take();
        Facts::HALTED
    }

    /// A server was to start, and did not.
    pub(crate) fn refused(&mut self, slot: Slot) -> Facts {
        self.step.clear(slot);
        self.step.stopped = Some(Stop::Refused);
        Facts::REFUSED
    }
}
