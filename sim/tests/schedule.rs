//! Schedules: a run that is recorded can be played, and the same happens.

use wavetank_sim::clients::kv::Kv;
use wavetank_sim::clients::kv::clients::{Clients, KvPlan};
use wavetank_sim::runner::observers::Observers;
use wavetank_sim::runner::storm_run;
use wavetank_sim::schedule::{Element, Fit};
use wavetank_sim::{Options, Plan, ServerSet, World};

type Judged = World<Kv, Observers<(), ()>>;

fn world(plan: &Plan) -> Judged {
    let servers = ServerSet::first(usize::from(plan.servers));
    let clients = Clients::new(KvPlan::from(&plan.clients), servers, plan.seed);
    let observers = Observers::new(Options::of(plan), (), ());
    World::new(plan.clone(), |_| Kv::default(), Box::new(clients), observers)
}

fn recorded(plan: &Plan) -> (u64, Vec<Element>) {
    let mut world = world(plan);
    world.record_schedule();
    storm_run::run(&mut world, |_| true);
    (world.digest(), world.take_schedule())
}

#[test]
fn a_recorded_storm_is_played_with_the_same_digest() {
    for seed in 8_100..8_130 {
        let plan = Plan::storm(seed);
        let (digest, elements) = recorded(&plan);
        let mut world = world(&plan);
        world.follow_schedules(Fit::Exact);
        world.play(&elements, |_| true);
        let again = world.take_schedule();
        let first = elements.iter().zip(&again).position(|(one, other)| one != other);
        let around =
            first.map(|at| (at, &elements[at.saturating_sub(2)..elements.len().min(at + 3)], &again[at]));
        assert_eq!((world.skipped(), first), (0, None), "storm {seed}: {around:#?}");
        assert_eq!(world.digest(), digest, "storm {seed}");
    }
}
