//! The trace with all observations as JSON values, one value in each line.

use super::{TextTrace, display};
use crate::observe::observer::Observer;
use crate::observe::{Fate, MessageRef, Observation, ObservationKind};
use crate::subject::Subject;
use serde_json::{Map, Value, json};
use wavetank_raft::NodeId;

/// A trace in JSON lines. Each value has the fields `at` (in microseconds), `step` and `kind`, and other
/// fields that depend on the kind.
#[derive(Clone, Debug, Default)]
pub struct Json {
    text: String,
}

impl TextTrace for Json {
    fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

impl<S: Subject> Observer<S> for Json {
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        let (name, detail) = fields_of(&observation.kind);
        let mut line = Map::new();
        line.insert("at".to_owned(), observation.at.0.into());
        line.insert("step".to_owned(), observation.step.into());
        line.insert("kind".to_owned(), name.into());
        if let Value::Object(detail) = detail {
            line.extend(detail);
        }
        self.text += &Value::Object(line).to_string();
        self.text.push('\n');
    }
}

fn fields_of<S: Subject>(kind: &ObservationKind<'_, S>) -> (&'static str, Value) {
    match *kind {
        ObservationKind::Stepping { idx, event, .. } => {
            ("stepping", json!({"node": idx.to_string(), "event": event}))
        }
        ObservationKind::Stepped { idx, server, actions } => {
            ("stepped", json!({"node": idx.to_string(), "server": view(server), "actions": actions}))
        }
        ObservationKind::Booted { idx, server, boot, log } => {
            let value = json!({
                "node": idx.to_string(), "server": view(server), "incarnation": boot.incarnation,
                "hard_state": boot.hard_state, "snapshot": boot.snapshot, "log": log,
            });
            ("booted", value)
        }
        ObservationKind::Crashed { idx, wiped } => {
            ("crashed", json!({"node": idx.to_string(), "wiped": wiped}))
        }
        ObservationKind::Paused(idx) => ("paused", json!({"node": idx.to_string()})),
        ObservationKind::Resumed(idx) => ("resumed", json!({"node": idx.to_string()})),
        ObservationKind::Halted(idx) => ("halted", json!({"node": idx.to_string()})),
        ObservationKind::Refused { idx, error } => {
            ("refused", json!({"node": idx.to_string(), "error": error}))
        }
        ObservationKind::Damaged { idx, damage } => {
            ("damaged", json!({"node": idx.to_string(), "damage": damage.to_string()}))
        }
        ObservationKind::Durable { idx, write, torn } => {
            ("durable", json!({"node": idx.to_string(), "write": write, "torn": torn}))
        }
        ObservationKind::Applied { idx, batch, digest } => {
            let indexes: Vec<u64> = batch.entries.iter().map(|entry| entry.id.index.0).collect();
            ("applied", json!({"node": idx.to_string(), "indexes": indexes, "digest": hex(digest)}))
        }
        ObservationKind::SnapshotTaken { idx, meta, digest } => {
            ("snapshot_taken", json!({"node": idx.to_string(), "meta": meta, "digest": hex(digest)}))
        }
        ObservationKind::Restored { idx, last, digest } => {
            ("restored", json!({"node": idx.to_string(), "last": last, "digest": hex(digest)}))
        }
        ObservationKind::Sent { from, to, rpc, carried, fate } => {
            let (kind, message) = match carried {
                MessageRef::Request(request) => ("request", json!(request)),
                MessageRef::Response(response) => ("response", json!(response)),
            };
            let value = json!({
                "from": from.to_string(), "to": to.to_string(), "rpc": rpc, kind: message,
                "arrives": arrivals(fate),
            });
            ("sent", value)
        }
        ObservationKind::Invoked { client, operation, what } => {
            ("invoked", json!({"client": client, "operation": operation, "what": format!("{what:?}")}))
        }
        ObservationKind::Returned { client, operation, ending, what } => {
            let (ending, what) = (format!("{ending:?}"), format!("{what:?}"));
            ("returned", json!({"client": client, "operation": operation, "ending": ending, "what": what}))
        }
        ObservationKind::Network(change) => ("network", json!({"change": change})),
        ObservationKind::Healed { core } => ("healed", json!({"core": display::set(core)})),
    }
}

/// Returns the view of a server as a JSON value. A part that the server does not show is null.
fn view<S: Subject>(server: &S) -> Value {
    let view = server.view();
    let name = |node: Option<Option<NodeId>>| node.flatten().map(|node| node.to_string());
    json!({
        "role": view.role, "term": view.term, "vote": name(view.vote), "leader": name(view.leader),
        "last": view.last, "commit": view.commit, "applied": view.applied,
    })
}

fn arrivals(fate: Fate) -> Vec<u64> {
    match fate {
        Fate::Arrives(at) => vec![at.0],
        Fate::ArrivesTwice(first, second) => vec![first.0, second.0],
        Fate::Lost => Vec::new(),
    }
}

/// Formats a digest as hexadecimal text, because many JSON parsers round numbers of 64 bits.
fn hex(digest: u64) -> String {
    format!("{digest:016x}")
}
