//! The directed graph of working links.
//!
//! The graph answers questions that need a graph search, for example which servers reach each other. The same
//! links are also stored in bitsets, because the world tests a link for every message. The network decides on
//! delays and losses of messages.

use crate::observe::NetworkChange;
use crate::plan::server_set::{ServerIdx, ServerSet};
use petgraph::Graph;
use petgraph::algo::tarjan_scc;
use petgraph::graph::NodeIndex;
use std::fmt;
use wavetank_raft::{NodeId, Voters};

/// The links among the servers of a tank.
///
/// 1. `cut[a]` contains `b` if and only if the graph has no edge from `a` to `b`.
/// 2. No server has a link to itself.
#[derive(Clone, Debug)]
pub struct Topology {
    working: Graph<ServerIdx, ()>,
    cut: [ServerSet; ServerIdx::MAX_SERVERS],
    all: ServerSet,
}

impl Topology {
    /// Creates a topology of `servers` servers in which all links work.
    #[must_use]
    pub fn new(servers: usize) -> Self {
        let all = ServerSet::first(servers);
        let mut working = Graph::with_capacity(servers, servers * servers);
        for idx in all.iter() {
            working.add_node(idx);
        }
        let mut topology = Self { working, cut: [ServerSet::NONE; ServerIdx::MAX_SERVERS], all };
        topology.connect_all();
        topology
    }

    /// True if the link from the first server to the second server is cut. This test takes O(1) time.
    #[must_use]
    pub const fn is_cut(&self, from: ServerIdx, to: ServerIdx) -> bool {
        self.cut[from.at()].contains(to)
    }

    /// Cuts or restores links.
    pub fn change(&mut self, change: &NetworkChange) {
        match *change {
            NetworkChange::Partition(ours, theirs) => {
                self.cut_all(ours, theirs);
                self.cut_all(theirs, ours);
            }
            NetworkChange::CutOneWay(from, to) => self.cut_all(from, to),
            NetworkChange::Cut(from, to) => self.cut(from, to),
            NetworkChange::Mend(from, to) => self.mend(from, to),
            NetworkChange::HealAll => self.connect_all(),
        }
    }

    /// Returns the servers that have working links with this server in both directions.
    fn both_ways(&self, idx: ServerIdx) -> ServerSet {
        let reached = self.working.neighbors(place(idx)).map(|at| self.working[at]);
        reached.filter(|&other| !self.is_cut(other, idx)).collect()
    }

    /// True if this server can win an election now. The server must be in `voters` and in `up`. The server
    /// itself and the servers of `up` with working links to and from this server must include a quorum of
    /// `voters`. A path through a third server does not count, because Raft servers do not forward messages.
    #[must_use]
    pub fn is_electable(&self, idx: ServerIdx, voters: &Voters, up: ServerSet) -> bool {
        let at_hand = self.both_ways(idx).and(up).with(idx);
        let is_in = |node: NodeId| ServerIdx::of(node).is_some_and(|voter| at_hand.contains(voter));
        up.contains(idx) && voters.contains(idx.node()) && voters.is_quorum(is_in)
    }

    /// Returns the strongly connected components of the graph, the largest component first. In a component,
    /// every server reaches every other server, possibly through other servers.
    #[must_use]
    pub fn cores(&self) -> Vec<ServerSet> {
        let mut cores: Vec<ServerSet> = tarjan_scc(&self.working)
            .into_iter()
            .map(|core| core.into_iter().map(|at| self.working[at]).collect())
            .collect();
        cores.sort_unstable_by_key(|core| (std::cmp::Reverse(core.len()), *core));
        cores
    }

    /// Returns pairs of senders and receivers: the links from these senders to these receivers are cut.
    /// Senders with the same receivers are in one pair.
    fn cuts(&self) -> Vec<(ServerSet, ServerSet)> {
        let mut cuts: Vec<(ServerSet, ServerSet)> = Vec::new();
        for from in self.all.iter() {
            let to = self.cut[from.at()];
            match cuts.iter_mut().find(|cut| cut.1 == to) {
                Some(cut) => cut.0 = cut.0.with(from),
                None if to.is_empty() => {}
                None => cuts.push((ServerSet::only(from), to)),
            }
        }
        cuts
    }

    fn connect_all(&mut self) {
        self.cut = [ServerSet::NONE; ServerIdx::MAX_SERVERS];
        self.working.clear_edges();
        for from in self.all.iter() {
            for to in self.all.without(from).iter() {
                self.working.add_edge(place(from), place(to), ());
            }
        }
    }

    fn cut_all(&mut self, from: ServerSet, to: ServerSet) {
        for a in from.and(self.all).iter() {
            for b in to.and(self.all).without(a).iter() {
                self.cut(a, b);
            }
        }
    }

    fn cut(&mut self, from: ServerIdx, to: ServerIdx) {
        self.cut[from.at()] = self.cut[from.at()].with(to);
        if let Some(edge) = self.working.find_edge(place(from), place(to)) {
            self.working.remove_edge(edge);
        }
    }

    fn mend(&mut self, from: ServerIdx, to: ServerIdx) {
        self.cut[from.at()] = self.cut[from.at()].without(to);
        self.working.update_edge(place(from), place(to), ());
    }
}

