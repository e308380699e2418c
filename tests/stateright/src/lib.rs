//! The exploration of `sim/src/explore/` once more, with a checker that others wrote.
//!
//! [`Cluster`] is a model for stateright: what may happen next is told again, plainly, from the rules
//! in ARCHITECTURE.md, and stateright keeps the frontier and what was seen. Shared with the other side
//! are one server's step (`ServerState::step`), the pasts, and by which numbers two servers or letters count
//! as the same. So if both count as many states, neither frontier forgets any, and the sums by which
//! ours goes on from one fingerprint to the next are right.

#![expect(
    clippy::disallowed_types,
    reason = "a second opinion may order its tables as it likes: it is only counted"
)]

mod cluster;
mod met;

pub use cluster::{Action, Cluster, HOLDS, How, State};
pub use met::{Claim, Deed};

use stateright::{Checker, Model};
use wavetank_sim::explore::{Bounds, Reductions, Search, SearchOutcome, SingleThread, Step, properties};

/// What a search came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Came {
    /// How many different states there were.
    pub states: u64,
    /// In how many moves something that must hold was broken, if it was.
    pub broken_in: Option<usize>,
}

/// By the search of the tank, on one thread.
///
/// # Panics
/// When the search stops although nobody told it to.
#[must_use]
pub fn ours(bounds: Bounds, reductions: Reductions, claim: Option<Claim>) -> Came {
    let mut search = Search::new(bounds, reductions);
    if let Some(holds) = claim {
        search = search.claiming(properties::Claim { name: HOLDS, holds });
    }
    let broken_in = match search.run(None, &mut SingleThread, &mut |_| true) {
        SearchOutcome::Exhausted => None,
        // A disk that hangs does so as a part of the move that follows.
        SearchOutcome::Found(_, found) => {
            Some(found.steps.iter().filter(|step| !matches!(step, Step::Hang(_))).count())
        }
        end @ (SearchOutcome::DepthReached | SearchOutcome::Stopped) => panic!("nobody said so: {end:?}"),
    };
    Came { states: search.stats().states, broken_in }
}

/// By stateright's search, breadth first, on one thread.
#[must_use]
pub fn theirs(bounds: Bounds, reductions: Reductions, claim: Option<Claim>) -> Came {
    let checker = Cluster::new(bounds, reductions, claim).checker().threads(1).spawn_bfs().join();
    let broken_in = checker.discovery(HOLDS).map(|path| path.into_actions().len());
    Came { states: checker.unique_state_count() as u64, broken_in }
}
