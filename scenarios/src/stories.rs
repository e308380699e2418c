//! The stories, a chapter a file.

pub mod crashes;
pub mod disks;
pub mod elections;
pub mod membership;
pub mod partitions;
pub mod reads;
pub mod recovery;
pub mod replication;
pub mod snapshots;
pub mod storms;
pub mod transfers;
pub mod upheavals;
