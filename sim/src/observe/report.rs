//! The report of a finished run.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use wavetank_raft::{Span, Time};

/// A violation that a check found.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Violation {
    /// The name of the check that failed, for example `election_safety`. The file of a protocol check has the
    /// same name.
    pub check: String,
    /// The class of the violated property.
    pub class: Class,
    /// The source of the property, for example `thesis §3.2`.
    pub section: String,
    /// A description of the violation, with servers, terms and indexes.
    pub what: String,
    /// The virtual time of the violation, in microseconds.
    pub at: Time,
    /// The number of the observation at which the check failed.
    pub step: u64,
}

/// The class of a property (Lamport 1977).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Class {
    /// A safety property: something bad must never happen.
    Safety,
    /// A liveness property: something good must happen in time.
    Liveness,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) at {} ms, step {}: {}", self.check, self.section, self.at, self.step, self.what)
    }
}

/// The result of a run.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Verdict {
    /// All checks passed.
    Held,
    /// A check failed.
    Violated(Violation),
    /// The code under test panicked, for example at one of its own assertions. The text is the message of the
    /// panic.
    Panicked(String),
    /// No check failed, but the run proves nothing, for example because no entry was committed. The list has
    /// the names of the checks that had nothing to judge, or the reason in words.
    Vacuous(Vec<String>),
}

/// Writes the verdict in one line.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held => f.write_str("held"),
            Self::Violated(violation) => violation.fmt(f),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Vacuous(checks) => {
                write!(f, "vacuous: the run proves nothing about: {}", checks.join(", "))
            }
        }
    }
}

/// The counts of membership changes of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct ChangeCounts {
    /// The number of changes that a leader appended.
    pub begun: u64,
    /// The number of changes that were committed.
    pub committed: u64,
    /// The number of changes that were overwritten. Another entry was committed at the index of such a
    /// change.
    pub rolled_back: u64,
    /// The number of membership changes that a server refused. A refused change appends no entry.
    pub refused: u64,
}

impl ChangeCounts {
    /// Returns each count with its name.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, u64); 4] {
        [
            ("begun", self.begun),
            ("committed", self.committed),
            ("rolled back", self.rolled_back),
            ("refused", self.refused),
        ]
    }
}

impl AddAssign for ChangeCounts {
    fn add_assign(&mut self, other: Self) {
        self.begun = self.begun.saturating_add(other.begun);
        self.committed = self.committed.saturating_add(other.committed);
        self.rolled_back = self.rolled_back.saturating_add(other.rolled_back);
        self.refused = self.refused.saturating_add(other.refused);
    }
}

/// The result and the statistics of a run.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Report {
    /// The name of the run, for example the name of the scenario or of the test.
    pub scenario: String,
    /// The seed of the run.
    pub seed: u64,
    /// The result of the run.
    pub verdict: Verdict,
    /// The number of events that the world handled.
    pub events: u64,
    /// The virtual time at the end of the run, in microseconds.
    pub virtual_time: Time,
    /// The number of elections in which a candidate became the leader.
    pub elections: u64,
    /// The number of committed entries.
    pub commits: u64,
    /// The number of messages that were sent.
    pub messages: u64,
    /// For each kind of fault, the number of faults.
    pub faults: BTreeMap<String, u64>,
    /// For each check, the number of situations that the check has judged.
    pub witnessed: BTreeMap<String, u64>,
    /// For each check that was off, the parts that the servers do not show although the check needs these
    /// parts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub off: BTreeMap<String, String>,
    /// The checks that were off, because the documents of the servers' implementation exclude these checks.
    /// For each check, the value is the line of the document that excludes the check.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub excluded: BTreeMap<String, String>,
    /// For each event that should occur in a large set of runs, the number of occurrences of the event.
    pub sometimes: BTreeMap<String, u64>,
    /// For each kind of membership change, the counts of the changes.
    pub membership: BTreeMap<String, ChangeCounts>,
    /// The digests of the situations that occurred (see
    /// [`Sometimes::situations`](crate::check::coverage::Sometimes::situations)). This list is not
    /// serialised, because the list is long.
    #[serde(skip)]
    pub situations: Vec<u64>,
    /// The lengths of the ended periods without a leader, in microseconds.
    pub leaderless: Vec<Span>,
    /// The number of elements of the schedule that were skipped. [`SkipReason`](crate::schedule::SkipReason)
    /// lists the possible reasons.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// The digest of all steps of the run. The same seed always gives the same digest.
    pub digest: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Report {
    /// Makes a report that contains only the name, the seed and the verdict.
    #[must_use]
    pub fn new(scenario: &str, seed: u64, verdict: Verdict) -> Self {
        Self {
            scenario: scenario.to_owned(),
            seed,
            verdict,
            events: 0,
            virtual_time: Time(0),
            elections: 0,
            commits: 0,
            messages: 0,
            faults: BTreeMap::new(),
            witnessed: BTreeMap::new(),
            off: BTreeMap::new(),
            excluded: BTreeMap::new(),
            sometimes: BTreeMap::new(),
            membership: BTreeMap::new(),
            situations: Vec::new(),
            leaderless: Vec::new(),
            skipped: 0,
            digest: 0,
        }
    }
}
