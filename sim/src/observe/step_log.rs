//! Records the state of each server after each step of the server. Two such logs show the first step at which
//! two runs differ, and the fields that differ.
//!
//! Each step is encoded as a short word with only the changes. The log of a run of ten thousand steps has
//! about a hundred kilobytes. The log does not record causes; [`trace`](crate::observe::trace) shows causes.

use crate::observe::observer::Observer;
use crate::observe::{Observation, ObservationKind, digest};
use crate::plan::server_set::ServerIdx;
use crate::subject::{Subject, View};
use std::fmt::{self, Write as _};
use wavetank_raft::{Index, LogId, RoleName, Term, Time};

/// The record of one step: the state of a server after the server handled an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StepRecord {
    /// The number of the observation in the run.
    pub step: u64,
    /// The virtual time of the step, in microseconds.
    pub at: Time,
    /// The server that took the step.
    pub idx: ServerIdx,
    /// The number that stands for the kind of the event.
    pub kind: u64,
    /// The number of actions that the server returned.
    pub actions: u64,
    /// The server's state after the step.
    pub state: NodeState,
}

/// The part of a server's state that the log records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeState {
    /// The server's role.
    pub role: RoleName,
    /// The server's current term.
    pub term: Term,
    /// The server's commit index.
    pub commit: Index,
    /// The id of the last entry of the server's log.
    pub last: LogId,
}

impl StepRecord {
    /// Returns the name of the kind of event.
    #[must_use]
    pub fn event(&self) -> &'static str {
        digest::name(self.kind)
    }
}

impl NodeState {
    const BLANK: Self =
        Self { role: RoleName::Follower, term: Term(0), commit: Index::ZERO, last: LogId::ZERO };

    /// Returns the state that a server shows. A part that the server does not show gets the value of a blank
    /// server.
    pub(crate) fn of(view: &View) -> Self {
        Self {
            role: view.role.unwrap_or(RoleName::Follower),
            term: view.term.unwrap_or_default(),
            commit: view.commit.unwrap_or_default(),
            last: view.last.unwrap_or_default(),
        }
    }
}

/// The steps of all servers in a run. This log is an observer that records the steps.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StepLog {
    records: Vec<StepRecord>,
    /// The kind of the event that a server is handling now.
    kind: u64,
}

/// The first step at which two runs differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Divergence {
    /// The step of the first run at the first difference; `None` if the first run has already ended.
    pub one: Option<StepRecord>,
    /// The step of the second run at the first difference; `None` if the second run has already ended.
    pub other: Option<StepRecord>,
}

impl<S: Subject> Observer<S> for StepLog {
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        if let ObservationKind::Stepping { event, .. } = observation.kind {
            self.kind = digest::kind(event);
        } else if let ObservationKind::Stepped { idx, server, actions } = observation.kind {
            self.records.push(StepRecord {
                step: observation.step,
                at: observation.at,
                idx,
                kind: std::mem::take(&mut self.kind),
                actions: actions.len() as u64,
                state: NodeState::of(&server.view()),
            });
        }
    }
}

/// The number of steps in one line of the encoded log.
const LINE: usize = 32;

const ROLES: [(char, RoleName); 4] = [
    ('F', RoleName::Follower),
    ('P', RoleName::PreCandidate),
    ('C', RoleName::Candidate),
    ('L', RoleName::Leader),
];

impl StepLog {
    /// Returns all recorded steps, oldest first.
    #[must_use]
    pub fn records(&self) -> &[StepRecord] {
        &self.records
    }

    /// Returns the state of each server at the step with the number `step`: the state after the latest record
    /// of the server whose number is at most `step`. A server without such a record is missing.
    #[must_use]
    pub fn states_at(&self, step: u64) -> Vec<(ServerIdx, NodeState)> {
        let mut states = std::collections::BTreeMap::new();
        for record in self.records.iter().take_while(|record| record.step <= step) {
            states.insert(record.idx, record.state);
        }
        states.into_iter().collect()
    }

