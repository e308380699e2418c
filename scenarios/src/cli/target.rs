//! The run that a command examines. The user names a scenario, with or without a seed, or the file of a capsule.

use super::file::AtomicFile;
use super::{CliError, judge, name};
use crate::registry::{self, Play, Scenario, Suite};
use crate::trace::{Trace, TraceForm, TraceText};
use std::fs;
use std::path::{Path, PathBuf};
use wavetank_sim::capsule::{Capsule, Content};
use wavetank_sim::explore::{Schedule, player};
use wavetank_sim::observe::step_log::StepLog;
use wavetank_sim::observe::trace::violation;
use wavetank_sim::runner::Run;
use wavetank_sim::{JudgeLevel, Plan, Report};

/// A run that can be repeated.
pub(crate) struct Target<'a> {
    pub(crate) suite: &'a Suite,
    pub(crate) played: Played<'a>,
    /// The capsule of the recorded run; `None` if the run does not come from a capsule.
    pub(crate) kept: Option<Capsule>,
    /// The name of the run: `storm:123`, for example, or the path of a capsule.
    pub(crate) named: String,
}

/// The input of a run.
#[expect(clippy::large_enum_variant, reason = "a command has only one value of this type")]
pub(crate) enum Played<'a> {
    /// A scenario and a plan.
    Plan(&'a Scenario, Plan),
    /// A schedule that an exploration found.
    Schedule(Schedule),
}

impl<'a> Target<'a> {
    /// Returns the run of a scenario under a seed.
    pub(crate) fn of(suite: &'a Suite, scenario: &'a Scenario, seed: u64) -> Self {
        let plan = registry::plan_of(scenario, seed);
        let named = format!("{}:{seed}", scenario.name);
        Self { suite, played: Played::Plan(scenario, plan), kept: None, named }
    }

    /// Returns the run of a scenario under a seed. The judges examine the run at this level.
    pub(crate) fn judged(suite: &'a Suite, scenario: &'a Scenario, seed: u64, judges: JudgeLevel) -> Self {
        let mut target = Self::of(suite, scenario, seed);
        if let Played::Plan(_, plan) = &mut target.played {
            plan.judges = judges;
        }
        target
    }

    /// Finds the run with this name: a scenario and a seed (`storm:123`), a scenario alone (`figure_8` is
    /// `figure_8:0`), or the path of a capsule. If a file and a scenario have this name, returns the run of the file.
    pub(crate) fn find(suite: &'a Suite, text: &str) -> Result<Self, CliError> {
        let is_file = fs::metadata(text).is_ok_and(|there| !there.is_dir());
        if is_file || text.contains('/') || Path::new(text).extension().is_some() {
            return Self::read(suite, Path::new(text));
        }
        let (scenario, seed) = text.split_once(':').unwrap_or((text, "0"));
        let seed = seed.parse().map_err(|_| {
            CliError::new(format!(
                "cannot find the run `{text}`: give a scenario and a seed, such as storm:123, or the file of a capsule"
            ))
        })?;
        let found = name::find(suite, scenario).map_err(|error| match text.contains(':') {
            true => error,
            false => CliError::new(format!("there is no file `{text}`, and {error}")),
        })?;
        Ok(Self::of(suite, found, seed))
    }

    fn read(suite: &'a Suite, path: &Path) -> Result<Self, CliError> {
        let text = judge::read(path)?;
        let named = path.display().to_string();
        let capsule = Capsule::parse(&text)
            .map_err(|error| CliError::new(format!("`{named}` is not a readable capsule: {error}")))?;
        if capsule.subject != suite.subject {
            return Err(CliError::new(format!(
                "`{named}` is a run of {}, but this command runs {}",
                capsule.subject, suite.subject
            )));
        }
        let played = match capsule.content.clone() {
            Content::Schedule(schedule) => Played::Schedule(schedule),
            Content::Plan { scenario, plan } => {
                let scenario = name::find(suite, &scenario).map_err(|error| {
                    CliError::new(format!(
                        "`{named}` cannot be repeated here: {error}; if a test wrote the file, repeat the run in \
                         that test: WAVETANK_CAPSULE={named} cargo test {scenario}"
                    ))
                })?;
                same_servers(scenario, &plan)
                    .map_err(|what| CliError::new(format!("`{named}` is not a readable capsule: {what}")))?;
                Played::Plan(scenario, plan)
            }
        };
        Ok(Self { suite, played, kept: Some(capsule), named })
    }

