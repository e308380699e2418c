//! Leases depend on clocks. While the drift of clocks stays within the bound, no lease read is stale.
//! Beyond the bound a lease read can be stale, and the judge of leases reports it if it is enabled.

use wavetank_raft::{ReadPath, Span};
use wavetank_sim::check::ClockBound;
use wavetank_sim::clients::kv::Kv;
use wavetank_sim::clients::kv::clients::{Clients, KvPlan};
use wavetank_sim::plan::fault_kind::Scheduled;
use wavetank_sim::plan::rng::Spans;
use wavetank_sim::plan::{Plan, Recurrence};
use wavetank_sim::runner::storm_run;
use wavetank_sim::{Judges, Options, ServerSet, Violation, World};

/// A storm with lease reads, in which clocks stop or jump.
fn beyond(seed: u64) -> Plan {
    let mut plan = Plan::storm(seed);
    plan.clients.reads = vec![ReadPath::Lease];
    let timeout = Span::from_duration(plan.config.election_timeout);
    let every = Spans::new(timeout, timeout.times(4));
    let lasts = Spans::new(timeout.times(2), timeout.times(8));
    for kind in [Scheduled::Freeze, Scheduled::Jump, Scheduled::IsolateLeader] {
        plan.nemesis.scheduled.insert(kind, Recurrence { every, lasts });
    }
    plan.chaos = Span::s(10);
    plan
}

/// The judges' verdict on a run, if they assume this bound on the clocks.
fn judged(plan: &Plan, clocks: ClockBound) -> Option<Violation> {
    let servers = ServerSet::first(usize::from(plan.servers));
    let clients = Clients::new(KvPlan::from(&plan.clients), servers, plan.seed);
    let judges = Judges::new(Options { clocks, ..Options::of(plan) });
    let mut world = World::new(plan.clone(), |_| Kv::default(), Box::new(clients), judges);
    storm_run::run(&mut world, |judges| judges.verdict().is_none());
    world.observer().verdict().cloned()
}

#[test]
fn beyond_the_bound_the_judge_of_leases_speaks() {
    let spoken = (0..40).find_map(|seed| judged(&beyond(seed), ClockBound::Bounded));
    assert_eq!(spoken.map(|violation| violation.check).as_deref(), Some("lease_exclusivity"));
}

#[test]
fn beyond_the_bound_leases_are_not_judged_and_all_else_holds() {
    for seed in 0..10 {
        let plan = beyond(seed);
        assert_eq!(Options::of(&plan).clocks, ClockBound::Unbounded);
        assert_eq!(judged(&plan, ClockBound::Unbounded), None, "seed {seed}");
    }
}

#[test]
fn within_the_bound_the_judge_of_leases_is_quiet() {
    for seed in 0..10 {
        let mut plan = beyond(seed);
        plan.nemesis.scheduled.retain(|kind, _| !kind.breaks_leases());
        assert_eq!(Options::of(&plan).clocks, ClockBound::Bounded);
        assert_eq!(judged(&plan, ClockBound::Bounded), None, "seed {seed}");
    }
}
