//! The log in normal use, and in bad directories.

use super::super::open_error::OpenFailure;
use super::frame::{HEAD, HeadSpace, Origin, read_head, write_head};
use super::*;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;
use wavetank_raft::execute::Storage;
use wavetank_raft::{CacheLimits, HardState, NodeId, Payload, Term, Token};

/// A segment that holds a few groups.
const SMALL: WalOptions = WalOptions { segment_bytes: 1024, ahead_bytes: 512 };

fn entry(index: u64) -> Entry {
    Entry::new(Term(1), Index(index), Payload::Command(index.to_le_bytes().to_vec().into()))
}

fn entries(range: std::ops::RangeInclusive<u64>) -> wavetank_raft::Entries {
    range.map(entry).collect()
}

fn bounds(store: &WalStore) -> (u64, u64) {
    (store.first_index().unwrap().0, store.last_index().unwrap().0)
}

fn open(directory: &Path) -> Result<WalStore, OpenError> {
    WalStore::on(Disk, directory, SMALL)
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let mut segments: Vec<PathBuf> = files.filter(|path| path.extension().is_some()).collect();
    segments.sort();
    segments
}

/// Writes a log of many segments, and returns its segments.
fn many_segments(directory: &Path) -> Vec<PathBuf> {
    let mut store = open(directory).unwrap();
    (1..=100).for_each(|index| store.store_logs(&entries(index..=index)).unwrap());
    let segments = segments(directory);
    assert!(5 < segments.len(), "{segments:?}");
    segments
}

fn refusal(directory: &Path) -> String {
    let message = open(directory).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn written_data_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/er/wal");
    let mut store = WalStore::open(&path).unwrap();
    assert_eq!(bounds(&store), (0, 0));
    assert_eq!(store.get(b"HardState"), Ok(None));
    store.store_logs(&entries(1..=9)).unwrap();
    store.set(b"HardState", b"t3 n1").unwrap();
    drop(store);

    let store = WalStore::open(&path).unwrap();
    assert_eq!(bounds(&store), (1, 9));
    assert_eq!(store.get_log(Index(4)), Ok(Some(entry(4))));
    assert_eq!(store.get_log(Index(10)), Ok(None));
    assert_eq!(store.get(b"HardState").unwrap().unwrap(), b"t3 n1");
    let few = store.range(Index(3), Index(8), |entry| entry.id.index < Index(6)).unwrap();
    assert_eq!(few, [entry(3), entry(4), entry(5)]);
}

#[test]
fn a_group_is_carried_out_in_order_and_whole() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
    let write = |log| Write { token: Token(1), hard_state: None, log };
    let ops = [
        LogOp::Append(entries(1..=5)),
        LogOp::Keep,
        LogOp::Replace(entries(4..=6)),
        LogOp::Compact(Index(2)),
        LogOp::Append(entries(7..=7)),
    ];
    store.persist_group(&ops.map(write)).unwrap();
    assert_eq!(bounds(&store), (3, 7));

    let gap = [LogOp::Append(entries(8..=8)), LogOp::Append(entries(10..=10))];
    let error = store.persist_group(&gap.map(write)).unwrap_err();
    assert_eq!(error.what, format!("{}: entry i10 does not follow entry i8", directory.path().display()));
    assert_eq!(bounds(&store), (3, 7), "nothing of a refused group is kept");

    let replaced = [LogOp::Discard(Index(89)), LogOp::Append(entries(90..=91))];
    store.persist_group(&replaced.map(write)).unwrap();
    assert_eq!(bounds(&store), (90, 91));
    drop(store);
    assert_eq!(bounds(&open(directory.path()).unwrap()), (90, 91));
}

#[test]
fn a_group_is_what_a_server_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
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
fn segments_are_deleted_when_the_log_needs_no_entry_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let before = many_segments(directory.path());
    let mut store = open(directory.path()).unwrap();
    store.set(b"k", b"v").unwrap();
    store.delete_range(Index(1), Index(60)).unwrap();
    let left = segments(directory.path());
    assert!(before[..5].iter().all(|path| !left.contains(path)), "{left:?}");
    assert_eq!(store.range(Index(0), Index(200), |_| true).unwrap(), entries(61..=100)[..]);
    store.delete_range(Index(61), Index(100)).unwrap();
    assert_eq!(segments(directory.path()).len(), 1);
    (0..50).for_each(|round: u64| store.set(b"k", &round.to_le_bytes()).unwrap());
    assert_eq!(segments(directory.path()).len(), 1, "records alone need one segment");
    drop(store);
    let store = open(directory.path()).unwrap();
    assert_eq!(bounds(&store), (0, 0));
    assert_eq!(store.get(b"k").unwrap().unwrap(), 49_u64.to_le_bytes());
}

