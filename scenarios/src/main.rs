//! The `wavetank` command: passes arguments and streams to the library, and returns the exit status.

use std::io::{self, BufWriter, IsTerminal};
use std::process::ExitCode;
use wavetank_scenarios::{cli, registry};

fn main() -> ExitCode {
    let mut streams = cli::Streams {
        out: &mut BufWriter::new(io::stdout().lock()),
        err: &mut io::stderr(),
        out_is_terminal: io::stdout().is_terminal(),
        err_is_terminal: io::stderr().is_terminal(),
    };
    ExitCode::from(cli::main_with(&registry::ALL, std::env::args_os(), &mut streams))
}
