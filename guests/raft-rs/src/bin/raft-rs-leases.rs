//! The command that runs storms of raft-rs with reads by lease.

use std::process::ExitCode;
use wavetank_raft_rs::{NAME_WITH_LEASES, RaftRsLeases};
use wavetank_scenarios::{Suite, cli};

fn main() -> ExitCode {
    // The module of the type is private, so the tests that `shrink` prints need the path of its re-export.
    let suite = Suite {
        subject_type: "wavetank_raft_rs::RaftRsLeases",
        ..Suite::of_subject::<RaftRsLeases>(NAME_WITH_LEASES)
    };
    cli::process_main(&suite)
}
