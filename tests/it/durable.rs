//! The stores of a real server under storms: the power fails during writes, pages are torn, the device is
//! full, and syncs fail. `WAVETANK_SEEDS=2000` runs that many storms, `WAVETANK_SEED=N` runs one.

mod crashes;
mod seams;
mod stores;

use seams::Bug;
use std::collections::BTreeMap;
use stores::{Durable, Kind, LogKind};
use wavetank_raft::Span;
use wavetank_sim::clients::kv::Kv;
use wavetank_sim::clients::kv::clients::{Clients, KvPlan};
use wavetank_sim::clients::kv::judges::{ClientJudges, Promises};
use wavetank_sim::plan::Recurrence;
use wavetank_sim::plan::fault_kind::Scheduled;
use wavetank_sim::plan::rng::{Ratio, Spans};
use wavetank_sim::runner::Runner;
use wavetank_sim::{Plan, Report, ServerSet, Verdict, harness};

const REDB: Kind = Kind { log: LogKind::Redb, bug: None };
const WAL: Kind = Kind { log: LogKind::Wal, bug: None };

#[test]
fn durable_stores_survive_storms() {
    expect_to_survive(REDB);
}

#[test]
fn the_segmented_log_survives_storms() {
    expect_to_survive(WAL);
}

#[test]
fn a_storm_on_a_device_repeats_itself() {
    for kind in [REDB, WAL] {
        assert_eq!(storm(1, kind), storm(1, kind));
    }
}

#[test]
fn a_store_that_skips_its_syncs_is_detected() {
    for log in [LogKind::Redb, LogKind::Wal] {
        expect_to_be_found(Kind { log, bug: Some(Bug::SkippedSync) });
    }
}

#[test]
fn a_log_that_writes_after_its_sync_is_detected() {
    expect_to_be_found(Kind { bug: Some(Bug::SwappedWrites), ..WAL });
}

#[test]
fn a_log_that_does_not_sync_the_names_of_segments_is_detected() {
    let told = expect_to_be_found(Kind { bug: Some(Bug::UnsyncedNames), ..WAL });
    assert!(told.contains("cannot be opened") || told.contains("the store ends"), "{told}");
}

#[test]
fn a_missing_newest_segment_is_noticed() {
    let told = expect_to_be_found(Kind { bug: Some(Bug::MissingSegment), ..WAL });
    assert!(told.contains("is missing"), "{told}");
}

fn expect_to_survive(kind: Kind) {
    let seeds = harness::seeds(0..6);
    let mut faults: BTreeMap<String, u64> = BTreeMap::new();
    let mut commits = 0;
    let mut alarms = Vec::new();
    for seed in seeds.clone() {
        let report = storm(seed, kind);
        if !matches!(report.verdict, Verdict::Held | Verdict::Vacuous(_)) {
            alarms.push(format!("seed {seed}: {}", report.verdict));
        }
        commits += report.commits;
        for (family, count) in report.faults {
            *faults.entry(family).or_default() += count;
        }
    }
    show(&format!("{:?}: {} storms, {commits} commits: {faults:?}", kind.log, seeds.end - seeds.start));
    assert!(alarms.is_empty(), "{}", alarms.join("\n"));
    assert!(0 < commits && 0 < faults["power_cut_in_writing"], "{faults:?}");
}

/// Runs storms until a storm ends with a panic of the comparison. Returns the message.
fn expect_to_be_found(kind: Kind) -> String {
    let verdicts = (0..20).map(|seed| (seed, storm(seed, kind).verdict));
    let found = verdicts.filter_map(|(seed, verdict)| match verdict {
        Verdict::Panicked(panic) => Some((seed, panic.to_string())),
        _ => None,
    });
    let (seed, told) = found.into_iter().next().expect("the bug is found in twenty storms");
    show(&format!("{kind:?}: found by seed {seed}: {told}"));
    told
}

#[expect(clippy::print_stderr, reason = "a long run exists to count the faults that it met")]
fn show(line: &str) {
    eprintln!("{line}");
}

fn storm(seed: u64, kind: Kind) -> Report {
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
    runner.run_with_stores(&mut |idx| Box::new(Durable::new(seed, idx, kind))).report
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
