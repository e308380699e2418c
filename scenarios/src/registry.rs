//! Every scenario by name, and the one way to play one. What happens in them is in their chapters.

use crate::caught;
use std::collections::BTreeMap;
use std::fmt;
use wavetank_raft::Time;
use wavetank_sim::{Report, Verdict};

/// All scenarios, in the order in which they are listed and swept.
pub const ALL: &[Scenario] = &[];

/// Something to play under a seed.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name, as on the command line.
    pub name: &'static str,
    /// What it shows, in one line.
    pub moral: &'static str,
    /// Where it belongs.
    pub chapter: Chapter,
    /// What is played.
    pub play: Play,
}

/// What is played: the same seed gives the same report and the same trace.
#[derive(Clone, Copy, Debug)]
pub enum Play {
    /// A run that makes its own world out of the seed.
    Whole(fn(u64, TraceForm) -> (Report, String)),
}

/// Where a scenario belongs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Chapter {
    /// Who leads.
    Elections,
    /// What is kept.
    Replication,
    /// What a dead process and its disk leave behind.
    Crashes,
    /// Who hears whom.
    Partitions,
    /// Everything at once, drawn from the seed: worth as many seeds as there is time for.
    Storms,
}

impl fmt::Display for Chapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elections => "elections",
            Self::Replication => "replication",
            Self::Crashes => "crashes",
            Self::Partitions => "partitions",
            Self::Storms => "storms",
        })
    }
}

/// How much of a run is written down. The run is the same, whatever is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TraceForm {
    /// Who led, what was committed, what broke: no times.
    Story,
    /// A line for every event.
    Full,
    /// A JSON object for every event, one a line.
    Json,
    /// Nothing.
    None,
}

/// Plays a scenario. A panic in it is its verdict.
#[must_use]
pub fn run(scenario: &Scenario, seed: u64, form: TraceForm) -> (Report, String) {
    match scenario.play {
        Play::Whole(play) => caught::panics(|| play(seed, form))
            .unwrap_or_else(|words| (unfinished(scenario, seed, words), String::new())),
    }
}

/// All that is known of a run whose world was lost in a panic.
fn unfinished(scenario: &Scenario, seed: u64, words: String) -> Report {
    Report {
        scenario: scenario.name.to_owned(),
        seed,
        verdict: Verdict::Panicked(words),
        events: 0,
        virtual_time: Time(0),
        elections: 0,
        commits: 0,
        messages: 0,
        faults: BTreeMap::new(),
        witnessed: BTreeMap::new(),
        sometimes: BTreeMap::new(),
        leaderless: Vec::new(),
        digest: 0,
    }
}
