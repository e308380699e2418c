//! The `wavetank` command: our server in all scenarios.

use std::process::ExitCode;
use wavetank_scenarios::{Suite, cli, registry};

fn main() -> ExitCode {
    cli::process_main(&Suite::of_ours(&registry::ALL))
}
