//! The same seed gives the same run, byte for byte. Every scenario runs twice, in every form of trace and
//! on another thread.

use std::thread;
use wavetank_scenarios::registry::{self, ALL};
use wavetank_scenarios::{Scenario, TraceForm};
use wavetank_sim::Report;

const FORMS: [TraceForm; 3] = [TraceForm::Story, TraceForm::Full, TraceForm::Json];

#[test]
fn every_scenario_is_the_same_twice() {
    for scenario in ALL.iter() {
        for seed in 0..2 {
            for form in FORMS {
                let first = run(scenario, seed, form);
                let second =
                    thread::spawn(move || run(scenario, seed, form)).join().expect("the run does not panic");
                assert!(first == second, "two runs of {}:{seed} differ", scenario.name);
            }
        }
    }
}

#[test]
fn tracing_does_not_change_a_run() {
    for scenario in ALL.iter() {
        let (unseen, nothing) = run(scenario, 3, TraceForm::None);
        assert_eq!(nothing, "");
        for form in FORMS {
            assert_eq!(run(scenario, 3, form).0, unseen, "{}:3 as {form:?}", scenario.name);
        }
    }
}

#[test]
fn seeds_differ() {
    for scenario in ALL.iter() {
        let digest = |seed| run(scenario, seed, TraceForm::None).0.digest;
        assert_ne!(digest(0), digest(1), "{}", scenario.name);
    }
}

fn run(scenario: &Scenario, seed: u64, form: TraceForm) -> (Report, String) {
    registry::run(scenario, seed, form)
}
