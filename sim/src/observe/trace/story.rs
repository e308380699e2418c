//! A trace with the important events of a run, one line for each event. If two runs differ only in delays,
//! their stories differ only in the columns of step and time, unless the runs elect different leaders.

use super::{CommandText, TextTrace, UNKNOWN, display};
use crate::observe::observer::Observer;
use crate::observe::report::Verdict;
use crate::observe::requests::{client_of, is_operator_request};
use crate::observe::{Observation, ObservationKind, OperationValue};
use crate::plan::Plan;
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::subject::{Subject, View};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use wavetank_raft::{Action, Event, Index, Payload, RoleName, Term, Time};

/// A trace with a line for each change of a role, each committed entry, each fault, and each result of an
/// operation of a client. A line has the number of the observation, the virtual time in milliseconds, a column for each
/// server, and the text. A dot in the column of a server means that the server is a follower. The
/// text comes last, so that the columns stay aligned after a long text.
#[derive(Clone, Debug)]
pub struct Story {
    text: String,
    commands: CommandText,
    cells: Vec<ColumnState>,
    committed: Index,
    /// The number and the virtual time of the observation that the story is writing now.
    now: (u64, Time),
    has_unheard: bool,
    /// For each client whose operation no server has received yet, the place of the operation's line in the
    /// text. Empty if the story has all operations.
    unheard: BTreeMap<u16, Range<usize>>,
    /// The places of the lines that the story leaves out.
    left_out: Vec<Range<usize>>,
}

/// Returns the number of lines that are left out, and the last 60 lines of a story (all lines if the story
/// has fewer lines).
#[must_use]
pub fn last_lines(story: &str) -> (usize, Vec<&str>) {
    last_of_lines(story, 60)
}

/// Returns the number of lines that are left out, and the last `most` lines of a story (all lines if the
/// story has fewer lines).
#[must_use]
pub fn last_of_lines(story: &str, most: usize) -> (usize, Vec<&str>) {
    let mut lines: Vec<&str> = story.lines().collect();
    let left_out = lines.len().saturating_sub(most);
    (left_out, lines.split_off(left_out))
}

