//! Plans as proptest strategies (feature `proptest`). A `proptest!` test draws storms. If a storm fails,
//! proptest shrinks the plan of the storm to a smaller plan that can still be run.
//!
//! ```
//! use proptest::prelude::*;
//! use wavetank_sim::clients::kv::{Kv, clients::{Clients, KvPlan}};
//! use wavetank_sim::shrink::strategies;
//! use wavetank_sim::{Plan, ServerSet, Storm};
//!
//! fn callers(plan: &Plan) -> Clients {
//!     Clients::new(KvPlan::from(&plan.clients), ServerSet::first(usize::from(plan.servers)), plan.seed)
//! }
//!
//! proptest! {
//!     #![proptest_config(ProptestConfig::with_cases(4))]
//!     # /*
//!     #[test]
//!     # */
//!     fn the_store_survives(plan in strategies::storms().with(|plan| plan.servers = 3)) {
//!         let trial = Storm::from(plan).fsm(Kv::default).workload(callers);
//!         trial.survives().map_err(TestCaseError::fail)?;
//!     }
//! }
//! # the_store_survives();
//! ```
//!
//! Most numbers of a plan depend on each other, so proptest does not shrink the numbers one by one. Instead,
//! the edits of [`shrink`](crate::shrink) make a plan smaller. The edits disable faults, set fields to
//! default values, reduce the numbers of servers, clients and faults, shorten the chaos phase, and round
//! numbers. The test never sees a plan that cannot be run. An edit changes the whole run, so each edit is
//! tried with several seeds.

use crate::plan::Plan;
use crate::shrink::edits::{self, Edit};
use proptest::prelude::RngExt as _;
use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// An edit that is applied to every plan before the plan is used.
type Constraint = Arc<dyn Fn(&mut Plan) + Send + Sync>;

/// A proptest strategy: draws a random seed, and makes a plan from the seed.
#[derive(Clone)]
pub struct Plans {
    of_seed: fn(u64) -> Plan,
    constraint: Constraint,
}

/// Returns a strategy that draws plans of storms ([`Plan::storm`]) with random seeds.
#[must_use]
pub fn storms() -> Plans {
    Plans { of_seed: Plan::storm, constraint: Arc::new(|_| {}) }
}

impl Plans {
    /// Adds an edit to the strategy. The strategy applies the edit to every plan that is drawn, and to every
    /// smaller plan that is tried during shrinking.
    #[must_use]
    pub fn with(self, edit: impl Fn(&mut Plan) + Send + Sync + 'static) -> Self {
        let before = self.constraint;
        let constraint = move |plan: &mut Plan| {
            before(plan);
            edit(plan);
        };
        Self { constraint: Arc::new(constraint), ..self }
    }
}

impl fmt::Debug for Plans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plans").finish_non_exhaustive()
    }
}

impl Strategy for Plans {
    type Tree = PlanTree;
    type Value = Plan;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let mut plan = (self.of_seed)(runner.rng().random());
        (self.constraint)(&mut plan);
        plan.validate()?;
        Ok(PlanTree::new(plan, Arc::clone(&self.constraint)))
    }
}

/// The smallest failing plan so far, and the attempts to make this plan smaller.
pub struct PlanTree {
    failing: Plan,
    tried: Option<Plan>,
    constraint: Constraint,
    edits: Vec<Vec<Edit>>,
    /// One list of attempts for each kind of edit. When a kind is finished, the kind is not tried again.
    /// Otherwise two kinds could undo the edits of each other for ever.
    counts: Vec<Vec<EditAttempt>>,
    kind: usize,
    next: usize,
    /// The number of attempts of the current kind that are left. If none of these attempts finds a smaller
    /// failing plan, the next kind is tried.
    left: usize,
}

/// Several edits of one kind that are applied to a plan together. `some` is the range of the positions of the
/// edits.
#[derive(Clone, Debug)]
struct EditAttempt {
    some: Range<usize>,
    /// The seed that replaces the seed of the plan in this attempt; `None` keeps the seed of the plan.
    seed: Option<u64>,
}

impl PlanTree {
    /// The number of other seeds that are tried for each range of edits.
    const SEEDS: u64 = 3;

    fn new(plan: Plan, constraint: Constraint) -> Self {
        let edits = vec![edits::off(), edits::fewer(), edits::shorter(), edits::rounder()];
        let counts: Vec<Vec<EditAttempt>> = edits.iter().map(|edits| counts(edits.len())).collect();
        let left = counts[0].len();
        Self { failing: plan, tried: None, constraint, edits, counts, kind: 0, next: 0, left }
    }

