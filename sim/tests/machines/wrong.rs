//! State machines with one fault each.

use super::{adding, expect_failure};
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::SystemTime;
use wavetank_machine::{StateMachine, decode};
use wavetank_raft::store::{SnapshotReader, SnapshotWriter, StoreError, StoreErrorKind};

fn damaged(error: &wavetank_machine::DecodeError) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error.to_string())
}

/// Adds to a key, and returns the sum.
fn add(sums: &mut BTreeMap<u8, u64>, (key, amount): (u8, u64)) -> u64 {
    let sum = sums.entry(key).or_default();
    *sum += amount;
    *sum
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct RepliesInHashOrder(HashMap<u8, u64>);

impl StateMachine for RepliesInHashOrder {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = Vec<u8>;

    fn apply(&mut self, (key, amount): (u8, u64)) -> Vec<u8> {
        self.0.insert(key, amount);
        self.0.keys().copied().collect()
    }

    fn query(&self, _: u8) -> Vec<u8> {
        Vec::new()
    }
}

#[test]
fn a_reply_in_the_order_of_a_hash_map_is_not_deterministic() {
    expect_failure(
        &adding::<RepliesInHashOrder>(),
        &["deterministic (state machine)", "the reply to (", ") at i"],
    );
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct ReadsTheClock;

impl StateMachine for ReadsTheClock {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = u128;

    fn apply(&mut self, _: (u8, u64)) -> u128 {
        SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos())
    }

    fn query(&self, _: u8) -> u128 {
        0
    }
}

#[test]
fn a_reply_with_the_time_is_not_deterministic() {
    expect_failure(
        &adding::<ReadsTheClock>(),
        &["deterministic (state machine)", "such as a clock", ") at i"],
    );
}

/// The replies agree, but the state has a time.
#[derive(Clone, Default, Serialize, Deserialize)]
struct StoresTheClock(u128);

impl StateMachine for StoresTheClock {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = ();

    fn apply(&mut self, _: (u8, u64)) {
        self.0 = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
    }

    fn query(&self, _: u8) {}
}

#[test]
fn a_time_in_the_state_is_not_deterministic() {
    let says = ["deterministic (state machine)", "gave different states, but equal replies"];
    expect_failure(&adding::<StoresTheClock>(), &says);
}

/// The replies agree, but the bytes of the set differ.
#[derive(Clone, Default, Serialize, Deserialize)]
struct HoldsASet(HashSet<u64>);

impl StateMachine for HoldsASet {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = bool;

    fn apply(&mut self, (key, amount): (u8, u64)) -> bool {
        self.0.insert(u64::from(key) << 8 | amount)
    }

    fn query(&self, key: u8) -> bool {
        self.0.contains(&u64::from(key))
    }
}

#[test]
fn a_set_without_order_has_a_message_of_its_own() {
    let says = ["state_is_ordered (state machine)", "the bytes of the states differ", "Use an ordered set"];
    expect_failure(&adding::<HoldsASet>(), &says);
}

/// Panics before or after the change of the state. After the change, the state is that of half a command.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Panics<const AFTER: bool>(BTreeMap<u8, u64>);

impl<const AFTER: bool> StateMachine for Panics<AFTER> {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = u64;

    fn apply(&mut self, command: (u8, u64)) -> u64 {
        let sum = AFTER.then(|| add(&mut self.0, command));
        assert!(command != (2, 7), "unlucky");
        sum.unwrap_or_else(|| add(&mut self.0, command))
    }

    fn query(&self, key: u8) -> u64 {
        self.0.get(&key).copied().unwrap_or(0)
    }
}

#[test]
fn a_panic_is_told_with_its_command_and_its_index() {
    let says = ["panicked: `apply` of (2, 7) at i", " on n", ": unlucky (", "wrong.rs:"];
    expect_failure(&adding::<Panics<false>>(), &says);
    expect_failure(&adding::<Panics<true>>(), &says);
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct ForgetsTheTotal {
    sums: BTreeMap<u8, u64>,
    #[serde(skip)]
    total: u64,
}

impl StateMachine for ForgetsTheTotal {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = u64;

    fn apply(&mut self, command: (u8, u64)) -> u64 {
        add(&mut self.sums, command);
        self.total += command.1;
        self.total
    }

    fn query(&self, key: u8) -> u64 {
        self.sums.get(&key).copied().unwrap_or(0)
    }
}

#[test]
fn a_field_that_is_not_in_the_snapshot_is_found() {
    let says = ["snapshot_is_whole (state machine)", "does not contain the whole state", " replied "];
    expect_failure(&adding::<ForgetsTheTotal>(), &says);
}

/// The digest shows the field, but the saved bytes do not have it.
#[derive(Clone, Default, Serialize, Deserialize)]
struct SavesAPart(BTreeMap<u8, u64>);

impl StateMachine for SavesAPart {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = u64;

    fn apply(&mut self, command: (u8, u64)) -> u64 {
        add(&mut self.0, command)
    }

    fn query(&self, key: u8) -> u64 {
        self.0.get(&key).copied().unwrap_or(0)
    }

    fn save(&self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        let part: BTreeMap<_, _> = self.0.iter().filter(|&(&key, _)| key != 0).collect();
        writer.write_all(&wavetank_machine::encode(&part))
    }
}

#[test]
fn a_part_that_save_leaves_out_is_found() {
    expect_failure(
        &adding::<SavesAPart>(),
        &["snapshot_is_whole (state machine)", "has a wrong state after it applied i"],
    );
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct KeepsKeysOnRestore(BTreeMap<u8, u64>);

impl StateMachine for KeepsKeysOnRestore {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = u64;

    /// An amount of 1 removes the key.
    fn apply(&mut self, (key, amount): (u8, u64)) -> u64 {
        if amount == 1 { self.0.remove(&key).unwrap_or(0) } else { add(&mut self.0, (key, amount)) }
    }

    fn query(&self, key: u8) -> u64 {
        self.0.get(&key).copied().unwrap_or(0)
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        let state: Self = decode(&reader.read_all()?).map_err(|error| damaged(&error))?;
        self.0.extend(state.0);
        Ok(())
    }
}

#[test]
fn a_restore_that_does_not_clear_the_state_is_found() {
    let says = ["restore_replaces_state (state machine)", "`restore` kept a part of the older state"];
    expect_failure(&adding::<KeepsKeysOnRestore>(), &says);
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct KeepsItsCache {
    sums: BTreeMap<u8, u64>,
    #[serde(skip)]
    cache: RefCell<BTreeMap<u8, u64>>,
}

impl StateMachine for KeepsItsCache {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = u64;

    fn apply(&mut self, command: (u8, u64)) -> u64 {
        self.cache.get_mut().remove(&command.0);
        add(&mut self.sums, command)
    }

    fn query(&self, key: u8) -> u64 {
        let computed = || self.sums.get(&key).copied().unwrap_or(0);
        *self.cache.borrow_mut().entry(key).or_insert_with(computed)
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        let state: Self = decode(&reader.read_all()?).map_err(|error| damaged(&error))?;
        self.sums = state.sums;
        Ok(())
    }
}

#[test]
fn a_cache_that_restore_keeps_is_found() {
    let says =
        ["restore_replaces_state (state machine)", " answered ", "`restore` kept a part of the older state"];
    expect_failure(&adding::<KeepsItsCache>(), &says);
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Adds(BTreeMap<u8, u64>);

impl StateMachine for Adds {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = u64;

    fn apply(&mut self, command: (u8, u64)) -> u64 {
        add(&mut self.0, command)
    }

    fn query(&self, key: u8) -> u64 {
        self.0.get(&key).copied().unwrap_or(0)
    }
}

#[test]
fn a_repeated_command_that_takes_effect_twice_is_found() {
    let says = ["applied_once (state machine)", " was sent twice, and took effect at i", " and again at i"];
    expect_failure(&adding::<Adds>().exactly_once(), &says);
}

/// Counts its queries in the state.
#[derive(Clone, Default, Serialize, Deserialize)]
struct CountsQueries(BTreeMap<u8, u64>, Cell<u64>);

impl StateMachine for CountsQueries {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = u64;

    fn apply(&mut self, command: (u8, u64)) -> u64 {
        add(&mut self.0, command)
    }

    fn query(&self, key: u8) -> u64 {
        self.1.set(self.1.get() + 1);
        self.0.get(&key).copied().unwrap_or(0)
    }
}

#[test]
fn a_query_that_changes_the_state_is_found() {
    let says = ["query_changes_nothing (state machine)", "the query ", " changed the state of n", " after i"];
    expect_failure(&adding::<CountsQueries>(), &says);
}

/// Counts its queries in a field that serde does not see, and replies with the count.
#[derive(Clone, Default, Serialize, Deserialize)]
struct RepliesWithTheCount(BTreeMap<u8, u64>, #[serde(skip)] Cell<u64>);

impl StateMachine for RepliesWithTheCount {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = u64;

    fn apply(&mut self, command: (u8, u64)) -> u64 {
        add(&mut self.0, command) + self.1.get()
    }

    fn query(&self, _: u8) -> u64 {
        self.1.set(self.1.get() + 1);
        0
    }
}

#[test]
fn a_query_that_changes_a_hidden_field_is_found() {
    expect_failure(
        &adding::<RepliesWithTheCount>(),
        &["query_changes_nothing (state machine)", "changed the state"],
    );
}

/// Refuses its own snapshots.
#[derive(Clone, Default, Serialize, Deserialize)]
struct RefusesItsSnapshot(BTreeMap<u8, u64>);

impl StateMachine for RefusesItsSnapshot {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = u64;

    fn apply(&mut self, command: (u8, u64)) -> u64 {
        add(&mut self.0, command)
    }

    fn query(&self, key: u8) -> u64 {
        self.0.get(&key).copied().unwrap_or(0)
    }

    fn save(&self, _: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[test]
fn a_snapshot_of_0_bytes_is_told() {
    let says = ["snapshot_can_be_restored (state machine)", "the snapshot of 0 bytes cannot be decoded"];
    expect_failure(&adding::<RefusesItsSnapshot>(), &says);
}
