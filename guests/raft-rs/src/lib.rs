//! raft-rs 0.7 as a subject of the tank.
//!
//! The adapter drives a [`raft::RawNode`] with the documented cycle of a `Ready`. `README.md` says which
//! checks run, and what the seed draws.

mod calls;
mod leases;
mod messages;
mod ready;
mod server;
mod snapshots;
mod storage;
mod translate;

pub use leases::RaftRsLeases;
pub use server::RaftRs;

use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{Configuration, Deadline, DeadlineReason, Index, Time};
use wavetank_sim::subject::{ActionOf, EventOf, Opaque};
use wavetank_sim::{Exclusion, Start, Subject, View};

/// The name of the subject and of its package.
pub const NAME: &str = "raft-rs";

/// The name of the subject that reads by lease.
pub const NAME_WITH_LEASES: &str = "raft-rs-leases";

impl Subject for RaftRs {
    type Protocol = Opaque;
    type Scratch = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        Self::boot(start, false)
    }

    fn step(&mut self, now: Time, event: EventOf<Self>, (): &mut (), actions: &mut Vec<ActionOf<Self>>) {
        self.take(now, event, actions);
    }

    fn deadline(&self) -> Deadline {
        Deadline { at: self.next_tick(), reason: DeadlineReason::Heartbeat }
    }

    fn view(&self) -> View {
        self.shown()
    }

    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        Some(self.configuration.as_ref().map(|(index, configuration)| (*index, configuration)))
    }

    fn exclusions(&self) -> &'static [Exclusion] {
        const APPLIED: &str = "RawNode::apply_conf_change: \"Applies a config change to the local node. The app \
            must call this when it applies a configuration change\"";
        const PENDING: &str = "RaftCore::pending_conf_index: \"Config changes are only allowed to be proposed if the \
            leader's applied index is greater than this value\"";
        const UNIQUE: &str = "Config::id: \"The identity of the local raft. It cannot be 0, and must be unique in \
            the group\"";
        &[
            Exclusion { check: "configuration_is_latest_in_log", line: APPLIED },
            Exclusion { check: "committed_configuration_agrees", line: APPLIED },
            Exclusion { check: "change_after_own_commit", line: PENDING },
            Exclusion { check: "new_disk_catches_up", line: UNIQUE },
        ]
    }
}
