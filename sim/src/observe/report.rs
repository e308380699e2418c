//! The report of a finished run.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use wavetank_raft::{Span, Time};

/// A property that did not hold.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Violation {
    /// The check that failed, as its file is named: `election_safety`.
    pub check: String,
    /// Whether something bad happened, or something good did not.
    pub class: Class,
    /// Where the property is stated: `thesis §3.2`.
    pub section: String,
    /// What the check saw, with servers, terms and indexes.
    pub what: String,
    /// The virtual time.
    pub at: Time,
    /// The observation at which the check failed.
    pub step: u64,
}

/// The two classes of properties.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Class {
    /// Something bad happened.
    Safety,
    /// Something good did not happen in time.
    Liveness,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) at {} ms, step {}: {}", self.check, self.section, self.at, self.step, self.what)
    }
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Verdict {
    /// Everything held.
    Held,
    /// A property did not hold.
    Violated(Violation),
    /// The code under test panicked, since one of its own assertions failed.
    Panicked(String),
    /// Nothing was violated, but these checks never saw the situation that they judge.
    Vacuous(Vec<String>),
}

/// In one line.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held => f.write_str("held"),
            Self::Violated(violation) => violation.fmt(f),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Vacuous(checks) => write!(f, "vacuous: nothing was seen by {}", checks.join(", ")),
        }
    }
}

/// Counts of the membership changes of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct ChangeCounts {
    /// Changes that a leader appended.
    pub begun: u64,
    /// Changes that were committed.
    pub committed: u64,
    /// Changes in whose place another entry was committed.
    pub rolled_back: u64,
    /// Changes that were refused; nothing was appended.
    pub refused: u64,
}

impl ChangeCounts {
    /// Each count with its name.
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
        self.begun += other.begun;
        self.committed += other.committed;
        self.rolled_back += other.rolled_back;
        self.refused += other.refused;
    }
}

/// The result and the statistics of a run.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Report {
    /// The scenario.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// How it ended.
    pub verdict: Verdict,
    /// How many events the world handled.
    pub events: u64,
    /// How far the virtual clock got.
    pub virtual_time: Time,
    /// How often a leader was elected.
    pub elections: u64,
    /// How many entries were committed.
    pub commits: u64,
    /// How many messages were sent.
    pub messages: u64,
    /// How many faults of each kind happened.
    pub faults: BTreeMap<String, u64>,
    /// How often each check saw the situation that it judges.
    pub witnessed: BTreeMap<String, u64>,
    /// How often each thing that should sometimes happen happened.
    pub sometimes: BTreeMap<String, u64>,
    /// The counts of membership changes, by kind.
    pub membership: BTreeMap<String, ChangeCounts>,
    /// Which situations came up: see [`Sometimes::situations`](crate::check::coverage::Sometimes::situations).
    /// Not serialized, since there are many.
    #[serde(skip)]
    pub situations: Vec<u64>,
    /// The length of each period without a leader that ended with an election.
    pub leaderless: Vec<Span>,
    /// A digest over every step of the run: the same for the same seed, always.
    pub digest: u64,
}

impl Report {
    /// A report with nothing but the verdict.
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
            sometimes: BTreeMap::new(),
            membership: BTreeMap::new(),
            situations: Vec::new(),
            leaderless: Vec::new(),
            digest: 0,
        }
    }
}
