//! The executors on stores in memory: writes, recovery at start, snapshots in pieces, calls of the
//! state machine, and offline recovery of a cluster.

mod gapped_store;
mod recording_fsm;

use gapped_store::GappedStore;
use recording_fsm::RecordingFsm;
use std::sync::Arc;
use wavetank_raft::execute::{COMPACTED, HARD_STATE, Machine, Snapshots, Storage, recover};
use wavetank_raft::recover::{has_existing_state, recover_cluster};
use wavetank_raft::store::inmem::{InmemSnapshotStore, InmemStore};
use wavetank_raft::store::{LogStore, SnapshotStore, StableStore, StoreError, StoreErrorKind};
use wavetank_raft::{
    Batch, CacheLimits, Config, Configuration, Entries, Entry, Extended, HardState, Index, LogId, LogOp,
    Member, NodeId, Payload, Settings, SnapshotMeta, SnapshotPiece, Term, Token, Write,
};

type Disk = Storage<InmemStore, InmemStore>;

fn id(term: u64, index: u64) -> LogId {
    LogId::new(Term(term), Index(index))
}

/// Entries of this term, each a command of ten bytes.
fn entries(term: u64, indexes: std::ops::Range<u64>) -> Entries {
    let entry = |index| Entry::new(Term(term), Index(index), Payload::Command(vec![0; 10].into()));
    indexes.map(entry).collect()
}

/// A disk whose log has these entries of term 1.
fn disk(log: std::ops::Range<u64>) -> Disk {
    let mut disk = Disk::default();
    disk.persist_hard_state(HardState { term: Term(1), vote: None }).expect("memory does not fail");
    disk.log.store_logs(&entries(1, log)).expect("memory does not fail");
    disk
}

fn meta(last: LogId) -> Arc<SnapshotMeta> {
    let configuration = Configuration::new(vec![Member::voter("n1", "a1")]).expect("one voter");
    SnapshotMeta { last, configuration, configuration_index: Index(1), size: 0, checksum: 0 }.into()
}

fn kind<T>(result: Result<T, StoreError>) -> Result<T, StoreErrorKind> {
    result.map_err(|error| error.kind)
}

fn held(disk: &Disk) -> Vec<(u64, u64)> {
    disk.log.entries().map(|entry| (entry.id.term.0, entry.id.index.0)).collect()
}

#[test]
fn what_is_persisted_is_recovered() {
    let mut disk = disk(1..1);
    let mut write = |vote: Option<&str>, log| {
        let hard_state = vote.map(|vote| HardState { term: Term(3), vote: Some(NodeId::of(vote)) });
        disk.persist(&Write { token: Token(1), hard_state, log }).expect("memory does not fail");
        let found = disk
            .recover(None, CacheLimits::entries(9))
            .map(|found| found.hard_state.vote.map(|vote| vote.to_string()));
        (held(&disk), kind(found))
    };
    let voted = |name: &str| Ok(Some(name.to_owned()));
    assert_eq!(write(None, LogOp::Append(entries(1, 1..4))), (vec![(1, 1), (1, 2), (1, 3)], Ok(None)));
    assert_eq!(write(Some("n2"), LogOp::Keep), (vec![(1, 1), (1, 2), (1, 3)], voted("n2")));
    assert_eq!(
        write(Some("n3"), LogOp::Replace(entries(2, 2..4))),
        (vec![(1, 1), (2, 2), (2, 3)], voted("n3"))
    );
    assert_eq!(write(None, LogOp::Append(entries(2, 4..5))).0.len(), 4);
    let (left, found) = write(None, LogOp::Compact(Index(2)));
    assert_eq!((left, found), (vec![(2, 3), (2, 4)], Err(StoreErrorKind::Corrupt)), "a snapshot is missing");
    assert_eq!(
        write(None, LogOp::Discard(Index(4))),
        (vec![], Err(StoreErrorKind::Corrupt)),
        "so is one here"
    );
}

