//! After all faults have ended, the connected servers agree on a leader, commit new entries, apply the same
//! log, and keep their leader (thesis §3.4, §3.9).
//!
//! These servers are called the core. The check runs at the end of the run. The check allows some slack,
//! because writes that began within the last election timeouts may not be finished. The check demands
//! progress only under four conditions. The core is a quorum of every configuration that its members use.
//! Some member can win an election with its log (thesis §3.6.1). The timing of the plan allows elections
//! (thesis §3.9). The time limit has passed since the last fault.

use crate::check::ghost::{Facts, Ghost, GhostServer, IndexedConf, ServerView};
use crate::check::violated;
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::subject::Parts;
use std::collections::VecDeque;
use std::fmt;
use wavetank_raft::{Index, Span, Term, Time};

/// The time limits for the progress of the core, and the stability that the core must reach.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LivenessBounds {
    /// The maximum time after which a follower without leader contact campaigns.
    pub election_timeout: Span,
    /// The time within which the servers of the core must have one leader, in election timeouts. The core is the
    /// set of servers that reach each other at the end of a run.
    pub timeouts: u64,
    /// The maximum time until the last commits have reached all members, in election timeouts.
    pub slack: u64,
    /// The maximum number of changes of the leader after the core has settled. `None` means any number:
    /// without pre-vote, removed servers may start elections (thesis §4.2.3).
    pub changes_most: Option<u64>,
    /// True if the timing of the plan allows elections:
    /// [`Plan::has_time_to_elect`](crate::plan::Plan::has_time_to_elect).
    pub has_time_to_elect: bool,
}

impl Default for LivenessBounds {
    fn default() -> Self {
        Self {
            election_timeout: Span::ms(2_000),
            timeouts: 20,
            slack: 4,
            changes_most: Some(1),
            has_time_to_elect: true,
        }
    }
}

/// The counts of the elections since the last fault on the core ended, for failure messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct ElectionCycle {
    /// The number of campaigns that began, including pre-votes.
    campaigns: u64,
    /// The number of campaigns after which the candidate became leader.
    victories: u64,
    /// The number of new terms: the difference between the newest term and the newest term at the end of the
    /// faults.
    terms: u64,
}

impl fmt::Display for ElectionCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { campaigns, victories, terms } = self;
        match (campaigns, victories, terms) {
            (0, _, _) => write!(f, "no server campaigned"),
            (_, 0, 0) => write!(f, "{campaigns} rounds of pre-votes ended without a new term"),
            (_, 0, _) => write!(f, "{campaigns} campaigns, {terms} new terms, no winner"),
            (_, _, _) => write!(f, "{campaigns} campaigns, {terms} new terms, {victories} winners"),
        }
    }
}

/// The progress of the core at one moment.
#[derive(Clone, Copy, Debug)]
struct Checkpoint {
    at: Time,
    /// The greatest index that any server had committed.
    committed: Index,
    /// The last index of the leader's log. Zero if the core had no leader.
    last: Index,
}

/// The check that judges progress.
#[derive(Clone, Debug)]
pub struct Progress {
    bounds: LivenessBounds,
    /// The time at which all faults ended, and the core. `None` before the faults end.
    healed: Option<(Time, ServerSet)>,
    /// The time at which the last fault on the core ended. This time may be later than `healed`.
    since: Time,
    /// The greatest index that any server had committed at `since`.
    goal: Index,
    /// The time at which the core first reached `goal`. `None` if the core has not reached `goal`.
    settled: Option<Time>,
    /// The number of changes of the leader after the core had settled.
    changes: u64,
    /// The newest leader of the core since the faults ended. `None` if the core has had no leader since then.
    leader: Option<ServerIdx>,
    /// The counts of the elections after `since`.
    cycle: ElectionCycle,
    /// The newest term at `since`.
    term: Term,
    /// The last 64 checkpoints, one for each election timeout, the oldest first.
    checkpoints: VecDeque<Checkpoint>,
    /// The number of verdicts that [`Progress::witnessed`] returns.
    judged: u64,
}

impl Progress {
    /// The name of the check.
    pub const NAME: &'static str = "progress";
    /// The sections of the thesis that state the property.
    pub const SECTION: &'static str = "thesis §3.4, §3.9";

    /// The parts of a server's state that the check reads.
    pub(crate) const NEEDS: Parts = Parts::ROLE
        .or(Parts::TERM)
        .or(Parts::LEADER)
        .or(Parts::COMMIT)
        .or(Parts::APPLIED)
        .or(Parts::LOG)
        .or(Parts::CONFIGURATION);

    /// The facts that can change the result.
    const MOVES: Facts = Facts::ROLE
        .or(Facts::TERM)
        .or(Facts::COMMIT)
        .or(Facts::APPLY)
        .or(Facts::BOOTED)
        .or(Facts::CONFIGURED)
        .or(Facts::HALTED)
        .or(Facts::HEALED)
        .or(Facts::NETWORK);

