//! The store in normal use and on bad disks.

use super::*;
use redb::backends::InMemoryBackend;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use wavetank_raft::execute::Storage;
use wavetank_raft::{CacheLimits, HardState, NodeId, Payload, Term, Token};

fn entry(index: u64) -> Entry {
    Entry::new(Term(1), Index(index), Payload::Command(index.to_le_bytes().to_vec().into()))
}

fn entries(range: std::ops::RangeInclusive<u64>) -> wavetank_raft::Entries {
    range.map(entry).collect()
}

fn bounds(store: &RedbStore) -> (u64, u64) {
    (store.first_index().unwrap().0, store.last_index().unwrap().0)
}

#[test]
fn written_data_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/er/raft.redb");
    let mut store = RedbStore::open(&path).unwrap();
    assert_eq!(bounds(&store), (0, 0));
    assert_eq!(store.get(b"HardState"), Ok(None));
    store.store_logs(&entries(1..=9)).unwrap();
    store.set(b"HardState", b"t3 n1").unwrap();
    drop(store);

    let store = RedbStore::open(&path).unwrap();
    assert_eq!(bounds(&store), (1, 9));
    assert_eq!(store.get_log(Index(4)), Ok(Some(entry(4))));
    assert_eq!(store.get_log(Index(10)), Ok(None));
    assert_eq!(store.get(b"HardState").unwrap().unwrap(), b"t3 n1");
    let few = store.range(Index(3), Index(8), |entry| entry.id.index < Index(6)).unwrap();
    assert_eq!(few, [entry(3), entry(4), entry(5)]);
}

#[test]
fn a_group_is_carried_out_in_order_and_whole() {
    let store = RedbStore::on(InMemoryBackend::new(), "memory").unwrap();
    let ops = [
        LogOp::Append(entries(1..=5)),
        LogOp::Keep,
        LogOp::Replace(entries(4..=6)),
        LogOp::Compact(Index(2)),
        LogOp::Append(entries(7..=7)),
    ];
    store.write([(&b"k"[..], &b"v"[..])], &ops).unwrap();
    assert_eq!(bounds(&store), (3, 7));

    let gap = [LogOp::Append(entries(8..=8)), LogOp::Append(entries(10..=10))];
    let error = store.write([(&b"k"[..], &b"w"[..])], &gap).unwrap_err();
    assert_eq!(error.what, "memory: entry i10 does not follow entry i8");
    assert_eq!(bounds(&store), (3, 7), "nothing of a refused group is kept");
    assert_eq!(store.get(b"k").unwrap().unwrap(), b"v");

    store.write([], &[LogOp::Discard(Index(89)), LogOp::Append(entries(90..=91))]).unwrap();
    assert_eq!(bounds(&store), (90, 91));
}

#[test]
fn a_group_is_what_a_server_recovers() {
    let store = RedbStore::on(InMemoryBackend::new(), "memory").unwrap();
    let vote = |term| HardState { term: Term(term), vote: Some(NodeId::of("n1")) };
    let writes = [
        Write { token: Token(1), hard_state: Some(vote(1)), log: LogOp::Append(entries(1..=5)) },
        Write { token: Token(2), hard_state: None, log: LogOp::Replace(entries(3..=4)) },
        Write { token: Token(3), hard_state: Some(vote(2)), log: LogOp::Keep },
    ];
    store.persist_group(&writes).unwrap();
    let mut storage = Storage { log: store.clone(), stable: store };
    let recovered = storage.recover(None, CacheLimits::entries(100)).unwrap();
    assert_eq!(recovered.hard_state, vote(2));
    assert_eq!(recovered.log.last(), entry(4).id);
}

#[test]
fn ranges_are_dropped_from_either_end() {
    let mut store = RedbStore::on(InMemoryBackend::new(), "memory").unwrap();
    store.store_logs(&entries(1..=20)).unwrap();
    store.delete_range(Index(1), Index(5)).unwrap();
    store.delete_range(Index(18), Index(20)).unwrap();
    store.delete_range(Index(100), Index(200)).unwrap();
    assert_eq!(bounds(&store), (6, 17));
    store.delete_range(Index(6), Index(17)).unwrap();
    assert_eq!(bounds(&store), (0, 0));
}

