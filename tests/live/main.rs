//! Live: clusters of this library's servers and of HashiCorp Raft's, as processes on real sockets and disks.
//!
//! ```text
//! apt-get install golang-go golang-github-hashicorp-raft-dev golang-github-hashicorp-raft-boltdb-dev
//! cargo test -p wavetank-tests --test live -- --nocapture
//! ```
//!
//! Each scenario prints its seconds, its terms, the number of acknowledged writes, and the hash chain that all
//! servers have at the end. Without Go or without these packages, the scenarios are skipped.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "the helpers belong to tests")]
#![expect(clippy::print_stdout, reason = "a scenario prints its figures")]

mod cluster;
mod ledger;
mod member;
mod process;
mod scenarios;
mod writers;
