//! Disaster recovery: gives a new membership to a cluster that has permanently lost its quorum.
//!
//! In HashiCorp Raft, the functions of this module are `HasExistingState` and `RecoverCluster`. Stop all
//! remaining servers. Run [`recover_cluster`] on the server with the most complete log: the highest last term, and
//! among equal terms the highest last index. Start this server again, and add the other servers with blank stores,
//! because their logs may end with other entries. After the start, all entries in the log of the recovered server
//! count as committed, even if an entry was not committed before.

use crate::config::CacheLimits;
use crate::configuration::Configuration;
use crate::entry::Entry;
use crate::execute::{CATCH_UP, Machine, Recovered, Snapshots, Storage, encode_catch_up, recover};
use crate::message::SnapshotMeta;
use crate::server::io::Batch;
use crate::store::{Fsm, LogStore, SnapshotStore, StableStore, StoreError, StoreErrorKind};
use crate::types::{Index, LogId, Term};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The maximum number of entries in one batch for the state machine.
const BATCH: u64 = 1024;

/// True if the stores contain a term, an entry or a snapshot. In HashiCorp Raft, this function is
/// `HasExistingState`.
///
/// # Errors
/// Returns an error if a store fails, or if the content of a store is damaged.
pub fn has_existing_state<L: LogStore, S: StableStore, N: SnapshotStore>(
    storage: &mut Storage<L, S>,
    snapshots: &Snapshots<N>,
) -> Result<bool, StoreError> {
    let found = recover(storage, snapshots, CacheLimits::entries(1))?;
    Ok(found.hard_state.term != Term(0) || found.log.last().index != Index::ZERO)
}

/// Gives a new membership to the stores of one server. In HashiCorp Raft, this function is `RecoverCluster`.
///
/// The function applies the snapshot and the whole log to `machine`, stores the state as a new snapshot with
/// `configuration`, and then empties the log. The vote record does not change. If the log does not reach the
/// position of [`LogOp::CatchUp`](crate::LogOp::CatchUp), this position is set to zero, so that the server may
/// campaign. Do not use `machine` afterwards. Returns the description of the new snapshot.
///
/// # Errors
/// Returns an error if the stores have no entries and no snapshot, if the content of a store is damaged, if the
/// state machine refuses the old snapshot, or if a store fails. Before the new snapshot is durable, the
/// function deletes only entries that the old snapshot replaces.
pub fn recover_cluster<L: LogStore, S: StableStore, N: SnapshotStore, F: Fsm>(
    storage: &mut Storage<L, S>,
    snapshots: &mut Snapshots<N>,
    machine: &mut Machine<F>,
    configuration: Configuration,
) -> Result<Arc<SnapshotMeta>, StoreError> {
    let found = recover(storage, snapshots, CacheLimits::entries(1))?;
    let last = found.log.last();
    if last.index == Index::ZERO {
        let what = "refused to recover cluster with no initial state: bootstrap the cluster instead";
        return Err(StoreError::new(StoreErrorKind::NotFound, what));
    }
    replay(storage, snapshots, machine, &found)?;
    let meta = SnapshotMeta { last, configuration, configuration_index: last.index, size: 0, checksum: 0 };
    let meta = machine.take_snapshot(&meta, &mut snapshots.store)?;
    storage.discard(last.index)?;
    if last < found.catch_up {
        // No leader is left whose log reaches the position.
        storage.stable.set(CATCH_UP, &encode_catch_up(LogId::ZERO))?;
    }
    Ok(meta)
}

/// Loads the snapshot into the state machine, and then applies all later entries of the log.
fn replay<L: LogStore, S: StableStore, N: SnapshotStore, F: Fsm>(
    storage: &Storage<L, S>,
    snapshots: &Snapshots<N>,
    machine: &mut Machine<F>,
    found: &Recovered,
) -> Result<(), StoreError> {
    let mut next = Index(1);
    if let Some(meta) = &found.snapshot {
        machine.restore(meta.last, &snapshots.store)?;
        next = meta.last.index.next();
    }
    while next <= found.log.last().index {
        let upto = found.log.last().index.min(next.plus(BATCH - 1));
        let entries: Vec<Entry> =
            (next.0..=upto.0).map(|index| expect_log(storage, Index(index))).collect::<Result<_, _>>()?;
        machine.apply(&Batch { entries });
        next = upto.next();
    }
    Ok(())
}

fn expect_log<L: LogStore, S>(storage: &Storage<L, S>, index: Index) -> Result<Entry, StoreError> {
    let entry = storage.log.get_log(index)?;
    entry.ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt, format!("the log has no entry {index}")))
}
