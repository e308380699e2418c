//! Repeats the exploration of `sim/src/explore/` with stateright, a model checker by other authors.
//!
//! [`Cluster`] is a model for stateright. It implements the possible actions again, from the rules in
//! ARCHITECTURE.md; stateright keeps the frontier and the visited states. Both sides share the step of
//! one server (`ServerState::step`), the history variables, and the hashes that identify equal servers
//! and messages. If both sides count the same number of states, neither frontier loses a state, and the
//! incremental fingerprints of the tank are correct.

#![expect(
    clippy::disallowed_types,
    reason = "the order of these tables does not matter, because only their sizes are compared"
)]

mod cache;
mod cluster;

pub use cache::{Claim, LocalStimulus};
pub use cluster::{Action, Cluster, HOLDS, State, StepMode};

use stateright::{Checker, Model};
use wavetank_sim::explore::{Bounds, Reductions, Search, SearchOutcome, SingleThread, Step, properties};

/// The result of a search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SearchResult {
    /// The number of distinct states.
    pub states: u64,
    /// The number of moves to the first breach, if the search found one.
    pub breach_depth: Option<usize>,
}

/// Searches with the tank on one thread.
///
/// # Panics
/// Panics when the search stops early.
#[must_use]
pub fn ours(bounds: Bounds, reductions: Reductions, claim: Option<Claim>) -> SearchResult {
    let mut search = Search::new(bounds, reductions);
    if let Some(holds) = claim {
        search = search.claiming(properties::Claim { name: HOLDS, holds });
    }
    let breach_depth = match search.run(None, &mut SingleThread, &mut |_| true) {
        SearchOutcome::Exhausted => None,
        // In the tank, a disk that hangs is a part of the move that follows.
        SearchOutcome::Found(_, found) => {
            Some(found.steps.iter().filter(|step| !matches!(step, Step::Hang(_))).count())
        }
        end @ (SearchOutcome::DepthReached | SearchOutcome::Stopped) => {
            panic!("the search stopped early: {end:?}")
        }
    };
    SearchResult { states: search.stats().states, breach_depth }
}

/// Searches with stateright, breadth first, on one thread.
#[must_use]
pub fn theirs(bounds: Bounds, reductions: Reductions, claim: Option<Claim>) -> SearchResult {
    let checker = Cluster::new(bounds, reductions, claim).checker().threads(1).spawn_bfs().join();
    let breach_depth = checker.discovery(HOLDS).map(|path| path.into_actions().len());
    SearchResult { states: checker.unique_state_count() as u64, breach_depth }
}
