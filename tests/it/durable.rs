//! The stores of a real server under storms: the power fails during writes, pages are torn, the device is
//! full, and syncs fail. `WAVETANK_SEEDS=2000` runs that many storms, `WAVETANK_SEED=N` runs one.

mod seams;
mod stores;

use seams::Syncs;
use std::collections::BTreeMap;
use stores::Durable;
use wavetank_raft::Span;
use wavetank_sim::clients::kv::Kv;
use wavetank_sim::clients::kv::clients::{Clients, KvPlan};
use wavetank_sim::clients::kv::judges::{ClientJudges, Promises};
use wavetank_sim::plan::Recurrence;
use wavetank_sim::plan::fault_kind::Scheduled;
use wavetank_sim::plan::rng::{Ratio, Spans};
use wavetank_sim::runner::Runner;
use wavetank_sim::{Plan, Report, ServerSet, Verdict, harness};

#[test]
fn durable_stores_survive_storms() {
    let seeds = harness::seeds(0..6);
    let mut faults: BTreeMap<String, u64> = BTreeMap::new();
    let mut commits = 0;
    for seed in seeds.clone() {
        let report = storm(seed, Syncs::Honest);
        assert!(
            matches!(report.verdict, Verdict::Held | Verdict::Vacuous(_)),
            "seed {seed}: {:?}",
            report.verdict
        );
        commits += report.commits;
        for (family, count) in report.faults {
            *faults.entry(family).or_default() += count;
        }
    }
    show(&format!("{} storms, {commits} commits: {faults:?}", seeds.end - seeds.start));
    assert!(0 < commits && 0 < faults["power_cut_in_writing"], "{faults:?}");
}

#[test]
fn a_storm_on_a_device_repeats_itself() {
    assert_eq!(storm(1, Syncs::Honest), storm(1, Syncs::Honest));
}

#[test]
fn a_store_that_skips_its_syncs_is_detected() {
    let verdicts: Vec<Verdict> = (0..3).map(|seed| storm(seed, Syncs::Skipped).verdict).collect();
    assert!(verdicts.iter().any(|verdict| matches!(verdict, Verdict::Panicked(_))), "{verdicts:?}");
}

#[expect(clippy::print_stderr, reason = "a long run exists to count the faults that it met")]
fn show(line: &str) {
    eprintln!("{line}");
}

fn storm(seed: u64, syncs: Syncs) -> Report {
    let plan = stormy(seed);
    let servers = ServerSet::first(usize::from(plan.servers));
    let runner = Runner {
        name: "durable".to_owned(),
        make: Box::new(|_| Kv::default()),
        workload: Box::new(Clients::new(KvPlan::from(&plan.clients), servers, plan.seed)),
        custom: ClientJudges::new(Promises::from(&plan)),
        trace: (),
        plan,
    };
    runner.run_with_stores(&mut |idx| Box::new(Durable::new(seed, idx, syncs))).report
}

/// The storm of a seed, with a faulty disk and at least one crash of a server.
fn stormy(seed: u64) -> Plan {
    let mut plan = Plan::storm(seed);
    let timeout = Span::from_duration(plan.config.heartbeat_timeout);
    plan.disks.fail = Some(Ratio::new(1, 300));
    let crashes = Recurrence {
        every: Spans::new(timeout.times(2), timeout.times(8)),
        lasts: Spans::new(timeout, timeout.times(4)),
    };
    plan.nemesis.scheduled.insert(Scheduled::Crash, crashes);
    plan
}
