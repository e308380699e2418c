//! `wavetank completions`: prints a script that completes the arguments of the command in a shell.

use super::args::{Arguments, SubjectArguments};
use super::exit::Status;
use super::{CliError, Streams};
use crate::registry::Suite;
use clap::CommandFactory;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;

/// The arguments that may be the name of a scenario. Each pair is a subcommand and the name of one of its
/// arguments. The parser accepts more values, such as files and runs, so only the script lists the names.
const NAMES: [(&str, &str); 8] = [
    ("run", "scenario"),
    ("sweep", "scenarios"),
    ("replay", "run"),
    ("shrink", "run"),
    ("diff", "one"),
    ("diff", "other"),
    ("why", "run"),
    ("view", "run"),
];

/// Prints the script for a shell. The script completes the arguments of the suite's binary. The binary has the
/// subject's name.
pub(crate) fn completions(
    suite: &Suite,
    shell: Shell,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    let command = if suite.is_ours() { Arguments::command() } else { SubjectArguments::command() };
    let mut command = NAMES.iter().fold(command, |command, &(subcommand, argument)| {
        command.mut_subcommand(subcommand, |command| {
            let names = suite.scenarios.iter().map(|scenario| scenario.name);
            command.mut_arg(argument, |argument| argument.value_parser(PossibleValuesParser::new(names)))
        })
    });
    // The generator panics if it cannot write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, suite.subject, &mut script);
    streams.out.write_all(&script)?;
    Ok(Status::Held)
}
