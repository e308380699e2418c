//! Breadth-first search of all states within the bounds. If a property is broken, the search finds a shortest
//! schedule that breaks the property.
//!
//! For each visited state, the search keeps the fingerprint, the predecessor, and the move from the
//! predecessor to the state. From these values, the search can reconstruct the path to the state. The search
//! keeps whole states of only two levels: the level that is being expanded and the next level.

use super::bounds::Bounds;
use super::expand::{Expander, Expansion};
use super::properties::{Breach, Claim};
use super::schedule::{Schedule, Step};
use super::state::{GlobalState, Move, StateHashes, StateList};
use super::table::FingerprintSet;
use super::transition_cache::{StimulusCode, TransitionCache};
use crate::explore::history_vars::HistoryVars;

/// The kinds of redundant states and messages that the search leaves out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reductions {
    /// True if the search keeps only one of several states that differ only in the names of servers.
    pub symmetry: bool,
    /// True if the search removes messages that can no longer have an effect.
    pub inert: bool,
    /// True if each write after the last crash that the bounds allow becomes durable in the step that
    /// requests the write. This reduction has an effect only with
    /// [`DiskModel::Late`](super::bounds::DiskModel::Late).
    pub disks: bool,
}

impl Reductions {
    /// All reductions.
    pub const ALL: Self = Self { symmetry: true, inert: true, disks: true };
    /// No reduction.
    pub const NONE: Self = Self { symmetry: false, inert: false, disks: false };
}

/// Executes tasks, either one after another or several at the same time. Both ways must give the same result.
pub trait Executor {
    /// Calls `task` with each number from 0 to `tasks - 1`. Returns the results in the order of the numbers.
    fn work(&mut self, tasks: usize, task: &(dyn Fn(usize) -> Expansion + Sync)) -> Vec<Expansion>;
}

/// Executes one task after another.
#[derive(Clone, Copy, Debug)]
pub struct SingleThread;

impl Executor for SingleThread {
    fn work(&mut self, tasks: usize, task: &(dyn Fn(usize) -> Expansion + Sync)) -> Vec<Expansion> {
        (0..tasks).map(task).collect()
    }
}

/// Statistics of a search.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SearchStats {
    /// The number of distinct states.
    pub states: u64,
    /// The number of computed successors, including the states that were found before.
    pub generated: u64,
    /// The number of distinct states at each distance from the first state. The last level may be incomplete.
    pub levels: Vec<u64>,
    /// The number of distinct states of single servers.
    pub servers: u64,
    /// The number of distinct transitions of single servers. This number is about equal to the number of
    /// calls of `Node::step`.
    pub steps: u64,
    /// The maximum number of bytes that the states, the fingerprints and the paths used at the same time.
    pub bytes: u64,
}

/// The result of a search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SearchOutcome {
    /// Every state within the bounds was visited, and no property was broken.
    Exhausted,
    /// Every state up to the requested depth was visited, and no property was broken.
    DepthReached,
    /// The caller stopped the search.
    Stopped,
    /// The schedule breaks a property, and no shorter schedule breaks a property. The first value is the
    /// breach.
    Found(Breach, Schedule),
}

/// A breadth-first search of the states that a cluster can reach within its bounds.
#[derive(Debug)]
pub struct Search {
    cache: TransitionCache,
    reductions: Reductions,
    seen: FingerprintSet,
    origins: Vec<(u32, u32)>,
    stats: SearchStats,
}

/// The maximum number of states that are expanded before the successors of these states are merged into the
/// next level.
const BLOCK: usize = 1 << 14;

/// The maximum number of states that are expanded in one task.
const TASK: usize = 1 << 9;

impl Search {
    /// Makes a search that has visited only the first state.
    #[must_use]
    pub fn new(bounds: Bounds, reductions: Reductions) -> Self {
        let cache = TransitionCache::new(bounds, reductions.symmetry);
        Self {
            cache,
            reductions,
            seen: FingerprintSet::default(),
            origins: vec![(0, 0)],
            stats: SearchStats { states: 1, levels: vec![1], ..SearchStats::default() },
        }
    }

    /// Sets the claim about every server. The search tests this claim in addition to the properties. A second
    /// call replaces the claim.
    #[must_use]
    pub const fn claiming(mut self, claim: Claim) -> Self {
        self.cache.claim(claim);
        self
    }

    /// Returns the statistics so far.
    #[must_use]
    pub const fn stats(&self) -> &SearchStats {
        &self.stats
    }

