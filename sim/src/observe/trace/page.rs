//! A run as one page for a browser. Each server has a lane, and arrows between the lanes are messages.
//! Details of an item appear when the pointer is over the item.
//!
//! The page is self-contained: the page loads no other file.

use super::{TextTrace, display};
use crate::observe::observer::Observer;
use crate::observe::topology::Topology;
use crate::observe::{Fate, Observation, ObservationKind};
use crate::plan::server_set::ServerIdx;
use crate::subject::{Subject, View};
use serde_json::{Value, json};
use wavetank_raft::{Action, Event, RoleName, StoreJob, Time};

/// Collects the data of the page during a run.
#[derive(Clone, Debug)]
pub struct Page {
    servers: usize,
    topology: Topology,
    shown: [Option<(&'static str, u64, u64)>; ServerIdx::MAX_SERVERS],
    /// The changes of servers' states. Each has a time, a server, a state, a term, a commit index and a text.
    states: Vec<Value>,
    /// The messages. Each has the time of sending, the time of arrival (or null), the sender, the receiver
    /// and a text.
    messages: Vec<Value>,
    /// All other observations. Each has a time, a server (or null) and a text.
    notes: Vec<Value>,
    event: String,
}

impl Page {
    /// Creates a page with a lane for each of `servers` servers.
    #[must_use]
    pub fn new(servers: usize) -> Self {
        Self {
            servers,
            topology: Topology::new(servers),
            shown: [None; ServerIdx::MAX_SERVERS],
            states: Vec::new(),
            messages: Vec::new(),
            notes: Vec::new(),
            event: String::new(),
        }
    }

    /// Returns the page as HTML. `shows` is the result of [`TextTrace::take`]. `mark` is a time that the page
    /// marks.
    #[must_use]
    pub fn html(shows: &str, title: &str, verdict: &str, mark: Option<Time>) -> String {
        let text = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
        // A browser ends a script element at the first `</`, even inside a string. So every `<` of the
        // data is escaped.
        include_str!("page.html")
            .replace("{{title}}", &text(title))
            .replace("{{verdict}}", &text(verdict))
            .replace("{{mark}}", &mark.map_or_else(|| "null".to_owned(), |mark| mark.0.to_string()))
            .replace("{{shows}}", &shows.replace('<', "\\u003c"))
    }

    fn on_server_state(&mut self, at: Time, idx: ServerIdx, view: &View) {
        let state = match view.role {
            Some(RoleName::Follower) | None => "F",
            Some(RoleName::PreCandidate) => "P",
            Some(RoleName::Candidate) => "C",
            Some(RoleName::Leader) => "L",
        };
        let (term, commit) = (view.term.unwrap_or_default(), view.commit.unwrap_or_default());
        self.set_state(at, idx, (state, term.0, commit.0), display::state(view));
    }

    fn set_state(&mut self, at: Time, idx: ServerIdx, state: (&'static str, u64, u64), what: String) {
        if self.shown[idx.at()].replace(state) != Some(state) {
            let (state, term, commit) = state;
            self.states.push(json!([at.0, idx.0, state, term, commit, what]));
        }
    }

    fn note(&mut self, at: Time, idx: Option<ServerIdx>, what: String) {
        self.notes.push(json!([at.0, idx.map(|idx| idx.0), what]));
    }
}

impl TextTrace for Page {
    fn take(&mut self) -> String {
        let take = |values: &mut Vec<Value>| Value::Array(std::mem::take(values));
        json!({
            "servers": self.servers,
            "states": take(&mut self.states),
            "messages": take(&mut self.messages),
            "notes": take(&mut self.notes),
        })
        .to_string()
    }
}

impl<S: Subject> Observer<S> for Page {
    #[expect(clippy::too_many_lines, reason = "the match has one arm for each kind of observation")]
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        let at = observation.at;
        match observation.kind {
            ObservationKind::Stepping { event: Event::Call { call, .. }, idx, .. } => {
                self.event = format!("{idx} call {}", display::call(call));
            }
            ObservationKind::Stepping { .. } => self.event.clear(),
            ObservationKind::Stepped { idx, server, actions } => {
                self.on_server_state(at, idx, &server.view());
                for action in actions {
                    if let Action::Store(StoreJob::Persist(write)) = action {
                        self.note(at, Some(idx), format!("write {}", display::write(write)));
                    }
                }
                if !self.event.is_empty() {
                    let event = std::mem::take(&mut self.event);
                    self.note(at, Some(idx), event);
                }
            }
            ObservationKind::Booted { idx, server, .. } => {
                self.on_server_state(at, idx, &server.view());
                self.note(at, Some(idx), format!("{idx} starts"));
            }
            ObservationKind::Crashed { idx, wiped } => {
                let what = if wiped { "down, and its disk is lost" } else { "down" };
                self.set_state(at, idx, ("-", 0, 0), what.to_owned());
            }
            ObservationKind::Halted(idx) => {
                self.set_state(at, idx, ("-", 0, 0), "down, stopped by itself".to_owned());
            }
            ObservationKind::Refused { idx, error } => {
                self.set_state(at, idx, ("-", 0, 0), format!("down, and refuses to start: {error}"));
            }
            ObservationKind::Damaged { idx, damage } => self.note(at, Some(idx), damage.to_string()),
            ObservationKind::Paused(idx) => self.set_state(at, idx, ("z", 0, 0), "stands still".to_owned()),
            ObservationKind::Resumed(idx) => self.set_state(at, idx, ("F", 0, 0), "goes on".to_owned()),
            ObservationKind::Sent { from, to, rpc, carried, fate } => {
                let what = format!("{from}>{to} q{:x} {}", rpc.0, display::message(carried));
                let mut message = |arrives: Option<Time>| {
                    let arrives = arrives.map(|time| time.0);
                    self.messages.push(json!([at.0, arrives, from.0, to.0, what]));
                };
                match fate {
                    Fate::Arrives(first) => message(Some(first)),
                    Fate::ArrivesTwice(first, second) => {
                        message(Some(first));
                        message(Some(second));
                    }
                    Fate::Lost => message(None),
                }
            }
            ObservationKind::Applied { idx, batch, .. } => {
                let last = batch.entries.last().map(|entry| entry.id.index).unwrap_or_default();
                self.note(at, Some(idx), format!("{idx} has applied {last}"));
            }
            ObservationKind::Returned { client, ending, what, .. } => {
                self.note(at, None, format!("c{client} {ending:?} {what:?}"));
            }
            ObservationKind::Network(change) => {
                let (verb, detail) = display::network(change);
                self.topology.change(change);
                let cores: Vec<String> = self.topology.cores().iter().map(ToString::to_string).collect();
                self.note(at, None, format!("{verb} {detail}; connected: {}", cores.join(" | ")));
            }
            ObservationKind::Healed { core } => self.note(at, None, format!("healed {}", display::set(core))),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::NetworkChange;
    use crate::plan::server_set::ServerSet;

    #[test]
    fn a_note_says_which_servers_still_reach_each_other() {
        let mut page = Page::new(3);
        let cut = NetworkChange::CutOneWay(ServerSet::only(ServerIdx(0)), ServerSet::first(3));
        let observation: Observation<'_> =
            Observation { at: Time(5), step: 1, kind: ObservationKind::Network(&cut) };
        page.on_observation(&observation);
        assert!(page.take().contains("connected: n2 n3 | n1"));
    }
}