#[test]
fn a_store_in_use_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _store = open(directory.path()).unwrap();
    assert_eq!(open(directory.path()).unwrap_err().failure, OpenFailure::Locked);
}

#[test]
fn a_path_that_cannot_be_a_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "Dear diary").unwrap();
    for path in [file.clone(), file.join("wal")] {
        let error = open(&path).unwrap_err();
        assert!(matches!(error.failure, OpenFailure::Io(_)), "{error}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "Dear diary");
}

#[test]
fn every_missing_segment_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let paths = many_segments(directory.path());
    for (at, path) in paths.iter().enumerate() {
        let bytes = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        let missing = refusal(directory.path());
        assert!(missing.contains(&format!("segment {:010}.wal is missing", at + 1)), "{missing}");
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(bounds(&open(directory.path()).unwrap()), (1, 100));
}

#[test]
fn a_segment_of_another_directory_is_refused() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (ours, theirs) = (many_segments(one.path()), many_segments(two.path()));
    fs::copy(&theirs[2], &ours[2]).unwrap();
    let refused = refusal(one.path());
    assert!(refused.contains("0000000003.wal") && refused.contains("another directory"), "{refused}");
}

#[test]
fn a_segment_in_the_place_of_another_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let paths = many_segments(directory.path());
    fs::copy(&paths[1], &paths[2]).unwrap();
    let refused = refusal(directory.path());
    assert!(refused.contains("the file contains segment 2"), "{refused}");
}

#[test]
fn a_segment_of_another_format_is_refused_by_its_number() {
    let directory = tempfile::tempdir().unwrap();
    let path = many_segments(directory.path()).pop().unwrap();
    let (newer, known) = (u64::from(segment::FORMAT) + 5, u64::from(segment::FORMAT));
    change(&path, |bytes| {
        bytes[8..12].copy_from_slice(&(newer as u32).to_le_bytes());
        let sum = segment::checksum(bytes.first_chunk().unwrap());
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
    });
    assert_eq!(open(directory.path()).unwrap_err().failure, OpenFailure::Newer { found: newer, known });
}

/// Each cut that removes a part of a group must be noticed. A cut in the zeros behind the space for the next header
/// loses nothing.
#[test]
fn a_cut_segment_is_refused_or_whole() {
    let directory = tempfile::tempdir().unwrap();
    let paths = many_segments(directory.path());
    for path in [&paths[0], &paths[3], paths.last().unwrap()] {
        let bytes = fs::read(path).unwrap();
        let mut refused = 0;
        for length in (0..bytes.len()).step_by(7) {
            fs::write(path, &bytes[..length]).unwrap();
            match open(directory.path()) {
                Ok(store) => assert_eq!(bounds(&store), (1, 100), "cut at {length}"),
                Err(error) => {
                    assert!(matches!(error.failure, OpenFailure::Damaged(_)), "{error}");
                    refused += 1;
                }
            }
        }
        assert!(bytes.len() / 28 < refused, "{refused} of {}", bytes.len());
        fs::write(path, bytes).unwrap();
    }
}

/// Rot of any byte is noticed, in the last group, too: no sector of the group is missing.
#[test]
fn rot_is_refused_or_harmless() {
    let directory = tempfile::tempdir().unwrap();
    let paths = many_segments(directory.path());
    for path in [&paths[1], paths.last().unwrap()] {
        let bytes = fs::read(path).unwrap();
        for at in (0..bytes.len()).step_by(5) {
            let mut rotten = bytes.clone();
            rotten[at] ^= 0xa5;
            fs::write(path, &rotten).unwrap();
            if let Ok(store) = open(directory.path()) {
                let found = store.range(Index(0), Index(200), |_| true).unwrap();
                assert_eq!(found, entries(1..=100)[..], "damage at {at} went unnoticed");
            }
        }
        fs::write(path, bytes).unwrap();
    }
}

