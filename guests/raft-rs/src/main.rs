//! The command that runs storms of raft-rs.

use std::process::ExitCode;

fn main() -> ExitCode {
    wavetank_scenarios::subject_main::<wavetank_raft_rs::RaftRs>(wavetank_raft_rs::NAME)
}