    /// Finds the first step at which two runs differ. Returns `None` if the runs are equal.
    #[must_use]
    pub fn divergence(&self, other: &Self) -> Option<Divergence> {
        let same = self.records.iter().zip(&other.records).take_while(|(one, other)| one == other).count();
        let at = |step_log: &Self| step_log.records.get(same).copied();
        let divergence = Divergence { one: at(self), other: at(other) };
        (divergence.one.is_some() || divergence.other.is_some()).then_some(divergence)
    }

    /// Encodes the step log as lines of text.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut writer = LineCodec::default();
        self.records.chunks(LINE).map(|records| writer.line(records)).collect()
    }

    /// Parses a step log from the lines that [`lines`](Self::lines) returns.
    ///
    /// # Errors
    /// Returns a message with the first word that is not a step.
    pub fn parse(lines: &[String]) -> Result<Self, String> {
        let mut line = LineCodec::default();
        let words = lines.iter().flat_map(|line| line.split(' ')).filter(|word| !word.is_empty());
        let record =
            |word: &str| line.parse(word).ok_or_else(|| format!("`{word}` is not a step of a step log"));
        let records = words.map(record).collect::<Result<_, _>>()?;
        Ok(Self { records, kind: 0 })
    }
}

/// Encodes and decodes records. The codec keeps the number and the time of the previous record, and the last
/// state of each server, because a word has only the differences.
struct LineCodec {
    step: u64,
    at: Time,
    states: [NodeState; ServerIdx::MAX_SERVERS],
}

impl Default for LineCodec {
    fn default() -> Self {
        Self { step: 0, at: Time(0), states: [NodeState::BLANK; ServerIdx::MAX_SERVERS] }
    }
}

impl LineCodec {
    fn line(&mut self, records: &[StepRecord]) -> String {
        records.iter().map(|record| self.word(record)).collect::<Vec<_>>().join(" ")
    }

    /// Encodes a step. Example: `a3+12~850*2L4,17,18.4` is a step of the first server, with an event of kind
    /// 3 and two actions. This step came 12 observations and 850 us after the previous step. The server then
    /// leads in t4, its commit index is i17, and its last entry is i18 of t4.
    fn word(&mut self, record: &StepRecord) -> String {
        let StepRecord { step, at, idx, kind, actions, state } = *record;
        let letter = char::from(b'a' + idx.0);
        let mut word = format!("{letter}{kind}+{}~{}", step - self.step, at.0 - self.at.0);
        if actions != 0 {
            let _ = write!(word, "*{actions}");
        }
        // Most steps do not change the server, so the state is written only after a change.
        let before = std::mem::replace(&mut self.states[idx.at()], state);
        if before != state {
            let role = ROLES.iter().find(|(_, role)| *role == state.role).expect("every role has a letter").0;
            let NodeState { term, commit, last, .. } = state;
            let _ = write!(word, "{role}{},{},{}.{}", term.0, commit.0, last.index.0, last.term.0);
        }
        (self.step, self.at) = (step, at);
        word
    }

    fn parse(&mut self, word: &str) -> Option<StepRecord> {
        let letter = word.bytes().next()?;
        let idx =
            ServerIdx(letter.checked_sub(b'a').filter(|&idx| usize::from(idx) < ServerIdx::MAX_SERVERS)?);
        let rest = word.get(1..)?;
        let role = rest.char_indices().find(|(_, letter)| letter.is_ascii_uppercase());
        let (event, state) = rest.split_at(role.map_or(rest.len(), |(at, _)| at));
        if let Some((_, role)) = role {
            self.states[idx.at()] = parse_state(role, state.get(1..)?)?;
        }
        let (kind, event) = event.split_once('+')?;
        let (step, event) = event.split_once('~')?;
        let (at, actions) = event.split_once('*').unwrap_or((event, "0"));
        self.step = self.step.checked_add(step.parse().ok()?)?;
        self.at = Time(self.at.0.checked_add(at.parse().ok()?)?);
        Some(StepRecord {
            step: self.step,
            at: self.at,
            idx,
            kind: kind.parse().ok()?,
            actions: actions.parse().ok()?,
            state: self.states[idx.at()],
        })
    }
}

