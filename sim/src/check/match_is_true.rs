//! What a leader believes to match on a follower is on that follower's disk.

use super::{Check, Column};
use crate::ledger::{Facts, Follower, Ledger};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Index, LogId, NodeId, Term};

/// Match is true (L4).
#[derive(Debug, Default)]
pub struct MatchIsTrue(u64);

/// A belief that is not true.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FalseMatch {
    /// Who believes.
    pub leader: Slot,
    /// The leader's term.
    pub term: Term,
    /// Of whom.
    pub follower: NodeId,
    /// That it has the log up to here.
    pub matched: Index,
    /// Where its log on disk ends.
    pub disk: LogId,
}

impl fmt::Display for FalseMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { leader, term, follower, matched, disk } = self;
        write!(f, "{leader}, leader of {term}, believes that {follower} has its log up to {matched}; ")?;
        write!(f, "on its disk the log ends at {disk} or is another one")
    }
}

/// The beliefs that are new.
fn news<'a>(before: &'a [Follower], now: &'a [Follower]) -> impl Iterator<Item = &'a Follower> {
    now.iter().filter(move |follower| {
        let known = before.iter().find(|known| known.node == follower.node);
        known.map_or(Index::ZERO, |known| known.matched) < follower.matched
    })
}

impl MatchIsTrue {
    fn one(&mut self, ledger: &Ledger, follower: &Follower) -> Option<FalseMatch> {
        let step = &ledger.step;
        let (matched, leader) = (follower.matched, ledger.subject());
        let link = leader.log.link(matched).or_else(|| ledger.history.link(matched))?;
        let shadow = ledger.shadow_of(follower.node)?;
        self.0 += 1;
        // Who has said that it is in a newer term may have dropped what it had; and a disk that
        // was lost whole no longer holds what it held.
        let excused = step.now.term < shadow.exposed || matched <= shadow.lost;
        let holds = shadow.disk_holds(matched, link);
        (!holds && !excused).then_some(FalseMatch {
            leader: step.slot,
            term: step.now.term,
            follower: follower.node,
            matched,
            disk: shadow.disk.log.last(),
        })
    }
}

impl Check for MatchIsTrue {
    const NAME: &'static str = "match_is_true";
    const SECTION: &'static str = "thesis §3.5";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::PROGRESS;
    type Breach = FalseMatch;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<FalseMatch> {
        let followers = &ledger.subject().followers;
        news(&ledger.step.followers_before, followers).find_map(|follower| self.one(ledger, follower))
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale};

    #[test]
    fn a_durable_match_is_true() {
        let mut tale = Tale::<MatchIsTrue>::three();
        tale.settle(N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn what_is_only_in_memory_does_not_match() {
        let mut tale = Tale::<MatchIsTrue>::three();
        tale.elect(N1, 2);
        tale.deliver(N1, N2, 0);
        tale.hear_match(N1, N2, Index(2));
        tale.speaks("n1, leader of t2, believes that n2 has its log up to i2; on its disk the log ends at t1.i1");
    }

    #[test]
    fn another_log_of_the_same_length_does_not_match() {
        let mut tale = Tale::<MatchIsTrue>::three();
        tale.elect(N2, 2);
        tale.elect(N1, 3);
        tale.hear_match(N1, N2, Index(2));
        tale.speaks("n1, leader of t3, believes that n2 has its log up to i2");
    }

    #[test]
    fn who_has_gone_on_to_a_newer_term_is_excused() {
        let mut tale = Tale::<MatchIsTrue>::three();
        tale.elect(N1, 2);
        let rpc = tale.deliver(N1, N2, 0);
        tale.sync(N2);
        let yes = tale.yes(N1, N2, rpc);
        tale.step(N2, &wavetank_raft::Event::Timer, |_| {}, vec![yes]);
        tale.elect(N3, 3);
        tale.replicate(N3, N2, 1);
        tale.hear_match(N1, N2, Index(2));
        tale.is_quiet();
    }
}
