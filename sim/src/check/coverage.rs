//! Counts the events that should happen in some runs, and collects the situations of a run. A situation is
//! the state of all running servers, reduced to a digest.
//!
//! A series of runs without a violation may have tested little, for example if the leader never changed.

use crate::check::calls::refused_for_a_reason::{Reason, given};
use crate::check::commit::committed_is_durable_on_quorum::counted;
use crate::check::ghost::{AnsweredCall, Asked, Consumed, Facts, Ghost, Stop};
use crate::plan::named::{Counters, named};
use crate::plan::server_set::ServerIdx;
use std::collections::{BTreeMap, BTreeSet};
use wavetank_raft::{Index, RoleName, Term};

named! {
    /// An event that should happen in some runs.
    Point {
        /// A server became leader.
        Elected = "leader elected",
        /// A server became leader, and the previous leader of the run was another server.
        LeaderChanged = "leader changed",
        /// A leader stepped down.
        Deposed = "leader deposed",
        /// Several candidates had votes in a term that had no leader.
        SplitVote = "split vote",
        /// A server received a vote request from a candidate whose log is older than the log of the server.
        StaleLogRefused = "vote refused for a stale log",
        /// A pre-candidate became a follower again.
        PreVoteLost = "pre-vote lost",
        /// Two or more entries were removed from the end of a log.
        TruncatedTwo = "two entries truncated",
        /// A configuration was removed from the end of a log.
        ConfigurationRolledBack = "configuration rolled back",
        /// A leader appended a configuration.
        ConfigurationChanged = "configuration changed",
        /// A leader appended a joint configuration.
        JointEntered = "joint configuration entered",
        /// The leader changed, and the configuration of the new leader is joint.
        JointLeaderChange = "leader changed during a joint configuration",
        /// A leader committed a configuration in which this leader is not a voter.
        LeaderRemoved = "leader removed",
        /// A server crashed while at least one of its writes was not on the disk yet.
        CrashWhileWriting = "crash with unsynced writes",
        /// Only a part of a write reached the disk.
        TornWrite = "torn write",
        /// A server restarted.
        Restarted = "restart",
        /// A store failed.
        StoreFailed = "store failed",
        /// A leader committed an entry of an older term together with an entry of its own term.
        CommittedIndirectly = "old entry committed indirectly",
        /// A snapshot was taken.
        SnapshotTaken = "snapshot taken",
        /// A follower installed a snapshot from its leader.
        CaughtUpBySnapshot = "caught up by snapshot",
        /// An installed snapshot replaced a conflicting log.
        SnapshotOverConflict = "snapshot over a conflicting log",
        /// A message of an older term arrived.
        StaleMessage = "stale message",
        /// A server campaigned because the leader sent a TimeoutNow request.
        TransferObeyed = "transfer obeyed",
        /// A server allowed a read without a lease, or confirmed its leadership.
        IndexRead = "index read served",
        /// A server allowed a read because the server had a lease.
        LeaseRead = "lease read served",
        /// A barrier succeeded.
        Barrier = "barrier answered",
        /// The state machine accepted a backup.
        Restored = "state restored",
        /// The state machine refused a backup.
        RestoreRefused = "restore refused",
        /// A command with extensions was applied.
        Extended = "command with extensions applied",
        /// A server refused a bootstrap, because the server was not new.
        BootstrapRefused = "bootstrap refused",
        /// A membership change was refused, because the latest configuration was not the configuration that
        /// the change requires.
        StaleChangeRefused = "stale change refused",
        /// A leader refused a membership change during a transfer of leadership.
        ChangeInTransfer = "change refused during a transfer",
        /// A leader committed a change that left the membership unchanged.
        NullChange = "membership unchanged by a change",
        /// A server was shut down.
        ShutDown = "server shut down",
        /// All faults ended.
        Healed = "healed",
    }
}

/// The counts of events in a run, and the set of situations that occurred in the run.
#[derive(Clone, Debug, Default)]
pub struct Sometimes {
    counts: Counters<Point>,
    leader: Option<ServerIdx>,
    situations: BTreeSet<u64>,
}

impl Sometimes {
    /// The maximum number of situations that are kept.
    const MOST: usize = 4_096;

    const ROUTINE: Facts = Facts::LEADS
        .or(Facts::ROLE)
        .or(Facts::CUT)
        .or(Facts::CONFIGURED)
        .or(Facts::CHANGED)
        .or(Facts::BOOTED)
        .or(Facts::CRASHED)
        .or(Facts::HEALED)
        .or(Facts::INSTALLED)
        .or(Facts::CAPTURED)
        .or(Facts::STALE)
        .or(Facts::READABLE)
        .or(Facts::COMMIT)
        .or(Facts::TORN)
        .or(Facts::FAILED)
        .or(Facts::VOTE_ASKED)
        .or(Facts::ANSWERED)
        .or(Facts::HALTED);

