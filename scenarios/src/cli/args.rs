//! The arguments of the command as values. The parser checks all arguments except the names of scenarios, runs
//! and files.

use super::bounds::ExploreArguments;
use super::judge_args::JudgeArguments;
use super::shares::{Jobs, Seeds, Shard};
use crate::trace::TraceForm;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::PathBuf;
use wavetank_sim::JudgeLevel;

const STREAMS_AND_STATUS: &str = "\
Data goes to stdout; messages and the progress bar go to stderr. The same seed gives the same bytes on stdout.

Exit status: 0 every check held, 1 wrong arguments or I/O error, 2 safety violation, 3 liveness violation,
4 panic, 5 vacuous or undecided. A command with several runs returns the worst status of all runs. The order
from the worst status to the best status is 2, 4, 3, 5, 0.";

/// The default of `--shrink`: the maximum number of events that a sweep simulates to shrink one kind of
/// failure. A computer simulates this number of events in about one second.
const SHRINK: u64 = 1_000_000;

/// Runs a Raft cluster inside a deterministic simulator
#[derive(Parser, Debug)]
#[command(
    name = "wavetank",
    version,
    before_help = "Examples:
  cargo run --release -- sweep                  run every scenario under many seeds
  cargo run --release -- run storm --seed 7     run one scenario and print its trace",
    after_help = STREAMS_AND_STATUS,
    disable_help_subcommand = true,
    arg_required_else_help = false
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Runs a cluster of another Raft implementation inside a deterministic simulator
#[derive(Parser, Debug)]
#[command(
    version,
    before_help = "Examples:
  cargo run --release -- sweep                  run every scenario under many seeds
  cargo run --release -- run storm --seed 7     run one scenario and print its trace",
    after_help = STREAMS_AND_STATUS,
    disable_help_subcommand = true,
    arg_required_else_help = false
)]
pub(crate) struct SubjectArguments {
    #[command(subcommand)]
    command: RunCommand,
}

impl SubjectArguments {
    /// Parses the arguments of the command with this name.
    pub(crate) fn parse_as<A>(
        name: &'static str,
        args: impl IntoIterator<Item = A>,
    ) -> Result<RunCommand, clap::Error>
    where
        A: Into<OsString> + Clone,
    {
        let matches = Self::command().name(name).try_get_matches_from(args)?;
        Ok(Self::from_arg_matches(&matches)?.command)
    }
}

/// All subcommands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    #[command(flatten)]
    Run(RunCommand),
    /// Check whether a history of client operations is linearizable
    #[command(
        before_help = "Examples:
  cargo run --release -- judge history.jsonl --model kv --budget 600
  cargo run --release -- judge history.edn --independent --page history.html",
        after_help = "A file whose name ends with .edn has the format of Jepsen's history.edn: one map for each event.
In any other file, each line is one event of one process. The line has Jepsen's fields as JSON:

  {\"process\": 0, \"type\": \"invoke\", \"f\": \"write\", \"key\": \"x\", \"value\": \"1\", \"time\": 10}
  {\"process\": 0, \"type\": \"ok\",     \"f\": \"write\", \"key\": \"x\", \"value\": \"1\", \"time\": 20}

An operation that does not complete, or completes with `info`, may or may not have taken effect. An
operation that fails did not take effect. By default, a cas that fails without an `error` means that the key
had another value than the expected value; --failed-cas changes this rule. Numbers are exact: 1, 1.0 and 10e-1
are equal, and integers of any size are not rounded.

Exit status: 0 linearizable, 2 not linearizable (the operations that prove the violation are printed),
5 unknown within the budget, or a history without an operation; 1 if the file is not a history."
    )]
    Judge(JudgeArguments),
    /// Explore every schedule within the bounds that the arguments set
    #[command(
        before_help = "Examples:
  cargo run --release -- explore
  cargo run --release -- explore --nodes 4 --terms 3 --entries 0 --crashes 0 --changes 2 -o found.json",
        after_help = "Any message may be delayed for ever, lost or reordered. Any election timeout may expire at any time.
An event without a bound may happen any number of times. All properties are checked in every state.
The search prints a shortest schedule that violates a property.

Exit status: 0 every property holds within the bounds, 2 a schedule violates a property, 4 a schedule causes a
panic, 5 --time or --memory stopped the search before the end. With status 2 or 4, the command prints the
schedule. With -o, the command also writes the schedule to FILE for `replay`, `view` or `why`."
    )]
    Explore(ExploreArguments),
}

