//! A capsule is a file that records one run. The file contains the plan or schedule, the steps of every
//! server, the verdict, and the build that wrote the file.
//!
//! A plan comes from a scenario or a test. A schedule comes from an exploration. A replay runs the plan or
//! schedule again and compares the new run with the recorded run. After a change of the code, the replay
//! either repeats the run or shows the first difference between the two runs.

use crate::explore::{Bounds, Schedule};
use crate::observe::report::{Report, Verdict};
use crate::observe::step_log::StepLog;
use crate::plan::Plan;
use crate::subject::OURS;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The number of the file format that this build writes. This build reads no other format.
pub const FORMAT: u64 = 2;

/// Identifies the behaviour of this build: the version of the crate and the number of the behaviour. The
/// developers raise the number whenever old seeds produce different runs.
pub const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), "+behaviour.5");

/// A recorded run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capsule {
    /// The name of the implementation of the servers ([`Subject::name`](crate::Subject::name)). A capsule
    /// file without this field records a run of our own server ([`OURS`]).
    pub subject: String,
    /// The plan or schedule of the run.
    pub content: Content,
    /// The build that wrote the capsule, in the form of [`BUILD`].
    pub build: String,
    /// The verdict of the run.
    pub verdict: Verdict,
    /// The digest of all steps of the run.
    pub digest: u64,
    /// The steps of every server.
    pub step_log: StepLog,
}

/// The input of a run: a plan or a schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::large_enum_variant, reason = "a capsule contains a single value of this type")]
pub enum Content {
    /// The plan of a scenario or a test. The plan determines the whole run.
    Plan {
        /// The name of the scenario, or of the test that ran the plan.
        scenario: String,
        /// The plan, with its seed.
        plan: Plan,
    },
    /// A schedule that an exploration found.
    Schedule(Schedule),
}

/// The serialised form of a capsule. A capsule has the fields of a plan or the fields of a schedule, but not
/// both.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CapsuleFile {
    format: u64,
    #[serde(default = "ours", skip_serializing_if = "is_ours")]
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scenario: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explored: Option<Bounds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calm: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<Vec<String>>,
    build: String,
    verdict: Verdict,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    step_log: Vec<String>,
}

fn ours() -> String {
    OURS.to_owned()
}

fn is_ours(subject: &str) -> bool {
    subject == OURS
}

/// The fields of a capsule file that state the format of the file, and the scenario and the seed of the run.
#[derive(Deserialize)]
struct FormatHeader {
    format: u64,
    scenario: Option<String>,
    seed: Option<u64>,
}

impl FormatHeader {
    /// Returns the reason why this build cannot read the file. If the file states a scenario and a seed, the
    /// result also has the command that makes the capsule again.
    fn refusal(&self) -> String {
        let Self { format, scenario, seed } = self;
        let why = format!("the format is {format}, but this build reads only format {FORMAT}");
        match (scenario, seed) {
            (Some(scenario), Some(seed)) => {
                format!("{why}: make the capsule again with `run {scenario} --seed {seed} --capsule FILE`")
            }
            (_, _) => why,
        }
    }
}

/// One line that says why a file is not a valid capsule.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CapsuleError(String);

impl fmt::Display for CapsuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CapsuleError {}

impl From<serde_json::Error> for CapsuleError {
    fn from(error: serde_json::Error) -> Self {
        Self(if error.is_eof() { format!("the file is truncated: {error}") } else { error.to_string() })
    }
}

impl Capsule {
    /// Creates the capsule of a finished run of our server.
    #[must_use]
    pub fn of(content: Content, report: &Report, step_log: StepLog) -> Self {
        Self::of_subject(OURS, content, report, step_log)
    }

    /// Creates the capsule of a finished run of the subject with this name.
    #[must_use]
    pub fn of_subject(subject: &str, content: Content, report: &Report, step_log: StepLog) -> Self {
        let (subject, build, verdict) = (subject.to_owned(), BUILD.to_owned(), report.verdict.clone());
        Self { subject, content, build, verdict, digest: report.digest, step_log }
    }

