//! Schedules: a run that is recorded can be played, and the same happens.

use wavetank_sim::clients::kv::Kv;
use wavetank_sim::clients::kv::clients::{Clients, KvPlan};
use wavetank_sim::runner::observers::Observers;
use wavetank_sim::runner::storm_run;
use wavetank_sim::schedule::{Choice, Element, EventOrder, Fit};
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

fn played(plan: &Plan, fit: Fit, elements: &[Element]) -> Judged {
    let mut world = world(plan);
    world.follow_schedules(fit);
    world.play(elements, |_| true);
    world
}

#[test]
fn elements_whose_objects_do_not_exist_are_skipped_and_counted() {
    let plan = Plan::storm(8_100);
    let (_, elements) = recorded(&plan);
    let first_timer =
        elements.iter().position(|it| matches!(it.choice, Choice::Fire(..))).expect("timers fire");
    let mut left = elements.clone();
    left.remove(first_timer);
    let mut world = played(&plan, Fit::Exact, &left);
    assert!(0 < world.skipped(), "messages that were not sent arrived");
    let exact = world.take_schedule();
    assert!(exact.len() as u64 <= left.len() as u64 - world.skipped());
    let again = played(&plan, Fit::Exact, &exact);
    assert_eq!((again.skipped(), again.digest()), (0, world.digest()));
}

#[test]
fn similar_objects_keep_more_of_a_schedule() {
    let plan = Plan::storm(8_100);
    let (_, elements) = recorded(&plan);
    let first_timer =
        elements.iter().position(|it| matches!(it.choice, Choice::Fire(..))).expect("timers fire");
    let mut left = elements;
    left.remove(first_timer);
    let skipped = |fit| played(&plan, fit, &left).skipped();
    assert!(skipped(Fit::Similar) < skipped(Fit::Exact));
}

#[test]
fn a_schedule_survives_the_text_of_its_plan() {
    let mut plan = Plan::storm(8_101);
    plan.order = EventOrder::Scheduled(Fit::Exact, recorded(&plan).1);
    let text = serde_json::to_string(&plan).expect("a plan is numbers and text");
    assert_eq!(serde_json::from_str::<Plan>(&text).expect("it was just written"), plan);
}

#[test]
fn a_recorded_storm_is_played_with_the_same_digest() {
    for seed in 8_100..8_130 {
        let plan = Plan::storm(seed);
        let (digest, elements) = recorded(&plan);
        let mut world = played(&plan, Fit::Exact, &elements);
        let again = world.take_schedule();
        let first = elements.iter().zip(&again).position(|(one, other)| one != other);
        let around =
            first.map(|at| (at, &elements[at.saturating_sub(2)..elements.len().min(at + 3)], &again[at]));
        assert_eq!((world.skipped(), first), (0, None), "storm {seed}: {around:#?}");
        assert_eq!(world.digest(), digest, "storm {seed}");
    }
}