#[test]
fn a_log_is_recovered_where_it_joins_its_snapshot() {
    let none = LogId::ZERO;
    for (log, snapshot, expected, left) in [
        // No log, or no snapshot, or a log that begins where the snapshot ends.
        (1..1, none, Ok((none, none)), 0),
        (1..1, id(1, 4), Ok((id(1, 4), id(1, 4))), 0),
        (1..4, none, Ok((none, id(1, 3))), 3),
        (5..9, id(1, 4), Ok((id(1, 4), id(1, 8))), 4),
        // The snapshot covers the beginning of the log: the first entry is the base.
        (1..9, id(1, 4), Ok((id(1, 1), id(1, 8))), 8),
        (4..9, id(1, 4), Ok((id(1, 4), id(1, 8))), 5),
        (3..5, id(1, 4), Ok((id(1, 3), id(1, 4))), 2),
        // The log does not reach the snapshot, or contradicts it.
        (1..4, id(1, 4), Ok((id(1, 4), id(1, 4))), 0),
        (1..9, id(2, 4), Ok((id(2, 4), id(2, 4))), 0),
        // There is a gap.
        (6..9, id(1, 4), Err(StoreErrorKind::Corrupt), 3),
        (2..9, none, Err(StoreErrorKind::Corrupt), 7),
    ] {
        let mut disk = disk(log.clone());
        let newest = Some(meta(snapshot)).filter(|_| snapshot != none);
        let found = kind(disk.recover(newest.clone(), CacheLimits::entries(2)));
        let ends = found.clone().map(|found| (found.log.base(), found.log.last()));
        assert_eq!((ends, held(&disk).len()), (expected, left), "{log:?} after {snapshot}");
        assert!(found.is_err() || found.is_ok_and(|found| found.snapshot == newest));
    }
}

#[test]
fn a_missing_entry_is_an_error_and_no_shorter_log() {
    let gapped_store = || GappedStore(disk(1..6).log, Index(3));
    let mut disk = Storage { log: gapped_store(), stable: gapped_store() };
    let found = kind(disk.recover(None, CacheLimits::entries(9))).map(|found| found.log.last());
    assert_eq!(found, Err(StoreErrorKind::Corrupt));
}

#[test]
fn a_vote_record_of_another_length_is_an_error() {
    for length in 0..20 {
        let mut disk = Disk::default();
        disk.stable.set(HARD_STATE, &vec![1; length]).expect("memory does not fail");
        let expected = match length {
            8 | 16 => Ok(length == 16),
            _ => Err(StoreErrorKind::Corrupt),
        };
        let found = kind(disk.recover(None, CacheLimits::entries(1))).map(|found| {
            assert_eq!(found.hard_state.term, Term(0x0101_0101_0101_0101));
            found.hard_state.vote == Some(NodeId(0x0101_0101_0101_0101))
        });
        assert_eq!(found, expected, "{length} bytes");
    }
}

/// An entry here weighs 42 bytes.
#[test]
fn a_fetch_is_limited_in_bytes_and_returns_at_least_one() {
    let disk = disk(3..9);
    for (first, last, bytes, expected) in [
        (3, 8, 1_000, 6),
        (4, 6, 1_000, 3),
        (4, 4, 1_000, 1),
        (4, 8, 1, 1),
        (4, 8, 83, 1),
        (4, 8, 84, 2),
        (4, 8, 126, 3),
        (7, 12, 1_000, 2),
        (2, 8, 1_000, 0),
        (9, 9, 1_000, 0),
    ] {
        let config = Config { max_append_bytes: bytes, local_id: "n1".into(), ..Config::default() };
        let settings = Settings::new(config).expect("within the rules");
        let fetched = disk.fetch(Index(first), Index(last), &settings).expect("memory does not fail");
        let ids: Vec<_> = fetched.iter().map(|entry| entry.id).collect();
        let wanted: Vec<_> = (first..first + expected).map(|index| id(1, index)).collect();
        assert_eq!(ids, wanted, "{first} to {last} in {bytes}");
    }
}

fn snapshots(lasts: &[(LogId, &[u8])]) -> Snapshots<InmemSnapshotStore> {
    let mut snapshots = Snapshots::new(InmemSnapshotStore::new(9));
    for (last, bytes) in lasts {
        assert!(snapshots.write(&meta(*last), 0, bytes, true));
    }
    snapshots
}

fn describe(piece: Result<Option<SnapshotPiece>, StoreError>) -> String {
    let piece = piece.expect("memory does not fail");
    piece.map_or_else(
        || "nothing".into(),
        |piece| format!("{} {} {}", piece.meta.last, piece.offset, String::from_utf8_lossy(&piece.data)),
    )
}

