//! Simplifies the commands and the queries of a shrunk run: smaller numbers, earlier variants, shorter lists.
//! The strategy that drew a value chooses the simpler values.

use super::RunnableStorm;
use super::shrinking::ShrinkWork;
use crate::clients::machine::DrawnOperation;
use crate::plan::{Plan, ReplacedOperation};
use crate::shrink::{Failure, Shrunk};

/// The maximum number of runs for one operation.
const TRIES_MAX: u32 = 256;

/// Simplifies one operation after another, and keeps each simpler value with which the run fails in the same
/// way. The plan then has the values that replace the drawn ones.
pub(super) fn simplify(trial: &dyn RunnableStorm, work: &ShrinkWork, shrunk: &mut Shrunk) {
    for mut operation in trial.drawn_operations(shrunk.plan.clone()) {
        let mut tries = 0;
        let mut goes_on = operation.tree.simplify();
        while goes_on && tries < TRIES_MAX && !work.is_over() {
            tries += 1;
            let plan = with_operation(&shrunk.plan, &operation);
            let run = work.run(trial, plan.clone());
            let fails = Failure::of(&run.report.verdict).as_ref() == Some(&shrunk.failure);
            if fails {
                shrunk.plan = plan;
            }
            goes_on = if fails { operation.tree.simplify() } else { operation.tree.complicate() };
        }
        shrunk.tries += u64::from(tries);
        work.tell(shrunk.tries, shrunk.after);
    }
}

/// Returns the plan with the current value of an operation.
fn with_operation(plan: &Plan, operation: &DrawnOperation) -> Plan {
    let DrawnOperation { client, number, tree } = operation;
    let mut plan = plan.clone();
    plan.clients.replaced.retain(|other| (other.client, other.number) != (*client, *number));
    plan.clients.replaced.push(ReplacedOperation { client: *client, number: *number, bytes: tree.bytes() });
    plan
}
