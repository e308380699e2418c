//! Quorums of voters (thesis §3.4; §4.3 for joint configurations). This module only counts votes, and has no
//! state.

use crate::types::NodeId;
use alloc::vec::Vec;

/// The voters of a configuration: one set, or two sets in a joint configuration (thesis §4.3).
///
/// 1. Both sets are sorted and have no duplicates.
/// 2. `outgoing` is empty, except in a joint configuration.
/// 3. Both sets are empty only as long as no configuration is known. Without voters there is no
///    quorum.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Voters {
    incoming: Vec<NodeId>,
    outgoing: Vec<NodeId>,
}

/// The result of a vote among [`Voters`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum VoteResult {
    /// In each set, a majority granted the vote.
    Won,
    /// In at least one set, a majority can no longer be reached.
    Lost,
    /// The vote is neither won nor lost yet.
    Pending,
}

impl Voters {
    /// Makes the voters from the new set `incoming` and the old set `outgoing`. The old set is empty if the
    /// configuration is not joint. The order of the ids does not matter.
    pub fn new(
        incoming: impl IntoIterator<Item = NodeId>,
        outgoing: impl IntoIterator<Item = NodeId>,
    ) -> Self {
        Self { incoming: sorted(incoming), outgoing: sorted(outgoing) }
    }

    /// True if `node` has a vote in at least one of the sets.
    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        self.incoming.contains(&node) || self.outgoing.contains(&node)
    }

    /// True if there are no voters.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.incoming.is_empty()
    }

    /// True if the configuration is joint. In this case, every decision needs a majority of each set.
    #[must_use]
    pub const fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Returns each voter once: first the voters of the new set in ascending order, then the voters that only
    /// the old set has.
    pub fn iter(&self) -> impl Iterator<Item = NodeId> + '_ {
        let only_outgoing = self.outgoing.iter().filter(|node| !self.incoming.contains(node));
        self.incoming.iter().chain(only_outgoing).copied()
    }

    /// Returns the voters of the new set, in ascending order.
    #[must_use]
    pub fn incoming(&self) -> &[NodeId] {
        &self.incoming
    }

    /// Returns the voters of the old set, in ascending order. The list is empty if the configuration is not
    /// joint.
    #[must_use]
    pub fn outgoing(&self) -> &[NodeId] {
        &self.outgoing
    }

    /// Returns the result of a vote. The result is [`VoteResult::Pending`] if there are no voters. `said`
    /// returns the answer of a voter: `Some(true)` for a granted vote, `Some(false)` for a refused vote, and
    /// `None` if the voter has not answered.
    ///
    /// ```
    /// use wavetank_raft::{NodeId, VoteResult, Voters};
    /// let [a, b, c] = ["a", "b", "c"].map(NodeId::of);
    /// let voters = Voters::new([a, b, c], []);
    /// assert_eq!(voters.vote_result(|node| (node != c).then_some(true)), VoteResult::Won);
    /// assert_eq!(voters.vote_result(|node| (node == a).then_some(true)), VoteResult::Pending);
    /// assert_eq!(voters.vote_result(|node| Some(node == a)), VoteResult::Lost);
    /// ```
    #[must_use]
    pub fn vote_result(&self, said: impl Fn(NodeId) -> Option<bool>) -> VoteResult {
        if self.is_empty() {
            return VoteResult::Pending;
        }
        let incoming = vote_result_in(&self.incoming, &said);
        let outgoing = if self.is_joint() { vote_result_in(&self.outgoing, &said) } else { VoteResult::Won };
        match (incoming, outgoing) {
            (VoteResult::Won, VoteResult::Won) => VoteResult::Won,
            (VoteResult::Lost, VoteResult::Won | VoteResult::Lost | VoteResult::Pending)
            | (VoteResult::Won | VoteResult::Pending, VoteResult::Lost) => VoteResult::Lost,
            (VoteResult::Pending, VoteResult::Won | VoteResult::Pending)
            | (VoteResult::Won, VoteResult::Pending) => VoteResult::Pending,
        }
    }

    /// True if `is_in` returns true for a quorum of the voters.
    #[must_use]
    pub fn is_quorum(&self, is_in: impl Fn(NodeId) -> bool) -> bool {
        self.vote_result(|node| is_in(node).then_some(true)) == VoteResult::Won
    }

    /// Returns the greatest value that a quorum has reached, or `None` if there are no voters.
    /// `reached` returns the value that a voter has reached.
    ///
    /// If the values are match indexes, the result is the index that may be committed (thesis §3.5; §3.6.2
    /// adds the rule about terms). If the values are the send times of acknowledged heartbeats, the result is
    /// the start of the lease (§6.4.1).
    ///
    /// ```
    /// use wavetank_raft::{NodeId, Voters};
    /// let [a, b, c, d] = ["a", "b", "c", "d"].map(NodeId::of);
    /// let matched = |node| if node == a { 9 } else if node == b { 7 } else { 3 };
    /// assert_eq!(Voters::new([a, b, c], []).agreed(matched), Some(7));
    /// // Three of four voters are a quorum.
    /// assert_eq!(Voters::new([a, b, c, d], []).agreed(matched), Some(3));
    /// // In a joint configuration, both sets must have reached the value.
    /// assert_eq!(Voters::new([a, b], [c, d]).agreed(matched), Some(3));
    /// ```
    #[must_use]
    pub fn agreed<T: Ord + Copy>(&self, reached: impl Fn(NodeId) -> T) -> Option<T> {
        let incoming = agreed_in(&self.incoming, &reached)?;
        Some(agreed_in(&self.outgoing, &reached).map_or(incoming, |outgoing| outgoing.min(incoming)))
    }
}

fn sorted(nodes: impl IntoIterator<Item = NodeId>) -> Vec<NodeId> {
    let mut nodes: Vec<_> = nodes.into_iter().collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

const fn majority(of: usize) -> usize {
    of / 2 + 1
}

fn vote_result_in(set: &[NodeId], said: &impl Fn(NodeId) -> Option<bool>) -> VoteResult {
    let (mut yes, mut no) = (0, 0);
    for &node in set {
        match said(node) {
            Some(true) => yes += 1,
            Some(false) => no += 1,
            None => {}
        }
    }
    if majority(set.len()) <= yes {
        VoteResult::Won
    } else if set.len() - no < majority(set.len()) {
        VoteResult::Lost
    } else {
        VoteResult::Pending
    }
}

/// Returns the greatest value that a majority of the set has reached. The values are sorted in ascending
/// order and counted from the end. Up to nine values are sorted on the stack: this function runs for every
/// response, and most clusters are small.
fn agreed_in<T: Ord + Copy>(set: &[NodeId], reached: &impl Fn(NodeId) -> T) -> Option<T> {
    const ON_STACK: usize = 9;
    let (&first, rest) = set.split_first()?;
    let first = reached(first);
    if ON_STACK < set.len() {
        let mut values: Vec<T> = set.iter().map(|&node| reached(node)).collect();
        values.sort_unstable();
        return Some(values[set.len() - majority(set.len())]);
    }
    let mut values = [first; ON_STACK];
    for (&node, count) in rest.iter().zip(1..) {
        let value = reached(node);
        let mut at = count;
        while 0 < at && value < values[at - 1] {
            values[at] = values[at - 1];
            at -= 1;
        }
        values[at] = value;
    }
    Some(values[set.len() - majority(set.len())])
}

#[cfg(test)]
mod tests;
