//! Storms: a plan is drawn from the seed, clients use a key-value store, and the judges examine the run.
//! `wavetank_sim::plan::storm` draws the faults.

use crate::trace::Trace;
use wavetank_raft::Server;
use wavetank_sim::clients::kv::Kv;
use wavetank_sim::clients::kv::clients::{Clients, KvPlan};
use wavetank_sim::clients::kv::judges::{ClientJudges, Promises};
use wavetank_sim::runner::{Run, Runner};
use wavetank_sim::subject::HashiCorp;
use wavetank_sim::{Either, Plan, ServerSet, Subject};

/// Runs the plan of a storm with all kinds of faults. If a check finds a violation, this violation is the
/// verdict of the report.
pub fn storm<S: Subject>(plan: Plan, trace: Trace) -> Run<Trace> {
    run::<S>("storm", plan, trace)
}

/// Runs the plan of a storm in a cluster of our servers and of servers that behave like HashiCorp Raft.
pub fn storm_mixed(plan: Plan, trace: Trace) -> Run<Trace> {
    run::<Either<Server, HashiCorp<{ HashiCorp::ALL }>>>("storm_mixed", plan, trace)
}

/// Runs the plan of a storm in which more disks are damaged than a cluster can tolerate. The remaining servers
/// may stop answering, but must never answer wrongly.
pub fn storm_beyond_budget<S: Subject>(plan: Plan, trace: Trace) -> Run<Trace> {
    run::<S>("storm_beyond_budget", plan, trace)
}

fn run<S: Subject>(name: &str, plan: Plan, trace: Trace) -> Run<Trace> {
    let servers = ServerSet::first(usize::from(plan.servers));
    let runner = Runner {
        name: name.to_owned(),
        make: Box::new(|_| Kv::default()),
        workload: Box::new(Clients::new(KvPlan::from(&plan.clients), servers, plan.seed)),
        custom: ClientJudges::new(Promises::from(&plan)),
        trace,
        plan,
    };
    runner.run_subjects::<S>()
}
