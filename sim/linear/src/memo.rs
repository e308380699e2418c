//! Lowe's memo: the configurations that a search has already visited. A configuration is the set of the
//! linearized operations, and the state.

/// A set of keys. A key is a list of 64-bit words. Keys are compared word by word, because different keys can
/// have equal hashes.
#[derive(Debug, Default)]
pub(super) struct Memo {
    /// All keys, one after another. Each key is stored as the number of words in the key, followed by the
    /// words.
    words: Vec<u64>,
    /// The hash table. The field `at` of a slot is the position in `words` of the first word of a key; zero
    /// marks a free slot. The number of slots is a power of two.
    slots: Vec<Slot>,
    used: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    hash: u32,
    at: u32,
}

/// The limit for the number of words in the memo. When the limit is reached, the search continues, but the
/// memo adds no more keys.
const MOST_WORDS: usize = 1 << 24;

impl Memo {
    /// Adds a key. Returns true if the memo did not contain the key.
    pub(super) fn insert(&mut self, key: &[u64]) -> bool {
        if 3 * self.slots.len() <= 4 * self.used {
            self.grow();
        }
        let hash = hash(key);
        let mut at = self.home(hash);
        while self.slots[at].at != 0 {
            if self.slots[at].hash == hash && self.key(self.slots[at]) == key {
                return false;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        if self.words.len() < MOST_WORDS {
            let place = u32::try_from(self.words.len() + 1).expect("there are fewer words than 2³²");
            self.slots[at] = Slot { hash, at: place };
            self.words.push(key.len() as u64);
            self.words.extend_from_slice(key);
            self.used += 1;
        }
        true
    }

    const fn home(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    fn key(&self, slot: Slot) -> &[u64] {
        let at = slot.at as usize;
        let length = self.words[at - 1];
        &self.words[at..at + length as usize]
    }

    fn grow(&mut self) {
        let size = (2 * self.slots.len()).max(16);
        let old = std::mem::replace(&mut self.slots, vec![Slot::default(); size]);
        for slot in old.into_iter().filter(|slot| slot.at != 0) {
            let mut at = self.home(slot.hash);
            while self.slots[at].at != 0 {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = slot;
        }
    }
}

fn hash(key: &[u64]) -> u32 {
    let mixed = key.iter().fold(0x9e37_79b9_7f4a_7c15_u64, |mixed, word| {
        (mixed.rotate_left(23) ^ word).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    });
    (mixed ^ mixed >> 32) as u32
}
