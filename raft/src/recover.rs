//! Disaster recovery, offline: a new membership for a cluster that has lost its quorum.
//!
//! HashiCorp: `HasExistingState`, `RecoverCluster`. Run it on every remaining server, each with the
//! same new configuration, before any of them starts again. All entries of a log count as committed
//! from then on, whether they were or not.

use crate::configuration::Configuration;
use crate::entry::Entry;
use crate::execute::{Machine, Recovered, Snapshots, Storage, recover};
use crate::message::SnapshotMeta;
use crate::server::io::Batch;
use crate::store::{Fsm, LogStore, SnapshotStore, StableStore, StoreError, StoreErrorKind};
use crate::types::{Index, Term};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Entries applied at a time.
const BATCH: u64 = 1024;

/// Whether the stores hold any state: a term, an entry or a snapshot.
///
/// # Errors
/// When a store fails.
pub fn has_existing_state<L: LogStore, S: StableStore, N: SnapshotStore>(
    storage: &mut Storage<L, S>,
    snapshots: &Snapshots<N>,
) -> Result<bool, StoreError> {
    let found = recover(storage, snapshots, 1)?;
    Ok(found.hard_state.term != Term(0) || found.log.last().index != Index::ZERO)
}

/// Gives a server's stores another membership: all its state becomes one snapshot with that
/// configuration, and its log is emptied. Its vote record stays. `machine` is used to build the
/// snapshot and should be thrown away.
///
/// # Errors
/// When there is no state to recover, the state machine refuses its snapshot, or a store fails.
/// Until the new snapshot is durable nothing is deleted.
pub fn recover_cluster<L: LogStore, S: StableStore, N: SnapshotStore, F: Fsm>(
    storage: &mut Storage<L, S>,
    snapshots: &mut Snapshots<N>,
    machine: &mut Machine<F>,
    configuration: Configuration,
) -> Result<Arc<SnapshotMeta>, StoreError> {
    let found = recover(storage, snapshots, 1)?;
    let last = found.log.last();
    if last.index == Index::ZERO {
        let what = "refused to recover cluster with no initial state: bootstrap it instead";
        return Err(StoreError::new(StoreErrorKind::NotFound, what));
    }
    replay(storage, snapshots, machine, &found)?;
    let meta = SnapshotMeta { last, configuration, configuration_index: last.index, size: 0, checksum: 0 };
    let meta = machine.take_snapshot(&meta, &mut snapshots.store)?;
    storage.log.delete_range(storage.log.first_index()?, storage.log.last_index()?)?;
    Ok(meta)
}

/// Brings the state machine to the end of the log.
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
    entry.ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt, format!("log has no entry {index}")))
}
