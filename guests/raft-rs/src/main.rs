//! The command that runs storms of raft-rs.

use std::process::ExitCode;
use wavetank_raft_rs::{NAME, RaftRs};
use wavetank_scenarios::{Suite, cli};

fn main() -> ExitCode {
    // The module of the type is private, so the tests that `shrink` prints need the path of its re-export.
    let suite = Suite { subject_type: "wavetank_raft_rs::RaftRs", ..Suite::of_subject::<RaftRs>(NAME) };
    cli::process_main(&suite)
}
