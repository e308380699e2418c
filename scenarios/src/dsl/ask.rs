//! Functions that return servers of the cluster, or a fact about one server.

use super::Cluster;
use wavetank_raft::{Index, Term};
use wavetank_sim::{ServerIdx, ServerSet};

impl Cluster {
    /// Returns the servers with which the cluster was bootstrapped.
    ///
    /// # Panics
    /// Panics if the number of these servers is not `N`.
    pub fn initial_members<const N: usize>(&self) -> [ServerIdx; N] {
        named(self.founders().iter().collect())
    }

    /// Returns the spare servers. A spare server is not in the first configuration, and is blank at the start.
    ///
    /// # Panics
    /// Panics if the number of these servers is not `N`.
    pub fn spares<const N: usize>(&self) -> [ServerIdx; N] {
        named(self.tank.all().minus(self.founders()).iter().collect())
    }

    /// Returns the initial members without the leader.
    ///
    /// # Panics
    /// Panics if the number of these servers is not `N`.
    pub fn followers_of<const N: usize>(&self, leader: ServerIdx) -> [ServerIdx; N] {
        named(self.founders().without(leader).iter().collect())
    }

    /// Returns the servers in `some` except `this`.
    ///
    /// # Panics
    /// Panics if the number of these servers is not `N`.
    pub fn others_among<const N: usize>(&self, some: &[ServerIdx], this: ServerIdx) -> [ServerIdx; N] {
        named(some.iter().copied().filter(|&idx| idx != this).collect())
    }

    /// Returns a server's current term.
    ///
    /// # Panics
    /// Panics if the server is down.
    pub fn term_of(&self, idx: ServerIdx) -> Term {
        self.tank.server(idx).unwrap_or_else(|| panic!("{idx} is down")).node().term()
    }

    /// Returns the index of a server's newest configuration.
    ///
    /// # Panics
    /// Panics if the server is down, or has no configuration.
    pub fn configuration_index(&self, idx: ServerIdx) -> Index {
        let server = self.tank.server(idx).unwrap_or_else(|| panic!("{idx} is down"));
        server.node().configuration().unwrap_or_else(|| panic!("{idx} has no configuration")).0
    }

    fn founders(&self) -> ServerSet {
        ServerSet::first(usize::from(self.tank.plan().servers))
    }
}

fn named<const N: usize>(servers: Vec<ServerIdx>) -> [ServerIdx; N] {
    let count = servers.len();
    servers
        .try_into()
        .unwrap_or_else(|_| panic!("the story expects {N} servers, but there are {count} servers"))
}