#[test]
fn a_snapshot_goes_out_in_pieces() {
    let mut snapshots = snapshots(&[(id(1, 4), b"older"), (id(1, 8), b"the newest")]);
    assert_eq!(describe(snapshots.read(None, 0, 3)), "t1.i8 0 the");
    assert_eq!(describe(snapshots.read(Some(id(1, 8)), 3, 4)), "t1.i8 3  new");
    assert_eq!(describe(snapshots.read(Some(id(1, 8)), 7, 9)), "t1.i8 7 est");
    assert_eq!(describe(snapshots.read(Some(id(1, 8)), 99, 9)), "t1.i8 99 ");
    assert_eq!(describe(snapshots.read(Some(id(1, 4)), 1, 2)), "t1.i4 1 ld");
    assert_eq!(describe(snapshots.read(Some(id(1, 5)), 0, 9)), "nothing");
}

/// A follower that gets the newest snapshot does not interrupt one that gets the snapshot before.
#[test]
fn two_snapshots_go_out_at_the_same_time() {
    let mut snapshots = Snapshots::new(InmemSnapshotStore::new(1));
    assert!(snapshots.write(&meta(id(1, 4)), 0, b"older", true));
    assert_eq!(describe(snapshots.read(None, 0, 2)), "t1.i4 0 ol");
    assert!(snapshots.write(&meta(id(1, 8)), 0, b"newer", true));
    assert_eq!(describe(snapshots.read(None, 0, 2)), "t1.i8 0 ne");
    assert_eq!(describe(snapshots.read(Some(id(1, 4)), 2, 9)), "t1.i4 2 der");
    assert_eq!(describe(snapshots.read(Some(id(1, 8)), 2, 9)), "t1.i8 2 wer");

    // A third one closes the one that was read least recently.
    assert!(snapshots.write(&meta(id(1, 9)), 0, b"newest", true));
    assert_eq!(describe(snapshots.read(None, 0, 2)), "t1.i9 0 ne");
    assert_eq!(describe(snapshots.read(Some(id(1, 4)), 2, 9)), "nothing");
    assert_eq!(describe(snapshots.read(Some(id(1, 8)), 2, 9)), "t1.i8 2 wer");
}

#[test]
fn a_snapshot_comes_in_pieces() {
    let announced = |size, checksum| -> Arc<SnapshotMeta> {
        SnapshotMeta { size, checksum, ..(*meta(id(2, 9))).clone() }.into()
    };
    let other = meta(id(2, 8));
    let mut snapshots = Snapshots::new(InmemSnapshotStore::new(9));
    let all = announced(9, wavetank_raft::checksum::of(b"123456789"));
    assert!(!snapshots.write(&all, 3, b"456", false), "it begins at zero");
    assert!(snapshots.write(&all, 0, b"123", false));
    assert!(!snapshots.write(&all, 4, b"456", false), "there is a gap");
    assert!(snapshots.write(&all, 3, b"456", false), "which cost nothing");
    assert!(!snapshots.write(&other, 6, b"789", true), "that is another one");
    assert!(snapshots.write(&all, 6, b"789", true));
    assert_eq!(describe(snapshots.read(None, 0, 99)), "t2.i9 0 123456789");
    assert!(!snapshots.write(&all, 9, b"", true), "it is whole");

    for wrong in [announced(8, 0), announced(9, 1)] {
        let mut snapshots = Snapshots::new(InmemSnapshotStore::new(9));
        assert!(snapshots.write(&wrong, 0, b"123", false));
        assert!(snapshots.write(&wrong, 0, b"1234", false), "it begins anew");
        assert!(!snapshots.write(&wrong, 4, b"56789", true), "that is not what was announced");
        assert_eq!(kind(snapshots.read(None, 0, 99)), Err(StoreErrorKind::NotFound));
    }
}

