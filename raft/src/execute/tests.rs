//! Tests the recovery from damaged stores.

use super::*;
use crate::configuration::{Configuration, Member};
use crate::store::inmem::{InmemSink, InmemSnapshotStore, InmemStore};
use alloc::vec;
use core::cell::Cell;

/// A snapshot store in which one snapshot is damaged.
struct Damaged(InmemSnapshotStore, Cell<u64>);

impl SnapshotStore for Damaged {
    type Sink = InmemSink;
    type Source = InmemSource;

    fn create(&mut self, meta: &SnapshotMeta) -> Result<InmemSink, StoreError> {
        self.0.create(meta)
    }

    fn close(&mut self, sink: InmemSink) -> Result<Arc<SnapshotMeta>, StoreError> {
        self.0.close(sink)
    }

    fn list(&self) -> Result<Vec<Arc<SnapshotMeta>>, StoreError> {
        self.0.list()
    }

    fn open(&self, last: LogId) -> Result<(Arc<SnapshotMeta>, InmemSource), StoreError> {
        if last.index.0 == self.1.get() {
            return Err(StoreError::new(StoreErrorKind::Corrupt, "snapshot"));
        }
        self.0.open(last)
    }
}

fn id(index: u64) -> LogId {
    LogId::new(Term(1), Index(index))
}

/// Snapshots up to 4 and up to 8, and a log of these entries. The newer snapshot is damaged.
fn stores(log: core::ops::Range<u64>) -> (Storage<InmemStore, InmemStore>, Snapshots<Damaged>) {
    let mut store = Damaged(InmemSnapshotStore::new(2), Cell::new(8));
    let configuration = Configuration::new(vec![Member::voter("n1", "a1")]).expect("one name");
    for last in [4, 8].map(id) {
        let configuration = configuration.clone();
        let meta = SnapshotMeta { last, configuration, configuration_index: Index(1), size: 0, checksum: 0 };
        let sink = store.create(&meta).expect("memory does not fail");
        store.close(sink).expect("memory does not fail");
    }
    let mut storage = Storage { log: InmemStore::new(), stable: InmemStore::new() };
    let entries: Vec<_> = log.map(|index| Entry::new(Term(1), Index(index), Payload::Noop)).collect();
    storage.log.store_logs(&entries).expect("memory does not fail");
    storage.persist_hard_state(HardState { term: Term(1), vote: None }).expect("memory does not fail");
    (storage, Snapshots::new(store))
}

#[test]
fn an_older_snapshot_is_used_if_the_log_continues_it() {
    let (mut storage, snapshots) = stores(3..10);
    let found = recover(&mut storage, &snapshots, CacheLimits::entries(1))
        .expect("the log has what the damaged one had");
    assert_eq!((found.snapshot.map(|meta| meta.last), found.log.last()), (Some(id(4)), id(9)));
}

#[test]
fn recovery_refuses_to_lose_what_a_damaged_snapshot_covered() {
    for log in [1..1, 3..8, 9..13] {
        let (mut storage, snapshots) = stores(log.clone());
        let kind = recover(&mut storage, &snapshots, CacheLimits::entries(1)).map_err(|error| error.kind);
        assert_eq!(kind.map(|found| found.log.last()), Err(StoreErrorKind::Corrupt), "{log:?}");
    }
}

#[test]
fn a_damaged_snapshot_is_not_a_missing_one() {
    let (_, mut snapshots) = stores(1..1);
    let kind = |piece: Result<_, StoreError>| piece.map(|_: Option<SnapshotPiece>| ()).map_err(|it| it.kind);
    assert_eq!(kind(snapshots.read(Some(id(8)), 0, 9)), Err(StoreErrorKind::Corrupt));
    assert_eq!(snapshots.read(Some(id(5)), 0, 9), Ok(None));
    assert_eq!(snapshots.read(Some(id(4)), 0, 9).map(|piece| piece.is_some()), Ok(true));
}

#[test]
fn a_log_whose_terms_go_back_is_refused() {
    for terms in [[2, 1], [0, 1]] {
        let mut storage = Storage { log: InmemStore::new(), stable: InmemStore::new() };
        let entry = |(term, index)| Entry::new(Term(term), Index(index), Payload::Noop);
        let entries: Vec<_> = terms.into_iter().zip(5..).map(entry).collect();
        storage.log.store_logs(&entries).expect("memory does not fail");
        storage.persist_hard_state(HardState { term: Term(1), vote: None }).expect("memory does not fail");
        let (_, snapshots) = stores(1..1);
        let newest = snapshots.store.list().expect("memory does not fail").pop();
        assert_eq!(newest.as_ref().map(|meta| meta.last), Some(id(4)));
        let kind = storage.recover(newest, CacheLimits::entries(1)).map_err(|error| error.kind);
        assert_eq!(kind.map(|found| found.log.last()), Err(StoreErrorKind::Corrupt), "{terms:?}");
    }
}
