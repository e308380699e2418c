//! Stores that keep everything in memory.

use super::{LogStore, SnapshotSink, SnapshotSource, SnapshotStore, StableStore, StoreError};
use crate::entry::{Bytes, Entry};
use crate::message::SnapshotMeta;
use crate::vocab::{Index, LogId};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A log and a stable store in memory. HashiCorp: `InmemStore`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct InmemStore {
    entries: VecDeque<Entry>,
    records: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// The newest snapshots, in memory. HashiCorp: `InmemSnapshotStore`, which keeps one.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct InmemSnapshotStore {
    snapshots: Vec<(Arc<SnapshotMeta>, Bytes)>,
}
