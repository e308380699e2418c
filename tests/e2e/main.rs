//! The real water: `kv` processes on real sockets and disks, and everything that can be done to
//! them from outside. They are killed, paused, replaced and cut off while clients write down what
//! they are told, and the tank's judge reads that.
//!
//! ```text
//! cargo test -p wavetank-tests --test e2e
//! cargo test -p wavetank-tests --test e2e -- --ignored --nocapture
//! ```
//!
//! The second is the long form. `WAVETANK_SEED` chooses what is done to whom and what clients
//! want; when it happens is the machine's business, so that a seed does not repeat a run here.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![expect(clippy::print_stdout, reason = "a long run says what it saw")]

mod clients;
mod complaints;
mod fleet;
mod history;
mod hostile;
mod http;
mod nemesis;
mod process;
mod sea;
mod secured;
mod storm;
