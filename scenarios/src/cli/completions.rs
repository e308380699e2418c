//! `wavetank completions`: prints a script that completes the arguments of the command in a shell.

use super::args::{Arguments, SubjectArguments};
use super::exit::Status;
use super::{CliError, Streams};
use crate::registry::Suite;
use clap::CommandFactory;
use clap_complete::Shell;

/// Prints the script for a shell. The script completes the arguments of the suite's binary. The binary has the
/// subject's name.
pub(crate) fn completions(
    suite: &Suite,
    shell: Shell,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    let mut command = if suite.is_ours() { Arguments::command() } else { SubjectArguments::command() };
    // The generator panics if it cannot write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, suite.subject, &mut script);
    streams.out.write_all(&script)?;
    Ok(Status::Held)
}
