//! Measures the simulation: how much virtual time passes per second of one core.
//!
//! Prints the medians of several runs. Times depend on the machine and its load: compare only runs on
//! the same machine at about the same time.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    clippy::float_arithmetic,
    reason = "a benchmark measures time and prints it"
)]

mod memory;
mod stopwatch;

use memory::most_memory;
use stopwatch::on_core;
use wavetank_raft::Span;
use wavetank_sim::check::{self, Options};
use wavetank_sim::clients::kv::Kv;
use wavetank_sim::clients::kv::clients::{Clients, KvPlan};
use wavetank_sim::clients::kv::judges::{ClientJudges, Promises};
use wavetank_sim::plan::rng::{Ratio, Spans};
use wavetank_sim::runner::storm_run;
use wavetank_sim::{Observer, Plan, ServerSet, World};

const RUNS: u64 = 5;
const STORMS: u64 = 200;

/// The cost of a run.
#[derive(Clone, Copy)]
struct Consumed {
    seconds: f64,
    virtual_seconds: f64,
    events: u64,
}

fn main() {
    println!("{:<44} {:>12} {:>12} {:>9}", "", "virtual s/s", "events/s", "ns/event");
    line("heartbeats, 5 servers, 1-10 ms", &heartbeats);
    line("200 commands/s, 5 servers, 1 % loss", &|seed| busy(seed, ()));
    line("the same with every safety check", &|seed| {
        busy(seed, check::Judges::new(Options::of(&Plan::calm(seed, 5))))
    });
    let took = median(&storms);
    print("storms with every judge", took);
    println!("{:<44} {:>12.0}", "  whole storms/s", STORMS as f64 / took.seconds);
    println!("{:<44} {:>12}", "  events each", took.events / STORMS);
    if let Some(most) = most_memory() {
        println!("{:<44} {most:>12}", "  most memory, KiB");
    }
}

/// Runs heartbeats only, without clients and faults.
fn heartbeats(seed: u64) -> Consumed {
    let mut plan = Plan::calm(seed, 5);
    plan.links.delay = Spans::ms(1, 10);
    plan.clients.count = 0;
    let clients = Box::new(wavetank_sim::engine::workload::NoClients);
    run(World::new(plan, |_| Kv::default(), clients, ()), Span::s(200))
}

fn busy(seed: u64, observer: impl Observer) -> Consumed {
    let mut plan = Plan::calm(seed, 5);
    plan.links.delay = Spans::ms(1, 10);
    plan.links.loss = Some(Ratio::new(1, 100));
    plan.clients.count = 10;
    plan.clients.think = Spans::ms(35, 45);
    plan.clients.writes = Ratio::new(1, 1);
    let clients = Box::new(clients(&plan));
    run(World::new(plan, |_| Kv::default(), clients, observer), Span::s(60))
}

fn run<V: Observer>(mut world: World<Kv, V>, span: Span) -> Consumed {
    let start = on_core();
    world.run_for(span);
    Consumed { seconds: on_core() - start, virtual_seconds: span.0 as f64 / 1e6, events: world.events() }
}

/// Runs storms with all faults and all judges, including the linearizability judge at the end.
fn storms(round: u64) -> Consumed {
    let start = on_core();
    let (mut virtual_seconds, mut events) = (0.0, 0);
    for seed in round * STORMS..(round + 1) * STORMS {
        let plan = Plan::storm(seed);
        let observer = (check::Judges::new(Options::of(&plan)), ClientJudges::new(Promises::from(&plan)));
        let clients = Box::new(clients(&plan));
        let mut world = World::new(plan, |_| Kv::default(), clients, observer);
        storm_run::run(&mut world, |_| true);
        let at = world.now();
        world.observer_mut().1.end(at);
        virtual_seconds += at.0 as f64 / 1e6;
        events += world.events();
    }
    Consumed { seconds: on_core() - start, virtual_seconds, events }
}

fn clients(plan: &Plan) -> Clients {
    let servers = ServerSet::first(usize::from(plan.servers));
    Clients::new(KvPlan::from(&plan.clients), servers, plan.seed)
}

fn median(run: &dyn Fn(u64) -> Consumed) -> Consumed {
    let mut took: Vec<Consumed> = (0..RUNS).map(run).collect();
    took.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    took[took.len() / 2]
}

fn line(name: &str, run: &dyn Fn(u64) -> Consumed) {
    print(name, median(run));
}

fn print(name: &str, took: Consumed) {
    let Consumed { seconds, virtual_seconds, events } = took;
    let (rate, each) = (events as f64 / seconds, seconds * 1e9 / events as f64);
    println!("{name:<44} {:>12.0} {rate:>12.0} {each:>9.0}", virtual_seconds / seconds);
}
