//! A run in a file: its plan, what every server did, how it ended, and by which build.
//!
//! A capsule written by an older build is replayed by its plan. What it says of the old run is
//! compared with the new one, so that a replay after a change of code either repeats the run or
//! says where it parts from it.

use crate::plan::Plan;
use crate::report::{Report, Verdict};
use crate::step_log::StepLog;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The format of the files that are written, and the only one that is read.
pub const FORMAT: u64 = 1;

/// What the behaviour of a build is called: its version, and a number that is raised whenever old
/// seeds come to mean other runs.
pub const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), "+behaviour.1");

/// A run, to be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capsule {
    /// The scenario.
    pub scenario: String,
    /// The build that wrote it.
    pub build: String,
    /// Everything that the run was drawn from.
    pub plan: Plan,
    /// How it ended.
    pub verdict: Verdict,
    /// The digest over all its steps.
    pub digest: u64,
    /// What every server did.
    pub step_log: StepLog,
}

/// What came of a run: enough to say whether another one is the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The build that it was run by.
    pub build: String,
    /// How it ended.
    pub verdict: Verdict,
    /// The digest over all its steps.
    pub digest: u64,
    /// What every server did.
    pub step_log: StepLog,
}

/// A capsule as it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u64,
    scenario: String,
    seed: u64,
    build: String,
    verdict: Verdict,
    digest: String,
    plan: Plan,
    #[serde(rename = "course")]
    step_log: Vec<String>,
}

/// As much of a file as tells whether it can be read at all.
#[derive(Deserialize)]
struct Head {
    format: u64,
}

/// Why a file is no capsule, in one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoCapsule(String);

impl fmt::Display for NoCapsule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoCapsule {}

impl NoCapsule {
    pub(crate) const fn new(why: String) -> Self {
        Self(why)
    }

    pub(crate) fn of(error: &serde_json::Error) -> Self {
        not_read(error)
    }

    pub(crate) fn of_format(format: u64) -> Self {
        Self(format!("it is of format {format}, and this build reads format {FORMAT}"))
    }
}

impl Capsule {
    /// The capsule of a run that is over.
    #[must_use]
    pub fn of(report: &Report, plan: Plan, step_log: StepLog) -> Self {
        Self {
            scenario: report.scenario.clone(),
            build: BUILD.to_owned(),
            plan,
            verdict: report.verdict.clone(),
            digest: report.digest,
            step_log,
        }
    }

    /// The text of the file.
    ///
    /// # Panics
    /// Never: a capsule is numbers and text.
    #[must_use]
    pub fn text(&self) -> String {
        let written = Written {
            format: FORMAT,
            scenario: self.scenario.clone(),
            seed: self.plan.seed,
            build: self.build.clone(),
            verdict: self.verdict.clone(),
            digest: format!("{:016x}", self.digest),
            plan: self.plan.clone(),
            step_log: self.step_log.lines(),
        };
        let mut text = serde_json::to_string_pretty(&written).expect("a capsule is numbers and text");
        text.push('\n');
        text
    }

    /// The capsule of a text.
    ///
    /// # Errors
    /// Says in one line why it is none.
    pub fn parse(text: &str) -> Result<Self, NoCapsule> {
        let Head { format } = serde_json::from_str(text).map_err(|error| not_read(&error))?;
        if format != FORMAT {
            return Err(NoCapsule::of_format(format));
        }
        let written: Written = serde_json::from_str(text).map_err(|error| not_read(&error))?;
        let digest = u64::from_str_radix(&written.digest, 16)
            .map_err(|_| NoCapsule(format!("its digest is `{}`, which is no digest", written.digest)))?;
        let step_log = StepLog::parse(&written.step_log)
            .map_err(|error| NoCapsule(format!("in its step log {error}")))?;
        if written.seed != written.plan.seed {
            let (seed, other) = (written.seed, written.plan.seed);
            return Err(NoCapsule(format!("its seed is {seed}, and its plan's is {other}")));
        }
        written.plan.sound().map_err(|what| NoCapsule(format!("its plan cannot be: {what}")))?;
        Ok(Self {
            scenario: written.scenario,
            build: written.build,
            plan: written.plan,
            verdict: written.verdict,
            digest,
            step_log,
        })
    }

    /// What came of the run.
    #[must_use]
    pub fn account(&self) -> Account {
        let (build, verdict) = (self.build.clone(), self.verdict.clone());
        Account { build, verdict, digest: self.digest, step_log: self.step_log.clone() }
    }
}

impl Account {
    /// How a replay differs from what was written down; `None` if it does not.
    #[must_use]
    pub fn difference(&self, report: &Report, step_log: &StepLog) -> Option<String> {
        if let Some(divergence) = self.step_log.divergence(step_log) {
            return Some(divergence.to_string());
        }
        if self.digest != report.digest {
            return Some(format!("all steps are the same, and the digest was {:016x}", self.digest));
        }
        (self.verdict != report.verdict)
            .then(|| "all steps are the same, and the verdict is another".to_owned())
    }
}

fn not_read(error: &serde_json::Error) -> NoCapsule {
    let text = error.to_string();
    NoCapsule(if error.is_eof() { format!("it is cut short: {text}") } else { text })
}