    const SITUATIONS: Facts = Facts::LEADS
        .or(Facts::ROLE)
        .or(Facts::CUT)
        .or(Facts::CONFIGURED)
        .or(Facts::CRASHED)
        .or(Facts::BOOTED);

    /// Counts the events of an observation.
    pub(crate) fn on_observation(&mut self, ghost: &Ghost, facts: Facts) {
        if !facts.touches(Self::ROUTINE) {
            return;
        }
        self.elections(ghost, facts);
        self.logs(ghost, facts);
        self.rest(ghost, facts);
        self.calls(ghost, facts);
        if facts.touches(Self::SITUATIONS) && self.situations.len() < Self::MOST {
            self.situations.insert(situation(ghost));
        }
    }

    /// Returns the count of each event, by the name of the event. Events that did not happen have the count
    /// zero.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.named().map(|(name, count)| (name.to_owned(), count)).collect()
    }

    /// Returns the count of this event.
    #[must_use]
    pub fn count(&self, point: Point) -> u64 {
        self.counts[point]
    }

    /// Returns the digests of the situations that occurred, at most 4,096 digests. For each running server, a
    /// digest covers the role, whether another running server has a newer term or log, and the number of
    /// uncommitted entries. Two or more entries count as two. A digest also covers whether the server's
    /// configuration names the server as a voter, is committed, and is joint. A digest does not cover the
    /// names of the servers, or the number of servers in equal states.
    pub fn situations(&self) -> impl Iterator<Item = u64> + '_ {
        self.situations.iter().copied()
    }

    fn note(&mut self, point: Point) {
        self.counts[point] += 1;
    }

    fn note_if(&mut self, holds: bool, point: Point) {
        self.counts[point] += u64::from(holds);
    }

    fn elections(&mut self, ghost: &Ghost, facts: Facts) {
        let step = &ghost.step;
        let (was, now) = (&step.was, &step.now);
        if facts.touches(Facts::LEADS) {
            self.note(Point::Elected);
            let changed = self.leader.replace(step.idx).is_some_and(|before| before != step.idx);
            self.note_if(changed, Point::LeaderChanged);
            let joint = step.now_conf.is_some_and(|placed| placed.conf.is_joint());
            self.note_if(changed && joint, Point::JointLeaderChange);
        }
        if facts.touches(Facts::ROLE) {
            self.note_if(was.leads(), Point::Deposed);
            let fell = was.role == RoleName::PreCandidate && now.role == RoleName::Follower;
            self.note_if(fell, Point::PreVoteLost);
        }
        if facts.touches(Facts::CAMPAIGNED) && now.role == RoleName::Candidate {
            let before = Term(now.term.0.saturating_sub(1));
            let split = 2 <= ghost.terms.candidates(before) && ghost.terms.leader(before).is_none();
            self.note_if(split, Point::SplitVote);
            self.note_if(facts.touches(Facts::TIMEOUT_NOW), Point::TransferObeyed);
        }
        if let Consumed::VoteRequest { last, term, .. } = step.consumed
            && facts.touches(Facts::VOTE_ASKED)
        {
            self.note_if(was.term <= term && last < was.last, Point::StaleLogRefused);
        }
    }

    fn logs(&mut self, ghost: &Ghost, facts: Facts) {
        let step = &ghost.step;
        if facts.touches(Facts::CUT) {
            self.note_if(2 <= step.removed.len(), Point::TruncatedTwo);
            let index = |placed: Option<crate::check::ghost::IndexedConf>| {
                placed.map_or(Index::ZERO, |placed| placed.index)
            };
            let back = index(step.now_conf) < index(step.was_conf);
            self.note_if(back, Point::ConfigurationRolledBack);
        }
        if facts.touches(Facts::COMMIT) && counted(step) {
            let log = &ghost.subject().log;
            let first = log.link(step.was.commit.next());
            self.note_if(first.is_some_and(|link| link.term < step.now.term), Point::CommittedIndirectly);
            let out = step.now_conf.is_some_and(|placed| {
                let passed = step.was.commit < placed.index && placed.index <= step.now.commit;
                passed && !placed.conf.voters().contains(step.idx)
            });
            self.note_if(out, Point::LeaderRemoved);
        }
        for (_, to) in step.changed.iter().filter(|_| facts.touches(Facts::CHANGED)) {
            self.note(Point::ConfigurationChanged);
            self.note_if(to.conf.is_joint(), Point::JointEntered);
        }
        self.note_if(facts.touches(Facts::CAPTURED), Point::SnapshotTaken);
        if facts.touches(Facts::INSTALLED) {
            self.note(Point::CaughtUpBySnapshot);
            let conflict =
                step.discarded.is_some_and(|discarded| discarded.snapshot.index < discarded.last.index);
            self.note_if(conflict, Point::SnapshotOverConflict);
        }
    }

    fn calls(&mut self, ghost: &Ghost, facts: Facts) {
        let step = &ghost.step;
        self.note_if(facts.touches(Facts::HALTED) && step.stopped == Some(Stop::Shutdown), Point::ShutDown);
        for answered in step.answered.iter().filter(|_| facts.touches(Facts::ANSWERED)) {
            self.note_call(answered, ghost);
        }
    }

    fn note_call(&mut self, answered: &AnsweredCall, ghost: &Ghost) {
        let reason = answered.error().and_then(given);
        let refused = answered.call.response.as_ref().is_some_and(|response| !response.is_empty());
        match answered.call.asked {
            Asked::Barrier => self.note_if(answered.outcome.is_ok(), Point::Barrier),
            Asked::Entry(_) => self.note_if(answered.outcome.is_ok(), Point::Extended),
            Asked::Restore(_) if refused => self.note(Point::RestoreRefused),
            Asked::Restore(_) => self.note_if(answered.outcome.is_ok(), Point::Restored),
            Asked::Bootstrap { .. } => {
                self.note_if(reason == Some(Reason::NotNew), Point::BootstrapRefused);
            }
            Asked::Change { to, .. } => {
                self.note_if(reason == Some(Reason::OtherConfiguration), Point::StaleChangeRefused);
                self.note_if(reason == Some(Reason::InTransfer), Point::ChangeInTransfer);
                let before = answered.call.entry.and_then(|(index, _)| ghost.history.conf_at(index.back()));
                let same = before.is_some_and(|before| Some(before.conf.digest) == to);
                self.note_if(answered.outcome.is_ok() && same, Point::NullChange);
            }
        }
    }

    fn rest(&mut self, ghost: &Ghost, facts: Facts) {
        let step = &ghost.step;
        self.note_if(facts.touches(Facts::CRASHED) && step.unsynced, Point::CrashWhileWriting);
        self.note_if(facts.touches(Facts::TORN), Point::TornWrite);
        self.note_if(facts.touches(Facts::BOOTED) && step.recovered.returning, Point::Restarted);
        self.note_if(facts.touches(Facts::FAILED), Point::StoreFailed);
        self.note_if(facts.touches(Facts::STALE), Point::StaleMessage);
        self.note_if(facts.touches(Facts::HEALED), Point::Healed);
        for allowed in step.allowed.iter().filter(|_| facts.touches(Facts::READABLE)) {
            self.note(if allowed.asked.leased { Point::LeaseRead } else { Point::IndexRead });
        }
    }
}

