//! Maps are the model of a log store and a stable store.

use proptest::prelude::*;
use std::collections::BTreeMap;
use wavetank_raft::store::{LogStore, StableStore};
use wavetank_raft::{Entry, Index, Payload, Term};

/// A step on a store.
#[derive(Clone, Debug)]
pub(crate) enum StoreStep {
    /// Store this many entries after the last one, or after a gap.
    Store {
        count: u64,
        gap: bool,
    },
    /// Delete a range, counted from the first index.
    Delete {
        from: u64,
        count: u64,
    },
    Set {
        key: u8,
        value: Vec<u8>,
    },
}

pub(crate) fn steps() -> impl Strategy<Value = StoreStep> {
    prop_oneof![
        4 => (0_u64..6, prop::bool::weighted(0.1)).prop_map(|(count, gap)| StoreStep::Store { count, gap }),
        2 => (0_u64..12, 0_u64..12).prop_map(|(from, count)| StoreStep::Delete { from, count }),
        1 => (0_u8..3, prop::collection::vec(any::<u8>(), 0..5)).prop_map(|(key, value)| StoreStep::Set { key, value }),
    ]
}

/// A type that is both a log store and a stable store.
pub(crate) trait Store: LogStore + StableStore {}

impl<T: LogStore + StableStore> Store for T {}

/// The model.
pub(crate) struct StoreModel {
    /// True if the store refuses a deletion that would leave a gap.
    refuses_holes: bool,
    log: BTreeMap<u64, Entry>,
    records: BTreeMap<u8, Vec<u8>>,
    made: u64,
}

impl StoreModel {
    pub(crate) const fn new(refuses_holes: bool) -> Self {
        Self { refuses_holes, log: BTreeMap::new(), records: BTreeMap::new(), made: 0 }
    }

    /// Applies the step to the model and to the store.
    pub(crate) fn apply(&mut self, store: &mut impl Store, step: StoreStep) {
        match step {
            StoreStep::Store { count, gap } => self.store(store, count, gap),
            StoreStep::Delete { from, count } => self.delete(store, from, count),
            StoreStep::Set { key, value } => {
                store.set(&[key], &value).expect("a record is always taken");
                self.records.insert(key, value);
            }
        }
        self.check(store);
    }

    fn first(&self) -> u64 {
        self.log.keys().next().copied().unwrap_or(0)
    }

    fn last(&self) -> u64 {
        self.log.keys().next_back().copied().unwrap_or(0)
    }

    fn store(&mut self, store: &mut impl Store, count: u64, gap: bool) {
        let first = self.last() + 1 + u64::from(gap);
        let mut entry = |index| {
            self.made += 1;
            Entry::new(Term(self.made), Index(index), Payload::Command(vec![1; 3].into()))
        };
        let entries: Vec<Entry> = (first..first + count).map(&mut entry).collect();
        let may = !gap || self.log.is_empty() || entries.is_empty();
        assert_eq!(store.store_logs(&entries).is_ok(), may);
        if may {
            self.log.extend(entries.into_iter().map(|entry| (entry.id.index.0, entry)));
        }
    }

    fn delete(&mut self, store: &mut impl Store, from: u64, count: u64) {
        let min = (self.first() + from).saturating_sub(3);
        let max = (min + count).saturating_sub(2);
        let left: Vec<u64> = self.log.keys().copied().filter(|index| *index < min || max < *index).collect();
        let has_no_hole = |log: &[u64]| log.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        let may = !self.refuses_holes || has_no_hole(&left);
        assert_eq!(store.delete_range(Index(min), Index(max)).is_ok(), may, "{min} to {max}");
        if may {
            self.log.retain(|index, _| left.contains(index));
        }
    }

    pub(crate) fn check(&self, store: &impl Store) {
        assert_eq!(store.first_index(), Ok(Index(self.first())));
        assert_eq!(store.last_index(), Ok(Index(self.last())));
        for index in self.first().saturating_sub(2)..self.last() + 3 {
            assert_eq!(store.get_log(Index(index)), Ok(self.log.get(&index).cloned()), "{index}");
        }
        for key in 0..4 {
            assert_eq!(store.get(&[key]), Ok(self.records.get(&key).cloned()));
        }
    }
}
