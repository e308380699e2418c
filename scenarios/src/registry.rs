//! All scenarios by name, and how to run one. The stories themselves are in their chapters.

use crate::dsl::Story;
use crate::stories::{
    crashes, disks, elections, membership, membership_faults, partitions, reads, recovery, replication,
    snapshots, storms, transfers,
};
use crate::watchers::Trace;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;
use wavetank_raft::Time;
use wavetank_sim::explore::{Schedule, player};
use wavetank_sim::sail::Sailed;
use wavetank_sim::{Plan, Report, Verdict, caught};

pub use crate::watchers::TraceForm;

/// All scenarios, in the order in which they are listed and swept.
pub static ALL: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    let chapter = |chapter, stories: &[Story]| -> Vec<Scenario> {
        stories.iter().map(|&story| Scenario::of(story, chapter)).collect()
    };
    [
        chapter(Chapter::Elections, elections::STORIES),
        chapter(Chapter::Replication, replication::STORIES),
        chapter(Chapter::Crashes, crashes::STORIES),
        chapter(Chapter::Disks, disks::STORIES),
        vec![Scenario {
            name: "storm_beyond_budget",
            summary: "More disks are damaged than a cluster can tolerate: the remaining servers may \
                stop answering; they must never answer wrongly.",
            chapter: Chapter::Disks,
            play: Play::Planned { plan: Plan::storm_beyond_budget, sail: storms::storm_beyond_budget },
        }],
        chapter(Chapter::Partitions, partitions::STORIES),
        chapter(Chapter::Membership, membership::STORIES),
        chapter(Chapter::MembershipFaults, membership_faults::STORIES),
        chapter(Chapter::Snapshots, snapshots::STORIES),
        chapter(Chapter::Transfers, transfers::STORIES),
        chapter(Chapter::Reads, reads::STORIES),
        chapter(Chapter::Recovery, recovery::STORIES),
        vec![Scenario {
            name: "storm",
            summary: "All kinds of faults strike at once, and nothing that was promised is broken.",
            chapter: Chapter::Storms,
            play: Play::Planned { plan: Plan::storm, sail: storms::storm },
        }],
    ]
    .concat()
});

/// Something to run under a seed: a story or a storm.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The name, as on the command line.
    pub name: &'static str,
    /// What it shows, in one line.
    pub summary: &'static str,
    /// The chapter.
    pub chapter: Chapter,
    /// What is run.
    pub play: Play,
}

impl Scenario {
    const fn of(story: Story, chapter: Chapter) -> Self {
        Self { name: story.name, summary: story.summary, chapter, play: Play::Story(story) }
    }
}

/// What is run: the same seed gives the same report and the same trace.
#[derive(Clone, Copy, Debug)]
pub enum Play {
    /// A story.
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

/// The subject of a scenario.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Chapter {
    /// Elections and votes.
    Elections,
    /// Replication and commitment of entries.
    Replication,
    /// Crashes, stalled disks and torn writes.
    Crashes,
    /// Damage: disks that lose or change data, links that corrupt messages.
    Disks,
    /// Links that fail.
    Partitions,
    /// Membership changes.
    Membership,
    /// Membership changes under faults.
    MembershipFaults,
    /// Snapshots and restores.
    Snapshots,
    /// Leadership transfers.
    Transfers,
    /// Reads and leases.
    Reads,
    /// Bootstrapping.
    Recovery,
    /// Random faults of all kinds, drawn from the seed. More seeds find more.
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
            Self::MembershipFaults => "membership_faults",
            Self::Snapshots => "snapshots",
            Self::Transfers => "transfers",
            Self::Reads => "reads",
            Self::Recovery => "recovery",
            Self::Storms => "storms",
        })
    }
}

/// Runs a scenario. A panic in it becomes its verdict.
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

/// The plan of a scenario under a seed; `None` if the scenario has none.
#[must_use]
pub fn plan_of(scenario: &Scenario, seed: u64) -> Option<Plan> {
    match scenario.play {
        Play::Story(story) => Some(story.plan(seed)),
        Play::Planned { plan, .. } => Some(plan(seed)),
        Play::Whole(_) | Play::Explored => None,
    }
}

/// Runs a scenario by a plan, which need not be its seed's.
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

/// The scenario of an explored schedule. It is not in [`ALL`]: without a schedule there is nothing to run.
pub(crate) static EXPLORED: Scenario = Scenario {
    name: player::NAME,
    summary: "A shortest schedule that breaks a property.",
    chapter: Chapter::Storms,
    play: Play::Explored,
};

/// Runs a schedule that was explored.
#[must_use]
pub fn play_schedule(schedule: &Schedule, form: TraceForm) -> Sailed<String> {
    let trace = Trace::new(form, schedule.bounds.servers().len());
    player::play(schedule, trace).map(|mut trace| trace.take())
}

/// The report of a run whose world was lost in a panic.
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
