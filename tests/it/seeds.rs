//! Every scenario holds under some seeds. `WAVETANK_SEED=N` runs that one alone, `WAVETANK_SEEDS=N`
//! as many as that.

use std::env;
use std::ops::Range;
use wavetank_scenarios::TraceForm;
use wavetank_scenarios::registry::{self, ALL};
use wavetank_sim::Verdict;

#[test]
fn every_scenario_holds() {
    let mut failures = Vec::new();
    for scenario in ALL {
        for seed in seeds() {
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
        "{} runs failed, the first of them {}:{seed}: {verdict:?}\n{story}\ncargo run --release -- replay {}:{seed}",
        failures.len(),
        scenario.name,
        scenario.name
    );
}

fn seeds() -> Range<u64> {
    const SEEDS: u64 = 16;
    let number = |name: &str| {
        let text = env::var(name).ok()?;
        Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, which is no seed")))
    };
    match number("WAVETANK_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("WAVETANK_SEEDS").unwrap_or(SEEDS),
    }
}
