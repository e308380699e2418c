//! The command that runs storms of raft-rs with reads by lease.

use std::process::ExitCode;
use wavetank_raft_rs::{NAME_WITH_LEASES, RaftRsLeases};

fn main() -> ExitCode {
    wavetank_scenarios::subject_main::<RaftRsLeases>(NAME_WITH_LEASES)
}