    /// Returns the text of the file.
    ///
    /// # Panics
    /// Never panics, because a capsule contains only numbers and text. Numbers and text can always be
    /// serialised.
    #[must_use]
    pub fn text(&self) -> String {
        let mut file = CapsuleFile {
            format: FORMAT,
            subject: self.subject.clone(),
            scenario: None,
            seed: None,
            explored: None,
            calm: None,
            schedule: None,
            build: self.build.clone(),
            verdict: self.verdict.clone(),
            digest: format!("{:016x}", self.digest),
            plan: None,
            step_log: self.step_log.lines(),
        };
        match &self.content {
            Content::Plan { scenario, plan } => {
                file.scenario = Some(scenario.clone());
                file.seed = Some(plan.seed);
                file.plan = Some(plan.clone());
            }
            Content::Schedule(schedule) => {
                file.explored = Some(schedule.bounds);
                file.calm = Some(schedule.disk_reduction);
                file.schedule = Some(schedule.steps.iter().map(ToString::to_string).collect());
            }
        }
        let mut text = serde_json::to_string_pretty(&file).expect("a capsule contains only numbers and text");
        text.push('\n');
        text
    }

    /// Parses the text of a capsule.
    ///
    /// # Errors
    /// Returns one line that says why the text is not a valid capsule.
    pub fn parse(text: &str) -> Result<Self, CapsuleError> {
        // A file of another format has other fields. So the format is read first, without the other
        // fields.
        let header: FormatHeader = serde_json::from_str(text)?;
        if header.format != FORMAT {
            return Err(CapsuleError(header.refusal()));
        }
        let mut file: CapsuleFile = serde_json::from_str(text)?;
        let content = file.content().map_err(CapsuleError)?;
        let CapsuleFile { subject, build, verdict, digest, step_log, .. } = file;
        let digest = u64::from_str_radix(&digest, 16).map_err(|_| {
            CapsuleError(format!("the digest must be a hexadecimal number of 64 bits, not `{digest}`"))
        })?;
        let step_log = StepLog::parse(&step_log)
            .map_err(|error| CapsuleError(format!("the step log is invalid: {error}")))?;
        Ok(Self { subject, content, build, verdict, digest, step_log })
    }

    /// Describes the first difference between a replay and the recorded run. Returns `None` if the two runs
    /// are equal.
    #[must_use]
    pub fn difference(&self, report: &Report, step_log: &StepLog) -> Option<String> {
        if let Some(divergence) = self.step_log.divergence(step_log) {
            return Some(divergence.to_string());
        }
        if self.digest != report.digest {
            return Some(format!(
                "all steps are the same, but the recorded digest is {:016x} and the new digest is {:016x}",
                self.digest, report.digest
            ));
        }
        (self.verdict != report.verdict).then(|| "all steps are the same, but the verdicts differ".to_owned())
    }
}

