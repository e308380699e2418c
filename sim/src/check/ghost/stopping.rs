//! Ends: what struck a disk, and servers that stop, or do not start, by their own decision.

use super::{Facts, Ghost, Life, Stop};
use crate::plan::server_set::ServerIdx;
use wavetank_raft::Halt;

impl Ghost {
    /// A fault struck a server's disk.
    pub(crate) fn damaged(&mut self, idx: ServerIdx) -> Facts {
        self.ghost_servers[idx.at()].damaged = true;
        Facts::NONE
    }

    /// A server means to stop.
    pub(super) fn halts(&mut self, idx: ServerIdx, why: &Halt) {
        self.ghost_servers[idx.at()].halting = Some(match why {
            Halt::Shutdown => Stop::Told,
            Halt::Removed => Stop::Removed,
            Halt::Store(_) => Stop::Store,
        });
    }

    pub(crate) fn halted(&mut self, idx: ServerIdx) -> Facts {
        self.step.clear(idx);
        let ghost_server = &mut self.ghost_servers[idx.at()];
        ghost_server.life = Life::Halted;
        self.step.stopped = ghost_server.halting.take();
        Facts::HALTED
    }

    /// A server was to start, and did not.
    pub(crate) fn refused(&mut self, idx: ServerIdx) -> Facts {
        self.step.clear(idx);
        self.step.stopped = Some(Stop::Refused);
        Facts::REFUSED
    }
}