#[test]
fn a_state_machine_is_called_in_log_order() {
    let members = Configuration::new(vec![Member::voter("n1", "a1")]).expect("one voter");
    let data = |data: &str| data.as_bytes().into();
    let both = Extended { data: data("c"), extensions: data("x") };
    let payloads = [
        Payload::Noop,
        Payload::Command(data("a")),
        Payload::Configuration(members.into()),
        Payload::Command(data("b")),
        Payload::Restore(data("state")),
        Payload::Restore(data("bad")),
        Payload::Extended(both.into()),
        Payload::Barrier,
    ];
    let entries =
        payloads.into_iter().zip(1..).map(|(payload, index)| Entry::new(Term(1), Index(index), payload));
    let mut machine = Machine::new(RecordingFsm::default());
    let responses = machine.apply(&Batch { entries: entries.collect() });
    assert_eq!(
        machine.fsm.calls,
        ["apply i2 a, i4 b", "members i3", "load state", "load bad", "apply i7 c+x"]
    );
    let responses: Vec<_> =
        responses.iter().map(|(index, said)| format!("{index} {}", String::from_utf8_lossy(said))).collect();
    assert_eq!(responses, ["i2 A", "i4 B", "i5 ", "i6 torn page", "i7 C"]);
}

#[test]
fn a_state_is_kept_and_loaded_again() {
    let mut store = InmemSnapshotStore::new(2);
    let mut machine = Machine::new(RecordingFsm::default());
    machine.fsm.calls.push("once".into());
    let kept = machine.take_snapshot(&meta(id(1, 4)), &mut store).expect("memory does not fail");
    assert_eq!((kept.last, kept.size), (id(1, 4), 4));
    let mut other = Machine::new(RecordingFsm::default());
    assert_eq!(other.restore(id(1, 4), &store), Ok(id(1, 4)));
    assert_eq!(other.fsm.calls, ["load once"]);
    assert_eq!(kind(other.restore(id(1, 5), &store)), Err(StoreErrorKind::NotFound));
}

/// A server without its vote record could vote a second time in a term.
#[test]
fn a_missing_vote_record_is_damage() {
    let mut log_alone = Disk::default();
    log_alone.log.store_logs(&entries(1, 1..4)).expect("memory does not fail");
    let error =
        recover(&mut log_alone, &snapshots(&[]), CacheLimits::entries(1)).expect_err("the record is missing");
    assert_eq!(
        error.to_string(),
        "the vote record is missing, but the stores have entries up to i3: damaged"
    );
    let snapshot_alone =
        recover(&mut Disk::default(), &snapshots(&[(id(1, 4), b"")]), CacheLimits::entries(1));
    let error = snapshot_alone.expect_err("the record is missing");
    assert_eq!(
        error.to_string(),
        "the vote record is missing, but the stores have entries up to i4: damaged"
    );
    assert!(
        recover(&mut Disk::default(), &snapshots(&[]), CacheLimits::entries(1)).is_ok(),
        "a blank server starts"
    );
}

/// The log of a server that keeps no trailing entries is empty after a compaction.
#[test]
fn a_compacted_log_needs_its_snapshot() {
    for op in [LogOp::Compact(Index(3)), LogOp::Discard(Index(3))] {
        let mut disk = disk(1..4);
        disk.persist(&Write { token: Token(1), hard_state: None, log: op }).expect("memory does not fail");
        assert_eq!(
            disk.recover(Some(meta(id(1, 3))), CacheLimits::entries(1)).map(|found| found.log.last()),
            Ok(id(1, 3))
        );
        expect_snapshot_missing(&mut disk, None, "i3");
        expect_snapshot_missing(&mut disk, Some(id(1, 2)), "i3");
    }
}

/// A server can crash after it stored the snapshot of a leader, and before it discarded its log.
#[test]
fn a_log_that_begins_after_a_snapshot_needs_it_at_every_later_start() {
    for log in [1..1, 1..3] {
        let mut disk = disk(log);
        let found = disk.recover(Some(meta(id(1, 4))), CacheLimits::entries(1));
        assert_eq!(found.map(|found| found.log.last()), Ok(id(1, 4)));
        expect_snapshot_missing(&mut disk, None, "i4");
        expect_snapshot_missing(&mut disk, Some(id(1, 3)), "i4");
    }
}