    /// Searches all states that are at most `depth` moves from the first state. If `depth` is `None`, the
    /// depth is not limited. `goes_on` is called after every block of at most 16,384 states. The search stops
    /// when `goes_on` returns false.
    pub fn run(
        &mut self,
        depth: Option<usize>,
        executor: &mut dyn Executor,
        goes_on: &mut dyn FnMut(&SearchStats) -> bool,
    ) -> SearchOutcome {
        let first = GlobalState::first(self.cache.bounds().servers().len());
        let mut hashes = StateHashes::default();
        hashes.set(&self.cache, &first, &[]);
        self.seen.insert(hashes.least(first.used));
        let mut level = StateList::default();
        level.push(&first, &[]);
        let mut first_of_level = 0;
        while !level.is_empty() {
            if depth.is_some_and(|depth| depth < self.stats.levels.len()) {
                return SearchOutcome::DepthReached;
            }
            let mut next = StateList::default();
            self.stats.levels.push(0);
            let all: Vec<u32> = (0..level.len() as u32).collect();
            for block in all.chunks(BLOCK) {
                let found = self.block(&level, block, first_of_level, &mut next, executor);
                self.measure(level.bytes() + next.bytes());
                if let Some((at, by, breach)) = found {
                    return SearchOutcome::Found(breach, self.schedule_to(first_of_level + at, by));
                }
                if !goes_on(&self.stats) {
                    return SearchOutcome::Stopped;
                }
            }
            first_of_level += level.len() as u32;
            level = next;
        }
        self.stats.levels.pop();
        SearchOutcome::Exhausted
    }

    /// Expands the states at the positions `block` of a level, and adds missing transitions to the cache. If
    /// a move breaks a property, returns the position of the state before the move, the move, and the breach.
    /// Otherwise returns `None`.
    fn block(
        &mut self,
        level: &StateList,
        block: &[u32],
        first_of_level: u32,
        next: &mut StateList,
        executor: &mut dyn Executor,
    ) -> Option<(u32, Move, Breach)> {
        let mut todo = block.to_vec();
        while !todo.is_empty() {
            let (cache, seen, reductions) = (&self.cache, &self.seen, self.reductions);
            let tasks: Vec<&[u32]> = todo.chunks(TASK).collect();
            let expansions = executor
                .work(tasks.len(), &|task| Expander::new(cache, seen, reductions).expand(level, tasks[task]));
            let mut deferred = Vec::new();
            for expansion in expansions {
                self.merge(&expansion, first_of_level, next);
                if expansion.found.is_some() {
                    return expansion.found;
                }
                deferred.extend(expansion.deferred);
                self.learn(expansion.unknown, expansion.histories);
            }
            todo = deferred;
        }
        None
    }

    fn merge(&mut self, expansion: &Expansion, first_of_level: u32, next: &mut StateList) {
        self.stats.generated += expansion.generated;
        for (at, origin) in expansion.origins.iter().enumerate() {
            if self.seen.insert(origin.fingerprint) {
                let (state, messages) = expansion.states.get(at);
                next.push(state, messages);
                self.origins.push((first_of_level + origin.from, origin.by.pack()));
                self.stats.states += 1;
                *self.stats.levels.last_mut().expect("a running search has a current level") += 1;
            }
        }
    }

    fn learn(&mut self, unknown: Vec<(u32, StimulusCode)>, histories: Vec<HistoryVars>) {
        unknown.into_iter().for_each(|(local, code)| self.cache.learn(local, code));
        histories.into_iter().for_each(|history| {
            self.cache.intern_history(history);
        });
    }

    fn measure(&mut self, states: usize) {
        let (servers, steps) = self.cache.met();
        self.stats.servers = servers as u64;
        self.stats.steps = steps as u64;
        let bytes = states + self.seen.bytes() + 8 * self.origins.capacity();
        self.stats.bytes = self.stats.bytes.max(bytes as u64);
    }

