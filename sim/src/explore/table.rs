//! Hash tables with open addressing. The keys are already hashes.

/// A map whose keys are fingerprints and whose values are numbers.
#[derive(Clone, Debug)]
pub struct FingerprintMap {
    entries: Vec<(u64, u32)>,
    len: usize,
}

const EMPTY: u32 = u32::MAX;

impl Default for FingerprintMap {
    fn default() -> Self {
        Self { entries: vec![(0, EMPTY); 1 << 10], len: 0 }
    }
}

impl FingerprintMap {
    /// Returns the value of this key. Returns `None` if the map does not contain the key.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<u32> {
        let (key_found, value) = self.entries[self.position(key)];
        (value != EMPTY && key_found == key).then_some(value)
    }

    /// Adds a key with a value. The map must not contain the key yet, and the value must be less than
    /// `u32::MAX`.
    pub fn put(&mut self, key: u64, value: u32) {
        if self.entries.len() < 2 * (self.len + 1) {
            let larger = vec![(0, EMPTY); 2 * self.entries.len()];
            for (key, value) in std::mem::replace(&mut self.entries, larger) {
                if value != EMPTY {
                    let at = self.position(key);
                    self.entries[at] = (key, value);
                }
            }
        }
        let at = self.position(key);
        self.entries[at] = (key, value);
        self.len += 1;
    }

    /// Returns the position of the key, or the free position for a new key.
    fn position(&self, key: u64) -> usize {
        let mask = self.entries.len() - 1;
        let mut at = key as usize & mask;
        while self.entries[at].1 != EMPTY && self.entries[at].0 != key {
            at = (at + 1) & mask;
        }
        at
    }
}

/// A set of fingerprints. Each fingerprint occupies eight bytes.
#[derive(Clone, Debug)]
pub struct FingerprintSet {
    entries: Vec<u64>,
    len: usize,
}

impl Default for FingerprintSet {
    fn default() -> Self {
        Self { entries: vec![0; 1 << 12], len: 0 }
    }
}

impl FingerprintSet {
    /// True if the set contains this fingerprint.
    #[must_use]
    pub fn contains(&self, key: u64) -> bool {
        self.entries[self.position(key.max(1))] != 0
    }

    /// Inserts a fingerprint. Returns true if the set did not contain this fingerprint before.
    pub fn insert(&mut self, key: u64) -> bool {
        let key = key.max(1);
        if self.entries.len() * 3 < (self.len + 1) * 4 {
            let larger = vec![0; 2 * self.entries.len()];
            for key in std::mem::replace(&mut self.entries, larger) {
                if key != 0 {
                    let at = self.position(key);
                    self.entries[at] = key;
                }
            }
        }
        let at = self.position(key);
        let is_new = self.entries[at] == 0;
        if is_new {
            self.entries[at] = key;
            self.len += 1;
        }
        is_new
    }

    /// Returns the number of allocated bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        8 * self.entries.len()
    }

    fn position(&self, key: u64) -> usize {
        let mask = self.entries.len() - 1;
        let mut at = key as usize & mask;
        while self.entries[at] != 0 && self.entries[at] != key {
            at = (at + 1) & mask;
        }
        at
    }
}
