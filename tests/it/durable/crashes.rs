//! Compares the segmented log with maps while the power fails at random operations of the device.

use super::seams::Tree;
use proptest::prelude::*;
use std::collections::BTreeMap;
use wavetank_node::store::{OpenFailure, WalOptions, WalStore};
use wavetank_raft::store::{LogStore, StableStore, StoreErrorKind};
use wavetank_raft::{Entry, HardState, Index, LogOp, NodeId, Payload, Term, Token, Write};
use wavetank_sim::ServerIdx;
use wavetank_sim::disk::{Device, DeviceFault};

/// A change of the log.
#[derive(Clone, Debug)]
enum Change {
    Append { count: u64, bytes: usize },
    Replace { back: u64, count: u64 },
    Compact { count: u64 },
    Discard { gap: u64 },
    Vote,
}

/// A group of changes, and what happens to the process after or during it.
#[derive(Clone, Debug)]
struct Step {
    changes: Vec<Change>,
    end: End,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Nothing,
    /// The process is killed and starts again.
    Kill,
    /// The process is killed after this many operations of the group. Written bytes stay in the cache.
    KillDuring(u64),
    /// The power fails after the group.
    Cut,
    /// The power fails after this many operations of the group.
    CutDuring(u64),
    /// A sync fails after this many operations of the group, and the process starts again.
    SyncFails(u64),
    /// The device is full after this many operations of the group, and the process starts again.
    Full(u64),
}

fn steps() -> impl Strategy<Value = Step> {
    let change = prop_oneof![
        6 => (1_u64..4, prop_oneof![4 => 0_usize..40, 1 => 400_usize..1800]).prop_map(|(count, bytes)| Change::Append { count, bytes }),
        2 => (0_u64..5, 1_u64..4).prop_map(|(back, count)| Change::Replace { back, count }),
        2 => (0_u64..9).prop_map(|count| Change::Compact { count }),
        1 => (0_u64..5).prop_map(|gap| Change::Discard { gap }),
        2 => Just(Change::Vote),
    ];
    let end = prop_oneof![
        8 => Just(End::Nothing),
        1 => Just(End::Kill),
        1 => Just(End::Cut),
        2 => (0_u64..9).prop_map(End::KillDuring),
        3 => (0_u64..9).prop_map(End::CutDuring),
        1 => (0_u64..4).prop_map(End::SyncFails),
        1 => (0_u64..4).prop_map(End::Full),
    ];
    (prop::collection::vec(change, 1..4), end).prop_map(|(changes, end)| Step { changes, end })
}

/// The content that a store must have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Model {
    log: BTreeMap<u64, Entry>,
    vote: u64,
    made: u64,
}

impl Model {
    /// Applies the change, and returns the write that does the same.
    fn write(&mut self, change: &Change) -> Write {
        let (first, last) = (self.first(), self.last());
        let mut hard_state = None;
        let log = match *change {
            Change::Append { count, bytes } => LogOp::Append(self.append(last + 1, count, bytes)),
            Change::Replace { back, count } => {
                let from = (last + 1).saturating_sub(back).max(first).max(1);
                self.log.retain(|index, _| *index < from);
                LogOp::Replace(self.append(from, count, 3))
            }
            Change::Compact { count } => {
                let upto = first + count;
                self.log.retain(|index, _| upto < *index);
                LogOp::Compact(Index(upto))
            }
            Change::Discard { gap } => {
                self.log.clear();
                let upto = last + gap;
                let next = LogOp::Discard(Index(upto));
                return Write { token: Token(1), hard_state, log: next };
            }
            Change::Vote => {
                self.vote += 1;
                hard_state = Some(HardState { term: Term(self.vote), vote: Some(NodeId::of("n1")) });
                LogOp::Keep
            }
        };
        Write { token: Token(1), hard_state, log }
    }

    fn append(&mut self, first: u64, count: u64, bytes: usize) -> wavetank_raft::Entries {
        let mut entries = Vec::new();
        for index in first..first + count {
            self.made += 1;
            // Zeros are the hard case: a sector of zeros looks like a sector that was not written.
            let data = vec![(self.made % 2) as u8; bytes];
            entries.push(Entry::new(Term(self.made), Index(index), Payload::Command(data.into())));
        }
        self.log.extend(entries.iter().map(|entry| (entry.id.index.0, entry.clone())));
        entries.into()
    }

    fn first(&self) -> u64 {
        self.log.keys().next().copied().unwrap_or(0)
    }

