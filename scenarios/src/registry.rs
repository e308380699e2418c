//! Every scenario by name, and the one way to play one. What happens in them is in their chapters.

use crate::dsl::Story;
use crate::stories::{
    crashes, disks, elections, membership, partitions, reads, recovery, replication, snapshots, storms,
    transfers, upheavals,
};
use crate::watchers::Trace;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;
use wavetank_raft::Time;
use wavetank_sim::explore::{Schedule, player};
use wavetank_sim::sail::Sailed;
use wavetank_sim::{Plan, Report, Verdict, caught};

pub use crate::trace_form::TraceForm;

/// All scenarios, in the order in which they are listed and swept.
pub static ALL: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    let told = |chapter, stories: &[Story]| -> Vec<Scenario> {
        stories.iter().map(|&story| Scenario::told(story, chapter)).collect()
    };
    [
        told(Chapter::Elections, elections::STORIES),
        told(Chapter::Replication, replication::STORIES),
        told(Chapter::Crashes, crashes::STORIES),
        told(Chapter::Disks, disks::STORIES),
        vec![Scenario {
            name: "storm_beyond_budget",
            moral: "More disks are damaged than a cluster can tolerate: the remaining servers may \
                stop answering; they must never answer wrongly.",
            chapter: Chapter::Disks,
            play: Play::Planned { plan: Plan::storm_beyond_budget, sail: storms::storm_beyond_budget },
        }],
        told(Chapter::Partitions, partitions::STORIES),
        told(Chapter::Membership, membership::STORIES),
        told(Chapter::Upheavals, upheavals::STORIES),
        told(Chapter::Snapshots, snapshots::STORIES),
        told(Chapter::Transfers, transfers::STORIES),
        told(Chapter::Reads, reads::STORIES),
        told(Chapter::Recovery, recovery::STORIES),
        vec![Scenario {
            name: "storm",
            moral: "All kinds of faults strike at once, and nothing that was promised is broken.",
            chapter: Chapter::Storms,
            play: Play::Planned { plan: Plan::storm, sail: storms::storm },
        }],
    ]
    .concat()
});

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

impl Scenario {
    const fn told(story: Story, chapter: Chapter) -> Self {
        Self { name: story.name, moral: story.moral, chapter, play: Play::Story(story) }
    }
}

/// What is played: the same seed gives the same report and the same trace.
#[derive(Clone, Copy, Debug)]
pub enum Play {
    /// A story told by hand.
    Story(Story),
    /// A plan, drawn from the seed, and how it is run.
    Planned {
        /// The plan of a seed.
        plan: fn(u64) -> Plan,
        /// The run of a plan.
        sail: fn(Plan, TraceForm) -> Sailed<String>,
    },
    /// A run that makes its own world out of the seed, without a plan that could be written down.
    Whole(fn(u64, TraceForm) -> (Report, String)),
    /// A schedule out of a file: see [`play_schedule`].
    Explored,
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
    /// What a medium does to what it carries: disks that lose and change, links that garble.
    Disks,
    /// Who hears whom.
    Partitions,
    /// Who belongs.
    Membership,
    /// Who belongs when everything goes wrong at once.
    Upheavals,
    /// What stands for the log.
    Snapshots,
    /// Who takes over.
    Transfers,
    /// What may be read.
    Reads,
    /// How a cluster comes to be.
    Recovery,
    /// Everything at once, drawn from the seed: worth as many seeds as there is time for.
    Storms,
}

impl fmt::Display for Chapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elections => "elections",
            Self::Replication => "replication",
            Self::Crashes => "crashes",
            Self::Disks => "disks",
            Self::Partitions => "partitions",
            Self::Membership => "membership",
            Self::Upheavals => "upheavals",
            Self::Snapshots => "snapshots",
            Self::Transfers => "transfers",
            Self::Reads => "reads",
            Self::Recovery => "recovery",
            Self::Storms => "storms",
        })
    }
}

/// Plays a scenario. A panic in it is its verdict.
#[must_use]
pub fn run(scenario: &Scenario, seed: u64, form: TraceForm) -> (Report, String) {
    if let Play::Whole(play) = scenario.play {
        return caught::panics(|| play(seed, form))
            .unwrap_or_else(|words| (unfinished(scenario, seed, words), String::new()));
    }
    let plan = plan_of(scenario, seed).expect("everything else has a plan");
    let sailed = run_plan(scenario, plan, form);
    (sailed.report, sailed.trace)
}

/// The plan of a scenario under a seed; `None` if it has none that could be written down.
#[must_use]
pub fn plan_of(scenario: &Scenario, seed: u64) -> Option<Plan> {
    match scenario.play {
        Play::Story(story) => Some(story.plan(seed)),
        Play::Planned { plan, .. } => Some(plan(seed)),
        Play::Whole(_) | Play::Explored => None,
    }
}

/// Plays a scenario by another plan than its seed's.
///
/// # Panics
/// When the scenario has no plan: see [`plan_of`].
#[must_use]
pub fn run_plan(scenario: &Scenario, plan: Plan, form: TraceForm) -> Sailed<String> {
    let seed = plan.seed;
    let sailed = caught::panics(|| match scenario.play {
        Play::Story(story) => story.told(plan, form),
        Play::Planned { sail, .. } => sail(plan, form),
        Play::Whole(_) | Play::Explored => unreachable!("{} has no plan", scenario.name),
    });
    let lost = |words| unfinished(scenario, seed, words);
    sailed.unwrap_or_else(|words| Sailed { report: lost(words), mishaps: Vec::new(), trace: String::new() })
}

/// What an exploration finds. It is in nobody's list: without its schedule there is nothing to play.
pub(crate) static EXPLORED: Scenario = Scenario {
    name: player::NAME,
    moral: "A schedule that breaks a property, and none that is shorter does.",
    chapter: Chapter::Storms,
    play: Play::Explored,
};

/// Plays a schedule that was explored.
#[must_use]
pub fn play_schedule(schedule: &Schedule, form: TraceForm) -> Sailed<String> {
    let trace = Trace::new(form, schedule.bounds.servers().len());
    player::play(schedule, trace).map(|mut trace| trace.take())
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
        membership: BTreeMap::new(),
        situations: Vec::new(),
        leaderless: Vec::new(),
        digest: 0,
    }
}
