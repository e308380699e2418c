//! What a story asks in between: who is who, and in which term.

use super::Stage;
use wavetank_raft::{Index, Term};
use wavetank_sim::{Slot, Slots};

impl Stage {
    /// Every server that founded the cluster.
    ///
    /// # Panics
    /// When there are not as many as the story has names for.
    pub fn everybody<const N: usize>(&self) -> [Slot; N] {
        named(self.founders().iter().collect())
    }

    /// The blank servers that stand by.
    ///
    /// # Panics
    /// When there are not as many as the story has names for.
    pub fn spares<const N: usize>(&self) -> [Slot; N] {
        named(self.tank.all().minus(self.founders()).iter().collect())
    }

    /// Every founder but the leader.
    ///
    /// # Panics
    /// When there are not as many as the story has names for.
    pub fn followers_of<const N: usize>(&self, leader: Slot) -> [Slot; N] {
        named(self.founders().without(leader).iter().collect())
    }

    /// Those of some servers that are not this one.
    ///
    /// # Panics
    /// When there are not as many as the story has names for.
    pub fn others_among<const N: usize>(&self, some: &[Slot], this: Slot) -> [Slot; N] {
        named(some.iter().copied().filter(|&slot| slot != this).collect())
    }

    /// The newest term that a server has seen.
    ///
    /// # Panics
    /// When it is down.
    pub fn term_of(&self, slot: Slot) -> Term {
        self.tank.server(slot).unwrap_or_else(|| panic!("{slot} is down")).node().term()
    }

    /// Where the membership stands in a server's log.
    ///
    /// # Panics
    /// When it is down, or has none.
    pub fn membership_of(&self, slot: Slot) -> Index {
        let server = self.tank.server(slot).unwrap_or_else(|| panic!("{slot} is down"));
        server.node().configuration().unwrap_or_else(|| panic!("{slot} knows of no members")).0
    }

    fn founders(&self) -> Slots {
        Slots::first(usize::from(self.tank.plan().servers))
    }
}

fn named<const N: usize>(slots: Vec<Slot>) -> [Slot; N] {
    let count = slots.len();
    slots.try_into().unwrap_or_else(|_| panic!("the story names {N} of {count}"))
}