/// Returns the offset of each frame of a segment after its base.
fn frames(bytes: &[u8], number: u32) -> Vec<u64> {
    let identity = segment::SegmentHead::decode(bytes.first_chunk().unwrap()).unwrap().identity;
    let mut at = HEAD as u64;
    let mut frames = Vec::new();
    while let Some(head) = bytes.get(at as usize..).and_then(|rest| rest.first_chunk())
        && let HeadSpace::Valid(head) = read_head(head, Origin { identity, segment: number }, at)
    {
        at += head.frame_length();
        frames.push(at);
    }
    frames.pop();
    frames
}

#[test]
fn a_torn_last_group_is_cut_off_and_a_lost_earlier_group_is_damage() {
    let directory = TempDir::new().unwrap();
    let mut store = WalStore::open(directory.path()).unwrap();
    let long = |index| Entry::new(Term(1), Index(index), Payload::Command(vec![7; 3000].into()));
    (1..=3).for_each(|index| store.store_logs(&[long(index)]).unwrap());
    drop(store);
    let path = segments(directory.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    let frames = frames(&whole, 1);
    assert_eq!(frames.len(), 3);
    for (nth, frame) in frames.iter().enumerate() {
        for sector in [*frame, frame.next_multiple_of(512), frame.next_multiple_of(512) + 1024] {
            let mut torn = whole.clone();
            torn[sector as usize..(sector + 1).next_multiple_of(512) as usize].fill(0);
            fs::write(&path, &torn).unwrap();
            match WalStore::open(directory.path()) {
                Ok(mut store) => {
                    assert_eq!((nth, bounds(&store)), (2, (1, 2)), "sector {sector}");
                    store.store_logs(&[entry(3)]).unwrap();
                    drop(store);
                    let store = WalStore::open(directory.path()).unwrap();
                    assert_eq!(store.get_log(Index(3)), Ok(Some(entry(3))), "sector {sector}");
                }
                Err(error) => assert!(nth < 2, "group {nth}, sector {sector}: {error}"),
            }
        }
    }
}

/// The process ended after it had created a segment, and before it had sealed the segment before.
#[test]
fn a_missing_seal_is_written_if_the_next_segment_has_no_group() {
    let directory = TempDir::new().unwrap();
    let mut store = open(directory.path()).unwrap();
    let mut index = 0;
    while segments(directory.path()).len() < 3 {
        index += 1;
        store.store_logs(&[entry(index)]).unwrap();
    }
    drop(store);
    let paths = segments(directory.path());
    let unseal = |path: &Path| {
        change(path, |bytes| {
            let seal = *frames(bytes, 2).last().unwrap() as usize;
            bytes[seal..seal + HEAD].fill(0);
        });
    };
    unseal(&paths[1]);
    let refused = refusal(directory.path());
    assert!(refused.contains("0000000002.wal") && refused.contains("has no seal"), "{refused}");
    change(&paths[2], |bytes| {
        let group = frames(bytes, 3)[0] as usize;
        bytes[group..].fill(0);
    });
    for _ in 0..2 {
        assert_eq!(bounds(&open(directory.path()).unwrap()), (1, index - 1));
    }
    let bytes = fs::read(&paths[1]).unwrap();
    assert_eq!(frames(&bytes, 2).len(), frames(&fs::read(&paths[0]).unwrap(), 1).len());
}

/// A command may have any bytes, even those of a header.
#[test]
fn a_header_inside_a_command_is_no_group() {
    let directory = TempDir::new().unwrap();
    let mut store = WalStore::open(directory.path()).unwrap();
    let mut forged = vec![0; HEAD];
    write_head(&mut forged, Origin { identity: 1, segment: 1 }, 4096, 99, 1);
    let data = forged.repeat(400);
    store.store_logs(&[Entry::new(Term(1), Index(1), Payload::Command(data.into()))]).unwrap();
    drop(store);
    let path = segments(directory.path()).remove(0);
    let frame = frames(&fs::read(&path).unwrap(), 1)[0] as usize;
    change(&path, |bytes| bytes[frame..frame.next_multiple_of(512)].fill(0));
    assert_eq!(bounds(&WalStore::open(directory.path()).unwrap()), (0, 0));
}
