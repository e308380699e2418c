//! temporary driver
use wavetank_sim::clients::kv::Kv;
use wavetank_sim::clients::kv::clients::{Clients, KvPlan};
use wavetank_sim::clients::kv::judges::{ClientJudges, Promises};
use wavetank_sim::observe::trace::{Full, TextTrace};
use wavetank_sim::runner::Runner;
use wavetank_sim::{Plan, ServerIdx, ServerSet, Subject, Verdict};
use wavetank_tiny::{Bug, Tiny};

fn sweep<S: Subject>(from: u64, to: u64) {
    let mut counts = std::collections::BTreeMap::<String, u64>::new();
    for seed in from..to {
        let mut plan = Plan::storm(seed);
        plan.config.pre_vote_disabled = true;
        let birth = plan.birth;
        let servers = ServerSet::first(plan.server_count());
        let runner = Runner {
            name: "storm".to_owned(),
            workload: Box::new(Clients::new(KvPlan::from(&plan.clients), servers, plan.seed)),
            custom: ClientJudges::new(Promises::from(&plan)),
            make: Box::new(|_: ServerIdx| Kv::default()),
            trace: (),
            plan,
        };
        let report = runner.run_subjects::<S>().report;
        let kind = match &report.verdict {
            Verdict::Held => "held".to_owned(),
            Verdict::Violated(v) => {
                println!("{seed}: {} {} {:?}", v.check, v.what, birth);
                v.check.clone()
            }
            Verdict::Vacuous(_) => "vacuous".to_owned(),
            Verdict::Panicked(m) => {
                println!("{seed}: PANIC {m}");
                "panic".to_owned()
            }
            other => format!("{other:?}"),
        };
        if seed == from {
            println!("off: {:?}", report.off);
        }
        *counts.entry(kind).or_default() += 1;
    }
    println!("{counts:?}");
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (from, to) = (args[2].parse().unwrap(), args[3].parse().unwrap());
    if args[1] == "trace" {
        let seed = from;
        let mut plan = Plan::storm(seed);
        plan.config.pre_vote_disabled = true;
        println!("{plan:#?}");
        let servers = ServerSet::first(plan.server_count());
        let runner = Runner {
            name: "storm".to_owned(),
            workload: Box::new(Clients::new(KvPlan::from(&plan.clients), servers, plan.seed)),
            custom: ClientJudges::new(Promises::from(&plan)),
            make: Box::new(|_: ServerIdx| Kv::default()),
            trace: Some(Full::new()),
            plan,
        };
        let run = runner.run_subjects::<Tiny>();
        println!("{:#?}", run.report);
        println!("{}", run.trace.unwrap().take());
        return;
    }
    if args[1] != "none" {
        let n: usize = args[1].parse().unwrap();
        wavetank_tiny::switch_on(Bug::ALL[n].1);
    }
    sweep::<Tiny>(from, to);
}
