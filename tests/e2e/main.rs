//! End to end: `kv` processes on real sockets and disks, under every fault that can be caused from
//! outside. The tests kill, pause, replace and isolate processes while clients record their operations.
//! The linearizability judge of the tank reads the record.
//!
//! ```text
//! cargo test -p wavetank-tests --test e2e
//! cargo test -p wavetank-tests --test e2e -- --ignored --nocapture
//! ```
//!
//! The second command runs the long tests. `WAVETANK_SEED` determines the faults and the operations
//! of the clients. Their timing depends on the machine, so a seed does not repeat a run here.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "the helpers belong to tests")]
#![expect(clippy::print_stdout, reason = "a long run prints its figures")]

mod clients;
mod cluster;
mod history;
mod hostile;
mod http;
mod links;
mod nemesis;
mod process;
mod startup;
mod storm;
mod tls;