    /// Creates the check with these bounds.
    #[must_use]
    pub(crate) const fn new(bounds: LivenessBounds) -> Self {
        Self {
            bounds,
            healed: None,
            since: Time(0),
            goal: Index::ZERO,
            settled: None,
            changes: 0,
            leader: None,
            cycle: ElectionCycle { campaigns: 0, victories: 0, terms: 0 },
            term: Term(0),
            checkpoints: VecDeque::new(),
            judged: 0,
        }
    }

    /// Returns the time from the end of all faults until the core settled. Returns `None` if the core never
    /// settled, or if the faults never ended.
    #[must_use]
    pub fn wait(&self) -> Option<Span> {
        Some(self.settled?.since(self.healed?.0))
    }

    /// Returns the number of verdicts. The check gives a verdict if the core settled, or if the core did not
    /// settle within the time limit.
    #[must_use]
    pub const fn witnessed(&self) -> u64 {
        self.judged
    }

    /// Records an observation.
    pub(crate) fn on_observation(&mut self, ghost: &Ghost, facts: Facts) {
        if facts.touches(Facts::HEALED) {
            (self.healed, self.settled) = (ghost.healed, None);
        }
        let Some((_, core)) = self.healed else { return };
        if facts.touches(Facts::HEALED | Facts::NETWORK) {
            // A story may cut off a server after the healing and connect the server again. The core gets its
            // full time after the last such change.
            (self.since, self.goal, self.changes) = (ghost.at, ghost.history.committed(), 0);
            self.checkpoints.clear();
            (self.cycle, self.term) = (ElectionCycle::default(), newest_term(ghost, core));
        }
        if !facts.touches(Self::MOVES) {
            return;
        }
        self.cycle.campaigns += u64::from(facts.touches(Facts::CAMPAIGNED));
        self.cycle.victories += u64::from(facts.touches(Facts::LEADS));
        if facts.touches(Facts::LEADS) && core.contains(ghost.step.idx) {
            let again = self.leader.replace(ghost.step.idx).is_some();
            if again && self.settled.is_some() {
                self.changes += 1;
            }
        }
        if self.settled.is_none() && self.demand(ghost, core, self.goal, |_| ()).is_none() {
            self.settled = Some(ghost.at);
        }
        self.mark(ghost, core);
    }

    /// Adds a checkpoint once in each election timeout. At the end of the run, the core must have reached the
    /// newest checkpoint that is older than the slack.
    fn mark(&mut self, ghost: &Ghost, core: ServerSet) {
        let due = self
            .checkpoints
            .back()
            .is_none_or(|mark| self.bounds.election_timeout <= ghost.at.since(mark.at));
        if !due {
            return;
        }
        let last = leader(ghost, core).map_or(Index::ZERO, |(_, ghost_server)| ghost_server.view.last.index);
        let mark = Checkpoint { at: ghost.at, committed: ghost.history.committed(), last };
        if self.checkpoints.len() == 64 {
            self.checkpoints.pop_front();
        }
        self.checkpoints.push_back(mark);
    }

    /// Judges the end of the run. Returns a message if progress is missing.
    pub(crate) fn end(&mut self, ghost: &Ghost, at: Time) -> Option<String> {
        let (_, core) = self.healed.filter(|_| self.bounds.has_time_to_elect)?;
        let bounds = self.bounds.election_timeout.times(self.bounds.timeouts);
        self.judged += u64::from(self.settled.is_some());
        let can_elect = leader(ghost, core).is_some() || has_winning_log(ghost, core);
        if at.since(self.since) < bounds || !can_decide(ghost, core) || !can_elect {
            return None;
        }
        self.judged += u64::from(self.settled.is_none());
        if let Some(what) = self.demand(ghost, core, self.goal, |text| text.to_string()) {
            return Some(what);
        }
        let slack = self.bounds.election_timeout.times(self.bounds.slack);
        let old = self.checkpoints.iter().rev().find(|mark| slack <= at.since(mark.at));
        if let Some(mark) = old
            && let goal = mark.committed.max(mark.last)
            && let Some(what) = self.demand(ghost, core, goal, |text| text.to_string())
        {
            return Some(what);
        }
        let passed = old.map_or(self.goal, |mark| mark.committed);
        configured(ghost, core, passed).or_else(|| {
            let changes = self.changes;
            if changes <= self.bounds.changes_most? {
                return None;
            }
            violated(format_args!("the leader changed {changes} times after the core settled"))
        })
    }