/// A server whose log store was lost must not start with the vote record and the snapshots alone.
#[test]
fn a_log_that_has_vanished_is_noticed() {
    let append = |range: std::ops::Range<u64>| LogOp::Append(entries(1, range));
    let cases = [
        (vec![append(1..4)], None, "i0"),
        (vec![append(1..4), LogOp::Replace(entries(2, 1..3))], None, "i0"),
        (vec![append(1..4), LogOp::Compact(Index(2))], Some(id(1, 2)), "i2"),
        (vec![append(1..4), LogOp::Compact(Index(3)), append(4..5)], Some(id(1, 3)), "i3"),
        (vec![append(1..4), LogOp::Discard(Index(9)), append(10..11)], Some(id(1, 9)), "i9"),
    ];
    for (ops, snapshot, after) in cases {
        let mut disk = disk(1..1);
        for log in ops.clone() {
            disk.persist(&Write { token: Token(1), hard_state: None, log }).expect("memory does not fail");
        }
        assert!(disk.recover(snapshot.map(meta), CacheLimits::entries(1)).is_ok(), "{ops:?}");
        let expected = format!("the log is missing: the log had entries after {after}: damaged");
        let lost = |result: Result<(), StoreError>| assert_eq!(result.unwrap_err().to_string(), expected);
        disk.log = InmemStore::new();
        lost(disk.clone().recover(snapshot.map(meta), CacheLimits::entries(1)).map(|_| ()));
        // A newer snapshot does not show how long the log was.
        lost(disk.clone().recover(Some(meta(id(3, 99))), CacheLimits::entries(1)).map(|_| ()));
        let settings = Settings::new(Config { local_id: "n1".into(), ..Config::default() }).expect("valid");
        lost(disk.fetch(Index(1), Index(3), &settings).map(|_| ()));
        for log in [append(50..51), LogOp::Compact(Index(50)), LogOp::Discard(Index(50))] {
            lost(disk.clone().persist(&Write { token: Token(1), hard_state: None, log }));
        }
    }
}

/// The record about the log follows the entries, and precedes a deletion: a crash in between loses nothing.
#[test]
fn a_log_that_has_more_than_its_record_says_is_taken() {
    let records = [None, Some(vec![0; 8]), Some(vec![0; 9])];
    for record in records {
        let mut disk = disk(1..4);
        if let Some(record) = record {
            disk.stable.set(COMPACTED, &record).expect("memory does not fail");
        }
        assert!(disk.recover(None, CacheLimits::entries(1)).is_ok());
        disk.log = InmemStore::new();
        assert!(disk.recover(None, CacheLimits::entries(1)).is_err(), "the start has noted the entries");
    }
    for invalid in [vec![0; 7], vec![2; 9], vec![0; 10]] {
        let mut disk = disk(1..1);
        disk.stable.set(COMPACTED, &invalid).expect("memory does not fail");
        assert_eq!(kind(disk.recover(None, CacheLimits::entries(1))), Err(StoreErrorKind::Corrupt));
    }
}

/// Expects that a disk whose log was compacted up to `needed` does not start with an older snapshot.
fn expect_snapshot_missing(disk: &mut Disk, newest: Option<LogId>, needed: &str) {
    let error = disk.recover(newest.map(meta), CacheLimits::entries(1)).expect_err("the snapshot is missing");
    let newest = newest.unwrap_or(LogId::ZERO);
    let expected = format!(
        "the log was compacted up to {needed}, but the newest readable snapshot ends at {newest}: damaged"
    );
    assert_eq!(error.to_string(), expected);
}

/// A leader whose snapshots are gone stops, because a follower that needs one would wait for ever.
#[test]
fn missing_snapshots_are_an_error_of_the_store() {
    let mut none = snapshots(&[]);
    let error = none.read(None, 0, 9).expect_err("there is none");
    assert_eq!(error.to_string(), "the log was compacted, but all snapshots are missing: not found");
    assert_eq!(none.read(Some(id(1, 4)), 0, 9), Ok(None), "a newer one may have replaced this one");
}

/// After a recovery no leader is left whose log reaches the position.
#[test]
fn a_recovered_server_need_not_catch_up() {
    for (catch_up, kept) in [(id(2, 9), LogId::ZERO), (id(1, 2), id(1, 2))] {
        let (mut disk, mut snapshots) = (disk(1..4), snapshots(&[]));
        let write = Write { token: Token(1), hard_state: None, log: LogOp::CatchUp(catch_up) };
        disk.persist(&write).expect("memory does not fail");
        let mut machine = Machine::new(RecordingFsm::default());
        let alone = meta(id(1, 1)).configuration.clone();
        recover_cluster(&mut disk, &mut snapshots, &mut machine, alone).expect("it has a log");
        assert_eq!(
            recover(&mut disk, &snapshots, CacheLimits::entries(1)).map(|found| found.catch_up),
            Ok(kept)
        );
    }
}

