//! Shrinking of runs with planted bugs.

mod bad_schedules;
mod fits;
mod minimal;
mod planted;
#[rustfmt::skip]
mod printed;
mod window;

use planted::Planted;
use wavetank_sim::clients::kv::Kv;
use wavetank_sim::clients::kv::clients::{Clients, KvPlan};
use wavetank_sim::clients::kv::judges::{ClientJudges, Promises};
use wavetank_sim::runner::{Run, Runner};
use wavetank_sim::shrink::{self, Failure, Shrunk};
use wavetank_sim::{Plan, ServerIdx, ServerSet};

/// Runs a plan with servers that have this planted bug, under all judges.
fn run<const BUG: u8>(plan: Plan) -> Run<()> {
    let servers = ServerSet::first(plan.server_count());
    let runner = Runner {
        name: "storm".to_owned(),
        workload: Box::new(Clients::new(KvPlan::from(&plan.clients), servers, plan.seed)),
        custom: ClientJudges::new(Promises::from(&plan)),
        make: Box::new(|_: ServerIdx| Kv::default()),
        trace: (),
        plan,
    };
    runner.run_subjects::<Planted<BUG>>()
}

fn fails<const BUG: u8>(plan: Plan) -> Option<Failure> {
    Failure::of(&run::<BUG>(plan).report.verdict)
}

/// Shrinks the first storm that finds a planted bug.
fn shrunk<const BUG: u8>() -> Shrunk {
    let seed =
        (0..200).find(|&seed| fails::<BUG>(Plan::storm(seed)).is_some()).expect("a storm finds the bug");
    shrink::shrink(Plan::storm(seed), &mut run::<BUG>, &mut |_| true).expect("the storm fails")
}
