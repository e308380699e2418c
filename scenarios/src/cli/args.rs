//! The arguments of the command as values. The parser checks all arguments except the names of scenarios.

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

Exit status: 0 all held, 1 usage or I/O, 2 safety, 3 liveness, 4 panic, 5 vacuous or undecided.
If there are several runs, the worst status counts: 2, then 4, 3, 5.";

/// The default number of events with which a sweep shrinks a kind of failure. It takes about a second.
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

/// Runs another Raft inside a deterministic simulator
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
        after_help = "A file whose name ends with .edn is Jepsen's history.edn: a map for each event. In any other file,
each line is one event of one process, in the format of Jepsen:

  {\"process\": 0, \"type\": \"invoke\", \"f\": \"write\", \"key\": \"x\", \"value\": \"1\", \"time\": 10}
  {\"process\": 0, \"type\": \"ok\",     \"f\": \"write\", \"key\": \"x\", \"value\": 1, \"time\": 20}

An operation that does not complete, or completes with `info`, may or may not have taken effect. An
operation that fails did not take effect. By default, a cas that fails without an `error` found another
value; --failed-cas changes this rule. Numbers are exact: 1, 1.0 and 10e-1 are equal, and integers of any size are
not rounded.

Exit status: 0 linearizable, 2 not linearizable (the operations that prove the violation are printed),
5 unknown within the budget, or a history without an operation; 1 if the file is not a history."
    )]
    Judge(JudgeArguments),
    /// Explore every schedule within bounds
    #[command(
        before_help = "Examples:
  cargo run --release -- explore
  cargo run --release -- explore --nodes 4 --terms 3 --entries 0 --crashes 0 --changes 2 -o found.json",
        after_help = "Any message may be delayed for ever, lost or reordered. Any election timeout may expire at any time.
An event without a bound may happen any number of times. All properties are checked in every state.
The search prints a shortest schedule that breaks a property.

Exit status: 0 every property holds within the bounds, 2 a property is broken (the schedule is printed,
and written to FILE for replay, view or why), 5 stopped by --time or --memory before the end."
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
    /// Run one scenario under one seed, and print its trace and its verdict
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
    /// Fold the files of shards into the result of one sweep
    #[command(
        before_help = "Examples:
  cargo run --release -- sweep storm --seeds 1000000 --shard 3/8 --keep failures --out 3.jsonl
  cargo run --release -- merge *.jsonl",
        after_help = "The output is that of one sweep of all runs. A shard that is missing, doubled, cut short or of another
build is named, and nothing is merged. Exit status: that of the sweep; 1 if nothing was merged."
    )]
    Merge(MergeArguments),
    /// Run scenarios under many seeds: print a table, and for each failure the command that repeats the run
    #[command(
        before_help = "Examples:
  cargo run --release -- sweep --seeds 10000
  cargo run --release -- sweep storm --time 600 --out storms.jsonl",
        after_help = "Without names, every scenario runs: storms under all seeds, each story under the first 32.
A row is vacuous (status 5) if one check of the scenario had nothing to judge in all runs of the row.
After 1,000 storms, every check must have had something to judge, and every event that should
sometimes happen must have happened.

Columns: `checks` and `sometimes` are the checks that had something to judge, and the events that should
sometimes happen and did, each of how many. `p50`, `p99` and `max` are the median, the 99th percentile and
the maximum of the periods without a leader. The last column is `held`, `vacuous` or the number of failures.

Runs are spread over threads and reported in order: stdout and FILE do not depend on `--jobs`.
Figures that depend on the wall clock are in the table only if stdout is a terminal; otherwise
they are in one line on stderr. With `--time`, the number of runs depends on the clock."
    )]
    Sweep(SweepArguments),
    /// Repeat a run that a sweep has printed, or a run from a capsule file
    #[command(before_help = "Examples:
  cargo run --release -- replay storm:123
  cargo run --release -- replay target/wavetank/storm-123.json --until 4000 --trace full")]
    Replay(ReplayArguments),
    /// Find the smallest plan that fails in the same way as a run
    #[command(
        before_help = "Examples:
  cargo run --release -- shrink storm:123 -o small.json
  cargo run --release -- shrink target/wavetank/storm-123.json -o small.json",
        after_help = "Prints the story of the smallest run found, its size before and after, and its plan as Rust
source. FILE is also written several times during the search, so that an interrupted search
has a result.

Exit status: that of the run; 1 for a run that held, because there is nothing to shrink."
    )]
    Shrink(ShrinkArguments),
    /// Show the first step at which two runs differ
    #[command(
        before_help = "Examples:
  cargo run --release -- diff storm:1 storm:2
  cargo run --release -- diff target/wavetank/storm-123.json storm:123",
        after_help = "A run given as SCENARIO:SEED is repeated. A run given as a capsule is compared as it was recorded.

