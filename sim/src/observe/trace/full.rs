//! Every event and action, a line each, in fixed columns.

use super::{TextTrace, words};
use crate::observe::observer::Observer;
use crate::observe::{Fate, Observation, Seen};
use crate::plan::server_set::ServerIdx;
use std::fmt::Write as _;
use wavetank_raft::Time;

/// A full trace. An event's line shows the server as it was before, its actions' lines as it is
/// after.
#[derive(Clone, Debug)]
pub struct Full {
    text: String,
    standings: [String; ServerIdx::MOST],
}

impl Default for Full {
    fn default() -> Self {
        Self::new()
    }
}

impl Full {
    /// Only the heads of the columns.
    #[must_use]
    pub fn new() -> Self {
        let head = "   time (ms)    step node role term commit/last   event    detail\n";
        Self { text: head.to_owned(), standings: Default::default() }
    }

    fn line(&mut self, seen: &Observation<'_>, idx: Option<ServerIdx>, event: &str, detail: &str) {
        let standing = idx.map_or("", |idx| self.standings[idx.at()].as_str());
        let name = idx.map_or_else(String::new, |idx| idx.to_string());
        let (at, step) = (time(seen.at), seen.step);
        let line = format!("{at:>12} {step:>7} {name:<4} {standing:<23} {event:<8} {detail}");
        let _ = writeln!(self.text, "{}", line.trim_end());
    }
}

impl TextTrace for Full {
    fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

impl Observer for Full {
    fn on_observation(&mut self, seen: &Observation<'_>) {
        match seen.seen {
            Seen::Stepping { idx, event, server, .. } => {
                self.standings[idx.at()] = words::standing(server.node());
                let (verb, detail) = words::event(event);
                self.line(seen, Some(idx), verb, &detail);
            }
            Seen::Stepped { idx, server, actions } => {
                self.standings[idx.at()] = words::standing(server.node());
                for (verb, detail) in actions.iter().filter_map(words::action) {
                    self.line(seen, Some(idx), verb, &detail);
                }
            }
            Seen::Booted { idx, server, .. } => {
                self.standings[idx.at()] = words::standing(server.node());
                self.line(seen, Some(idx), "start", &format!("applied={}", server.applied()));
            }
            Seen::Crashed { idx, wiped } => {
                self.line(seen, Some(idx), "crash", if wiped { "and its disk is lost" } else { "" });
            }
            Seen::Paused(idx) => self.line(seen, Some(idx), "pause", ""),
            Seen::Resumed(idx) => self.line(seen, Some(idx), "resume", ""),
            Seen::Halted(idx) => self.line(seen, Some(idx), "halted", ""),
            Seen::Refused { idx, error } => self.line(seen, Some(idx), "refused", &error.to_string()),
            Seen::Damaged { idx, damage } => self.line(seen, Some(idx), "harmed", &damage.to_string()),
            Seen::Durable { idx, write, torn } => {
                let torn = torn.map_or_else(String::new, |kept| format!(" torn after {kept}"));
                self.line(seen, Some(idx), "synced", &format!("{}{torn}", words::write(write)));
            }
            Seen::Applied { idx, batch, digest } => {
                let last = batch.entries.last().map(|entry| entry.id.index).unwrap_or_default();
                self.line(seen, Some(idx), "state", &format!("{last} {digest:016x}"));
            }
            Seen::SnapshotTaken { idx, meta, digest } => {
                self.line(seen, Some(idx), "state", &format!("snapshot {} {digest:016x}", meta.last));
            }
            Seen::Restored { idx, last, digest } => {
                self.line(seen, Some(idx), "state", &format!("loaded {last} {digest:016x}"));
            }
            Seen::Sent { from, to, rpc, carried, fate } => {
                let verb = if fate == Fate::Lost { "lose" } else { "send" };
                let detail = format!("{from}>{to} q{:x} {}{}", rpc.0, words::carried(carried), arrival(fate));
                self.line(seen, Some(from), verb, &detail);
            }
            Seen::Invoked { client, operation, what } => {
                self.line(seen, None, "ask", &format!("c{client} o{operation} {what:?}"));
            }
            Seen::Returned { client, operation, ending, what } => {
                self.line(seen, None, "told", &format!("c{client} o{operation} {ending:?} {what:?}"));
            }
            Seen::Network(change) => {
                let (verb, detail) = words::network(change);
                self.line(seen, None, verb, &detail);
            }
            Seen::Healed { core } => self.line(seen, None, "healed", &words::set(core)),
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
