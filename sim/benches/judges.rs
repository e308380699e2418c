//! Compares storms whose judges were written for the key-value store with storms of a typed key-value store
//! that is its own specification.
//!
//! Prints the medians of several runs of the same plans. The runs take turns.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    clippy::float_arithmetic,
    reason = "a benchmark measures time and prints it"
)]

mod stopwatch;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stopwatch::on_core;
use wavetank_machine::StateMachine;
use wavetank_sim::clients::kv::Kv;
use wavetank_sim::clients::kv::clients::{Clients, KvPlan};
use wavetank_sim::clients::kv::judges::{ClientJudges, Promises};
use wavetank_sim::harness::storms::Storms;
use wavetank_sim::runner::Runner;
use wavetank_sim::{Plan, ServerSet, Verdict};

const RUNS: usize = 5;
const STORMS: u64 = 200;

/// A key-value store as a typed state machine.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Store(BTreeMap<u8, Vec<u8>>);

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Write {
    Put(u8, [u8; 8]),
    Append(u8, [u8; 8]),
    Delete(u8),
}

impl StateMachine for Store {
    type Command = Write;
    type Query = u8;
    type Reply = Vec<u8>;

    fn apply(&mut self, write: Write) -> Vec<u8> {
        match write {
            Write::Put(key, value) => self.0.insert(key, value.to_vec()).unwrap_or_default(),
            Write::Append(key, value) => {
                self.0.entry(key).or_default().extend_from_slice(&value);
                Vec::new()
            }
            Write::Delete(key) => self.0.remove(&key).unwrap_or_default(),
        }
    }

    fn query(&self, key: u8) -> Vec<u8> {
        self.0.get(&key).cloned().unwrap_or_default()
    }
}

fn main() {
    let writes = prop_oneof![
        4 => (0..6_u8, any::<[u8; 8]>()).prop_map(|(key, value)| Write::Put(key, value)),
        2 => (0..6_u8, any::<[u8; 8]>()).prop_map(|(key, value)| Write::Append(key, value)),
        1 => (0..6_u8).prop_map(Write::Delete),
    ];
    let storms = Storms::<Store>::new(writes, 0..6_u8);
    let (mut written, mut generic) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        written.push(rate(&run_with_written_judges));
        generic.push(rate(&|seed| storms.survives(seed).expect("the store is right")));
    }
    let (written, generic) = (median(written), median(generic));
    println!("{:<44} {written:>9.0}", "storms/s, judges of the key-value store");
    println!("{:<44} {generic:>9.0}", "storms/s, the state machine as specification");
    println!("{:<44} {:>9.2}", "ratio", generic / written);
}

fn run_with_written_judges(seed: u64) {
    let plan = Plan::storm(seed);
    let servers = ServerSet::first(usize::from(plan.servers));
    let clients = Clients::new(KvPlan::from(&plan.clients), servers, plan.seed);
    let custom = ClientJudges::new(Promises::from(&plan));
    let make = Box::new(|_| Kv::default());
    let name = "judges".to_owned();
    let run = Runner { name, plan, make, workload: Box::new(clients), custom, trace: () }.run();
    assert!(matches!(run.report.verdict, Verdict::Held | Verdict::Vacuous(_)), "{:?}", run.report.verdict);
}

/// Returns the number of storms in a second of one core.
fn rate(run: &dyn Fn(u64)) -> f64 {
    let start = on_core();
    (0..STORMS).for_each(run);
    STORMS as f64 / (on_core() - start)
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
