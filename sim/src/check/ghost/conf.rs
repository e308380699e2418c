//! A configuration as bit sets: voters, quorums, and whether two configurations can disagree.

use crate::check::ghost::hash;
use crate::plan::server_set::{ServerIdx, ServerSet};
use std::fmt;
use wavetank_raft::{Configuration, Index, Member, Suffrage};

/// A configuration as bit sets, so that copies are cheap. Servers from outside the tank are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Conf {
    /// The voters. If the configuration is joint, the new voters.
    pub(crate) incoming: ServerSet,
    /// The old voters if the configuration is joint, otherwise the empty set.
    pub(crate) outgoing: ServerSet,
    /// All servers that receive the log.
    pub(crate) members: ServerSet,
    /// A digest of the whole configuration, with addresses.
    pub(crate) digest: u64,
}

/// A configuration and its index in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct IndexedConf {
    pub(crate) index: Index,
    pub(crate) conf: Conf,
}

impl Conf {
    /// Converts a configuration to bit sets.
    #[must_use]
    pub(crate) fn of(configuration: &Configuration) -> Self {
        let servers = |members: &[Member]| -> ServerSet {
            let voters = members.iter().filter(|member| member.suffrage == Suffrage::Voter);
            voters.filter_map(|member| ServerIdx::of(member.id.node())).collect()
        };
        Self {
            incoming: servers(configuration.servers()),
            outgoing: servers(configuration.outgoing()),
            members: configuration.members().filter_map(|member| ServerIdx::of(member.id.node())).collect(),
            digest: hash::configuration(configuration),
        }
    }

    /// Whether the configuration is joint: it has two sets of voters.
    #[must_use]
    pub(crate) const fn is_joint(self) -> bool {
        !self.outgoing.is_empty()
    }

    /// All servers that are voters in either set.
    #[must_use]
    pub(crate) const fn voters(self) -> ServerSet {
        self.incoming.or(self.outgoing)
    }

    /// Whether these servers contain a majority of each set of voters.
    #[must_use]
    pub(crate) const fn is_quorum(self, of: ServerSet) -> bool {
        majority(self.incoming, of) && (self.outgoing.is_empty() || majority(self.outgoing, of))
    }

    /// Finds a quorum of each configuration that have no server in common. `None` if there are none.
    ///
    /// The cost is two to the power of the number of voters. With more than [`Conf::MOST_SEARCHED`] voters,
    /// the function returns `None` without a search.
    #[must_use]
    pub(crate) fn disjoint_quorums(self, other: Self) -> Option<(ServerSet, ServerSet)> {
        let all = self.voters().or(other.voters());
        if Self::MOST_SEARCHED < all.len() {
            return None;
        }
        // If two disjoint quorums exist, then a quorum and its whole complement are such a pair. So it is
        // enough to try each subset of `all` with its complement, the largest subset first.
        let mut some = all.0;
        loop {
            let (mine, theirs) = (ServerSet(some), all.minus(ServerSet(some)));
            if self.is_quorum(mine) && other.is_quorum(theirs) {
                return Some((mine, theirs));
            }
            if some == 0 {
                return None;
            }
            some = (some - 1) & all.0;
        }
    }

    /// The largest number of voters for which [`Conf::disjoint_quorums`] searches.
    pub(crate) const MOST_SEARCHED: usize = 12;
}

const fn majority(set: ServerSet, of: ServerSet) -> bool {
    set.len() < set.and(of).len() * 2
}

impl fmt::Display for Conf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.incoming)?;
        if self.is_joint() {
            write!(f, " & {}", self.outgoing)?;
        }
        let learners = self.members.minus(self.voters());
        if !learners.is_empty() {
            write!(f, " ({learners})")?;
        }
        Ok(())
    }
}

impl fmt::Display for IndexedConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.conf, self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(incoming: u16, outgoing: u16) -> Conf {
        let (incoming, outgoing) = (ServerSet(incoming), ServerSet(outgoing));
        Conf { incoming, outgoing, members: incoming.or(outgoing), digest: 0 }
    }

    #[test]
    fn a_joint_quorum_needs_both_sets() {
        let joint = conf(0b00111, 0b11100);
        assert!(joint.is_quorum(ServerSet(0b01101)));
        assert!(!joint.is_quorum(ServerSet(0b00011)), "only a majority of the new set");
        assert!(!joint.is_quorum(ServerSet(0b11000)), "only a majority of the old set");
        assert!(!conf(0, 0).is_quorum(ServerSet(0b1)), "the empty set is no majority");
    }

    #[test]
    fn one_voter_more_or_less_keeps_quorums_overlapping() {
        for voters in 1..=6_u32 {
            let of = |count: u32| conf((1_u16 << count) - 1, 0);
            assert_eq!(of(voters).disjoint_quorums(of(voters + 1)), None);
            assert_eq!(of(voters + 1).disjoint_quorums(of(voters)), None);
        }
    }

    #[test]
    fn two_voters_more_do_not() {
        let (mine, theirs) = conf(0b111, 0).disjoint_quorums(conf(0b11111, 0)).expect("{n1 n2} and the rest");
        assert!(mine.and(theirs).is_empty());
        assert_eq!(conf(0b111, 0).disjoint_quorums(conf(0b11001, 0b111)), None, "a joint step may");
    }
}
