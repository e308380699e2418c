//! Tests of the public API: one node under any input, a few servers with message loss and crashes,
//! and stores, each against a simpler model. The tests need no other crate, so they judge a change
//! within seconds. Storms are in `sim/`.

mod cluster;
mod decisions;
mod dialogue;
mod executors;
mod membership;
mod node;
mod promise_to_leader;
#[expect(unreachable_pub, reason = "it is a library's for the fuzz targets")]
mod step;
mod stores;
