//! The `wavetank` command. This module holds the arguments, one file per subcommand, the table, the
//! progress bar and the exit status. The caller passes the scenarios.
//!
//! Only this module uses threads and the wall clock. They cannot affect a run.

mod args;
mod bounds;
mod coverage;
mod exit;
mod explore;
mod failures;
mod file;
mod format;
mod inspect;
mod judge;
mod list;
mod name;
mod pool;
mod progress_bar;
mod replay;
mod run;
mod shrink;
mod streams;
mod sweep;
mod table;
mod tally;
mod target;

pub use streams::Streams;

use crate::registry::Scenario;
use args::{Arguments, Command};
use clap::Parser;
use clap::error::ErrorKind;
use exit::Status;
use std::ffi::OsString;
use std::{fmt, io};
use streams::PipeWriter;
use target::Target;

/// The reason why the command failed, in one line.
#[derive(Debug)]
pub(crate) struct CliError(String);

impl CliError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self(format!("cannot write to standard output: {error}"))
    }
}

/// Runs the command with the given arguments and scenarios, and returns the exit status. The first
/// argument is the name of the command itself.
pub fn main_with<A>(
    scenarios: &[Scenario],
    args: impl IntoIterator<Item = A>,
    streams: &mut Streams<'_>,
) -> u8
where
    A: Into<OsString> + Clone,
{
    let mut out = PipeWriter::new(streams.out);
    let mut streams = Streams {
        out: &mut out,
        err: streams.err,
        out_is_terminal: streams.out_is_terminal,
        err_is_terminal: streams.err_is_terminal,
    };
    let result = execute(scenarios, args, &mut streams).and_then(|status| {
        streams.out.flush()?;
        Ok(status)
    });
    let status = result.unwrap_or_else(|error| {
        write_message(&mut streams, &format!("error: {error}"));
        Status::Unusable
    });
    status.code()
}

fn execute<A>(
    scenarios: &[Scenario],
    args: impl IntoIterator<Item = A>,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError>
where
    A: Into<OsString> + Clone,
{
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => return parse_failure(&error, streams),
    };
    match arguments.command {
        Command::List { json } => list::list(scenarios, json, streams),
        Command::Run { scenario, seed, capsule, tracing } => {
            let target = Target::of(name::find(scenarios, &scenario)?, seed);
            capsule.map_or(Ok(()), |path| target.keep(&path))?;
            run::run(&target, tracing, streams)
        }
        Command::Sweep(arguments) => sweep::sweep(scenarios, &arguments, streams),
        Command::Explore(arguments) => explore::explore(&arguments, streams),
        Command::Judge(arguments) => judge::judge(&arguments, streams),
        Command::Replay(arguments) => replay::replay(scenarios, &arguments, streams),
        Command::Shrink(arguments) => shrink::shrink(scenarios, &arguments, streams),
        Command::Diff { one, other } => inspect::diff(scenarios, &one, &other, streams),
        Command::Why { run, step } => inspect::why(scenarios, &run, step, streams),
        Command::View { run, output } => inspect::view(scenarios, &run, &output, streams),
    }
}

/// Prints help or the version to stdout. Returns any other message of the parser as a one-line error.
fn parse_failure(error: &clap::Error, streams: &mut Streams<'_>) -> Result<Status, CliError> {
    let text = error.render().to_string();
    let kind = error.kind();
    if kind == ErrorKind::DisplayHelp || kind == ErrorKind::DisplayVersion {
        streams.out.write_all(text.as_bytes())?;
        return Ok(Status::Held);
    }
    let message = text
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .flat_map(str::split_whitespace)
        .collect::<Vec<_>>()
        .join(" ");
    Err(CliError::new(format!("{}; see --help", message.trim_start_matches("error: "))))
}

/// Writes a line to stderr. A failure to write is ignored, because the line is not data.
fn write_message(streams: &mut Streams<'_>, line: &str) {
    let _ = writeln!(streams.err, "{line}");
    let _ = streams.err.flush();
}
