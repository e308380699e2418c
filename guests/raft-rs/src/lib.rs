//! raft-rs 0.7 as a subject of the tank.
//!
//! The adapter drives a [`raft::RawNode`] with the documented cycle of a `Ready`. `README.md` says which
//! checks run, and what the seed draws.

mod calls;
mod messages;
mod ready;
mod server;
mod snapshots;
mod storage;
mod translate;

pub use server::RaftRs;

use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{Configuration, Deadline, DeadlineReason, Index, Time};
use wavetank_sim::subject::{ActionOf, EventOf, Opaque};
use wavetank_sim::{Exclusion, Start, Subject, View};

/// The name of the subject and of its package.
pub const NAME: &str = "raft-rs";

impl Subject for RaftRs {
    type Protocol = Opaque;
    type Scratch = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        Self::boot(start)
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
        &[Exclusion { check: "configuration_is_latest_in_log", line: APPLIED }]
    }
}
