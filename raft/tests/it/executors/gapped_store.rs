//! A store that has lost an entry in the middle. It uses the default methods of the traits where
//! possible.

use wavetank_raft::store::inmem::InmemStore;
use wavetank_raft::store::{LogStore, StableStore, StoreError};
use wavetank_raft::{Entry, Index};

/// A store, and the index of the lost entry.
pub(super) struct GappedStore(pub(super) InmemStore, pub(super) Index);

impl LogStore for GappedStore {
    fn first_index(&self) -> Result<Index, StoreError> {
        self.0.first_index()
    }

    fn last_index(&self) -> Result<Index, StoreError> {
        self.0.last_index()
    }

    fn get_log(&self, index: Index) -> Result<Option<Entry>, StoreError> {
        if index == self.1 { Ok(None) } else { self.0.get_log(index) }
    }

    fn store_logs(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        self.0.store_logs(entries)
    }

    fn delete_range(&mut self, min: Index, max: Index) -> Result<(), StoreError> {
        self.0.delete_range(min, max)
    }
}

impl StableStore for GappedStore {
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.0.set(key, value)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key)
    }
}
