//! Quorums of voters. Arithmetic without state (thesis §4.3 for joint sets).

use crate::types::NodeId;
use alloc::vec::Vec;

/// The voters of a configuration: one set, or two while the membership is joint.
///
/// 1. Both sets are sorted and without duplicates.
/// 2. `outgoing` is empty unless the configuration is joint.
/// 3. Both are empty only before the first configuration is known; then nothing is ever agreed.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Voters {
    incoming: Vec<NodeId>,
    outgoing: Vec<NodeId>,
}

/// The result of a vote.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum VoteResult {
    /// A quorum of every set granted its vote.
    Won,
    /// In some set a quorum can no longer be reached.
    Lost,
    /// The vote is neither won nor lost yet.
    Pending,
}

impl Voters {
    /// The voters of the new and, while joint, of the old set, in any order.
    pub fn new(
        incoming: impl IntoIterator<Item = NodeId>,
        outgoing: impl IntoIterator<Item = NodeId>,
    ) -> Self {
        Self { incoming: sorted(incoming), outgoing: sorted(outgoing) }
    }

    /// Whether `node` has a vote in any of the sets.
    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        self.incoming.contains(&node) || self.outgoing.contains(&node)
    }

    /// Whether there are no voters.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.incoming.is_empty()
    }

    /// Whether two sets are in force at once.
    #[must_use]
    pub const fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// All voters, each once, in order.
    pub fn iter(&self) -> impl Iterator<Item = NodeId> + '_ {
        let only_outgoing = self.outgoing.iter().filter(|node| !self.incoming.contains(node));
        self.incoming.iter().chain(only_outgoing).copied()
    }

    /// The voters of the new set.
    #[must_use]
    pub fn incoming(&self) -> &[NodeId] {
        &self.incoming
    }

    /// The voters of the old set, empty unless joint.
    #[must_use]
    pub fn outgoing(&self) -> &[NodeId] {
        &self.outgoing
    }

    /// The result of a vote, given the answer of each voter, if it answered.
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

    /// Whether the voters for which `is_in` holds are a quorum.
    #[must_use]
    pub fn is_quorum(&self, is_in: impl Fn(NodeId) -> bool) -> bool {
        self.vote_result(|node| is_in(node).then_some(true)) == VoteResult::Won
    }

    /// The greatest value that a quorum has reached, given what each voter has reached; `None`
    /// while there are no voters.
    ///
    /// With match indexes it is the commit index (thesis §3.5, §3.6.2 adds the term rule); with
    /// the send times of acknowledged heartbeats it is the start of the lease (§6.4.1).
    ///
    /// ```
    /// use wavetank_raft::{NodeId, Voters};
    /// let [a, b, c, d] = ["a", "b", "c", "d"].map(NodeId::of);
    /// let matched = |node| if node == a { 9 } else if node == b { 7 } else { 3 };
    /// assert_eq!(Voters::new([a, b, c], []).agreed(matched), Some(7));
    /// // Four voters need three.
    /// assert_eq!(Voters::new([a, b, c, d], []).agreed(matched), Some(3));
    /// // Joint: both sets must have it.
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

/// The value that `majority` of the set have reached: the set in ascending order, counted from
/// its upper end. Sets of up to nine are sorted on the stack, as they come.
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
