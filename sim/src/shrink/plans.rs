//! The search for a smaller plan. It has three phases.
//!
//! The first phase disables faults and phases of the run, sets fields to default values, and reduces numbers. An
//! edit of the first phase changes the whole run, so each edited plan is tried with several seeds. The second
//! phase lists the faults that happened in the run, and removes the faults that the failure does not need
//! (Zeller's ddmin). The third phase rounds numbers. The second and the third phase are repeated a few times,
//! because each phase may enable edits of the other phase.

use super::Shrinker;
use super::edits::{self, Edit};
use crate::plan::Plan;
use crate::plan::fault_id::FaultId;
use std::collections::BTreeSet;

impl Shrinker<'_, '_> {
    /// The number of other seeds that are tried with an edited plan. An edit changes the whole run.
    const SEEDS: u64 = 6;
    /// The maximum number of rounds of the second and the third phase of the search.
    const ROUNDS: u64 = 4;
    /// The number of seeds that are tried to find the smallest run.
    const MORE_SEEDS: u64 = 64;
    pub(super) fn search_plan(&mut self) {
        while self.simplify(&edits::off(), Self::SEEDS) {}
        // `|` tries both lists in every round, even if the first list already changed the plan.
        while self.simplify(&edits::fewer(), Self::SEEDS) | self.simplify(&edits::off(), Self::SEEDS) {}
        self.find_shortest();
        for _ in 0..Self::ROUNDS {
            self.minimize_fault_ids();
            self.is_small = true;
            let was = self.best.plan.clone();
            self.simplify(&edits::off(), 0);
            self.simplify(&edits::rounder(), 0);
            if was == self.best.plan {
                return;
            }
        }
    }

    /// Tries all edits together, then each half of the edits, then each quarter, and so on. Keeps edits if
    /// the edited plan fails in the same way. Returns true if any edit was kept.
    pub(super) fn simplify(&mut self, edits: &[Edit], seeds: u64) -> bool {
        let mut made = false;
        let mut width = edits.len();
        while 0 < width && !self.is_over {
            for some in edits.chunks(width) {
                made |= self.make(some, seeds);
            }
            width /= 2;
        }
        made
    }

    fn make(&mut self, edits: &[Edit], seeds: u64) -> bool {
        let mut plan = self.best.plan.clone();
        edits.iter().for_each(|edit| edit(&mut plan));
        if plan == self.best.plan {
            return false;
        }
        self.attempt(plan.clone()) || (0..seeds).any(|seed| self.attempt(Plan { seed, ..plan.clone() }))
    }

    /// Tries the best plan with other seeds, and keeps the plan with the smallest run.
    fn find_shortest(&mut self) {
        for seed in 0..Self::MORE_SEEDS {
            let plan = Plan { seed, ..self.best.plan.clone() };
            self.attempt_if(plan, |size, best| size < best);
        }
    }

    /// Lists the faults that happened in the run, and removes the faults that the failure does not need.
    fn minimize_fault_ids(&mut self) {
        let mut width = self.best.fault_ids.len();
        let only =
            |fault_ids: BTreeSet<FaultId>, plan: &Plan| Plan { fault_ids: Some(fault_ids), ..plan.clone() };
        if !self.attempt(only(self.happened(), &self.best.plan)) {
            return;
        }
        while 0 < width && !self.is_over {
            let all: Vec<FaultId> = self.happened().into_iter().collect();
            let mut is_less = false;
            for some in all.chunks(width) {
                let left: BTreeSet<FaultId> =
                    self.happened().into_iter().filter(|fault_id| !some.contains(fault_id)).collect();
                is_less |= left.len() < self.happened().len() && self.attempt(only(left, &self.best.plan));
            }
            width = if is_less { width.min(self.happened().len()) } else { width / 2 };
        }
    }

    fn happened(&self) -> BTreeSet<FaultId> {
        self.best.fault_ids.iter().copied().collect()
    }
}
