//! A configuration as bit sets: the voters, the quorums, and the test whether two configurations have
//! disjoint quorums.

use crate::check::ghost::hash;
use crate::plan::server_set::{ServerIdx, ServerSet};
use std::fmt;
use wavetank_raft::{Configuration, Index, Member, Suffrage};

/// A configuration as bit sets. Bit sets can be copied in little time. The sets contain only servers of the
/// tank.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Conf {
    /// The voters. If the configuration is joint, this set contains only the new voters.
    pub(crate) incoming: ServerSet,
    /// The old voters if the configuration is joint, otherwise the empty set.
    pub(crate) outgoing: ServerSet,
    /// All servers that receive the log.
    pub(crate) members: ServerSet,
    /// A digest of the whole configuration, including the addresses.
    pub(crate) digest: u64,
}

/// A configuration and the index of the configuration in the log.
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

    /// True if the configuration is joint. A joint configuration has two sets of voters.
    #[must_use]
    pub(crate) const fn is_joint(self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Returns all servers that are voters in at least one of the two sets.
    #[must_use]
    pub(crate) const fn voters(self) -> ServerSet {
        self.incoming.or(self.outgoing)
    }

    /// True if these servers contain a majority of each set of voters.
    #[must_use]
    pub(crate) const fn is_quorum(self, of: ServerSet) -> bool {
        majority(self.incoming, of) && (self.outgoing.is_empty() || majority(self.outgoing, of))
    }

    /// Finds a quorum of this configuration and a quorum of `other` that have no common server. Returns
    /// `None` if there are no such quorums.
    ///
    /// Servers that are voters of the same sets form a group. Only the number of servers of each group
    /// matters for a quorum. Therefore the function tries numbers of servers, not sets of servers.
    #[must_use]
    pub(crate) fn disjoint_quorums(self, other: Self) -> Option<(ServerSet, ServerSet)> {
        let mut groups = vec![self.voters().or(other.voters())];
        for set in [self.incoming, self.outgoing, other.incoming, other.outgoing] {
            groups = groups.iter().flat_map(|group| [group.and(set), group.minus(set)]).collect();
            groups.retain(|group| !group.is_empty());
        }
        // If two disjoint quorums exist, then one quorum and all servers outside this quorum are such a pair,
        // too.
        let all = groups.iter().fold(ServerSet::NONE, |all, group| all.or(*group));
        self.disjoint_from(other, all, all, &groups)
    }

    /// Searches for servers that can be removed from `mine`, so that `mine` is still a quorum of this
    /// configuration, and all servers outside `mine` are a quorum of `other`. Tries every number of servers
    /// from each group. Returns the two quorums, or `None` if there are no such quorums.
    fn disjoint_from(
        self,
        other: Self,
        all: ServerSet,
        mut mine: ServerSet,
        groups: &[ServerSet],
    ) -> Option<(ServerSet, ServerSet)> {
        if !self.is_quorum(mine) {
            return None;
        }
        let Some((group, rest)) = groups.split_first() else {
            let theirs = all.minus(mine);
            return other.is_quorum(theirs).then_some((mine, theirs));
        };
        let mut leaving = group.iter();
        loop {
            if let Some(found) = self.disjoint_from(other, all, mine, rest) {
                return Some(found);
            }
            mine = mine.without(leaving.next()?);
        }
    }

    /// Says that some servers are a quorum neither of this configuration nor of the other one, as the end of a
    /// sentence. The two configurations may be equal.
    pub(crate) fn no_quorum_of_either(self, other: Self) -> String {
        if self == other {
            format!("not a quorum of {self}")
        } else {
            format!("a quorum of neither {self} nor {other}")
        }
    }
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
    fn large_configurations_are_judged_too() {
        let thirteen = conf(0x1fff, 0);
        assert_eq!(thirteen.disjoint_quorums(conf(0x3fff, 0)), None, "one voter more");
        assert_eq!(thirteen.disjoint_quorums(conf(0xfff8, 0x1fff)), None, "a joint step");
        let (mine, theirs) = thirteen.disjoint_quorums(conf(0xfff8, 0)).expect("three voters are replaced");
        assert!(mine.and(theirs).is_empty() && thirteen.is_quorum(mine), "{mine} and {theirs}");
    }

    /// The same by trying every set of servers.
    #[test]
    fn groups_find_what_all_sets_find() {
        let by_sets = |one: Conf, other: Conf| {
            let is_pair = |mine| one.is_quorum(ServerSet(mine)) && other.is_quorum(ServerSet(31 & !mine));
            (0..32).any(is_pair)
        };
        for sets in 0..1 << 15_u32 {
            let set = |at: u32| u16::try_from(sets >> at & 31).expect("five bits");
            let (one, other) = (conf(set(0), 0), conf(set(5), set(10)));
            assert_eq!(one.disjoint_quorums(other).is_some(), by_sets(one, other), "{one} and {other}");
            assert_eq!(other.disjoint_quorums(one).is_some(), by_sets(one, other), "{other} and {one}");
        }
    }

    #[test]
    fn two_voters_more_do_not() {
        let (mine, theirs) = conf(0b111, 0).disjoint_quorums(conf(0b11111, 0)).expect("{n1 n2} and the rest");
        assert!(mine.and(theirs).is_empty());
        assert_eq!(conf(0b111, 0).disjoint_quorums(conf(0b11001, 0b111)), None, "a joint step may");
    }
}
