//! One node, talked to by the book: what is said to it, and everything that it does about it.

mod changes;
mod desk;
mod elections;
mod following;
mod leading;
mod reads;
mod snapshots;
mod staging;
mod transfers;
