//! The command line.

use clap::Parser;
use wavetank_exam::Bug;

/// Plant each known bug in a copy of the workspace and find it.
#[derive(Parser, Debug)]
#[command(
    name = "cargo exam",
    before_help = "Examples:
  cargo exam                                  every bug; some hours
  cargo exam double_vote --ranges 3           one bug, three ranges of seeds
  cargo exam --handful 5 --salt $(git rev-parse HEAD)",
    after_help = "A bug has passed if, in most of its ranges, the first to speak was a judge that its head names.

Exit status: 0 all passed, 1 usage or I/O, 2 some did not."
)]
pub(crate) struct Arguments {
    /// Which bugs; all if none is named
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// The most seeds of a range
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) seeds: u64,
    /// How many ranges of seeds, far from each other
    #[arg(long, value_name = "R", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) ranges: u64,
    /// Jobs of the build, and threads of the sweep
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) jobs: u32,
    /// Only so many of them, drawn by the salt
    #[arg(long, value_name = "N")]
    pub(crate) handful: Option<usize>,
    /// What the handful is drawn by: the hash of a commit
    #[arg(long, value_name = "HASH", default_value = "", requires = "handful")]
    pub(crate) salt: String,
    /// The outcomes as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Only show which bugs there are
    #[arg(long)]
    pub(crate) list: bool,
}

impl Arguments {
    /// The bugs that are wanted.
    pub(crate) fn choose(&self, all: Vec<Bug>) -> Result<Vec<Bug>, String> {
        if let Some(unknown) = self.names.iter().find(|name| all.iter().all(|bug| bug.name != **name)) {
            return Err(format!("there is no bug `{unknown}`; `cargo exam --list` shows them"));
        }
        let named = |bug: &Bug| self.names.is_empty() || self.names.contains(&bug.name);
        let mut bugs: Vec<Bug> = all.into_iter().filter(named).collect();
        if let Some(many) = self.handful {
            bugs.sort_by_key(|bug| hash(&self.salt, &bug.name));
            bugs.truncate(many);
            bugs.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(bugs)
    }
}

/// FNV-1a over both.
fn hash(salt: &str, name: &str) -> u64 {
    let bytes = salt.bytes().chain([0]).chain(name.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