Exit status: 0 if the runs were compared, with or without a difference; 1 if a run could not be read."
    )]
    Diff {
        /// The first run: SCENARIO:SEED, SCENARIO for the seed 0, or the file of a capsule
        #[arg(value_name = "RUN")]
        one: String,
        /// The second run: SCENARIO:SEED, SCENARIO for the seed 0, or the file of a capsule
        #[arg(value_name = "RUN")]
        other: String,
    },
    /// Show only the events that led to a failure
    #[command(
        before_help = "Examples:
  cargo run --release -- why target/wavetank/storm-123.json
  cargo run --release -- why storm:7 --step 900",
        after_help = "Exit status: that of the run; 1 for a run that held, if there is no --step."
    )]
    Why {
        /// SCENARIO:SEED, SCENARIO for the seed 0, or the file of a capsule
        #[arg(value_name = "RUN")]
        run: String,
        /// Show the events that led to this step, not the events that led to the failure
        #[arg(long, value_name = "STEP")]
        step: Option<u64>,
        /// Show the first step after which the failure can no longer be avoided: repeat the run up to a step, and
        /// go on with other random numbers
        #[arg(long, conflicts_with = "step")]
        branch: bool,
    },
    /// Print a script with which a shell completes the arguments of this command
    #[command(
        before_help = "Examples:
  cargo run --release -- completions bash > completions.bash
  cargo run --release -- completions fish > completions.fish",
        after_help = "The script completes the installed command. bash reads it with `source`, fish from the folder
~/.config/fish/completions, and zsh as the file `_NAME` from a folder of its variable fpath."
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write a run as a page for a browser
    #[command(before_help = "Examples:
  cargo run --release -- view storm:7 -o storm.html
  cargo run --release -- view figure_8 -o figure_8.html")]
    View {
        /// SCENARIO:SEED, SCENARIO for the seed 0, or the file of a capsule
        #[arg(value_name = "RUN")]
        run: String,
        /// The page to write
        #[arg(short, long, value_name = "FILE.html")]
        output: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(crate) struct ReplayArguments {
    /// SCENARIO:SEED, SCENARIO for the seed 0, or the file of a capsule
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Show the run only up to this step, and then the state of every server
    #[arg(long, value_name = "STEP")]
    pub(crate) until: Option<u64>,
    #[command(flatten)]
    pub(crate) tracing: TraceArguments,
}

#[derive(Args, Debug)]
pub(crate) struct ShrinkArguments {
    /// SCENARIO:SEED, SCENARIO for the seed 0, or the file of a capsule
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
    /// The seeds from A up to but not including B, or the first N [default: 1000, or unlimited with
    /// --time]
    #[arg(long, value_name = "A..B|N")]
    pub(crate) seeds: Option<Seeds>,
    /// The number of threads [default: one for each core]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<Jobs>,
    /// Write a report for a browser into this folder: an index, and a page for each kind of failure
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// Run only the Kth of N equal shares
    #[arg(long, value_name = "K/N", default_value = "1/1")]
    pub(crate) shard: Shard,
    /// Start no run after this many seconds
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) time: Option<u64>,
    /// Also write the reports of all runs to this file, one JSON object per line, in the order of the runs
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) out: Option<PathBuf>,
    /// The runs whose reports the file of --out keeps
    #[arg(long, value_name = "WHICH", default_value = "all", requires = "out")]
    pub(crate) keep: Keep,
    /// Go on after the last thousand runs in the file of --out, if an earlier sweep of the same runs was interrupted
    #[arg(long, requires = "out")]
    pub(crate) resume: bool,
    /// Shrink the shortest run of each kind of failure with tries of this many events together; 0 shrinks nothing
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
    /// Stop when this many runs in a row have shown no new situation and no new event of the events that
    /// should sometimes happen [default: 1000]
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1000", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) until_covered: Option<u64>,
}

#[derive(Args, Debug)]
pub(crate) struct MergeArguments {
    /// The files that `sweep --shard K/N --out FILE` wrote: one for each shard
    #[arg(value_name = "FILE.jsonl", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Shrink the shortest run of each kind of failure with tries of this many events together; 0 shrinks nothing
    #[arg(long, value_name = "EVENTS", default_value_t = SHRINK)]
    pub(crate) shrink: u64,
    /// Print the table as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a report for a browser into this folder: an index, and a page for each kind of failure
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
}

/// The runs whose reports a file keeps.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Keep {
    /// All runs
    All,
    /// Only the runs that failed, so that the file stays small
    Failures,
}

/// The level of the judges, as an argument.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Judging {
    /// Every rule of the protocol, at every step
    All,
    /// The history of the run that the harness records
    History,
    /// Only the results that a client can see
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
