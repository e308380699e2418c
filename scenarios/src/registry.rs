//! The list of all scenarios, and the functions that run a scenario. The code of a story is in the file of its
//! chapter.

use crate::dsl::Story;
use crate::stories::{
    crashes, disks, elections, membership, membership_faults, partitions, reads, recovery, replication,
    snapshots, storms, transfers,
};
use crate::trace::{Trace, TraceForm};
use std::fmt;
use std::sync::LazyLock;
use wavetank_raft::Server;
use wavetank_sim::runner::Run;
use wavetank_sim::subject::OURS;
use wavetank_sim::{Plan, Report, Subject};

/// All scenarios, in the order of the output of `list` and `sweep`.
pub static ALL: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    let chapter = |chapter, stories: &[Story]| -> Vec<Scenario> {
        stories.iter().map(|&story| Scenario::of(story, chapter)).collect()
    };
    [
        chapter(Chapter::Elections, elections::STORIES),
        chapter(Chapter::Replication, replication::STORIES),
        chapter(Chapter::Crashes, crashes::STORIES),
        chapter(Chapter::Disks, disks::STORIES),
        vec![storm_beyond_budget::<Server>()],
        chapter(Chapter::Partitions, partitions::STORIES),
        chapter(Chapter::Membership, membership::STORIES),
        chapter(Chapter::MembershipFaults, membership_faults::STORIES),
        chapter(Chapter::Snapshots, snapshots::STORIES),
        chapter(Chapter::Transfers, transfers::STORIES),
        chapter(Chapter::Reads, reads::STORIES),
        chapter(Chapter::Recovery, recovery::STORIES),
        vec![storm::<Server>(), storm_mixed()],
    ]
    .concat()
});

fn storm<S: Subject>() -> Scenario {
    Scenario {
        name: "storm",
        summary: "All kinds of faults happen in one run, and no check finds a violation.",
        chapter: Chapter::Storms,
        play: Play::Planned { plan: Plan::storm, run: storms::storm::<S> },
    }
}

fn storm_mixed() -> Scenario {
    Scenario {
        name: "storm_mixed",
        summary: "All kinds of faults happen in a cluster of our servers and of servers that behave like \
            HashiCorp Raft, and no check finds a violation.",
        chapter: Chapter::Storms,
        play: Play::Planned { plan: Plan::storm, run: storms::storm_mixed },
    }
}

fn storm_beyond_budget<S: Subject>() -> Scenario {
    Scenario {
        name: "storm_beyond_budget",
        summary: "More disks are damaged than a cluster can tolerate. The remaining servers may \
            stop answering, but must never answer wrongly.",
        chapter: Chapter::Disks,
        play: Play::Planned { plan: Plan::storm_beyond_budget, run: storms::storm_beyond_budget::<S> },
    }
}

/// The scenarios of a command, and the subject of the command. The subject's servers run in the scenarios.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The name of the subject. A capsule of a run contains this name.
    pub subject: &'static str,
    /// The Rust path of the servers' type. The tests that `shrink` prints contain this path.
    pub subject_type: &'static str,
    /// The scenarios, in the order of the output of `list` and `sweep`.
    pub scenarios: Vec<Scenario>,
    /// The names of the scenarios that cannot run with this subject. For our server, the list is empty. For any
    /// other subject, it has `storm_mixed` and all stories, because stories call methods that only our server
    /// has.
    pub left_out: Vec<&'static str>,
    /// The options before the subcommand. The binary parses these options before it calls
    /// [`suite_main`](crate::cli::suite_main).
    pub options: Vec<SubjectOption>,
}

/// An option of a subject, which stands before the subcommand.
#[derive(Clone, Debug)]
pub struct SubjectOption {
    /// The text on the command line, for example `--bug NAME`. Every printed command line contains this text.
    pub arguments: String,
    /// The Rust statement with the same effect, for example `my_raft::switch_on(my_raft::Bug::Name);`. The tests
    /// that `shrink` prints contain this statement.
    pub statement: String,
}

impl Suite {
    /// Returns the suite of our server with these scenarios.
    #[must_use]
    pub fn of_ours(scenarios: &[Scenario]) -> Self {
        Self {
            subject: OURS,
            subject_type: "wavetank_raft::Server",
            scenarios: scenarios.to_vec(),
            left_out: Vec::new(),
            options: Vec::new(),
        }
    }