impl CapsuleFile {
    /// Takes the plan or schedule out of the file. Returns the reason if the file has no valid plan or
    /// schedule.
    fn content(&mut self) -> Result<Content, String> {
        let of_a_plan = (self.scenario.take(), self.seed, self.plan.take());
        let of_a_schedule = (self.explored, self.calm, self.schedule.take());
        match (of_a_plan, of_a_schedule) {
            ((Some(scenario), Some(seed), Some(plan)), (None, None, None)) => {
                if seed != plan.seed {
                    return Err(format!(
                        "the field `seed` is {seed}, but the seed of the plan is {}",
                        plan.seed
                    ));
                }
                plan.validate().map_err(|what| format!("the plan is invalid: {what}"))?;
                Ok(Content::Plan { scenario, plan })
            }
            ((None, None, None), (Some(bounds), Some(calm), Some(lines))) => {
                bounds.sound().map_err(|what| format!("the bounds are invalid: {what}"))?;
                let steps = lines.iter().map(|line| line.parse()).collect::<Result<_, String>>();
                let steps = steps.map_err(|what| format!("the schedule is invalid: {what}"))?;
                let schedule = Schedule { bounds, disk_reduction: calm, steps };
                schedule.validate().map_err(|what| format!("the schedule is invalid: {what}"))?;
                Ok(Content::Schedule(schedule))
            }
            _ => Err("a capsule must have the fields `scenario`, `seed` and `plan`, \
                      or the fields `explored`, `calm` and `schedule`, and not both groups"
                .to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::Claim;
    use crate::explore::{Reductions, Search, SearchOutcome, SingleThread, player};
    use crate::observe::trace::{Story, TextTrace};
    use wavetank_raft::{RoleName, Term};

    #[test]
    fn a_schedule_is_played_by_whole_servers_and_survives_serialization() {
        let schedule = schedule_with_second_leader();
        let mut run = player::play(&schedule, Some(Story::new(3)));
        let story = run.trace.as_mut().expect("servers start").take();
        let last = story.lines().last().expect("something happened");
        assert!(last.contains("LEAD3"), "{story}");

        let run = player::play(&schedule, StepLog::default());
        assert_eq!(run.report.verdict, Verdict::Held);
        let capsule = Capsule::of(Content::Schedule(schedule), &run.report, run.trace);
        assert!(!capsule.step_log.records().is_empty());
        assert_eq!(Capsule::parse(&capsule.text()), Ok(capsule));
    }

    #[test]
    fn an_invalid_file_is_refused_with_the_reason() {
        let schedule = schedule_with_second_leader();
        let run = player::play(&schedule, ());
        let text = Capsule::of(Content::Schedule(schedule), &run.report, StepLog::default()).text();
        for (from, to, why) in [
            ("\"format\": 2", "\"format\": 9", "format is 9"),
            ("\"nodes\": 3", "\"nodes\": 30", "bounds"),
            ("timeout", "tiemout", "not a step"),
            ("timeout n1", "timeout n4", "the step `timeout n4` names n4, but there are only 3 servers"),
            ("\"calm\": true,", "", "not both groups"),
            ("\"calm\": true", "\"calm\": true, \"seed\": 3", "not both groups"),
        ] {
            assert!(text.contains(from), "{from} is not in {text}");
            let error = Capsule::parse(&text.replacen(from, to, 1)).expect_err("it makes no sense");
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    /// A file is kept for longer than the code that wrote the file. So the names and the order of the fields
    /// must not change.
    #[test]
    fn the_fields_of_a_file_are_fixed() {
        let fields = |content| {
            let report = Report::new("storm", 3, Verdict::Held);
            let text = Capsule::of(content, &report, StepLog::default()).text();
            let outermost = text.lines().filter_map(|line| line.strip_prefix("  \"")?.split('"').next());
            outermost.collect::<Vec<_>>().join(" ")
        };
        let plan = Content::Plan { scenario: "storm".to_owned(), plan: Plan::storm(3) };
        assert_eq!(fields(plan), "format scenario seed build verdict digest plan step_log");
        let schedule = Content::Schedule(schedule_with_second_leader());
        assert_eq!(fields(schedule), "format explored calm schedule build verdict digest step_log");
    }

    fn schedule_with_second_leader() -> Schedule {
        let holds = |server: &crate::explore::server_state::ServerState| {
            (server.node.role(), server.node.term()) != (RoleName::Leader, Term(3))
        };
        let bounds = Bounds { entries: 0, ..Bounds::default() };
        let claim = Claim { name: "nobody_leads_t3", holds };
        match Search::new(bounds, Reductions::ALL).claiming(claim).run(None, &mut SingleThread, &mut |_| true)
        {
            SearchOutcome::Found(_, schedule) => schedule,
            SearchOutcome::Exhausted | SearchOutcome::DepthReached | SearchOutcome::Stopped => {
                panic!("there are two terms")
            }
        }
    }
}