    /// Returns the number of servers, spare servers included.
    pub(crate) fn servers(&self) -> usize {
        match &self.played {
            Played::Plan(_, plan) => plan.server_count(),
            Played::Schedule(schedule) => schedule.bounds.servers().len(),
        }
    }

    /// Returns the summary of the scenario; empty for a schedule of an exploration.
    pub(crate) const fn summary(&self) -> &'static str {
        match &self.played {
            Played::Plan(scenario, _) => scenario.summary,
            Played::Schedule(_) => "",
        }
    }

    /// Returns the command line that repeats the run.
    pub(crate) fn replay_command(&self) -> String {
        self.suite.replay_command(&self.named)
    }

    /// Repeats the run, and returns the report and the text of a trace in this form. If the form is a story and
    /// the run fails, the last line of the text states the violation or the panic.
    pub(crate) fn run(&self, form: TraceForm) -> (Report, String) {
        let (report, mut text) = self.run_with(self.text(form));
        if form == TraceForm::Story
            && let Some(line) = violation(&report.verdict)
        {
            text += &(line + "\n");
        }
        (report, text)
    }

    /// Makes a writer that describes the run in this form.
    pub(crate) fn text(&self, form: TraceForm) -> Option<TraceText> {
        match &self.played {
            Played::Plan(_, plan) => form.text_of(plan),
            Played::Schedule(_) => form.text(self.servers()),
        }
    }

    /// Repeats the run, and returns the report and the text that this writer has written. `None` gives an empty
    /// text.
    pub(crate) fn run_with(&self, text: Option<TraceText>) -> (Report, String) {
        let Run { report, trace, .. } = self.trace(Trace::new(text));
        (report, trace.into_parts().0)
    }

    /// Repeats the run, and returns the report and the log of the steps of every server.
    pub(crate) fn step_log(&self) -> (Report, StepLog) {
        let Run { report, trace, .. } = self.trace(Trace::default().with_step_log());
        (report, trace.into_parts().1)
    }

    /// Repeats the run, and records the run in this trace.
    pub(crate) fn trace(&self, trace: Trace) -> Run<Trace> {
        match &self.played {
            Played::Plan(scenario, plan) => registry::run_plan(scenario, plan.clone(), trace),
            Played::Schedule(schedule) => player::play(schedule, trace),
        }
    }

    /// Repeats a run whose plan has a schedule, and explains why the run does not fail. Returns `None` if the run
    /// fails, if the plan has no schedule, or if the schedule comes from an exploration.
    pub(crate) fn without_failure(&self) -> Option<String> {
        match &self.played {
            Played::Plan(_, plan) => self.trace(Trace::default()).without_failure(&plan.order),
            Played::Schedule(_) => None,
        }
    }

    /// Repeats the run, and writes the capsule of the run to the file `path`.
    pub(crate) fn keep(&self, path: &Path) -> Result<(), CliError> {
        self.keep_in(AtomicFile::create(path)?)
    }

    /// Repeats the run, and writes the capsule of the run to a file that is already open.
    pub(crate) fn keep_in(&self, mut file: AtomicFile) -> Result<(), CliError> {
        let (report, step_log) = self.step_log();
        let content = match &self.played {
            Played::Plan(scenario, plan) => {
                Content::Plan { scenario: scenario.name.to_owned(), plan: plan.clone() }
            }
            Played::Schedule(schedule) => Content::Schedule(schedule.clone()),
        };
        file.line(Capsule::of_subject(self.suite.subject, content, &report, step_log).text().trim_end())?;
        file.finish()
    }
}

/// Returns an error if the plan of a story has another number of servers or spare servers than the story. The
/// script of a story names these servers. Accepts every plan of a storm.
fn same_servers(scenario: &Scenario, plan: &Plan) -> Result<(), String> {
    let expected = registry::plan_of(scenario, plan.seed);
    let counts = |plan: &Plan| (plan.servers, plan.spares);
    match scenario.play {
        Play::Story(_) if counts(plan) != counts(&expected) => Err(format!(
            "the plan has {} servers and {} spare servers, but {} has {} and {}",
            plan.servers, plan.spares, scenario.name, expected.servers, expected.spares
        )),
        Play::Story(_) | Play::Planned { .. } => Ok(()),
    }
}

/// Returns the default path of the capsule of a failed run.
pub(crate) fn default_path(suite: &Suite, scenario: &str, seed: u64) -> PathBuf {
    Path::new("target").join(suite.subject).join(format!("{scenario}-{seed}.json"))
}