/// Returns the line that ends the story of a failed run. The line has the name of the failed check and the
/// message of the check. Returns `None` if the run did not fail.
#[must_use]
pub fn violation(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Violated(violation) => {
            let when = when(violation.step, violation.at);
            Some(format!("{when}>>> {} ({}): {}", violation.check, violation.section, violation.what))
        }
        Verdict::Panicked(message) => Some(format!("{:WHEN_WIDTH$}>>> panic: {message}", "")),
        Verdict::Held | Verdict::Vacuous(_) => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ColumnState {
    Down,
    Paused,
    Up(RoleName, Term),
}

/// The width of the columns of step and time in characters. These columns come first in each line.
pub const WHEN_WIDTH: usize = 21;

/// The width of the column of one server in characters, without the space after the column.
const CELL_WIDTH: usize = 6;

fn when(step: u64, at: Time) -> String {
    let ms = format!("{}.{:03}", at.0 / 1_000, at.0 % 1_000);
    format!("{step:>7} {ms:>11}  ")
}

impl Story {
    /// Creates the story of a tank with `servers` servers.
    #[must_use]
    pub fn new(servers: usize) -> Self {
        let mut text = format!("{:>7} {:>11}  ", "step", "ms");
        for idx in ServerSet::first(servers).iter() {
            let _ = write!(text, "{:<CELL_WIDTH$} ", idx.to_string());
        }
        Self {
            text: format!("{}\n", text.trim_end()),
            commands: UNKNOWN,
            cells: vec![ColumnState::Down; servers],
            committed: Index::ZERO,
            now: (0, Time(0)),
            has_unheard: true,
            unheard: BTreeMap::new(),
            left_out: Vec::new(),
        }
    }

    /// Sets the function that formats the commands of the state machine.
    #[must_use]
    pub fn with_commands(self, commands: CommandText) -> Self {
        Self { commands, ..self }
    }

    /// Makes the story of a run of this plan. In a run that follows a schedule, clients begin operations that no
    /// element of the schedule delivers. The story of such a run leaves these operations out.
    #[must_use]
    pub fn of_plan(plan: &Plan) -> Self {
        Self { has_unheard: plan.order.elements().is_empty(), ..Self::new(plan.server_count()) }
    }

    /// Writes a line for an operation that a client begins.
    fn on_invoked(&mut self, client: u16, what: &dyn OperationValue) {
        let start = self.text.len();
        self.line("ask", &operation(client, what), None);
        if !self.has_unheard {
            self.unheard.insert(client, start..self.text.len());
        }
    }

    /// Writes a line for the end of an operation.
    fn on_returned(&mut self, client: u16, what: &dyn OperationValue) {
        match self.unheard.remove(&client) {
            Some(line) => self.left_out.push(line),
            None => self.line("told", &operation(client, what), None),
        }
    }

    /// Notes the clients whose operations a server receives with this event.
    fn on_heard<Q, R>(&mut self, event: &Event<Q, R>) {
        let mut hear = |request| client_of(request).map(|client| self.unheard.remove(&client));
        match event {
            Event::Call { request, .. } => {
                hear(*request);
            }
            Event::ApplyBatch(batch) => batch.iter().for_each(|(request, _)| {
                hear(*request);
            }),
            _ => {}
        }
    }

    /// Writes a line. The line names the role of the server `changed`, even if this server is a follower.
    fn line(&mut self, verb: &str, detail: &str, changed: Option<ServerIdx>) {
        let (step, at) = self.now;
        let mut line = when(step, at);
        for (at, cell) in self.cells.iter().enumerate() {
            let is_new = changed.is_some_and(|idx| idx.at() == at);
            let _ = write!(line, "{:<CELL_WIDTH$} ", cell.text(is_new));
        }
        let _ = write!(line, "{verb:<7} {detail}");
        let _ = writeln!(self.text, "{}", line.trim_end());
    }
    /// Writes a line if the role of a server, or the term of a leader, has changed.
    fn on_server(&mut self, idx: ServerIdx, view: &View) {
        let (role, term) = role_and_term(view);
        let before = std::mem::replace(&mut self.cells[idx.at()], ColumnState::Up(role, term));
        let became = match before {
            ColumnState::Up(was, _) if was == role => {
                role == RoleName::Leader && before != ColumnState::Up(role, term)
            }
            ColumnState::Up(..) | ColumnState::Down | ColumnState::Paused => true,
        };
        if became {
            self.line("became", &idx.to_string(), Some(idx));
        }
    }

    /// Writes a line for a refusal. Accepted calls need no line, because the story shows the effects of these
    /// calls.
    fn on_action<Q, R>(&mut self, idx: ServerIdx, action: &Action<Q, R>) {
        if let Action::Answer { request, outcome: Err(error) } = action
            && is_operator_request(*request)
        {
            self.line("refuse", &format!("{idx} {error}"), None);
        }
    }

    fn on_entry(&mut self, index: Index, payload: &Payload) {
        self.committed = index;
        match payload {
            Payload::Noop | Payload::Barrier => {}
            Payload::Command(_) | Payload::Extended(_) | Payload::Restore(_) | Payload::Configuration(_) => {
                self.line("commit", &format!("{index} {}", display::payload(payload, self.commands)), None);
            }
        }
    }
}

/// Returns the role and the term that a server shows. A server that shows no role counts as a follower. A
/// server that shows no term counts as in term 0.
fn role_and_term(view: &View) -> (RoleName, Term) {
    (view.role.unwrap_or(RoleName::Follower), view.term.unwrap_or_default())
}

impl ColumnState {
    fn text(self, is_new: bool) -> String {
        match self {
            Self::Down => "-".to_owned(),
            Self::Paused => "zzz".to_owned(),
            Self::Up(RoleName::Follower, _) if !is_new => ".".to_owned(),
            Self::Up(role, term) => {
                let term = term.0.to_string();
                // A long term takes letters from the role, so that the column keeps its width.
                let letters = CELL_WIDTH.saturating_sub(term.len()).clamp(1, 4);
                format!("{}{term}", &display::role(role)[..letters])
            }
        }
    }
}

/// Returns the text of an operation, with the name of the client at the beginning. Most operations already
/// have this name in their text.
pub(super) fn operation(client: u16, what: &dyn OperationValue) -> String {
    let (client, what) = (format!("c{client} "), format!("{what:?}"));
    if what.starts_with(&client) { what } else { client + &what }
}

impl TextTrace for Story {
    fn take(&mut self) -> String {
        let mut text = std::mem::take(&mut self.text);
        let mut left_out = std::mem::take(&mut self.left_out);
        left_out.extend(std::mem::take(&mut self.unheard).into_values());
        left_out.sort_by_key(|line| line.start);
        left_out.into_iter().rev().for_each(|line| text.replace_range(line, ""));
        text
    }
}

impl<S: Subject> Observer<S> for Story {
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        self.now = (observation.step, observation.at);
        match observation.kind {
            ObservationKind::Stepping { idx, event: Event::Call { request, call }, .. }
                if is_operator_request(*request) =>
            {
                self.line("ask", &format!("{idx} {}", display::call(call, self.commands)), None);
            }
            ObservationKind::Stepped { idx, server, actions } => {
                self.on_server(idx, &server.view());
                actions.iter().for_each(|action| self.on_action(idx, action));
            }
            ObservationKind::Booted { idx, server, .. } => {
                let (role, term) = role_and_term(&server.view());
                self.cells[idx.at()] = ColumnState::Up(role, term);
                self.line("start", &idx.to_string(), Some(idx));
            }
            ObservationKind::Crashed { idx, wiped } => {
                self.cells[idx.at()] = ColumnState::Down;
                self.line(if wiped { "wipe" } else { "crash" }, &idx.to_string(), None);
            }
            ObservationKind::Halted(idx) => {
                self.cells[idx.at()] = ColumnState::Down;
                self.line("halt", &idx.to_string(), None);
            }
            ObservationKind::Refused { idx, error } => {
                self.line("refuse", &format!("{idx} to start: {error}"), None);
            }
            ObservationKind::Damaged { idx, damage } => self.line("damage", &format!("{idx} {damage}"), None),
            ObservationKind::Paused(idx) => {
                self.cells[idx.at()] = ColumnState::Paused;
                self.line("pause", &idx.to_string(), None);
            }
            ObservationKind::Resumed(idx) => self.line("resume", &idx.to_string(), None),
            ObservationKind::Applied { batch, .. } => {
                let known = self.committed;
                for entry in batch.entries.iter().filter(|entry| known < entry.id.index) {
                    self.on_entry(entry.id.index, &entry.payload);
                }
            }
            ObservationKind::SnapshotTaken { idx, meta, .. } => {
                self.line("snap", &format!("{idx} {}", meta.last.index), None);
            }
            ObservationKind::Restored { idx, last, .. } => {
                self.line("load", &format!("{idx} {}", last.index), None);
            }
            ObservationKind::Stepping { event, .. } => self.on_heard(event),
            ObservationKind::Invoked { client, what, .. } => self.on_invoked(client, what),
            ObservationKind::Returned { client, what, .. } => self.on_returned(client, what),
            ObservationKind::Network(change) => {
                let (verb, detail) = display::network(change);
                self.line(verb, &detail, None);
            }
            ObservationKind::Healed { core } => self.line("calm", &display::set(core), None),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::NetworkChange;
    use wavetank_raft::Server;

    #[test]
    fn a_long_label_or_term_moves_no_column() {
        let mut story = Story::new(2);
        story.cells = vec![ColumnState::Up(RoleName::Leader, Term(12_345)), ColumnState::Down];
        story.line("told", &"long ".repeat(50), Some(ServerIdx(0)));
        let change = NetworkChange::HealAll;
        let kind = ObservationKind::<'_, Server>::Network(&change);
        story.on_observation(&Observation::<'_> { at: Time(1_234_567), step: 89, kind });
        let story = story.take();
        let lines: Vec<&str> = story.lines().collect();
        let column = lines[0].find("n2").expect("the header names the server");
        assert!(lines[1..].iter().all(|line| line[column..].starts_with("-      ")), "{story}");
        assert_eq!(lines[2], "     89    1234.567  L12345 -      heal");
    }

    #[test]
    fn the_last_line_of_a_failed_run_tells_the_violation() {
        let panic = Verdict::Panicked("index 3 is missing".to_owned());
        assert!(violation(&panic).is_some_and(|line| line.ends_with(">>> panic: index 3 is missing")));
        assert_eq!(violation(&Verdict::Held), None);
    }

    #[test]
    fn a_long_story_is_cut_to_its_last_lines() {
        let story = |lines: usize| (0..lines).map(|line| format!("{line}\n")).collect::<String>();
        let (short, long) = (story(60), story(63));
        assert_eq!(last_lines(&short), (0, short.lines().collect()));
        let (left_out, lines) = last_lines(&long);
        assert_eq!((left_out, lines.len(), lines[0], lines[59]), (3, 60, "3", "62"));
        assert_eq!(last_lines(""), (0, Vec::new()));
    }
}
