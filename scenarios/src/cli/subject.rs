//! The run that a command is about: named by its scenario and seed, or kept in a capsule.

use super::args::Named;
use super::file::Whole;
use super::{Trouble, judge, name};
use crate::registry::{self, Play, Scenario, TraceForm};
use std::fs;
use std::path::{Path, PathBuf};
use wavetank_sim::capsule::{Account, Capsule, NoCapsule};
use wavetank_sim::explore::{self, Schedule};
use wavetank_sim::runner::Run;
use wavetank_sim::step_log::StepLog;
use wavetank_sim::{Column, Plan, Report};

/// A run that can be repeated.
pub(crate) struct Subject<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) seed: u64,
    /// What is run; `None` if the scenario makes its own world.
    pub(crate) plan: Option<Plan>,
    /// What happens in it, if that was explored.
    pub(crate) schedule: Option<Schedule>,
    /// What came of it when it was kept.
    pub(crate) kept: Option<Account>,
    /// As it was named.
    pub(crate) named: String,
}

impl<'a> Subject<'a> {
    /// The run of a scenario under a seed.
    pub(crate) fn of(scenario: &'a Scenario, seed: u64) -> Self {
        let plan = registry::plan_of(scenario, seed);
        Self { scenario, seed, plan, schedule: None, kept: None, named: format!("{}:{seed}", scenario.name) }
    }

    /// The same, judged by no more than these.
    pub(crate) fn judged(scenario: &'a Scenario, seed: u64, judges: Column) -> Self {
        let mut subject = Self::of(scenario, seed);
        if let Some(plan) = &mut subject.plan {
            plan.judges = judges;
        }
        subject
    }

    /// The run that is meant by `storm:123`, or by the name of a file.
    pub(crate) fn find(scenarios: &'a [Scenario], text: &str) -> Result<Self, Trouble> {
        let is_file =
            text.contains('/') || Path::new(text).extension().is_some() || fs::exists(text).unwrap_or(false);
        if is_file {
            return Self::read(scenarios, Path::new(text));
        }
        let named: Named =
            text.parse().map_err(|error: String| Trouble::new(format!("`{text}`: {error}")))?;
        Ok(Self::of(name::find(scenarios, &named.scenario)?, named.seed))
    }

    fn read(scenarios: &'a [Scenario], place: &Path) -> Result<Self, Trouble> {
        let text = judge::read(place)?;
        let named = place.display().to_string();
        let no_capsule =
            |error: NoCapsule| Trouble::new(format!("`{named}` is no capsule that can be read: {error}"));
        if explore::Kept::is_meant(&text) {
            return Ok(Self::explored(explore::Kept::parse(&text).map_err(no_capsule)?, named));
        }
        let capsule = Capsule::parse(&text).map_err(no_capsule)?;
        let scenario = name::find(scenarios, &capsule.scenario)
            .map_err(|error| Trouble::new(format!("`{named}` is of another program: {error}")))?;
        if let Play::Whole(_) = scenario.play {
            return Err(Trouble::new(format!("`{named}`: {} has no plan to be run by", scenario.name)));
        }
        let (seed, plan, kept) = (capsule.plan.seed, Some(capsule.plan.clone()), Some(capsule.account()));
        Ok(Self { scenario, seed, plan, schedule: None, kept, named })
    }

    /// A schedule that was explored, and kept there.
    pub(crate) fn explored(kept: explore::Kept, named: String) -> Self {
        let (schedule, kept) = (Some(kept.schedule), Some(kept.account));
        Self { scenario: &registry::EXPLORED, seed: 0, plan: None, schedule, kept, named }
    }

    /// Runs it.
    pub(crate) fn run(&self, form: TraceForm) -> Run<String> {
        match (&self.schedule, &self.plan) {
            (Some(schedule), _) => registry::play_schedule(schedule, form),
            (None, Some(plan)) => registry::run_plan(self.scenario, plan.clone(), form),
            (None, None) => {
                let (report, trace) = registry::run(self.scenario, self.seed, form);
                Run { report, mishaps: Vec::new(), trace }
            }
        }
    }

    /// Runs it, and says what every server did.
    pub(crate) fn step_log(&self) -> (Report, StepLog) {
        let run = self.run(TraceForm::Course);
        let lines: Vec<String> = run.trace.lines().map(str::to_owned).collect();
        (run.report, StepLog::parse(&lines).unwrap_or_default())
    }

    /// Runs it, and keeps it.
    pub(crate) fn keep(&self, place: &Path) -> Result<(), Trouble> {
        let Some(plan) = &self.plan else {
            return Err(Trouble::new(format!("{} has no plan that could be kept", self.scenario.name)));
        };
        let mut file = Whole::create(place)?;
        let (report, step_log) = self.step_log();
        file.line(Capsule::of(&report, plan.clone(), step_log).text().trim_end())?;
        file.finish()
    }

    /// What repeats it.
    pub(crate) fn command(&self) -> String {
        format!("cargo run --release -- replay {}", self.named)
    }
}

/// Where the capsule of a failure is kept, unless somebody says where.
pub(crate) fn usual_place(scenario: &str, seed: u64) -> PathBuf {
    Path::new("target").join("wavetank").join(format!("{scenario}-{seed}.json"))
}