/// Returns the digest of the current situation: see [`Sometimes::situations`].
fn situation(ghost: &Ghost) -> u64 {
    let up = ghost.up();
    let mut profiles = [0_u64; ServerIdx::MAX_SERVERS];
    let mut count = 0;
    for idx in up.iter() {
        let (ghost_server, mut ahead) = (ghost.ghost_server(idx), (0, 0));
        let mine = &ghost_server.view;
        for other in up.iter() {
            let theirs = &ghost.ghost_server(other).view;
            ahead.0 |= u64::from(mine.term < theirs.term);
            ahead.1 |= u64::from(mine.last < theirs.last);
        }
        let conf = ghost_server.conf.map_or(0, |placed| {
            let voter = u64::from(placed.conf.voters().contains(idx));
            let pending = u64::from(mine.commit < placed.index);
            1 + voter + 2 * pending + 4 * u64::from(placed.conf.is_joint())
        });
        let tail = mine.last.index.since(mine.commit).min(2);
        profiles[count] = mine.role as u64 | ahead.0 << 4 | ahead.1 << 8 | conf << 12 | tail << 16;
        count += 1;
    }
    let profiles = &mut profiles[..count];
    profiles.sort_unstable();
    profiles.chunk_by(u64::eq).fold(0, |hash, alike| crate::check::ghost::hash::mixed(hash, alike[0]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::election::election_safety::CHECK;
    use crate::check::fixture::{Fixture, N1, N2, N3};

    #[test]
    fn situations_do_not_depend_on_names() {
        let situation_led_by = |leader| {
            let mut fixture = Fixture::three(&CHECK);
            fixture.elect(leader, 2);
            situation(&fixture.ghost)
        };
        assert_eq!(situation_led_by(N1), situation_led_by(N3));
        let mut other = Fixture::three(&CHECK);
        other.campaign(N2, 2);
        assert_ne!(situation_led_by(N1), situation(&other.ghost));
    }

    #[test]
    fn every_point_has_a_name_of_its_own() {
        let names: BTreeSet<_> = Point::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), Point::ALL.len());
        assert_eq!(Sometimes::default().counts().len(), Point::ALL.len());
    }
}