    /// Advances to the next plan that can be run and differs from the failing plan. Returns `false` if no
    /// such plan is left.
    fn advance(&mut self) -> bool {
        while let Some(next_attempt) = self.next_attempt() {
            let mut plan = self.failing.clone();
            self.edits[self.kind][next_attempt.some].iter().for_each(|edit| edit(&mut plan));
            (self.constraint)(&mut plan);
            let is_other = plan != self.failing;
            plan.seed = next_attempt.seed.unwrap_or(plan.seed);
            if is_other && plan.validate().is_ok() {
                self.tried = Some(plan);
                return true;
            }
        }
        false
    }

    /// Returns the next attempt; `None` if no attempt is left.
    fn next_attempt(&mut self) -> Option<EditAttempt> {
        if self.left == 0 {
            self.left = self.counts.get(self.kind + 1)?.len();
            self.kind += 1;
            self.next = 0;
        }
        let counts = &self.counts[self.kind];
        let next_attempt = counts[self.next].clone();
        self.next = (self.next + 1) % counts.len();
        self.left -= 1;
        Some(next_attempt)
    }
}

/// Lists the attempts for `edits` edits of one kind: first all edits together, then each half, and so on down
/// to single edits.
fn counts(edits: usize) -> Vec<EditAttempt> {
    let widths = std::iter::successors(Some(edits), |width| Some(width / 2).filter(|&width| 0 < width));
    let ranges =
        widths.flat_map(|width| (0..edits).step_by(width).map(move |start| start..edits.min(start + width)));
    let seeds = || std::iter::once(None).chain((0..PlanTree::SEEDS).map(Some));
    ranges.flat_map(|some| seeds().map(move |seed| EditAttempt { some: some.clone(), seed })).collect()
}

impl ValueTree for PlanTree {
    type Value = Plan;

    fn current(&self) -> Plan {
        self.tried.as_ref().unwrap_or(&self.failing).clone()
    }

    fn simplify(&mut self) -> bool {
        if let Some(fails) = self.tried.take() {
            self.failing = fails;
            self.left = self.counts[self.kind].len();
        }
        self.advance()
    }

    fn complicate(&mut self) -> bool {
        self.tried.take().is_some() && self.advance()
    }
}

impl fmt::Debug for PlanTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failing, tried, left, .. } = self;
        f.debug_struct("PlanTree")
            .field("failing", failing)
            .field("tried", tried)
            .field("left", left)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavetank_raft::Span;

    /// Shrinks a plan in the same way as proptest. `fails` is the test.
    fn shrunk(tree: &mut PlanTree, fails: impl Fn(&Plan) -> bool) -> (Plan, u32) {
        let mut tries = 0;
        let mut goes_on = tree.simplify();
        while goes_on {
            tries += 1;
            let plan = tree.current();
            assert_eq!(plan.validate(), Ok(()));
            goes_on = if fails(&plan) { tree.simplify() } else { tree.complicate() };
        }
        (tree.current(), tries)
    }

    fn tree(plans: &Plans) -> PlanTree {
        plans.new_tree(&mut TestRunner::deterministic()).expect("every storm is sound")
    }

    #[test]
    fn a_plan_shrinks_to_what_the_failure_needs() {
        let needs = |plan: &Plan| {
            3 <= plan.servers && plan.nemesis.crash_between.is_some() && Span::s(4) < plan.chaos
        };
        let plans =
            storms().with(|plan| plan.nemesis.crash_between = Some(crate::plan::rng::Ratio::new(1, 700)));
        let (plan, tries) = shrunk(&mut tree(&plans), needs);
        assert!(needs(&plan), "{plan:?}");
        assert!(plan.servers == 3 && plan.spares == 0 && plan.clients.count == 0, "{plan:?}");
        assert!(plan.nemesis.scheduled.is_empty() && plan.nemesis.reactive.is_empty(), "{plan:?}");
        assert!(plan.chaos < Span::s(6) && tries < 1_000, "{tries} tries: {plan:?}");
        assert_eq!(plan.links.loss, None);
    }

    #[test]
    fn the_constraint_holds_in_all_attempts() {
        let plans = storms().with(|plan| plan.servers = 5).with(|plan| plan.spares = 2);
        let (plan, _) = shrunk(&mut tree(&plans), |plan| {
            assert_eq!((plan.servers, plan.spares), (5, 2));
            true
        });
        assert_eq!(plan.clients.count, 0);
    }

    #[test]
    fn a_plan_that_never_fails_again_stays_the_same() {
        let mut tree = tree(&storms());
        let before = tree.current();
        let (plan, tries) = shrunk(&mut tree, |_| false);
        assert_eq!(plan, before);
        assert!(!tree.simplify() && !tree.complicate());
        assert!(50 < tries);
    }
}
