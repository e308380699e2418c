//! The trace with all events and actions, one line for each event or action, in fixed columns.

use super::{CommandText, TextTrace, UNKNOWN, display};
use crate::observe::observer::Observer;
use crate::observe::{Fate, Observation, ObservationKind};
use crate::plan::server_set::ServerIdx;
use crate::subject::Subject;
use std::fmt::Write as _;
use wavetank_raft::Time;

/// A trace with all events and actions. The line of an event shows the state of the server before the event.
/// The lines of the resulting actions show the state after the event.
#[derive(Clone, Debug)]
pub struct Full {
    text: String,
    commands: CommandText,
    states: [String; ServerIdx::MAX_SERVERS],
}

impl Default for Full {
    fn default() -> Self {
        Self::new()
    }
}

impl Full {
    /// Creates a trace that contains only the column headers.
    #[must_use]
    pub fn new() -> Self {
        let head = "   time (ms)    step node role term commit/last   event    detail\n";
        Self { text: head.to_owned(), commands: UNKNOWN, states: Default::default() }
    }

    /// Sets the function that formats the commands of the state machine.
    #[must_use]
    pub fn with_commands(self, commands: CommandText) -> Self {
        Self { commands, ..self }
    }

    fn see(&mut self, idx: ServerIdx, server: &impl Subject) {
        self.states[idx.at()] = display::state(&server.view());
    }

    fn line<S: Subject>(
        &mut self,
        observation: &Observation<'_, S>,
        idx: Option<ServerIdx>,
        event: &str,
        detail: &str,
    ) {
        let state = idx.map_or("", |idx| self.states[idx.at()].as_str());
        let name = idx.map_or_else(String::new, |idx| idx.to_string());
        let (at, step) = (time(observation.at), observation.step);
        let line = format!("{at:>12} {step:>7} {name:<4} {state:<23} {event:<8} {detail}");
        let _ = writeln!(self.text, "{}", line.trim_end());
    }
}

impl TextTrace for Full {
    fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

impl<S: Subject> Observer<S> for Full {
    #[expect(clippy::too_many_lines, reason = "the match has one arm for each kind of observation")]
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        match observation.kind {
            ObservationKind::Stepping { idx, event, server, .. } => {
                self.see(idx, server);
                let (verb, detail) = display::event::<S>(event, self.commands);
                self.line(observation, Some(idx), verb, &detail);
            }
            ObservationKind::Stepped { idx, server, actions } => {
                self.see(idx, server);
                let commands = self.commands;
                for (verb, detail) in actions.iter().filter_map(|action| display::action(action, commands)) {
                    self.line(observation, Some(idx), verb, &detail);
                }
            }
            ObservationKind::Booted { idx, server, .. } => {
                self.see(idx, server);
                let applied = format!("applied={}", display::shown(server.view().applied));
                self.line(observation, Some(idx), "start", &applied);
            }
            ObservationKind::Crashed { idx, wiped } => {
                self.line(observation, Some(idx), "crash", if wiped { "the disk is lost" } else { "" });
            }
            ObservationKind::Paused(idx) => self.line(observation, Some(idx), "pause", ""),
            ObservationKind::Resumed(idx) => self.line(observation, Some(idx), "resume", ""),
            ObservationKind::Halted(idx) => self.line(observation, Some(idx), "halted", ""),
            ObservationKind::Refused { idx, error } => {
                self.line(observation, Some(idx), "refused", &error.to_string());
            }
            ObservationKind::Damaged { idx, damage } => {
                self.line(observation, Some(idx), "damaged", &damage.to_string());
            }
            ObservationKind::Durable { idx, write, torn } => {
                let torn = torn.map_or_else(String::new, |kept| format!(" torn after {kept}"));
                self.line(
                    observation,
                    Some(idx),
                    "synced",
                    &format!("{}{torn}", display::write(write, self.commands)),
                );
            }
            ObservationKind::Applied { idx, batch, digest } => {
                let last = batch.entries.last().map(|entry| entry.id.index).unwrap_or_default();
                self.line(observation, Some(idx), "state", &format!("{last} {digest:016x}"));
            }
            ObservationKind::SnapshotTaken { idx, meta, digest } => {
                self.line(observation, Some(idx), "state", &format!("snapshot {} {digest:016x}", meta.last));
            }
            ObservationKind::Restored { idx, last, digest } => {
                self.line(observation, Some(idx), "state", &format!("loaded {last} {digest:016x}"));
            }
            ObservationKind::Sent { from, to, rpc, carried, fate } => {
                let verb = if fate == Fate::Lost { "lose" } else { "send" };
                let (message, arrival) = (display::message(carried, self.commands), arrival(fate));
                let detail = format!("{from}>{to} q{:x} {message}{arrival}", rpc.0);
                self.line(observation, Some(from), verb, &detail);
            }
            ObservationKind::Invoked { client, operation, what } => {
                self.line(observation, None, "ask", &format!("c{client} o{operation} {what:?}"));
            }
            ObservationKind::Returned { client, operation, ending, what } => {
                self.line(observation, None, "told", &format!("c{client} o{operation} {ending:?} {what:?}"));
            }
            ObservationKind::Network(change) => {
                let (verb, detail) = display::network(change);
                self.line(observation, None, verb, &detail);
            }
            ObservationKind::Healed { core } => self.line(observation, None, "healed", &display::set(core)),
        }
    }
}

fn time(at: Time) -> String {
    format!("{}.{:03}", at.0 / 1_000, at.0 % 1_000)
}

fn arrival(fate: Fate) -> String {
    match fate {
        Fate::Arrives(at) => format!(" at {}", time(at)),
        Fate::ArrivesTwice(first, second) => format!(" at {} and {}", time(first), time(second)),
        Fate::Lost => String::new(),
    }
}
