//! The core from outside: one node that is told anything, a few servers among which anything is
//! lost, and stores, each against something plainer. What is here needs nothing but this crate, so
//! that a change in it is judged within seconds; storms are in `sim/`.

mod cluster;
#[path = "../../../tests/fuzz_targets/decisions.rs"]
mod decisions;
mod dialogue;
mod executors;
mod membership;
mod node;
mod promise_to_leader;
#[path = "../../../tests/fuzz_targets/step.rs"]
#[expect(unreachable_pub, reason = "it is a library's for the fuzz targets")]
mod step;
mod stores;