/// Prints the links that are cut. For example, `n1 | n2 n3` means that the links between n1 and the other two
/// servers are cut in both directions. `n1 > n2` means that only the link from n1 to n2 is cut. Prints
/// nothing if all links work.
impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = self.cores();
        let is_whole_cut = |core: &ServerSet| {
            let others = self.all.iter().filter(|&idx| !core.contains(idx)).collect();
            core.iter().all(|idx| self.cut[idx.at()] == others)
        };
        if 1 < cores.len() && cores.iter().all(is_whole_cut) {
            let cores: Vec<String> = cores.iter().map(ToString::to_string).collect();
            return f.write_str(&cores.join(" | "));
        }
        let cuts = self.cuts();
        let is_said = |at: usize, (from, to): (ServerSet, ServerSet)| cuts[..at].contains(&(to, from));
        let cuts = cuts.iter().enumerate().filter(|&(at, &cut)| !is_said(at, cut));
        let text = |&(from, to): &(ServerSet, ServerSet)| {
            let sign = if self.cuts().contains(&(to, from)) { '|' } else { '>' };
            format!("{from} {sign} {to}")
        };
        f.write_str(&cuts.map(|(_, cut)| text(cut)).collect::<Vec<_>>().join(", "))
    }
}

/// Returns the graph's node for a server. The node and the server have the same number, because servers are
/// added to the graph in the order of their indexes and never removed.
fn place(idx: ServerIdx) -> NodeIndex {
    NodeIndex::new(idx.at())
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: [ServerIdx; 5] = [ServerIdx(0), ServerIdx(1), ServerIdx(2), ServerIdx(3), ServerIdx(4)];

    fn set(servers: &[ServerIdx]) -> ServerSet {
        servers.iter().copied().collect()
    }

    fn electable(topology: &Topology, up: ServerSet) -> ServerSet {
        let voters = Voters::new(N.map(ServerIdx::node), []);
        N.into_iter().filter(|&idx| topology.is_electable(idx, &voters, up)).collect()
    }

    #[test]
    fn a_partition_leaves_one_side_electable() {
        let mut topology = Topology::new(5);
        assert_eq!(electable(&topology, ServerSet::first(5)), ServerSet::first(5));

        topology.change(&NetworkChange::Partition(set(&N[..2]), set(&N[2..])));

        assert!(topology.is_cut(N[0], N[4]) && topology.is_cut(N[4], N[0]) && !topology.is_cut(N[0], N[1]));
        assert_eq!(electable(&topology, ServerSet::first(5)), set(&N[2..]));
        assert_eq!(electable(&topology, ServerSet::first(5).without(N[4])), ServerSet::NONE);
        assert_eq!(topology.cores(), [set(&N[2..]), set(&N[..2])]);

        topology.change(&NetworkChange::HealAll);
        assert_eq!(topology.cores(), [ServerSet::first(5)]);
    }

    #[test]
    fn a_one_way_cut_is_no_connection() {
        let mut topology = Topology::new(5);
        topology.change(&NetworkChange::CutOneWay(set(&N[..1]), set(&N[1..])));
        assert!(topology.is_cut(N[0], N[1]) && !topology.is_cut(N[1], N[0]));
        assert_eq!(topology.both_ways(N[0]), ServerSet::NONE);
        assert_eq!(electable(&topology, ServerSet::first(5)), set(&N[1..]));
        assert_eq!(topology.cores(), [set(&N[1..]), set(&N[..1])]);
    }

    #[test]
    fn cut_links_are_named_by_their_ends() {
        let mut topology = Topology::new(5);
        assert_eq!(topology.to_string(), "");
        topology.change(&NetworkChange::Partition(set(&N[..2]), set(&N[2..])));
        assert_eq!(topology.to_string(), "n3 n4 n5 | n1 n2");
        topology.change(&NetworkChange::HealAll);
        topology.change(&NetworkChange::Partition(set(&N[..2]), set(&N[3..])));
        assert_eq!(topology.to_string(), "n1 n2 | n4 n5");
        topology.change(&NetworkChange::Cut(N[2], N[0]));
        assert_eq!(topology.to_string(), "n1 n2 | n4 n5, n3 > n1");
    }

    #[test]
    fn a_bridge_connects_all_and_only_it_is_electable() {
        let mut topology = Topology::new(5);
        topology.change(&NetworkChange::Partition(set(&N[..2]), set(&N[3..])));
        assert_eq!(topology.cores(), [ServerSet::first(5)]);
        // n1 and n2 have links with n3, and so do n4 and n5. Each of these four servers has a quorum of three
        // of the five. n3 has links with all.
        assert_eq!(electable(&topology, ServerSet::first(5)), ServerSet::first(5));
        assert_eq!(electable(&topology, ServerSet::first(5).without(N[1])).iter().next(), Some(N[2]));
    }

    #[test]
    fn the_bitsets_and_the_graph_agree_after_every_change() {
        let mut topology = Topology::new(4);
        let mut stream = crate::plan::rng::Stream::new(9, crate::plan::rng::Domain::Storm, 0, 0);
        for _ in 0..500 {
            let mut idx = || ServerIdx(u8::try_from(stream.below(4)).unwrap());
            let (a, b) = (idx(), idx());
            let change = match stream.below(6) {
                0 => NetworkChange::Partition(ServerSet::only(a), ServerSet::first(4).without(a)),
                1 => NetworkChange::CutOneWay(ServerSet::only(a), ServerSet::only(b)),
                2 if a != b => NetworkChange::Cut(a, b),
                3 | 4 if a != b => NetworkChange::Mend(a, b),
                _ => NetworkChange::HealAll,
            };
            topology.change(&change);
            for from in ServerSet::first(4).iter() {
                for to in ServerSet::first(4).without(from).iter() {
                    let edge = topology.working.contains_edge(place(from), place(to));
                    assert_eq!(topology.is_cut(from, to), !edge, "{from} to {to} after {change:?}");
                }
                assert!(!topology.is_cut(from, from));
            }
        }
    }
}