fn parse_state(role: char, text: &str) -> Option<NodeState> {
    let role = ROLES.iter().find(|(letter, _)| *letter == role)?.1;
    let mut numbers = text.split([',', '.']).map(|number| number.parse().ok());
    let mut next = || numbers.next().flatten();
    let (term, commit) = (Term(next()?), Index(next()?));
    let last = LogId { index: Index(next()?), term: Term(next()?) };
    Some(NodeState { role, term, commit, last })
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} {}, commit {}, last {} {}",
            self.role, self.term, self.commit, self.last.index, self.last.term
        )
    }
}

impl Divergence {
    /// Returns the number of the first step that differs.
    #[must_use]
    pub fn step(&self) -> u64 {
        [self.one, self.other].into_iter().flatten().map(|record| record.step).min().unwrap_or(0)
    }

    /// Returns the name of each field that differs, with the values of the field in the first and in the
    /// second run. The list is empty if one of the runs has already ended.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, String, String)> {
        let (Some(one), Some(other)) = (self.one, self.other) else { return Vec::new() };
        let all = |record: StepRecord| {
            let NodeState { role, term, commit, last } = record.state;
            [
                ("server", record.idx.to_string()),
                ("time", format!("{} us", record.at.0)),
                ("event", digest::name(record.kind).to_owned()),
                ("role", format!("{role:?}")),
                ("term", term.to_string()),
                ("commit", commit.to_string()),
                ("last", format!("{} {}", last.index, last.term)),
                ("actions", record.actions.to_string()),
                ("step", record.step.to_string()),
            ]
        };
        let both = all(one).into_iter().zip(all(other));
        both.filter(|(one, other)| one != other).map(|(one, other)| (one.0, one.1, other.1)).collect()
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(one), Some(_)) = (self.one, self.other) else {
            return write!(f, "step {}: one run has ended, but the other run continues", self.step());
        };
        write!(f, "step {} ({}, {} us):", self.step(), one.idx, one.at.0)?;
        for (at, (field, one, other)) in self.fields().into_iter().enumerate() {
            write!(
                f,
                "{} {field} is {one} in the first run and {other} in the second run",
                if at == 0 { "" } else { ";" }
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Plan;
    use crate::runner::storm_run;

    #[test]
    fn a_step_log_is_parsed_as_it_was_written() {
        let step_log = step_log(Plan::storm(3));
        assert!(1_000 < step_log.records().len());
        let lines = step_log.lines();
        assert_eq!(StepLog::parse(&lines).as_ref(), Ok(&step_log));
        assert_eq!(step_log.divergence(&step_log), None);
        for nonsense in ["b", "a3", "a3+1", "q3+1~1", "a3+1~1L4", "a3+1~1X1,1,1.1", "\u{fc}+"] {
            assert!(StepLog::parse(&[nonsense.to_owned()]).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn a_divergence_names_the_field() {
        let one = step_log(Plan::storm(3));
        let mut other = one.clone();
        other.records[500].state.term = Term(99);
        let divergence = one.divergence(&other).unwrap();
        assert_eq!(divergence.step(), one.records[500].step);
        assert_eq!(divergence.fields().len(), 1);
        assert!(divergence.to_string().ends_with("t99 in the second run"), "{divergence}");
        other.records.truncate(400);
        assert!(one.divergence(&other).unwrap().to_string().contains("one run has ended"));
    }

    fn step_log(plan: Plan) -> StepLog {
        let clients = crate::engine::world::tests::tiny::SumClients::new(&plan);
        let make = |_| crate::engine::world::tests::tiny::Sum::default();
        let mut world = crate::World::new(plan, make, Box::new(clients), StepLog::default());
        storm_run::run(&mut world, |_| true);
        world.into_observer()
    }
}
