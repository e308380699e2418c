//! Simplifies the commands and the queries of a failed run. Before the search for a smaller run, one command
//! may replace all commands. After the search, proptest simplifies the values of the commands and the
//! queries: smaller numbers, earlier variants, shorter lists.

use super::RunnableStorm;
use super::shrinking::ShrinkWork;
use crate::clients::machine::{DrawnOperation, OperationKind, OperationTree};
use crate::plan::{Plan, ReplacedOperation};
use crate::shrink::{Failure, Shrunk};

/// The maximum number of runs to simplify one operation.
const TRIES_MAX: u32 = 256;

/// The number of the last commands before the failure that are tried as the only command.
const LAST: usize = 8;

/// Searches the last commands before the failure for a command that can replace all commands: the run then
/// fails in the same way. Returns the plan with this command, and the command. The shrunk run then needs no
/// earlier commands of the same client. Returns the plan of the trial and `None` if there is no such command.
pub(super) fn only_command(
    trial: &dyn RunnableStorm,
    work: &ShrinkWork,
    failure: &Failure,
) -> (Plan, Option<DrawnOperation>) {
    let plan = trial.plan().clone();
    let drawn = trial.drawn_operations(plan.clone()).into_iter();
    let commands = drawn.rev().filter(|operation| operation.kind == OperationKind::Command);
    for operation in commands.take(LAST).take_while(|_| !work.is_over()) {
        let plan = with_command(&plan, &*operation.tree);
        if work.fails(trial, &plan, failure) {
            return (plan, Some(operation));
        }
    }
    (plan, None)
}

/// Simplifies the command `only`, and then the other operations one after another. Keeps a simpler value if
/// the run still fails in the same way. The plan in `shrunk` gets the simpler values.
pub(super) fn simplify(
    trial: &dyn RunnableStorm,
    work: &ShrinkWork,
    only: Option<DrawnOperation>,
    shrunk: &mut Shrunk,
) {
    let has_only = only.is_some();
    if let Some(mut command) = only {
        simplify_one(trial, work, &mut *command.tree, shrunk, &with_command);
    }
    for DrawnOperation { client, number, kind, mut tree } in trial.drawn_operations(shrunk.plan.clone()) {
        if kind == OperationKind::Query || !has_only {
            let edit = |plan: &Plan, tree: &dyn OperationTree| with_operation(plan, client, number, tree);
            simplify_one(trial, work, &mut *tree, shrunk, &edit);
        }
    }
}

/// A function that returns a copy of a plan with the current value of an operation.
type PutInto<'a> = dyn Fn(&Plan, &dyn OperationTree) -> Plan + 'a;

fn simplify_one(
    trial: &dyn RunnableStorm,
    work: &ShrinkWork,
    tree: &mut dyn OperationTree,
    shrunk: &mut Shrunk,
    put_into: &PutInto<'_>,
) {
    let mut tries = 0;
    let mut goes_on = tree.simplify();
    while goes_on && tries < TRIES_MAX && !work.is_over() {
        tries += 1;
        let plan = put_into(&shrunk.plan, tree);
        let fails = work.fails(trial, &plan, &shrunk.failure);
        if fails {
            shrunk.plan = plan;
        }
        goes_on = if fails { tree.simplify() } else { tree.complicate() };
    }
    shrunk.tries += u64::from(tries);
    work.tell(shrunk.tries, shrunk.after);
}

fn with_command(plan: &Plan, tree: &dyn OperationTree) -> Plan {
    let mut plan = plan.clone();
    plan.clients.command = Some(tree.bytes());
    plan
}

fn with_operation(plan: &Plan, client: u16, number: u32, tree: &dyn OperationTree) -> Plan {
    let mut plan = plan.clone();
    plan.clients.replaced.retain(|other| (other.client, other.number) != (client, number));
    plan.clients.replaced.push(ReplacedOperation { client, number, bytes: tree.bytes() });
    plan
}
