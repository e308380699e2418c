//! The `wavetank` command, and the commands of other subjects. This module contains the arguments, the
//! subcommands, the table, the progress bar and the exit status. The caller passes the scenarios as an argument.
//!
//! Only this module uses threads and the wall clock. Threads and the wall clock cannot affect a run.

mod args;
mod bounds;
mod branch_search;
mod completions;
mod coverage;
mod exit;
mod explore;
mod failures;
mod file;
mod format;
mod history_page;
mod inspect;
mod judge;
mod judge_args;
mod list;
mod merge;
mod name;
mod pool;
mod progress_bar;
mod replay;
mod report;
mod report_file;
mod run;
mod shares;
mod shrink;
mod streams;
mod sweep;
mod table;
mod tally;
mod target;
mod totals;

pub use streams::Streams;

use crate::registry::{Scenario, Suite};
use args::{Arguments, Command, RunCommand, SubjectArguments};
use clap::Parser;
use clap::error::ErrorKind;
use exit::Status;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufWriter, IsTerminal};
use std::process::ExitCode;
use streams::PipeWriter;
use target::Target;
use wavetank_sim::Subject;

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

/// Runs the command for the server of this library with the given arguments and scenarios, and returns the
/// exit status. The first argument is the name of the command itself.
pub fn main_with<A>(
    scenarios: &[Scenario],
    args: impl IntoIterator<Item = A>,
    streams: &mut Streams<'_>,
) -> u8
where
    A: Into<OsString> + Clone,
{
    suite_main(&Suite::of_ours(scenarios), args, streams)
}

/// Runs the command of a subject with the arguments and the streams of this process. Returns the exit status.
/// `name` must be the name of the subject and of the binary, because printed command lines contain the name.
///
/// The command has the subcommands `list`, `run`, `sweep`, `merge`, `replay`, `shrink`, `diff`, `why`, `view` and
/// `completions`. The scenarios of the command are storms.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     wavetank_scenarios::subject_main::<wavetank_raft::Server>("wavetank")
/// }
/// ```
#[must_use]
pub fn subject_main<S: Subject>(name: &'static str) -> ExitCode {
    process_main(&Suite::of_subject::<S>(name))
}

/// Runs the command of a suite with the arguments and the streams of this process. Returns the exit status.
#[must_use]
pub fn process_main(suite: &Suite) -> ExitCode {
    let mut streams = Streams {
        out: &mut BufWriter::new(io::stdout().lock()),
        err: &mut io::stderr(),
        out_is_terminal: io::stdout().is_terminal(),
        err_is_terminal: io::stderr().is_terminal(),
    };
    ExitCode::from(suite_main(suite, std::env::args_os(), &mut streams))
}

/// Runs the command of a suite with the given arguments, and returns the exit status. The first argument is
/// the name of the command itself.
pub fn suite_main<A>(suite: &Suite, args: impl IntoIterator<Item = A>, streams: &mut Streams<'_>) -> u8
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
    let result = execute(suite, args, &mut streams).and_then(|status| {
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
    suite: &Suite,
    args: impl IntoIterator<Item = A>,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError>
where
    A: Into<OsString> + Clone,
{
    let parsed = if suite.is_ours() {
        Arguments::try_parse_from(args).map(|arguments| arguments.command)
    } else {
        SubjectArguments::parse_as(suite.subject, args).map(Command::Run)
    };
    match parsed {
        Ok(Command::Run(command)) => execute_run(suite, command, streams),
        Ok(Command::Judge(arguments)) => judge::judge(&arguments, streams),
        Ok(Command::Explore(arguments)) => explore::explore(suite, &arguments, streams),
        Err(error) => parse_failure(suite, &error, streams),
    }
}

fn execute_run(suite: &Suite, command: RunCommand, streams: &mut Streams<'_>) -> Result<Status, CliError> {
    match command {
        RunCommand::List { json } => list::list(suite, json, streams),
        RunCommand::Run { scenario, seed, capsule, tracing } => {
            let target = Target::of(suite, name::find(suite, &scenario)?, seed);
            capsule.map_or(Ok(()), |path| target.keep(&path))?;
            run::run(&target, tracing, streams)
        }
        RunCommand::Sweep(arguments) => sweep::sweep(suite, &arguments, streams),
        RunCommand::Merge(arguments) => merge::merge(suite, &arguments, streams),
        RunCommand::Replay(arguments) => replay::replay(suite, &arguments, streams),
        RunCommand::Shrink(arguments) => shrink::shrink(suite, &arguments, streams),
        RunCommand::Diff { one, other } => inspect::diff(suite, &one, &other, streams),
        RunCommand::Why { run, branch: true, .. } => {
            branch_search::branch(&Target::find(suite, &run)?, streams)
        }
        RunCommand::Why { run, step, branch: false } => inspect::why(suite, &run, step, streams),
        RunCommand::Completions { shell } => completions::completions(suite, shell, streams),
        RunCommand::View { run, output } => inspect::view(suite, &run, &output, streams),
    }
}

/// Prints help or the version to stdout. Returns any other message of the parser as a one-line error.
fn parse_failure(suite: &Suite, error: &clap::Error, streams: &mut Streams<'_>) -> Result<Status, CliError> {
    let ours = "cargo run --release --";
    let text = error.render().to_string().replace(ours, &suite.command());
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

/// Writes one line to stderr. A failure to write is ignored, because the line is not data.
fn write_message(streams: &mut Streams<'_>, line: &str) {
    let _ = writeln!(streams.err, "{}", format::one_line(line));
    let _ = streams.err.flush();
}
