//! Every scenario holds under some seeds. `WAVETANK_SEED=N` runs one seed, `WAVETANK_SEEDS=N` runs the
//! first N.

use wavetank_scenarios::TraceForm;
use wavetank_scenarios::registry::{self, ALL};
use wavetank_sim::{Verdict, harness};

#[test]
fn every_scenario_holds() {
    let mut failures = Vec::new();
    for scenario in ALL.iter() {
        for seed in harness::seeds(0..16) {
            let (report, _) = registry::run(scenario, seed, TraceForm::None);
            match report.verdict {
                Verdict::Held | Verdict::Vacuous(_) => {}
                Verdict::Violated(_) | Verdict::Panicked(_) => {
                    failures.push((scenario, seed, report.verdict));
                }
            }
        }
    }
    let Some((scenario, seed, verdict)) = failures.first() else { return };
    let (_, story) = registry::run(scenario, *seed, TraceForm::Story);
    panic!(
        "{} runs failed. The first is {}:{seed}: {verdict}\n{story}\ncargo run --release -- replay {}:{seed}",
        failures.len(),
        scenario.name,
        scenario.name
    );
}
