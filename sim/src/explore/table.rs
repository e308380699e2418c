//! Tables of numbers that are mixed already: open addressing, nothing else in them.

/// What is found by a number.
#[derive(Clone, Debug)]
pub struct Table {
    servers: Vec<(u64, u32)>,
    held: usize,
}

const EMPTY: u32 = u32::MAX;

impl Default for Table {
    fn default() -> Self {
        Self { servers: vec![(0, EMPTY); 1 << 10], held: 0 }
    }
}

impl Table {
    /// What stands under this number.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<u32> {
        let (found, value) = self.servers[self.place(key)];
        (value != EMPTY && found == key).then_some(value)
    }

    /// Puts something under a number under which there is nothing.
    pub fn put(&mut self, key: u64, value: u32) {
        if self.servers.len() < 2 * (self.held + 1) {
            let larger = vec![(0, EMPTY); 2 * self.servers.len()];
            for (key, value) in std::mem::replace(&mut self.servers, larger) {
                if value != EMPTY {
                    let at = self.place(key);
                    self.servers[at] = (key, value);
                }
            }
        }
        let at = self.place(key);
        self.servers[at] = (key, value);
        self.held += 1;
    }

    /// Where the number stands, or would.
    fn place(&self, key: u64) -> usize {
        let mask = self.servers.len() - 1;
        let mut at = key as usize & mask;
        while self.servers[at].1 != EMPTY && self.servers[at].0 != key {
            at = (at + 1) & mask;
        }
        at
    }
}

/// Which numbers have been seen: eight bytes each, and room to grow.
#[derive(Clone, Debug)]
pub struct Seen {
    servers: Vec<u64>,
    held: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self { servers: vec![0; 1 << 12], held: 0 }
    }
}

impl Seen {
    /// Whether this one has.
    #[must_use]
    pub fn contains(&self, key: u64) -> bool {
        self.servers[self.place(key.max(1))] != 0
    }

    /// Takes one in. False if it was there.
    pub fn insert(&mut self, key: u64) -> bool {
        let key = key.max(1);
        if self.servers.len() * 3 < (self.held + 1) * 4 {
            let larger = vec![0; 2 * self.servers.len()];
            for key in std::mem::replace(&mut self.servers, larger) {
                if key != 0 {
                    let at = self.place(key);
                    self.servers[at] = key;
                }
            }
        }
        let at = self.place(key);
        let is_new = self.servers[at] == 0;
        if is_new {
            self.servers[at] = key;
            self.held += 1;
        }
        is_new
    }

    /// How many bytes they take.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        8 * self.servers.len()
    }

    fn place(&self, key: u64) -> usize {
        let mask = self.servers.len() - 1;
        let mut at = key as usize & mask;
        while self.servers[at] != 0 && self.servers[at] != key {
            at = (at + 1) & mask;
        }
        at
    }
}