    /// Returns a message if the core has not reached `goal`. A leader must have committed an entry of its
    /// term, and the members must follow this leader and have applied `goal`. `sentence` builds the message.
    fn demand<T>(
        &self,
        ghost: &Ghost,
        core: ServerSet,
        goal: Index,
        sentence: fn(fmt::Arguments<'_>) -> T,
    ) -> Option<T> {
        let Some((leader, lead)) = leader(ghost, core) else {
            let terms = newest_term(ghost, core).0.saturating_sub(self.term.0);
            let (since, cycle) = (self.since, ElectionCycle { terms, ..self.cycle });
            return Some(sentence(format_args!(
                "no server leads the core {core}, although its last fault ended at {since} ms: {cycle}"
            )));
        };
        let ServerView { term: led, commit, .. } = lead.view;
        if lead.log.link(commit).is_none_or(|link| link.term != led) {
            return Some(sentence(format_args!(
                "{leader} leads {led}, but has committed no entry of {led}; its commit index is {commit}"
            )));
        }
        let members = lead.conf.map_or(ServerSet::NONE, |placed| placed.conf.members);
        core.and(members).and(ghost.up()).iter().find_map(|idx| {
            let ServerView { role, term, leader: known, commit, applied, .. } = ghost.ghost_server(idx).view;
            let follows = idx == leader || known == Some(leader.node()) && term == led;
            if follows && goal <= commit && goal <= applied {
                return None;
            }
            Some(sentence(format_args!(
                "{leader} leads {led}, but {idx} does not follow {leader} or has not applied {goal}: \
                 {idx} is a {role:?} at {term} with commit index {commit} and applied index {applied}"
            )))
        })
    }
}

/// Returns a message if the leader's configuration has an index of at most `passed`, and is joint or does not
/// have the leader as a voter. Entries up to `passed` were committed long ago, so such a configuration must
/// not remain.
fn configured(ghost: &Ghost, core: ServerSet, passed: Index) -> Option<String> {
    let (idx, lead) = leader(ghost, core)?;
    let conf = lead.conf.filter(|placed| placed.index <= passed)?;
    if conf.conf.is_joint() {
        return violated(format_args!("{idx} leads, but has not left the joint configuration {conf}"));
    }
    if conf.conf.voters().contains(idx) {
        return None;
    }
    violated(format_args!("{idx} leads, but is not a voter of the committed configuration {conf}"))
}

fn newest_term(ghost: &Ghost, core: ServerSet) -> Term {
    core.iter().map(|idx| ghost.ghost_server(idx).view.term).max().unwrap_or(Term(0))
}

/// Returns the leader of the core. Returns the leader with the newest term if several running servers lead,
/// and `None` if no running server leads.
fn leader(ghost: &Ghost, core: ServerSet) -> Option<(ServerIdx, &GhostServer)> {
    let running = core.and(ghost.up()).iter().map(|idx| (idx, ghost.ghost_server(idx)));
    let leaders = running.filter(|(_, ghost_server)| ghost_server.view.leads());
    leaders.max_by_key(|(_, ghost_server)| ghost_server.view.term)
}

/// True if the running servers of the core are a quorum of every configuration that they use. An uncommitted
/// configuration may be truncated, so these servers must also be a quorum of the previous configuration.
/// False if none of these servers knows a configuration.
fn can_decide(ghost: &Ghost, core: ServerSet) -> bool {
    let running = core.and(ghost.up());
    let enough = |placed: IndexedConf| placed.conf.is_quorum(running);
    // If no server of the core knows a configuration, these servers may wait for a server that is lost for
    // good.
    let is_told = running.iter().any(|idx| ghost.ghost_server(idx).log.conf().is_some());
    is_told
        && running.iter().all(|idx| {
            let log = &ghost.ghost_server(idx).log;
            let Some(latest) = log.conf() else { return true };
            let before = log.conf_before(latest.index);
            let may_return = ghost.ghost_server(idx).view.commit < latest.index;
            enough(latest) && (!may_return || before.is_none_or(enough))
        })
}

/// True if a running server of the core can win an election with its log. The log of this server must be at
/// least as up to date as the logs of a quorum of the server's configuration. Only running servers of the
/// core count for the quorum. The server must be a voter, and its log must have reached the position that a
/// new disk requires (docs/names.md).
fn has_winning_log(ghost: &Ghost, core: ServerSet) -> bool {
    let running = core.and(ghost.up());
    let last = |idx| ghost.ghost_server(idx).log.last();
    let has_caught_up = |idx: &ServerIdx| ghost.ghost_server(*idx).catch_up <= last(*idx);
    running.iter().filter(has_caught_up).any(|idx| {
        let grants = running.iter().filter(|&voter| last(voter) <= last(idx)).collect();
        let latest = ghost.ghost_server(idx).log.conf();
        latest.is_some_and(|latest| latest.conf.voters().contains(idx) && latest.conf.is_quorum(grants))
    })
}

#[cfg(test)]
mod tests;
