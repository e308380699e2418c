//! A configuration as bit sets: voters, quorums, and whether two configurations can disagree.

use crate::check::ghost::hash;
use crate::plan::server_set::{ServerIdx, ServerSet};
use std::fmt;
use wavetank_raft::{Configuration, Index, Member, Suffrage};

/// A configuration, small enough to be copied. Servers from outside the tank are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Conf {
    /// The voters; while joint, the new ones.
    pub(crate) incoming: ServerSet,
    /// The old voters while joint, otherwise empty.
    pub(crate) outgoing: ServerSet,
    /// All servers that receive the log.
    pub(crate) members: ServerSet,
    /// Tells configurations apart, addresses and all.
    pub(crate) digest: u64,
}

/// A configuration and where it stands in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct IndexedConf {
    pub(crate) index: Index,
    pub(crate) conf: Conf,
}

impl Conf {
    /// The configuration in small.
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

    /// Whether two sets of voters are in force.
    #[must_use]
    pub(crate) const fn is_joint(self) -> bool {
        !self.outgoing.is_empty()
    }

    /// All servers with a vote in either set.
    #[must_use]
    pub(crate) const fn voters(self) -> ServerSet {
        self.incoming.or(self.outgoing)
    }

    /// Whether these are a majority of each set in force.
    #[must_use]
    pub(crate) const fn is_quorum(self, of: ServerSet) -> bool {
        majority(self.incoming, of) && (self.outgoing.is_empty() || majority(self.outgoing, of))
    }

    /// Two quorums, one of each configuration, that share no server; `None` if there are
    /// none. Costs two to the number of voters; more than [`Conf::MOST_SEARCHED`] are not searched.
    ///
    /// It suffices to look at each set of voters with its complement.
    #[must_use]
    pub(crate) fn disjoint_quorums(self, other: Self) -> Option<(ServerSet, ServerSet)> {
        let all = self.voters().or(other.voters());
        if Self::MOST_SEARCHED < all.len() {
            return None;
        }
        // The subsets of `all`, the largest first.
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

    /// The most voters for which [`Conf::disjoint_quorums`] looks.
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
