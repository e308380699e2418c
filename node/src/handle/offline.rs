//! Operations on the stores of a server that does not run.

use crate::address::AddressFormat;
use crate::error::StartError;
use std::sync::Arc;
use wavetank_raft::execute::{Machine, Snapshots, Storage};
use wavetank_raft::store::{Fsm, LogStore, SnapshotStore, StableStore, StoreError};
use wavetank_raft::{Configuration, Member, SnapshotMeta, recover};

/// True if these stores contain a term, an entry or a snapshot. In HashiCorp Raft, this function is
/// `HasExistingState`.
///
/// # Errors
/// Returns an error if a store fails, or the contents of the stores contradict each other.
pub fn has_existing_state<L: LogStore, S: StableStore, N: SnapshotStore>(
    log: &mut L,
    stable: &mut S,
    snapshots: &mut N,
) -> Result<bool, StoreError> {
    recover::has_existing_state(&mut Storage { log, stable }, &Snapshots::new(snapshots))
}

/// Writes a new configuration into the stores of a server, after the cluster has lost its quorum permanently.
/// In HashiCorp Raft, this function is `RecoverCluster`. This function treats every entry of the log as committed,
/// even if the entry was not committed before. The logs of two servers may end with different entries. Therefore
/// call this function for one server only, and add the other servers with blank stores. Choose the server with the
/// most complete log: the highest last term, and among equal terms the highest last index. If the logs of all
/// remaining servers are known to be equal, the function may be called for each of these servers, with the same
/// configuration, before any of these servers starts again. The function consumes `fsm`, and returns the
/// description of the new snapshot.
///
/// # Errors
/// Returns an error if there is no state to recover, the state machine refuses the snapshot, a store fails,
/// or the address of a member is invalid. This function does not know the transport, so an address may have
/// two forms: a host with a port, or a text without colons, slashes and spaces. Transports in memory use such
/// texts.
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