    /// Returns the suite of a subject. The suite has only the storms `storm_beyond_budget` and `storm`. `name`
    /// must be equal to the name that [`Subject::name`] returns.
    #[must_use]
    pub fn of_subject<S: Subject>(name: &'static str) -> Self {
        let scenarios = vec![storm_beyond_budget::<S>(), storm::<S>()];
        let is_left_out = |scenario: &&Scenario| scenarios.iter().all(|it| it.name != scenario.name);
        let left_out = ALL.iter().filter(is_left_out).map(|scenario| scenario.name).collect();
        let subject_type = std::any::type_name::<S>();
        Self { subject: name, subject_type, scenarios, left_out, options: Vec::new() }
    }

    /// True if the subject is our server.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.subject == OURS
    }

    /// Returns the beginning of a command line that runs the command of the suite. The subcommand is missing. The
    /// binary of a subject has the subject's name.
    #[must_use]
    pub fn command(&self) -> String {
        let binary = if self.is_ours() { String::new() } else { format!("--bin {} ", self.subject) };
        let options: String = self.options.iter().map(|option| format!(" {}", option.arguments)).collect();
        format!("cargo run --release {binary}--{options}")
    }

    /// Returns the command line that repeats the run with this name. The name is `SCENARIO:SEED` or the path of a
    /// capsule.
    pub(crate) fn replay_command(&self, named: &str) -> String {
        format!("{} replay {named}", self.command())
    }
}

/// A scenario: a story or a storm. A scenario and a seed determine a run.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The name on the command line.
    pub name: &'static str,
    /// The summary: a few sentences.
    pub summary: &'static str,
    /// The chapter to which the scenario belongs.
    pub chapter: Chapter,
    /// The way in which the scenario runs.
    pub play: Play,
}

impl Scenario {
    const fn of(story: Story, chapter: Chapter) -> Self {
        Self { name: story.name, summary: story.summary, chapter, play: Play::Story(story) }
    }
}

/// The way in which a scenario runs. The same seed gives the same report and the same trace.
#[derive(Clone, Copy, Debug)]
pub enum Play {
    /// A scripted story.
    Story(Story),
    /// A storm: the function that draws a plan from a seed, and the function that runs the plan.
    Planned {
        /// Draws the plan from a seed.
        plan: fn(u64) -> Plan,
        /// Runs a plan and records the trace.
        run: fn(Plan, Trace) -> Run<Trace>,
    },
}

/// A chapter: a group of scenarios about the same topic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Chapter {
    /// Elections and votes.
    Elections,
    /// Replication and commitment of entries.
    Replication,
    /// Crashes, stalled disks and torn writes.
    Crashes,
    /// Damage: disks that lose or change data, and links that corrupt messages.
    Disks,
    /// Links that fail.
    Partitions,
    /// Membership changes.
    Membership,
    /// Membership changes during other faults.
    MembershipFaults,
    /// Snapshots and restores.
    Snapshots,
    /// Leadership transfers.
    Transfers,
    /// Reads and leases.
    Reads,
    /// The bootstrap of a cluster.
    Recovery,
    /// Random faults of all kinds, drawn from the seed.
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

/// Runs a scenario under a seed. Returns the report and the text of the trace. A panic of the code under test
/// becomes the verdict of the report.
#[must_use]
pub fn run(scenario: &Scenario, seed: u64, form: TraceForm) -> (Report, String) {
    let plan = plan_of(scenario, seed);
    let trace = Trace::new(form.text_of(&plan));
    let Run { report, trace, .. } = run_plan(scenario, plan, trace);
    (report, trace.into_parts().0)
}

/// Returns the plan of a scenario under a seed.
#[must_use]
pub fn plan_of(scenario: &Scenario, seed: u64) -> Plan {
    match scenario.play {
        Play::Story(story) => story.plan(seed),
        Play::Planned { plan, .. } => plan(seed),
    }
}

/// Runs a scenario with a plan. The plan may differ from the plan that [`plan_of`] returns for the same seed.
#[must_use]
pub fn run_plan(scenario: &Scenario, plan: Plan, trace: Trace) -> Run<Trace> {
    match scenario.play {
        Play::Story(story) => story.run(plan, trace),
        Play::Planned { run, .. } => run(plan, trace),
    }
}
