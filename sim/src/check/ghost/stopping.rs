//! Records faults of disks and state machines, and servers that stop themselves or refuse to start.

use super::{Facts, Ghost, Loads, ServerStatus, Stop};
use crate::disk::fault::{Damage, MachineFault};
use crate::plan::server_set::ServerIdx;
use wavetank_raft::Halt;

impl Ghost {
    /// Records a fault on the disk of a server or in the server's state machine.
    pub(crate) fn damaged(&mut self, idx: ServerIdx, damage: Damage) -> Facts {
        let ghost_server = &mut self.ghost_servers[idx.at()];
        match damage {
            Damage::Machine(MachineFault::FailLoad | MachineFault::NeverLoad) => {
                ghost_server.loads = ghost_server.loads.max(Loads::MayFail);
            }
            // A server needs no snapshot to continue.
            Damage::Machine(MachineFault::FailSnapshot | MachineFault::NeverSnapshot) => {}
            _ => ghost_server.damaged = true,
        }
        Facts::NONE
    }

    /// Records the reason that a server gives for its stop.
    pub(super) fn note_halt(&mut self, idx: ServerIdx, why: &Halt) {
        self.ghost_servers[idx.at()].halting = Some(match why {
            Halt::Shutdown => Stop::Shutdown,
            Halt::Removed => Stop::Removed,
            Halt::Store(_) => Stop::Store,
        });
    }

    pub(crate) fn halted(&mut self, idx: ServerIdx) -> Facts {
        self.step.clear(idx);
        let ghost_server = &mut self.ghost_servers[idx.at()];
        ghost_server.status = ServerStatus::Halted;
        self.step.stopped = ghost_server.halting.take();
        Facts::HALTED
    }

    /// Records that a server refused to start.
    pub(crate) fn refused(&mut self, idx: ServerIdx) -> Facts {
        self.step.clear(idx);
        self.step.stopped = Some(Stop::Refused);
        Facts::REFUSED
    }
}
