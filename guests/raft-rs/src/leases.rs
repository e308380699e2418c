//! raft-rs with reads by lease.

use crate::server::RaftRs;
use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{Configuration, Deadline, Index, Time};
use wavetank_sim::subject::{ActionOf, EventOf, Opaque};
use wavetank_sim::{Exclusion, Start, Subject, View};

/// A server of raft-rs that answers a read with a lease by `ReadOnlyOption::LeaseBased`. [`RaftRs`] asks a
/// quorum for every read.
pub struct RaftRsLeases(RaftRs);

impl Subject for RaftRsLeases {
    type Protocol = Opaque;
    type Scratch = ();

    fn name(&self) -> &'static str {
        crate::NAME_WITH_LEASES
    }

    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        RaftRs::boot(start, true).map(Self)
    }

    fn step(&mut self, now: Time, event: EventOf<Self>, (): &mut (), actions: &mut Vec<ActionOf<Self>>) {
        self.0.take(now, event, actions);
    }

    fn deadline(&self) -> Deadline {
        self.0.deadline()
    }

    fn view(&self) -> View {
        self.0.view()
    }

    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        self.0.configuration()
    }

    fn exclusions(&self) -> &'static [Exclusion] {
        self.0.exclusions()
    }
}
