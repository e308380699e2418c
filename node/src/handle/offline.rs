//! Operations on the stores of a server that does not run.

use crate::address::AddressFormat;
use crate::error::StartError;
use std::sync::Arc;
use wavetank_raft::execute::{Machine, Snapshots, Storage};
use wavetank_raft::store::{Fsm, LogStore, SnapshotStore, StableStore, StoreError};
use wavetank_raft::{Configuration, Member, SnapshotMeta, recover};

/// True if these stores hold a term, an entry or a snapshot. HashiCorp:
/// `HasExistingState`.
///
/// # Errors
/// Returns an error if a store fails, or its contents contradict each other.
pub fn has_existing_state<L: LogStore, S: StableStore, N: SnapshotStore>(
    log: &mut L,
    stable: &mut S,
    snapshots: &mut N,
) -> Result<bool, StoreError> {
    recover::has_existing_state(&mut Storage { log, stable }, &Snapshots::new(snapshots))
}

/// Writes another configuration into these stores, when a cluster has lost its quorum for good.
/// HashiCorp: `RecoverCluster`. Do this on every remaining server, with the same configuration, before
/// any of them is started again. All entries of the log count as committed from then on, whether they
/// were or not. `fsm` is consumed.
///
/// # Errors
/// Returns an error if there is no state to recover, the state machine refuses its snapshot, a store fails,
/// or nobody can call a member. The offline call has no transport: an address without a colon, a slash and
/// spaces is taken for that of a transport in memory.
pub fn recover_cluster<F: Fsm, L: LogStore, S: StableStore, N: SnapshotStore>(
    fsm: F,
    log: &mut L,
    stable: &mut S,
    snapshots: &mut N,
    configuration: Configuration,
) -> Result<Arc<SnapshotMeta>, StartError> {
    let is_network = |member: &&Member| member.address.as_str().contains([':', '/', ' ']);
    AddressFormat::HostAndPort.check_members(configuration.members().filter(is_network))?;
    let mut storage = Storage { log, stable };
    let mut snapshots = Snapshots::new(snapshots);
    Ok(recover::recover_cluster(&mut storage, &mut snapshots, &mut Machine::new(fsm), configuration)?)
}
