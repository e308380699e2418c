//! Queries: the servers by their part in the story, and their terms.

use super::Cluster;
use wavetank_raft::{Index, Term};
use wavetank_sim::{Slot, Slots};

impl Cluster {
    /// The servers that the cluster was bootstrapped with.
    ///
    /// # Panics
    /// When there are not exactly `N`.
    pub fn initial_members<const N: usize>(&self) -> [Slot; N] {
        named(self.founders().iter().collect())
    }

    /// The blank servers, which are members of no cluster at first.
    ///
    /// # Panics
    /// When there are not exactly `N`.
    pub fn spares<const N: usize>(&self) -> [Slot; N] {
        named(self.tank.all().minus(self.founders()).iter().collect())
    }

    /// The initial members without the leader.
    ///
    /// # Panics
    /// When there are not exactly `N`.
    pub fn followers_of<const N: usize>(&self, leader: Slot) -> [Slot; N] {
        named(self.founders().without(leader).iter().collect())
    }

    /// Some servers without this one.
    ///
    /// # Panics
    /// When there are not exactly `N`.
    pub fn others_among<const N: usize>(&self, some: &[Slot], this: Slot) -> [Slot; N] {
        named(some.iter().copied().filter(|&slot| slot != this).collect())
    }

    /// A server's current term.
    ///
    /// # Panics
    /// When the server is down.
    pub fn term_of(&self, slot: Slot) -> Term {
        self.tank.server(slot).unwrap_or_else(|| panic!("{slot} is down")).node().term()
    }

    /// The index of a server's newest configuration.
    ///
    /// # Panics
    /// When the server is down, or has no configuration.
    pub fn configuration_index(&self, slot: Slot) -> Index {
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
