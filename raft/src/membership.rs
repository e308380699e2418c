//! A server uses the latest configuration in the log, committed or not (thesis §4.1). Earlier configurations
//! are kept as long as a truncation of the log can make an earlier configuration the latest again.

use crate::configuration::Configuration;
use crate::quorum::Voters;
use crate::types::{Index, NodeId};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The newest configuration that is known to be committed, and all later configurations in the log.
///
/// 1. The indexes in `stack` strictly rise.
/// 2. `voters` has the voters of the last configuration in `stack`.
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

    /// True if this member has one address in the latest configuration and another address in the
    /// configuration before the latest.
    pub(crate) fn has_moved(&self, node: NodeId) -> bool {
        let address = |(_, configuration): &(Index, Arc<Configuration>)| {
            configuration.server(node).map(|member| member.address.clone())
        };
        let mut newest = self.stack.iter().rev().map(address);
        let (latest, before) = (newest.next().flatten(), newest.next().flatten());
        before.is_some() && latest.is_some() && before != latest
    }

    /// Returns the index of the latest configuration; zero if there is no configuration.
    pub(crate) fn index(&self) -> Index {
        self.stack.last().map_or(Index::ZERO, |(index, _)| *index)
    }

    /// Returns the voters of the latest configuration.
    pub(crate) const fn voters(&self) -> &Voters {
        &self.voters
    }

    /// True if `node` may campaign. The node must be a voter of the latest configuration, or of a configuration
    /// directly before an uncommitted configuration. An uncommitted change may remove the only server that can
    /// win the election and commit the change (thesis §4.2.2).
    pub(crate) fn may_campaign(&self, node: NodeId, commit: Index) -> bool {
        if self.voters.contains(node) {
            return true;
        }
        let uncommitted = self.stack.iter().filter(|(index, _)| commit < *index).count();
        let mut before = self.stack.iter().rev().skip(1).take(uncommitted);
        before.any(|(_, configuration)| configuration.voters().contains(node))
    }

    /// Adds a configuration that was appended to the log.
    pub(crate) fn push(&mut self, index: Index, configuration: Arc<Configuration>) {
        assert!(
            self.index() < index,
            "the configuration at {index} cannot follow the configuration at {}",
            self.index()
        );
        self.stack.push((index, configuration));
        self.count();
    }

    /// Removes the configurations from index `from` on, because the log was truncated at `from`. Returns true
    /// if a configuration was removed.
    pub(crate) fn truncate(&mut self, from: Index) -> bool {
        let before = self.stack.len();
        self.stack.retain(|(index, _)| *index < from);
        let changed = self.stack.len() < before;
        if changed {
            self.count();
        }
        changed
    }

    /// Forgets the configurations before the newest committed configuration. A truncation of the log can no
    /// longer make one of these earlier configurations the latest.
    pub(crate) fn committed(&mut self, commit: Index) {
        if 1 < self.stack.len() && self.stack[1].0 <= commit {
            let newest = self.stack.iter().rposition(|(index, _)| *index <= commit);
            self.stack.drain(..newest.expect("the second configuration is committed"));
        }
    }

    /// Replaces all configurations up to index `last` with the configuration of a snapshot. The configuration
    /// of the snapshot has the index `at` in the log.
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
