//! Tests of the API: in one process, over TCP with disks, and for calls that fail.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod absence;
mod cluster;
mod errors;
mod golden;
mod identity;
mod inmem;
mod metrics;
mod mixed;
mod operators;
mod sparse;
mod tcp;
mod upgrade;