#[test]
fn a_term_an_entry_or_a_snapshot_is_existing_state() {
    let exists = |mut disk: Disk, lasts: &[(LogId, &[u8])]| has_existing_state(&mut disk, &snapshots(lasts));
    assert_eq!(exists(Disk::default(), &[]), Ok(false));
    assert_eq!(exists(disk(1..2), &[]), Ok(true));
    assert_eq!(exists(disk(1..1), &[(id(1, 4), b"")]), Ok(true));
    let mut voted = Disk::default();
    voted.persist_hard_state(HardState { term: Term(1), vote: None }).expect("memory does not fail");
    assert_eq!(exists(voted, &[]), Ok(true));
}

#[test]
fn a_cluster_is_given_another_membership() {
    let three = Configuration::new(["n1", "n2", "n3"].map(|name| Member::voter(name, name)).into());
    let three = three.expect("names differ");
    let recovered = |log, lasts: &[(LogId, &[u8])]| {
        let (mut disk, mut snapshots) = (disk(log), snapshots(lasts));
        disk.persist_hard_state(HardState { term: Term(7), vote: None }).expect("memory does not fail");
        let mut machine = Machine::new(RecordingFsm::default());
        let meta = recover_cluster(&mut disk, &mut snapshots, &mut machine, three.clone())?;
        assert_eq!(meta.configuration, three);
        let found = recover(&mut disk, &snapshots, CacheLimits::entries(1)).expect("it starts again");
        assert_eq!(
            (found.hard_state.term, found.log.base(), found.log.last()),
            (Term(7), meta.last, meta.last)
        );
        let counts: Vec<_> = machine.fsm.calls.iter().map(|call| call.split(", ").count()).collect();
        Ok((meta.last, held(&disk).len(), counts, machine.fsm.calls[0].clone()))
    };
    let zeros = "\0".repeat(10);
    assert_eq!(
        recovered(1..1_101, &[]).map(|found| (found.0, found.1, found.2)),
        Ok((id(1, 1_100), 0, vec![1_024, 76]))
    );
    assert_eq!(
        recovered(3..6, &[(id(1, 4), b"state")]),
        Ok((id(1, 5), 0, vec![1, 1], "load state".to_owned()))
    );
    assert_eq!(recovered(1..2, &[]), Ok((id(1, 1), 0, vec![1], format!("apply i1 {zeros}"))));
    assert_eq!(recovered(1..1, &[(id(1, 4), b"state")]), Ok((id(1, 4), 0, vec![1], "load state".to_owned())));
    assert_eq!(kind(recovered(1..1, &[])), Err(StoreErrorKind::NotFound));
}

/// A borrowed store works like an owned one.
#[test]
fn a_borrowed_store_forwards_all_calls() {
    let (mut log, mut kept) = (InmemStore::new(), InmemSnapshotStore::new(1));
    let mut lent = Storage { log: &mut log, stable: &mut InmemStore::new() };
    lent.log.store_logs(&entries(1, 1..4)).expect("memory does not fail");
    lent.persist_hard_state(HardState { term: Term(2), vote: None }).expect("memory does not fail");
    assert!(LogStore::is_in_memory(&lent.log) && StableStore::is_in_memory(&lent.stable));
    let (mut log_on_disk, mut stable_on_disk) =
        (GappedStore(InmemStore::new(), Index(0)), GappedStore(InmemStore::new(), Index(0)));
    assert!(!LogStore::is_in_memory(&&mut log_on_disk) && !StableStore::is_in_memory(&&mut stable_on_disk));
    let mut snapshots = Snapshots::new(&mut kept);
    assert!(snapshots.write(&meta(id(1, 2)), 0, b"state", true));
    assert_eq!(SnapshotStore::newest_end(&snapshots.store), Ok(id(1, 2)));
    assert_eq!(describe(snapshots.read(None, 0, 9)), "t1.i2 0 state");
    let found = recover(&mut lent, &snapshots, CacheLimits::entries(9)).expect("memory does not fail");
    assert_eq!((found.hard_state.term, found.log.base(), found.log.last()), (Term(2), id(1, 1), id(1, 3)));
    lent.log.delete_range(Index(1), Index(1)).expect("memory does not fail");
    assert_eq!((lent.log.first_index(), lent.log.last_index()), (Ok(Index(2)), Ok(Index(3))));
    assert_eq!(log.entries().count(), 2);
}
