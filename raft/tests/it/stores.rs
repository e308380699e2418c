//! Compares the stores in memory with maps and lists.

mod log_model;
mod snapshot_model;

use proptest::prelude::*;
use wavetank_raft::store::inmem::{InmemSnapshotStore, InmemStore};

proptest! {
    #[test]
    fn a_store_in_memory_is_a_map_without_holes(steps in prop::collection::vec(log_model::steps(), 1..40)) {
        let (mut model, mut store) = (log_model::StoreModel::new(true), InmemStore::new());
        // Entries are passed by value and by reference in turn.
        for (step, is_lent) in steps.into_iter().zip([false, true].into_iter().cycle()) {
            if is_lent { model.apply(&mut &mut store, step) } else { model.apply(&mut store, step) }
        }
    }

    #[test]
    fn snapshots_in_memory_are_the_newest_of_a_list(
        taken in prop::collection::vec(snapshot_model::snapshots(), 1..12),
        retain in 1_usize..4,
    ) {
        let (mut model, mut store) = (snapshot_model::SnapshotModel::new(retain), InmemSnapshotStore::new(retain));
        for (taken, is_lent) in taken.iter().zip([false, true].into_iter().cycle()) {
            if is_lent { model.apply(&mut &mut store, taken) } else { model.apply(&mut store, taken) }
        }
    }
}
