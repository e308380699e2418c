//! Subjects of several kinds in the tank: beside our server, with a protocol of their own, and faulty.

mod bad_subjects;
mod mixed;
mod toy;
mod upgrade;
mod without_hints;

use wavetank_sim::Plan;
use wavetank_sim::clients::kv::Kv;
use wavetank_sim::clients::kv::clients::{Clients, KvPlan};
use wavetank_sim::clients::kv::judges::{ClientJudges, Promises};
use wavetank_sim::runner::{Run, Runner};
use wavetank_sim::{Observer, ServerIdx, ServerSet, Subject};

/// Runs a plan with servers of a subject, under all judges.
fn run<S: Subject, T: Observer<S> + Default>(plan: Plan, trace: T) -> Run<T> {
    let servers = ServerSet::first(plan.server_count());
    let runner = Runner {
        name: "storm".to_owned(),
        workload: Box::new(Clients::new(KvPlan::from(&plan.clients), servers, plan.seed)),
        custom: ClientJudges::new(Promises::from(&plan)),
        make: Box::new(|_: ServerIdx| Kv::default()),
        trace,
        plan,
    };
    runner.run_subjects::<S>()
}