/// The subcommands that work for every subject.
#[derive(Subcommand, Debug)]
pub(crate) enum RunCommand {
    /// List all scenarios with their summaries
    #[command(before_help = "Examples:
  cargo run --release -- list
  cargo run --release -- list --json")]
    List {
        /// Print a JSON array of objects with `name`, `chapter` and `summary`
        #[arg(long)]
        json: bool,
    },
    /// Run one scenario under one seed, and print the trace and the verdict of the run
    #[command(before_help = "Examples:
  cargo run --release -- run storm --seed 7
  cargo run --release -- run storm --seed 7 --trace none --twice")]
    Run {
        /// The name of the scenario (see `list`)
        scenario: String,
        /// The seed of all random draws
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Also write the run to a capsule file
        #[arg(long, value_name = "FILE")]
        capsule: Option<PathBuf>,
        #[command(flatten)]
        tracing: TraceArguments,
    },
    /// Merge the files of all shards of a sweep, and print the result of the whole sweep
    #[command(
        before_help = "Examples:
  cargo run --release -- sweep storm --seeds 1000000 --shard 3/8 --keep failures --out 3.jsonl
  cargo run --release -- merge *.jsonl",
        after_help = "The output is the same as the output of one sweep of all runs. If a shard is missing, doubled,
incomplete or from another build, the command names the shard and merges nothing.

Exit status: the status of the whole sweep; 1 if the command merged nothing."
    )]
    Merge(MergeArguments),
    /// Run scenarios under many seeds, and print a table, the kinds of failures, and commands that repeat failed runs
    #[command(
        before_help = "Examples:
  cargo run --release -- sweep --seeds 10000
  cargo run --release -- sweep storm --time 600 --out storms.jsonl",
        after_help = "If no scenario is named, all scenarios run: storms under all seeds of --seeds, and each story
under at most the first 32 of these seeds. A row is vacuous (status 5) if a check of the scenario had nothing to
judge in all runs of the row. After 1,000 storms, every check must have had something to judge, and every event
that should sometimes happen must have happened.

The column `checks` is the number of checks that had something to judge, and the number of all checks. The
column `sometimes` is the number of events that happened, and the number of all events that should sometimes
happen. `p50`, `p99` and `max` are the median, the 99th percentile and the maximum of the periods without a
leader. The last column is `held`, `vacuous` or the number of failures.

Several threads execute the runs, but the order of the reports is fixed. Therefore, stdout and FILE do not
depend on `--jobs`. The table has figures that depend on the wall clock only if stdout is a terminal. The last
line on stderr also has such figures. With `--time`, the number of runs depends on the wall clock."
    )]
    Sweep(SweepArguments),
    /// Repeat the run of a scenario under a seed, or the run in a capsule file
    #[command(before_help = "Examples:
  cargo run --release -- replay storm:123
  cargo run --release -- replay target/wavetank/storm-123.json --until 4000 --trace full")]
    Replay(ReplayArguments),
    /// Find a short schedule, or else a small plan, that fails in the same way as a given run
    #[command(
        before_help = "Examples:
  cargo run --release -- shrink storm:123 -o small.json
  cargo run --release -- shrink target/wavetank/storm-123.json -o small.json",
        after_help = "The command prints the story of the smallest run, the sizes of the original run and of the
smallest run, and a Rust test with the plan of the smallest run. The search also writes FILE several times before
the end, so that an interrupted search has a result.

Exit status: the status of the smallest run; 1 if the original run does not fail."
    )]
    Shrink(ShrinkArguments),
    /// Show the first step at which two runs differ
    #[command(
        before_help = "Examples:
  cargo run --release -- diff storm:1 storm:2
  cargo run --release -- diff target/wavetank/storm-123.json storm:123",
        after_help = "For SCENARIO:SEED, the command repeats the run. For a capsule, the command uses the recorded steps
and does not repeat the run.

Exit status: 0 if the runs were compared, with or without a difference; 1 if a run could not be read."
    )]
    Diff {
        /// The first run: SCENARIO:SEED, SCENARIO without a seed (means seed 0), or the path of a capsule file
        #[arg(value_name = "RUN")]
        one: String,
        /// The second run: SCENARIO:SEED, SCENARIO without a seed (means seed 0), or the path of a capsule file
        #[arg(value_name = "RUN")]
        other: String,
    },
    /// Show only the events that led to a failure
    #[command(
        before_help = "Examples:
  cargo run --release -- why target/wavetank/storm-123.json
  cargo run --release -- why storm:7 --step 900",
        after_help = "Exit status: the status of the run, but 1 if the run did not fail and --step is missing."
    )]
    Why {
        /// The run: SCENARIO:SEED, SCENARIO without a seed (means seed 0), or the path of a capsule file
        #[arg(value_name = "RUN")]
        run: String,
        /// Show the events that led to this step, not the events that led to the failure
        #[arg(long, value_name = "STEP")]
        step: Option<u64>,
        /// Show the first step after which the run always fails in the same way. To find this step, the command
        /// repeats the run up to each of several steps, and continues each time with other random numbers
        #[arg(long, conflicts_with = "step")]
        branch: bool,
    },
    /// Print a script that completes the arguments of this command in a shell
    #[command(
        before_help = "Examples:
  cargo run --release -- completions bash > completions.bash
  cargo run --release -- completions fish > completions.fish",
        after_help = "The script completes the installed command NAME. For bash, load the script with `source`. For
