//! HashiCorp's layout, and damaged or missing files.

use super::*;
use std::fs;
use wavetank_raft::execute::{Snapshots, Storage, recover};
use wavetank_raft::store::inmem::InmemStore;
use wavetank_raft::{CacheLimits, Configuration, Member};

fn meta(term: u64, index: u64) -> SnapshotMeta {
    SnapshotMeta {
        last: LogId::new(Term(term), Index(index)),
        configuration: Configuration::new(vec![Member::voter("n1", "a1")]).unwrap(),
        configuration_index: Index(1),
        size: 0,
        checksum: 0,
    }
}

fn take(store: &mut FileSnapshotStore, term: u64, index: u64, text: &[u8]) -> Arc<SnapshotMeta> {
    let mut sink = store.create(&meta(term, index)).unwrap();
    for byte in text.chunks(5) {
        sink.write(byte).unwrap();
    }
    store.close(sink).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names = Disk.dirs(&directory.join("snapshots")).unwrap();
    names.sort();
    names
}

#[test]
fn a_snapshot_is_seen_once_it_is_closed_and_reads_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = FileSnapshotStore::new(directory.path().join("made"), 2).unwrap();
    let mut sink = store.create(&meta(3, 10)).unwrap();
    sink.write(b"first\n").unwrap();
    assert!(store.list().unwrap().is_empty());
    sink.write(b"second\n").unwrap();
    let closed = store.close(sink).unwrap();
    assert_eq!((closed.size, closed.checksum), (13, 0x1629_fd87_7cce_3d6c));
    assert_eq!(store.list().unwrap(), std::slice::from_ref(&closed));

    let (opened, mut source) = store.open(closed.last).unwrap();
    assert_eq!(opened, closed);
    assert_eq!(source.size(), 13);
    assert_eq!(&source.read_at(0, 100).unwrap()[..], b"first\nsecond\n");
    assert_eq!(&source.read_at(6, 3).unwrap()[..], b"sec");
    assert_eq!(&source.read_at(13, 3).unwrap()[..], b"");
    assert!(store.open(LogId::new(Term(3), Index(11))).is_err());
}

#[test]
fn the_directory_has_the_layout_of_hashicorp() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = FileSnapshotStore::new(directory.path(), 1).unwrap();
    take(&mut store, 3, 10, b"state");
    let names = names(directory.path());
    assert!(names[0].starts_with("3-10-1"), "{names:?}");
    let snapshot = directory.path().join("snapshots").join(&names[0]);
    assert_eq!(fs::read(snapshot.join("state.bin")).unwrap(), b"state");
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(snapshot.join("meta.json")).unwrap()).unwrap();
    assert_eq!(json["ID"], names[0]);
    assert_eq!(json["Size"], 5);
}

#[test]
fn a_sink_that_is_dropped_leaves_nothing_and_a_crash_only_until_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = FileSnapshotStore::new(directory.path(), 1).unwrap();
    drop(store.create(&meta(1, 1)).unwrap());
    assert!(names(directory.path()).is_empty());
    std::mem::forget(store.create(&meta(1, 2)).unwrap());
    assert_eq!(names(directory.path()).len(), 1);
    FileSnapshotStore::new(directory.path(), 1).unwrap();
    assert!(names(directory.path()).is_empty());
}

#[test]
fn the_newest_snapshots_are_kept_by_term_and_then_index() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = FileSnapshotStore::new(directory.path(), 2).unwrap();
    for (term, index) in [(5, 100), (36, 7), (1, 900), (5, 101)] {
        take(&mut store, term, index, b"state");
    }
    let kept: Vec<_> = store.list().unwrap().iter().map(|meta| meta.last).collect();
    assert_eq!(kept, [LogId::new(Term(36), Index(7)), LogId::new(Term(5), Index(101))]);
    assert_eq!(names(directory.path()).len(), 2);
}

#[test]
fn two_snapshots_of_one_entry_get_two_names() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = FileSnapshotStore::new(directory.path(), 9).unwrap();
    for _ in 0..5 {
        take(&mut store, 1, 1, b"state");
    }
    assert_eq!(names(directory.path()).len(), 5);
}

#[test]
fn a_changed_byte_a_missing_end_and_a_missing_file_are_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = FileSnapshotStore::new(directory.path(), 1).unwrap();
    let last = take(&mut store, 1, 1, b"state").last;
    let state = directory.path().join("snapshots").join(&names(directory.path())[0]).join("state.bin");
    fs::write(&state, b"stale").unwrap();
    assert!(store.open(last).unwrap_err().what.ends_with("CRC mismatch"));
    fs::write(&state, b"stat").unwrap();
    assert!(store.open(last).unwrap_err().what.ends_with("size mismatch"));
    fs::remove_file(&state).unwrap();
    assert_eq!(store.open(last).unwrap_err().kind, StoreErrorKind::NotFound);
    fs::write(state.with_file_name("meta.json"), b"{").unwrap();
    assert!(store.list().unwrap().is_empty());
}

#[test]
fn a_damaged_description_of_the_newest_snapshot_stops_a_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = FileSnapshotStore::new(directory.path(), 2).unwrap();
    take(&mut store, 1, 4, b"state");
    take(&mut store, 2, 9, b"state");
    let newer = names(directory.path()).into_iter().find(|name| name.starts_with("2-9-")).unwrap();
    fs::write(directory.path().join("snapshots").join(newer).join("meta.json"), b"{").unwrap();
    assert_eq!(store.list().unwrap().len(), 1, "the older one can be read");

    let mut storage = Storage { log: InmemStore::new(), stable: InmemStore::new() };
    let found = recover(&mut storage, &Snapshots::new(store), CacheLimits::entries(1));
    assert_eq!(found.map_err(|error| error.kind).map(|_| ()), Err(StoreErrorKind::Corrupt));
}

#[test]
fn bytes_other_than_announced_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = FileSnapshotStore::new(directory.path(), 1).unwrap();
    for (size, checksum) in [(6, 0), (0, 7), (5, 7)] {
        let mut sink = store.create(&SnapshotMeta { size, checksum, ..meta(1, 1) }).unwrap();
        sink.write(b"state").unwrap();
        assert_eq!(store.close(sink).unwrap_err().kind, StoreErrorKind::Corrupt);
    }
    assert!(names(directory.path()).is_empty());
}

#[test]
fn a_path_that_is_no_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, b"").unwrap();
    assert!(FileSnapshotStore::new(&file, 1).is_err());
}

#[test]
fn the_snapshot_closed_last_can_be_opened_although_newer_ones_exist() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = FileSnapshotStore::new(directory.path(), 1).unwrap();
    take(&mut store, 1, 10, b"state");
    let older = take(&mut store, 1, 8, b"stale");
    assert!(store.open(older.last).is_ok());
    assert_eq!(store.list().unwrap()[0].last.index, Index(10), "the newest is what a start begins with");
    let installed = take(&mut store, 1, 9, b"state");
    assert_eq!(names(directory.path()).len(), 2);
    take(&mut store, 1, 7, b"late");
    assert!(store.open(installed.last).is_ok(), "a late capture does not drop what is about to be loaded");
    take(&mut store, 1, 11, b"state");
    assert_eq!(names(directory.path()).len(), 1);
}
