//! Linked lists of numbers. A member can be removed and put back. Members must be put back in the reverse
//! order of the removals.

/// Doubly linked lists of numbers. A number is in at most one list. The head of a list is a number, too.
/// Every head is larger than every member.
#[derive(Debug)]
pub(super) struct Lists {
    pub(super) next: Vec<u32>,
    pub(super) previous: Vec<u32>,
}

impl Lists {
    /// Makes a linked list of each list in `lists`. The members are numbers below `size`. The heads are the
    /// numbers from `size` on, in the order of the lists. A number that is in no list is linked to itself.
    pub(super) fn new(size: usize, lists: impl IntoIterator<Item = Vec<u32>>) -> Self {
        let alone = (0..size as u32).collect::<Vec<_>>();
        let mut all = Self { next: alone.clone(), previous: alone };
        for list in lists {
            let head = all.next.len() as u32;
            all.next.push(head);
            all.previous.push(head);
            all.link(head, list);
        }
        all
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

    /// Returns the first member of a list, or the head of the list if the list is empty.
    pub(super) fn first(&self, head: u32) -> u32 {
        self.next[head as usize]
    }

    pub(super) fn lift(&mut self, at: u32) {
        let (previous, next) = (self.previous[at as usize], self.next[at as usize]);
        self.next[previous as usize] = next;
        self.previous[next as usize] = previous;
    }

    pub(super) fn unlift(&mut self, at: u32) {
        let (previous, next) = (self.previous[at as usize], self.next[at as usize]);
        self.next[previous as usize] = at;
        self.previous[next as usize] = at;
    }
}
