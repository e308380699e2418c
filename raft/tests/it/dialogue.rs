//! One node, talked to by the book: what is said to it, and everything that it does about it.

mod changes;
mod elections;
mod following;
mod harness;
mod leading;
mod reads;
mod server_harness;
mod serving;
mod snapshots;
mod staging;
mod transfers;
mod upkeep;