    fn last(&self) -> u64 {
        self.log.keys().next_back().copied().unwrap_or(0)
    }

    fn is(&self, store: &WalStore<Tree>) -> bool {
        let entries = store.range(Index(0), Index(u64::MAX), |_| true).expect("stored entries can be read");
        let vote = store.get(b"HardState").expect("records are in memory");
        let term = vote.map_or(0, |record| u64::from_be_bytes(*record.first_chunk().expect("a term")));
        term == self.vote && entries.iter().eq(self.log.values())
    }
}

fn open(device: &Device) -> WalStore<Tree> {
    let files = Tree { mount: device.mount(), bug: None };
    let options = WalOptions { segment_bytes: 700, ahead_bytes: 900 };
    WalStore::on(files, "wal", options).unwrap_or_else(|error| panic!("{error}"))
}

/// Writes the group. Returns true if the store reported it as durable.
fn write(store: &WalStore<Tree>, device: &Device, writes: &[Write], end: End) -> bool {
    match end {
        End::CutDuring(after) | End::KillDuring(after) => device.arm(DeviceFault::Stop, after),
        End::SyncFails(after) => device.arm(DeviceFault::SyncFails, after),
        End::Full(after) => device.arm(DeviceFault::Full, after),
        End::Nothing | End::Kill | End::Cut => {}
    }
    let is_durable = store.persist_group(writes).is_ok();
    device.disarm();
    is_durable
}

/// Opens the store in a new process, where the power fails again during recovery with some of the seeds.
fn restart(device: &Device, end: End, nth: u64) -> WalStore<Tree> {
    let stop = |device: &Device| match end {
        End::Cut | End::CutDuring(_) => device.cut_power(),
        End::Nothing | End::Kill | End::KillDuring(_) | End::SyncFails(_) | End::Full(_) => device.kill(),
    };
    stop(device);
    if nth.is_multiple_of(3) {
        device.arm(DeviceFault::Stop, nth % 5);
        let files = Tree { mount: device.mount(), bug: None };
        drop(WalStore::on(files, "wal", WalOptions::default()));
        stop(device);
    }
    open(device)
}

#[test]
fn a_full_device_refuses_writes_until_the_store_is_opened_again() {
    let device = Device::new(1, ServerIdx(0));
    let mut store = open(&device);
    let mut model = Model::default();
    store.store_logs(&model.append(1, 3, 9)).expect("the device has space");
    device.arm(DeviceFault::Full, 0);
    let lost = Model::default().append(4, 2, 2000);
    let error = store.store_logs(&lost).expect_err("the device is full");
    assert_eq!(error.to_string(), "wal/0000000001.wal: no storage space: no space left");
    assert_eq!(error.kind, StoreErrorKind::Full);
    device.disarm();
    let error = store.store_logs(&lost).expect_err("an earlier write failed");
    assert_eq!(error.what, "wal: an earlier write failed, so nothing more is written");
    drop(store);
    device.kill();
    let mut store = open(&device);
    assert!(model.is(&store));
    store.store_logs(&model.append(4, 2, 2000)).expect("the device has space again");
    assert!(model.is(&store));
}

#[test]
fn a_store_cannot_be_created_on_a_full_device() {
    let device = Device::new(1, ServerIdx(0));
    for after in 0..6 {
        device.arm(DeviceFault::Full, after);
        let files = Tree { mount: device.mount(), bug: None };
        let error = WalStore::on(files, "wal", WalOptions::default()).expect_err("the device is full");
        assert_eq!(error.failure, OpenFailure::Full, "after {after} operations");
        device.disarm();
        device.kill();
    }
    assert!(Model::default().is(&open(&device)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_segmented_log_is_a_map_under_power_cuts(
        seed in any::<u64>(),
        steps in prop::collection::vec(steps(), 1..40),
    ) {
        let device = Device::new(seed, ServerIdx(0));
        let mut store = open(&device);
        let mut model = Model::default();
        for (nth, step) in (0..).zip(steps) {
            let mut next = model.clone();
            let writes: Vec<Write> = step.changes.iter().map(|change| next.write(change)).collect();
            let is_durable = write(&store, &device, &writes, step.end);
            if !is_durable || !matches!(step.end, End::Nothing) {
                drop(store);
                store = restart(&device, step.end, nth);
            }
            let has_next = next.is(&store);
            prop_assert!(has_next || !is_durable, "an acknowledged group is missing");
            prop_assert!(has_next || model.is(&store), "a group is on the disk in part");
            model = if has_next { next } else { model };
        }
    }
}
