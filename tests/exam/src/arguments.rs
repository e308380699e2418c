//! The command line.

use clap::{Args, Parser};
use std::path::PathBuf;
use wavetank_exam::{Bug, hash};

/// Plant each known bug in a copy of the workspace and find it.
#[derive(Parser, Debug)]
#[command(
    name = "cargo exam",
    before_help = "Examples:
  cargo exam --markdown tests/exam/RESULTS.md every bug; an hour or so
  cargo exam double_vote --ranges 3           one bug, three ranges of seeds
  cargo exam --handful 3 --ranges 3 --salt $(git rev-parse HEAD)",
    after_help = "A bug passes if, in most of its ranges, a judge that its head names was the first to find it.

Exit status: 0 all passed, 1 usage or I/O, 2 some did not."
)]
pub(crate) struct Arguments {
    /// The bugs; all if none is named
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// The most seeds in a range
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) seeds: u64,
    /// The number of ranges of seeds, far from each other
    #[arg(long, value_name = "R", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) ranges: u64,
    /// The number of build jobs and of threads of the sweep
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) jobs: u32,
    /// Examine only this many of the bugs that are found within seconds; the salt draws them
    #[arg(long, value_name = "N")]
    pub(crate) handful: Option<usize>,
    /// The text that draws the handful, such as the hash of a commit
    #[arg(long, value_name = "HASH", default_value = "", requires = "handful")]
    pub(crate) salt: String,
    #[command(flatten)]
    pub(crate) more: More,
    /// Resume an exam of the same setup, and take over the outcomes of unchanged patches
    #[arg(long)]
    pub(crate) resume: bool,
    /// Also write the table to a file, after every bug
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Print the outcomes as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Only list the bugs
    #[arg(long)]
    pub(crate) list: bool,
}

/// Additional work for each bug.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct More {
    /// Also find the bugs with only the history judged, and with only the outcomes judged
    #[arg(long)]
    pub(crate) levels: bool,
    /// Also shrink the failing run, and replay it after a change of the code
    #[arg(long)]
    pub(crate) shrink: bool,
}

impl Arguments {
    /// Describes everything, besides the bug, on which an outcome depends.
    pub(crate) fn setup(&self) -> String {
        let Self { seeds, ranges, more: More { levels, shrink }, .. } = self;
        let besides = [(*levels, ", at three levels of judges"), (*shrink, ", and shrunk")];
        let besides: String = besides.iter().filter(|(is_so, _)| *is_so).map(|(_, words)| *words).collect();
        format!("{ranges} ranges of up to {seeds} seeds{besides}")
    }

    /// The bugs that the arguments select.
    pub(crate) fn choose(&self, all: Vec<Bug>) -> Result<Vec<Bug>, String> {
        if let Some(unknown) = self.names.iter().find(|name| all.iter().all(|bug| bug.name != **name)) {
            return Err(format!("there is no bug `{unknown}`; `cargo exam --list` shows them"));
        }
        let named = |bug: &Bug| self.names.is_empty() || self.names.contains(&bug.name);
        let mut bugs: Vec<Bug> = all.into_iter().filter(named).collect();
        if let Some(many) = self.handful {
            bugs.retain(|bug| bug.within.is_soon());
            bugs.sort_by_key(|bug| hash([self.salt.as_bytes(), bug.name.as_bytes()]));
            bugs.truncate(many);
            bugs.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(bugs)
    }
}
