//! The events of a run without times. If only delays change, the story stays the same, unless another server
//! becomes the leader.

use super::{TextTrace, display};
use crate::observe::observer::Observer;
use crate::observe::{Observation, ObservationKind, is_operator_request};
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::subject::{Subject, View};
use std::fmt::Write as _;
use wavetank_raft::{Action, Event, Index, Payload, RoleName, Term};

/// A story. It has a line for each change of a role, each committed entry, each fault, and each result of a
/// client. It has a column for each server; a dot stands for a follower.
#[derive(Clone, Debug)]
pub struct Story {
    text: String,
    cells: Vec<ColumnState>,
    committed: Index,
    describe: Option<DescribeCommand>,
}

/// Returns the text of an encoded command, or `None` if the bytes are not a command.
pub type DescribeCommand = fn(&[u8]) -> Option<String>;

/// Returns the last lines of a long story, and the number of lines before them.
#[must_use]
pub fn last_lines(story: &str) -> (usize, Vec<&str>) {
    const MOST: usize = 60;
    let mut lines: Vec<&str> = story.lines().collect();
    let left_out = lines.len().saturating_sub(MOST);
    (left_out, lines.split_off(left_out))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ColumnState {
    Down,
    Paused,
    Up(RoleName, Term),
}

impl Story {
    /// Creates the story of a tank with `servers` servers.
    #[must_use]
    pub fn new(servers: usize) -> Self {
        let mut text = format!("{:TEXT_WIDTH$}", "");
        for idx in ServerSet::first(servers).iter() {
            let _ = write!(text, " {:<6}", idx.to_string());
        }
        let text = format!("{}\n", text.trim_end());
        Self { text, cells: vec![ColumnState::Down; servers], committed: Index::ZERO, describe: None }
    }

    /// Creates the story of a tank whose commands have a text.
    #[must_use]
    pub fn describing(servers: usize, describe: DescribeCommand) -> Self {
        Self { describe: Some(describe), ..Self::new(servers) }
    }

    /// Writes a line. It names the role of the server `changed`, even if this server is a follower.
    fn line(&mut self, verb: &str, detail: &str, changed: Option<ServerIdx>) {
        let mut line = format!("{verb:<8}{detail}");
        line = format!("{line:<TEXT_WIDTH$}");
        for (at, cell) in self.cells.iter().enumerate() {
            let is_new = changed.is_some_and(|idx| idx.at() == at);
            let _ = write!(line, " {:<6}", cell.text(is_new));
        }
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
            self.line("became", "", Some(idx));
        }
    }

    /// Writes a line for a refusal. Accepted calls need no line, because the story shows their effects.
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
                let command = match payload {
                    Payload::Command(data) => Some(data),
                    Payload::Extended(both) => Some(&both.data),
                    _ => None,
                };
                let described = self.describe.zip(command).and_then(|(describe, data)| describe(data));
                let text = described.unwrap_or_else(|| display::payload(payload));
                self.line("commit", &format!("{index} {text}"), None);
            }
        }
    }
}

/// The role and the term that a server shows. Without them it is a follower of term 0.
fn role_and_term(view: &View) -> (RoleName, Term) {
    (view.role.unwrap_or(RoleName::Follower), view.term.unwrap_or_default())
}

/// The width of the text before the columns of the servers.
const TEXT_WIDTH: usize = 44;

impl ColumnState {
    fn text(self, is_new: bool) -> String {
        match self {
            Self::Down => "-".to_owned(),
            Self::Paused => "zzz".to_owned(),
            Self::Up(RoleName::Follower, _) if !is_new => ".".to_owned(),
            Self::Up(role, term) => format!("{}{}", display::role(role), term.0),
        }
    }
}

impl TextTrace for Story {
    fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

impl<S: Subject> Observer<S> for Story {
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        match observation.kind {
            ObservationKind::Stepping { idx, event: Event::Call { request, call }, .. }
                if is_operator_request(*request) =>
            {
                self.line("ask", &format!("{idx} {}", display::call(call)), None);
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
            ObservationKind::Invoked { client, what, .. } => {
                self.line("ask", &format!("c{client} {what:?}"), None);
            }
            ObservationKind::Returned { client, ending, what, .. } => {
                self.line("told", &format!("c{client} {ending:?} {what:?}"), None);
            }
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
