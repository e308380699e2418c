//! Lists whose members can be taken out, and put back in reverse order.

/// Lists of numbers, linked both ways, none of them in two. Behind the numbers stand the heads of
/// the lists.
#[derive(Debug)]
pub(super) struct Ring {
    pub(super) next: Vec<u32>,
    pub(super) previous: Vec<u32>,
}

impl Ring {
    /// Lists of the numbers below a size. Whoever is in none of them is alone.
    pub(super) fn new(size: usize, lists: impl IntoIterator<Item = Vec<u32>>) -> Self {
        let alone = (0..size as u32).collect::<Vec<_>>();
        let mut ring = Self { next: alone.clone(), previous: alone };
        for list in lists {
            let head = ring.next.len() as u32;
            ring.next.push(head);
            ring.previous.push(head);
            ring.link(head, list);
        }
        ring
    }

    fn link(&mut self, head: u32, list: Vec<u32>) {
        let mut last = head;
        for at in list {
            self.next[last as usize] = at;
            self.previous[at as usize] = last;
            last = at;
        }
        self.next[last as usize] = head;
        self.previous[head as usize] = last;
    }

    /// The first of a list, or its head if it is empty.
    pub(super) fn first(&self, head: u32) -> u32 {
        self.next[head as usize]
    }

    pub(super) fn remove(&mut self, at: u32) {
        let (previous, next) = (self.previous[at as usize], self.next[at as usize]);
        self.next[previous as usize] = next;
        self.previous[next as usize] = previous;
    }

    pub(super) fn put_back(&mut self, at: u32) {
        let (previous, next) = (self.previous[at as usize], self.next[at as usize]);
        self.next[previous as usize] = at;
        self.previous[next as usize] = at;
    }
}