fish, save the script in the folder ~/.config/fish/completions. For zsh, save the script as the file `_NAME` in a
folder of the variable fpath."
    )]
    Completions {
        /// The shell that will read the script
        shell: Shell,
    },
    /// Write an HTML page that shows a run in a browser
    #[command(before_help = "Examples:
  cargo run --release -- view storm:7 -o storm.html
  cargo run --release -- view figure_8 -o figure_8.html")]
    View {
        /// The run: SCENARIO:SEED, SCENARIO without a seed (means seed 0), or the path of a capsule file
        #[arg(value_name = "RUN")]
        run: String,
        /// The file for the page
        #[arg(short, long, value_name = "FILE.html")]
        output: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(crate) struct ReplayArguments {
    /// The run: SCENARIO:SEED, SCENARIO without a seed (means seed 0), or the path of a capsule file
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Show the run only up to this step, and then the state of every server at this step
    #[arg(long, value_name = "STEP")]
    pub(crate) until: Option<u64>,
    #[command(flatten)]
    pub(crate) tracing: TraceArguments,
}

#[derive(Args, Debug)]
pub(crate) struct ShrinkArguments {
    /// The run: SCENARIO:SEED, SCENARIO without a seed (means seed 0), or the path of a capsule file
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The file for the capsule of the smallest run
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// The maximum number of runs to try
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) tries: u64,
    /// Stop after this many seconds and keep the best result so far
    #[arg(long, value_name = "SECS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) time: u64,
}

/// The form in which a run is shown.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct TraceArguments {
    /// The form of the trace
    #[arg(long, value_name = "FORM", default_value = "story")]
    pub(crate) trace: TraceForm,
    /// Run the scenario twice and compare traces, reports and digests byte by byte
    #[arg(long)]
    pub(crate) twice: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SweepArguments {
    /// The scenarios to run [default: all]
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<String>,
    /// The seeds: A..B for the seeds from A to B-1, or N for the seeds from 0 to N-1 [default: 1000; all seeds with
    /// --time or --until-covered]
    #[arg(long, value_name = "A..B|N")]
    pub(crate) seeds: Option<Seeds>,
    /// The number of threads [default: one for each core]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<Jobs>,
    /// Write a report for a browser into this folder: an index, and a page for each kind of failure
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// Run only share K of N equal shares of the runs
    #[arg(long, value_name = "K/N", default_value = "1/1")]
    pub(crate) shard: Shard,
    /// Start no run after this many seconds
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) time: Option<u64>,
    /// Also write the reports of all runs to this file, one JSON object per line, in the order of the runs
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) out: Option<PathBuf>,
    /// The runs whose reports are written to the file of --out
    #[arg(long, value_name = "WHICH", default_value = "all", requires = "out")]
    pub(crate) keep: Keep,
    /// Continue an interrupted sweep of the same runs after the last complete block of 1,000 runs in the file of
    /// --out
    #[arg(long, requires = "out")]
    pub(crate) resume: bool,
    /// The maximum number of events that the command simulates to shrink one kind of failure; with 0, the
    /// command shrinks nothing
    #[arg(long, value_name = "EVENTS", default_value_t = SHRINK)]
    pub(crate) shrink: u64,
    /// Print the table as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The judges that examine the runs
    #[arg(long, value_name = "WHO", default_value = "all")]
    pub(crate) judges: Judging,
    /// Stop at the first run that fails
    #[arg(long)]
    pub(crate) until_failed: bool,
    /// Stop after N runs in a row that show no new situation and no new event. The command counts only the
    /// events that should sometimes happen. Without N, the command uses 1000
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1000", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) until_covered: Option<u64>,
}

#[derive(Args, Debug)]
pub(crate) struct MergeArguments {
    /// The files that `sweep --shard K/N --out FILE` wrote: one for each shard
    #[arg(value_name = "FILE.jsonl", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The maximum number of events that the command simulates to shrink one kind of failure; with 0, the
    /// command shrinks nothing
    #[arg(long, value_name = "EVENTS", default_value_t = SHRINK)]
    pub(crate) shrink: u64,
    /// Print the table as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a report for a browser into this folder: an index, and a page for each kind of failure
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
}

/// The runs whose reports the file of a sweep contains.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Keep {
    /// All runs
    All,
    /// Only the runs that failed. The file then stays small
    Failures,
}

/// The level of the judges, as an argument.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Judging {
    /// All judges, which check every rule of the protocol at every step
    All,
    /// The judges of facts that a client can see, and the judges that use the simulator's record of the run
    History,
    /// Only the judges of facts that a client or an operator can see
    Outcomes,
}

impl From<Judging> for JudgeLevel {
    fn from(judging: Judging) -> Self {
        match judging {
            Judging::All => Self::Steps,
            Judging::History => Self::History,
            Judging::Outcomes => Self::Outcomes,
        }
    }
}
