//! Shrinking of runs with planted bugs.

mod planted;

use planted::Planted;
use wavetank_sim::clients::kv::Kv;
use wavetank_sim::clients::kv::clients::{Clients, KvPlan};
use wavetank_sim::clients::kv::judges::{ClientJudges, Promises};
use wavetank_sim::observe::observer::Observer;
use wavetank_sim::runner::{Run, Runner};
use wavetank_sim::shrink::{self, Failure, Shrunk};
use wavetank_sim::{Plan, ServerIdx, ServerSet};

/// Runs a plan with servers that have this planted bug, under all judges.
fn run<T: Observer<Planted<BUG>> + Default, const BUG: u8>(plan: Plan, trace: T) -> Run<T> {
    let servers = ServerSet::first(plan.server_count());
    let runner = Runner {
        name: "storm".to_owned(),
        workload: Box::new(Clients::new(KvPlan::from(&plan.clients), servers, plan.seed)),
        custom: ClientJudges::new(Promises::from(&plan)),
        make: Box::new(|_: ServerIdx| Kv::default()),
        trace,
        plan,
    };
    runner.run_subjects::<Planted<BUG>>()
}

fn first<const BUG: u8>() -> Option<(u64, Shrunk)> {
    let fails = |seed: &u64| Failure::of(&run::<(), BUG>(Plan::storm(*seed), ()).report.verdict).is_some();
    let seed = (0..200).find(fails)?;
    let begun = std::time::Instant::now();
    let shrunk = shrink::shrink(Plan::storm(seed), &mut |plan| run::<(), BUG>(plan, ()), &mut |_| true)?;
    println!("{:?}", begun.elapsed());
    Some((seed, shrunk))
}

fn show<const BUG: u8>() {
    println!("==== {BUG}");
    let Some((seed, shrunk)) = first::<BUG>() else { return println!("no failure") };
    println!(
        "{seed}: {} {} to {} tries {} minimal {}\n{}",
        shrunk.failure,
        shrunk.before,
        shrunk.after,
        shrunk.tries,
        shrunk.is_minimal,
        shrink::source(&shrunk.plan)
    );
    println!("{}", run::<(), BUG>(shrunk.plan.clone(), ()).report.verdict);
    if let Some(window) = &shrunk.window {
        println!("{window}");
    }
}

#[test]
fn look() {
    show::<10>();
    show::<9>();
    show::<12>();
    show::<11>();
}