    /// Returns the schedule that leads to the state with the number `at` and then makes the move `last`.
    fn schedule_to(&self, at: u32, last: Move) -> Schedule {
        let mut moves = vec![last];
        let mut at = at;
        while at != 0 {
            let (from, by) = self.origins[at as usize];
            moves.push(Move::unpack(by));
            at = from;
        }
        moves.reverse();
        let steps = moves.into_iter().flat_map(|by| Step::of(&self.cache, by)).collect();
        Schedule { bounds: *self.cache.bounds(), disk_reduction: self.reductions.disks, steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use wavetank_raft::{Index, LogId, RoleName, Term};

    const SMALL: Bounds = Bounds {
        nodes: 3,
        spares: 0,
        terms: 1,
        entries: 1,
        crashes: 1,
        changes: 0,
        beats: 0,
        duplicates: 0,
        drops: 0,
        batch: 1,
        window: 1,
        disks: crate::explore::DiskModel::Hang,
        judged: crate::JudgeLevel::Steps,
    };

    #[test]
    fn small_bounds_are_exhausted_and_everything_holds() {
        let (end, search) = searched(SMALL, Reductions::ALL);
        assert_eq!(end, SearchOutcome::Exhausted);
        assert_eq!(search.stats().states, 14_543);
    }

    #[test]
    fn one_of_several_mirror_images_is_enough() {
        let (end, search) = searched(SMALL, Reductions { symmetry: false, ..Reductions::ALL });
        assert_eq!(end, SearchOutcome::Exhausted);
        let (all, one) = (search.stats().states, 14_543);
        assert!(5 * one < all && all <= 6 * one, "{all} of six mirror images of {one}");
        assert_eq!(local_summaries(&search), local_summaries(&searched(SMALL, Reductions::ALL).1));
    }

    #[test]
    fn reductions_lose_no_server_state() {
        for bounds in [
            Bounds { duplicates: 1, entries: 0, ..SMALL },
            Bounds { nodes: 2, terms: 2, entries: 0, ..SMALL },
            Bounds { nodes: 2, beats: 1, ..SMALL },
        ] {
            let whole = Reductions { symmetry: true, ..Reductions::NONE };
            let (all, some) = (searched(bounds, whole), searched(bounds, Reductions::ALL));
            assert_eq!((&all.0, &some.0), (&SearchOutcome::Exhausted, &SearchOutcome::Exhausted), "{bounds}");
            assert!(some.1.stats().states < all.1.stats().states, "{bounds}");
            assert_eq!(local_summaries(&all.1), local_summaries(&some.1), "{bounds}");
        }
    }

    #[test]
    fn a_lost_message_adds_no_server_state() {
        let (_, some) = searched(Bounds { entries: 0, ..SMALL }, Reductions::ALL);
        let (_, more) = searched(Bounds { entries: 0, drops: 1, ..SMALL }, Reductions::ALL);
        assert!(some.stats().states < more.stats().states);
        assert_eq!(local_summaries(&some), local_summaries(&more));
    }

    #[test]
    fn a_false_claim_is_refuted_by_a_shortest_schedule() {
        let claim = Claim { name: "nothing_is_committed", holds: |server| server.node.commit() < Index(2) };
        let mut search = Search::new(SMALL, Reductions::ALL).claiming(claim);
        let SearchOutcome::Found(breach, schedule) = search.run(None, &mut SingleThread, &mut |_| true)
        else {
            panic!("a leader commits the entry that begins its term");
        };
        assert_eq!(breach.property, "nothing_is_committed");
        // The expected steps: a campaign, a vote that is requested and granted, an entry that is sent and
        // acknowledged.
        let steps: Vec<String> = schedule.steps.iter().map(ToString::to_string).collect();
        assert_eq!(steps.len(), 5, "{steps:#?}");
        assert!(steps[0].starts_with("timeout"), "{steps:#?}");
    }

    #[test]
    fn a_stopped_search_is_undecided() {
        let mut search = Search::new(SMALL, Reductions::ALL);
        assert_eq!(
            search.run(None, &mut SingleThread, &mut |stats| stats.states < 100),
            SearchOutcome::Stopped
        );
        let mut search = Search::new(SMALL, Reductions::ALL);
        assert_eq!(search.run(Some(3), &mut SingleThread, &mut |_| true), SearchOutcome::DepthReached);
        assert_eq!(search.stats().levels, [1, 3, 7, 19]);
    }

    fn searched(bounds: Bounds, reductions: Reductions) -> (SearchOutcome, Search) {
        let mut search = Search::new(bounds, reductions);
        let end = search.run(None, &mut SingleThread, &mut |stats| stats.states < 1_000_000);
        (end, search)
    }

    type LocalSummary = (RoleName, Term, Option<bool>, Vec<LogId>, Index, LogId);

    /// The states of single servers that the search reached, without the names of the servers.
    fn local_summaries(search: &Search) -> BTreeSet<LocalSummary> {
        let summary = |local: &crate::explore::server_state::ServerState| {
            let node = &local.node;
            let own_vote = node.vote().map(|vote| vote == node.id());
            let log = local.log().collect();
            (node.role(), node.term(), own_vote, log, node.commit(), local.disk.last())
        };
        search.cache.servers().iter().map(summary).collect()
    }
}
