//! The `wavetank` command. The command runs all scenarios with our server, `wavetank_raft::Server`.

use std::process::ExitCode;
use wavetank_scenarios::{Suite, cli, registry};

fn main() -> ExitCode {
    cli::process_main(&Suite::of_ours(&registry::ALL))
}