#[test]
fn space_of_removed_entries_is_used_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("raft.redb");
    let mut store = RedbStore::open(&path).unwrap();
    let big = |index| Entry::new(Term(1), Index(index), Payload::Command(vec![7; 4096].into()));
    let mut sizes = Vec::new();
    for round in 0..8 {
        for step in 0..10 {
            let first = 1 + 1000 * round + 100 * step;
            store.store_logs(&(first..first + 100).map(big).collect::<Vec<_>>()).unwrap();
        }
        store.delete_range(Index(1), Index(1000 * (round + 1) - 10)).unwrap();
        sizes.push(path.metadata().unwrap().len());
    }
    assert!(sizes[7] <= 2 * sizes[0], "the file grows though the log does not: {sizes:?}");
    store.delete_range(Index(1), Index(8000)).unwrap();
    drop(store);
    let store = RedbStore::open(&path).unwrap();
    assert_eq!(bounds(&store), (0, 0));
    drop(store);
    let left = path.metadata().unwrap().len();
    assert!(left < sizes[7] / 4, "an empty log keeps {left} bytes of {sizes:?}");
}

#[test]
fn a_store_in_use_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("raft.redb");
    let _store = RedbStore::open(&path).unwrap();
    assert_eq!(RedbStore::open(&path).unwrap_err().failure, OpenFailure::Locked);
}

#[test]
fn a_store_of_another_format_is_refused_by_its_number() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("raft.redb");
    let newer = OpenFailure::Newer { found: FORMAT + 5, known: FORMAT };
    let older = OpenFailure::Older { found: FORMAT - 1, known: FORMAT };
    for (format, failure) in [(FORMAT + 5, newer), (FORMAT - 1, older)] {
        fs::remove_file(&path).ok();
        let store = RedbStore::open(&path).unwrap();
        let writing = store.database.begin_write().unwrap();
        writing.open_table(FORMATS).unwrap().insert("log", format).unwrap();
        writing.commit().unwrap();
        drop(store);
        assert_eq!(RedbStore::open(&path).unwrap_err().failure, failure);
    }
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("raft.redb");
    for text in ["Dear diary,\n".repeat(1000), "x".to_owned()] {
        fs::write(&path, &text).unwrap();
        let error = RedbStore::open(&path).unwrap_err();
        assert!(matches!(error.failure, OpenFailure::Damaged(_)), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    let error = RedbStore::open(directory.path()).unwrap_err();
    assert!(matches!(error.failure, OpenFailure::Io(_)), "{error}");
    let error = RedbStore::open(path.join("raft.redb")).unwrap_err();
    assert!(matches!(error.failure, OpenFailure::Io(_)), "{error}");
}

#[test]
fn a_damaged_store_is_refused_or_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("raft.redb");
    let mut store = RedbStore::open(&path).unwrap();
    store.store_logs(&entries(1..=500)).unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    let mut refused = 0;
    for at in (0..whole.len()).step_by(whole.len() / 97) {
        let mut rotten = whole.clone();
        for byte in rotten.iter_mut().skip(at).take(16) {
            *byte ^= 0xa5;
        }
        fs::write(&path, &rotten).unwrap();
        match RedbStore::open(&path) {
            Ok(store) => {
                let found = store.range(Index(1), Index(500), |_| true).unwrap();
                assert_eq!(found, entries(1..=500)[..], "damage at {at} went unnoticed");
            }
            Err(_) => refused += 1,
        }
    }
    assert!(0 < refused);
}

/// A disk that fails when told to.
#[derive(Debug)]
struct Failing {
    inner: InMemoryBackend,
    is_failing: Arc<AtomicBool>,
    kind: io::ErrorKind,
}

impl Failing {
    fn check(&self) -> io::Result<()> {
        if self.is_failing.load(Ordering::Relaxed) { Err(self.kind.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Failing {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.inner.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.inner.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.inner.write(offset, data)
    }
}

#[test]
fn a_full_and_a_broken_disk_give_different_errors() {
    for (kind, expected) in
        [(io::ErrorKind::StorageFull, StoreErrorKind::Full), (io::ErrorKind::Other, StoreErrorKind::Io)]
    {
        let is_failing = Arc::new(AtomicBool::new(false));
        let backend = Failing { inner: InMemoryBackend::new(), is_failing: is_failing.clone(), kind };
        let mut store = RedbStore::on(backend, "memory").unwrap();
        store.store_logs(&entries(1..=3)).unwrap();
        is_failing.store(true, Ordering::Relaxed);
        let error = store.store_logs(&entries(4..=2000)).unwrap_err();
        assert_eq!(error.kind, expected, "{error}");
    }
    let backend = Failing {
        inner: InMemoryBackend::new(),
        is_failing: Arc::new(AtomicBool::new(true)),
        kind: io::ErrorKind::StorageFull,
    };
    assert_eq!(RedbStore::on(backend, "memory").unwrap_err().failure, OpenFailure::Full);
}

#[cfg(unix)]
#[test]
fn a_directory_that_may_not_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // Modes mean nothing to the superuser.
    if fs::write(directory.path().join("probe"), b"").is_err() {
        let error = RedbStore::open(directory.path().join("raft.redb")).unwrap_err();
        assert_eq!(error.failure, OpenFailure::ReadOnly);
    }
}
