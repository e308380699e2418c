//! One scripted node or server: each case gives inputs and expects the exact effects.

mod catch_up;
mod changes;
mod elections;
mod following;
mod harness;
mod leading;
mod mixed;
mod reads;
mod server_harness;
mod serving;
mod snapshots;
mod staging;
mod transfers;
mod upkeep;
