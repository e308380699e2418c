//! Liveness: once the world is healed, the servers that are whole and connected agree on a leader,
//! commit, converge, and stay so.
//!
//! Judged at the end of the run, with slack: writes of the last few election timeouts may still be
//! in flight. Not judged if the core is no quorum of a configuration that one of its members uses,
//! if the timing of the plan does not allow elections (thesis §3.9), or if the run ends too early.

use crate::check::ghost::{Facts, Ghost, GhostServer, IndexedConf, ServerView};
use crate::check::violated;
use crate::plan::server_set::{ServerIdx, ServerSet};
use std::collections::VecDeque;
use std::fmt;
use wavetank_raft::{Index, Span, Term, Time};

/// How much time the cluster gets, and what it must reach.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LivenessBounds {
    /// The longest time after which a follower without leader contact campaigns.
    pub election_timeout: Span,
    /// The number of election timeouts in which the core must settle.
    pub timeouts: u64,
    /// The number of election timeouts that the last commits may take.
    pub slack: u64,
    /// How often leadership may still change after the core has settled. `None` where servers that
    /// were removed may disrupt: without pre-vote (thesis §4.2.3).
    pub changes_most: Option<u64>,
    /// Whether the timing of the plan allows elections:
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

/// What servers without a leader did since the healing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct ElectionCycle {
    /// How many campaigns began.
    campaigns: u64,
    /// How many campaigns won.
    victories: u64,
    /// By how much the newest term rose.
    terms: u64,
}

impl fmt::Display for ElectionCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { campaigns, victories, terms } = self;
        match (campaigns, victories, terms) {
            (0, _, _) => write!(f, "nobody campaigns"),
            (_, 0, 0) => write!(f, "pre-votes without end, and no election"),
            (_, 0, _) => write!(f, "{campaigns} campaigns and {terms} terms, and nobody won"),
            (_, _, _) => write!(f, "{campaigns} campaigns and {terms} terms, won {victories} times and lost"),
        }
    }
}

/// The progress at one moment.
#[derive(Clone, Copy, Debug)]
struct Checkpoint {
    at: Time,
    committed: Index,
    /// The end of the leader's log.
    last: Index,
}

/// The liveness judge.
#[derive(Clone, Debug)]
pub struct Progress {
    bounds: LivenessBounds,
    healed: Option<(Time, ServerSet)>,
    /// When the last fault on the core ended.
    since: Time,
    /// The commit index at that time.
    goal: Index,
    settled: Option<Time>,
    changes: u64,
    leader: Option<ServerIdx>,
    cycle: ElectionCycle,
    /// The newest term at the beginning of the cycle.
    term: Term,
    checkpoints: VecDeque<Checkpoint>,
    judged: u64,
}

impl Progress {
    /// The name of its file.
    pub const NAME: &'static str = "progress";
    /// The section that states it.
    pub const SECTION: &'static str = "thesis §3.4, §3.9";

    const MOVES: Facts = Facts::ROLE
        .or(Facts::TERM)
        .or(Facts::COMMIT)
        .or(Facts::APPLY)
        .or(Facts::BOOTED)
        .or(Facts::CONFIGURED)
        .or(Facts::HALTED)
        .or(Facts::HEALED)
        .or(Facts::NETWORK);

    /// The judge with these bounds.
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

    /// How long the core took to settle; `None` if it never settled, or there was no healing.
    #[must_use]
    pub fn wait(&self) -> Option<Span> {
        Some(self.settled?.since(self.healed?.0))
    }

    /// How often the core settled, or should have.
    #[must_use]
    pub const fn witnessed(&self) -> u64 {
        self.judged
    }

    /// Looks at an observation.
    pub(crate) fn on_observation(&mut self, ghost: &Ghost, facts: Facts) {
        if facts.touches(Facts::HEALED) {
            (self.healed, self.settled) = (ghost.healed, None);
        }
        let Some((_, core)) = self.healed else { return };
        if facts.touches(Facts::HEALED | Facts::NETWORK) {
            // A story may cut a server off once more and heal that again: the time starts again.
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

    /// Once per election timeout, what the core should have behind it a few of them later.
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

    /// Judges the end of the run: returns the progress that is missing.
    pub(crate) fn end(&mut self, ghost: &Ghost, at: Time) -> Option<String> {
        let (_, core) = self.healed.filter(|_| self.bounds.has_time_to_elect)?;
        let bounds = self.bounds.election_timeout.times(self.bounds.timeouts);
        self.judged += u64::from(self.settled.is_some());
        if at.since(self.since) < bounds || !can_decide(ghost, core) {
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
            violated(format_args!("the leader changed {changes} times after all was settled"))
        })
    }

    /// The progress that the core lacks if everything up to `goal` is required, as a sentence that `say`
    /// makes.
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
            return Some(sentence(format_args!("nobody leads {core}, healed since {since} ms: {cycle}")));
        };
        let ServerView { term: led, commit, .. } = lead.view;
        if lead.log.link(commit).is_none_or(|link| link.term != led) {
            return Some(sentence(format_args!(
                "{leader}, leader of {led}, has committed no entry of its own, only {commit}"
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
                "{idx} is a {role:?} at {term} with commit {commit} and applied {applied}; \
                 {leader} leads, and {goal} was committed long ago"
            )))
        })
    }
}

/// What is wrong with the leader's configuration, if it was committed long ago.
fn configured(ghost: &Ghost, core: ServerSet, passed: Index) -> Option<String> {
    let (idx, lead) = leader(ghost, core)?;
    let conf = lead.conf.filter(|placed| placed.index <= passed)?;
    if conf.conf.is_joint() {
        return violated(format_args!("{idx} leads and has not left {conf}"));
    }
    if conf.conf.voters().contains(idx) {
        return None;
    }
    violated(format_args!("{idx} leads without a vote in {conf}, which is committed"))
}

fn newest_term(ghost: &Ghost, core: ServerSet) -> Term {
    core.iter().map(|idx| ghost.ghost_server(idx).view.term).max().unwrap_or(Term(0))
}

/// The leader of the core: of the running leaders, the one with the newest term.
fn leader(ghost: &Ghost, core: ServerSet) -> Option<(ServerIdx, &GhostServer)> {
    let running = core.and(ghost.up()).iter().map(|idx| (idx, ghost.ghost_server(idx)));
    let leaders = running.filter(|(_, ghost_server)| ghost_server.view.leads());
    leaders.max_by_key(|(_, ghost_server)| ghost_server.view.term)
}

/// Whether the core is a quorum of every configuration that its members use, and of each previous
/// one that may still return.
fn can_decide(ghost: &Ghost, core: ServerSet) -> bool {
    let running = core.and(ghost.up());
    let enough = |placed: IndexedConf| placed.conf.is_quorum(running);
    // Servers that know no configuration may wait for a server that is lost for good.
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

#[cfg(test)]
mod tests;
