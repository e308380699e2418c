//! Tests what storms say about state machines with typed commands: wrong ones are told by their fault, and
//! right ones are not accused.

#![expect(clippy::disallowed_types, reason = "some state machines are wrong on purpose")]

mod report;
mod right;
mod stories;
mod wrong;

use wavetank_machine::StateMachine;
use wavetank_sim::harness::storms::Storms;

/// Storms whose clients add to few keys.
fn adding<T: StateMachine<Command = (u8, u64), Query = u8> + Default>() -> Storms<T> {
    Storms::new((0..4_u8, 1..9_u64), 0..4_u8).nodes(3)
}

/// Returns the first failure among some seeds.
fn failure<T: StateMachine>(storms: &Storms<T>) -> String {
    let failed = (0..200).find_map(|seed| storms.survives(seed).err().map(|what| (seed, what)));
    let (seed, what) = failed.expect("no storm found the fault");
    format!("seed {seed}: {what}")
}

/// Expects that the first failure among some seeds contains all of these texts.
#[track_caller]
fn expect_failure<T: StateMachine>(storms: &Storms<T>, texts: &[&str]) {
    let what = failure(storms);
    for text in texts {
        assert!(what.contains(text), "no `{text}` in: {what}");
    }
}

/// Expects that some seeds have no failure.
#[track_caller]
fn expect_survival<T: StateMachine>(storms: &Storms<T>, seeds: u64) {
    for seed in 0..seeds {
        if let Err(what) = storms.survives(seed) {
            panic!("seed {seed}: {what}");
        }
    }
}
