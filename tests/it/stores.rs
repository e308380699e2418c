//! Compares the stores on disk with maps and lists, and reopens the stores at random. The models are those of
//! the stores in memory, which `raft` tests.

#[path = "../../raft/tests/it/stores/log_model.rs"]
mod log_model;
#[path = "../../raft/tests/it/stores/snapshot_model.rs"]
mod snapshot_model;

use proptest::prelude::*;
use wavetank_node::store::{Disk, FileSnapshotStore, RedbStore, WalOptions, WalStore};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_store_on_disk_is_a_map(
        lives in prop::collection::vec(prop::collection::vec(log_model::steps(), 1..10), 1..4),
    ) {
        let directory = tempfile::tempdir().expect("a folder can be created");
        let mut model = log_model::StoreModel::new(false);
        for steps in lives {
            let mut store = RedbStore::open(directory.path().join("raft.redb")).expect("the store opens");
            model.check(&store);
            steps.into_iter().for_each(|step| model.apply(&mut store, step));
        }
    }

    #[test]
    fn a_segmented_log_is_a_map(
        lives in prop::collection::vec(prop::collection::vec(log_model::steps(), 1..20), 1..4),
    ) {
        let directory = tempfile::tempdir().expect("a folder can be created");
        let sizes = WalOptions { segment_bytes: 512, ahead_bytes: 512 };
        let mut model = log_model::StoreModel::new(true);
        for steps in lives {
            let mut store = WalStore::on(Disk, directory.path(), sizes).expect("the store opens");
            model.check(&store);
            steps.into_iter().for_each(|step| model.apply(&mut store, step));
        }
    }

    #[test]
    fn snapshots_on_disk_are_the_newest_of_a_list(
        lives in prop::collection::vec(prop::collection::vec(snapshot_model::snapshots(), 1..6), 1..4),
        retain in 1_usize..4,
    ) {
        let directory = tempfile::tempdir().expect("a folder can be created");
        let mut model = snapshot_model::SnapshotModel::new(retain);
        for taken in lives {
            let mut store = FileSnapshotStore::new(directory.path(), retain).expect("the store opens");
            model.check(&store);
            taken.iter().for_each(|taken| model.apply(&mut store, taken));
        }
    }
}
