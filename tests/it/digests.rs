//! The blessed digests of some runs. They are the same in every build, so that a seed always gives the
//! same run. Only an intended change of behaviour changes them.

use std::fmt::Write as _;
use wavetank_scenarios::registry::{self, ALL};
use wavetank_scenarios::{Chapter, Trace, TraceForm};
use wavetank_sim::Plan;
use wavetank_sim::plan::fault_kind::Scheduled;
use wavetank_sim::plan::rng::{Ratio, Spans};
use wavetank_sim::plan::{RandomDelay, Recurrence};

#[test]
fn old_seeds_keep_their_digests() {
    let mut text = String::new();
    for scenario in ALL.iter() {
        let seeds = if scenario.chapter == Chapter::Storms { 0..10 } else { 7..8 };
        for seed in seeds {
            let (report, _) = registry::run(scenario, seed, TraceForm::None);
            let _ = writeln!(text, "{:016x} {}:{seed}", report.digest, scenario.name);
        }
    }
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(".");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("digests", text));
}

/// A kind of fault that is enabled but never happens changes no random draw of the other kinds.
#[test]
fn enabling_one_kind_of_fault_moves_no_other() {
    let storm = ALL.iter().find(|scenario| scenario.name == "storm").expect("the storm exists");
    let digest = |plan| registry::run_plan(storm, plan, Trace::default()).report.digest;
    let never = RandomDelay { chance: Ratio::NEVER, by: Spans::ms(1, 2) };
    let late = Recurrence { every: Spans::ms(3_000_000, 3_000_000), lasts: Spans::ms(1, 1) };
    for seed in 0..10 {
        let plan = Plan::storm(seed);
        let before = digest(plan.clone());
        let mut more = plan.clone();
        more.links.loss.get_or_insert(Ratio::NEVER);
        more.links.late.get_or_insert(never);
        more.links.duplicate.get_or_insert(never);
        more.links.hold.get_or_insert(never);
        more.links.reorder.get_or_insert(never);
        more.links.on_way.get_or_insert(Ratio::NEVER);
        more.links.corrupt.get_or_insert(Ratio::NEVER);
        more.disks.stall.get_or_insert(never);
        more.disks.fail.get_or_insert(Ratio::NEVER);
        more.nemesis.crash_between.get_or_insert(Ratio::NEVER);
        for &kind in Scheduled::ALL.iter().filter(|kind| !kind.breaks_leases()) {
            more.nemesis.scheduled.entry(kind).or_insert(late);
        }
        assert_ne!(plan, more, "the storm of seed {seed} has this kind already");
        assert_eq!(before, digest(more), "seed {seed}");
    }
}
