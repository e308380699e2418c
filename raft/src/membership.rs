//! The configuration in force: the last one in the log, committed or not (thesis §4.1), with the
//! earlier ones that a truncation could restore.

use crate::configuration::Configuration;
use crate::quorum::Voters;
use crate::types::{Index, NodeId};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The configurations of the log from the newest committed one on.
///
/// 1. Indexes strictly rise.
/// 2. `voters` holds the voters of the last of them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Membership {
    stack: Vec<(Index, Arc<Configuration>)>,
    #[cfg_attr(feature = "serde", serde(skip))]
    voters: Voters,
}

impl Membership {
    pub(crate) fn new(stack: Vec<(Index, Arc<Configuration>)>) -> Self {
        let mut membership = Self { stack, voters: Voters::default() };
        membership.count();
        membership
    }

    pub(crate) fn latest(&self) -> Option<(Index, &Arc<Configuration>)> {
        self.stack.last().map(|(index, configuration)| (*index, configuration))
    }

    /// The index of the latest configuration; zero if there is none.
    pub(crate) fn index(&self) -> Index {
        self.stack.last().map_or(Index::ZERO, |(index, _)| *index)
    }

    /// The voters of the latest configuration.
    pub(crate) const fn voters(&self) -> &Voters {
        &self.voters
    }

    /// Whether `node` may campaign: as a voter of the latest configuration, or, while that is not
    /// known to be committed, of the one before it. A server that an uncommitted change excludes
    /// may be the only one that can commit it.
    pub(crate) fn may_campaign(&self, node: NodeId, commit: Index) -> bool {
        if self.voters.contains(node) {
            return true;
        }
        let uncommitted = self.stack.iter().filter(|(index, _)| commit < *index).count();
        let mut before = self.stack.iter().rev().skip(1).take(uncommitted);
        before.any(|(_, configuration)| configuration.voters().contains(node))
    }

    /// A configuration was appended to the log.
    pub(crate) fn push(&mut self, index: Index, configuration: Arc<Configuration>) {
        assert!(self.index() < index, "configuration {index} cannot follow {}", self.index());
        self.stack.push((index, configuration));
        self.count();
    }

    /// The log was truncated from `from` on. True if this removed a configuration.
    pub(crate) fn truncate(&mut self, from: Index) -> bool {
        let before = self.stack.len();
        self.stack.retain(|(index, _)| *index < from);
        let changed = self.stack.len() < before;
        if changed {
            self.count();
        }
        changed
    }

    /// Forgets the configurations that a truncation can no longer restore.
    pub(crate) fn committed(&mut self, commit: Index) {
        if 1 < self.stack.len() && self.stack[1].0 <= commit {
            let newest = self.stack.iter().rposition(|(index, _)| *index <= commit);
            self.stack.drain(..newest.expect("the second one is committed"));
        }
    }

    /// A snapshot up to `last` with this configuration replaced the beginning of the log.
    pub(crate) fn install(&mut self, last: Index, at: Index, configuration: Arc<Configuration>) {
        self.stack.retain(|(index, _)| last < *index);
        self.stack.insert(0, (at, configuration));
        self.count();
    }

    fn count(&mut self) {
        self.voters = self.latest().map(|(_, latest)| latest.voters()).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;
