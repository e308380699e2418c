//! The history of the clients as lines of JSON: one line for each beginning and each end of an operation.

use super::KvOperation;
use crate::clients::callers::{Completion, OperationAnswer};
use crate::clients::kv::wire::{CommandOutcome, Got, Response, Verb};
use crate::engine::workload::Want;
use crate::observe::observer::Observer;
use crate::observe::{Observation, ObservationKind, OperationEnd};
use crate::subject::Subject;
use serde_json::{Value, json};
use std::any::Any;
use std::collections::BTreeMap;
use wavetank_raft::{ReadPath, Time};

/// Records the history of all client operations.
#[derive(Debug, Default)]
pub struct HistoryRecorder {
    operations: BTreeMap<u64, KvOperation>,
}

impl<S: Subject> Observer<S> for HistoryRecorder {
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        if let ObservationKind::Invoked { what, .. } | ObservationKind::Returned { what, .. } =
            observation.kind
            && let Some(operation) = (what as &dyn Any).downcast_ref::<KvOperation>()
        {
            self.operations.insert(operation.number, operation.clone());
        }
    }
}

impl HistoryRecorder {
    /// Returns the history so far, in the format that [`wavetank_linear::judge`] reads. Stale reads and reads
    /// by [`ReadPath::Verify`] are left out, because these reads do not claim to be up to date.
    #[must_use]
    pub fn text(&self) -> String {
        let mut events = Vec::with_capacity(2 * self.operations.len());
        for operation in self.operations.values().filter(|operation| claims_to_be_current(operation)) {
            events.push((operation.order, None, operation));
            if let Some(end) = &operation.end {
                events.push((end.order, Some(end), operation));
            }
        }
        events.sort_unstable_by_key(|&(order, _, _)| order);
        let lines = events.into_iter().map(|(_, end, operation)| match end {
            Some(end) => completion(operation, end),
            None => line(operation, "invoke", &wanted(operation), operation.invoked),
        });
        lines.fold(String::new(), |text, line| text + &line.to_string() + "\n")
    }
}

fn claims_to_be_current(operation: &KvOperation) -> bool {
    match operation.wanted.want {
        Want::Apply(_) | Want::ApplyLog { .. } | Want::Read(ReadPath::Index | ReadPath::Lease, _) => true,
        Want::Read(ReadPath::Verify, _) | Want::Stale(_) => false,
    }
}

fn line(operation: &KvOperation, kind: &str, value: &Value, at: Time) -> Value {
    let f = match operation.command().map(|command| command.verb) {
        Some(Verb::Put(_) | Verb::Delete) => "write",
        Some(Verb::Append(_)) => "append",
        Some(Verb::Cas { .. }) => "cas",
        None => "read",
    };
    let (process, key, time) = (operation.client, operation.wanted.key, at.0 * 1_000);
    json!({ "process": process, "type": kind, "f": f, "key": key, "value": value, "time": time })
}

fn completion(operation: &KvOperation, end: &Completion) -> Value {
    let mut line = line(operation, kind(end), &returned(operation, end), end.at);
    if end.ending == OperationEnd::Failed {
        // Without this `error`, the `fail` of a cas would mean a mismatch.
        line["error"] = "refused".into();
    }
    line
}

fn wanted(operation: &KvOperation) -> Value {
    match operation.command().map(|command| command.verb) {
        Some(Verb::Put(value) | Verb::Append(value)) => text(value),
        Some(Verb::Cas { expected, new }) => json!([text(expected), text(new)]),
        Some(Verb::Delete) | None => Value::Null,
    }
}

fn kind(end: &Completion) -> &'static str {
    match (end.ending, outcome(end)) {
        (OperationEnd::Ok, None | Some(CommandOutcome::Done)) => "ok",
        (OperationEnd::Ok, Some(CommandOutcome::Mismatch)) => "fail",
        (OperationEnd::Failed, _) => "fail",
        (OperationEnd::Ok | OperationEnd::Unknown, _) => "info",
    }
}

fn outcome(end: &Completion) -> Option<CommandOutcome> {
    match &end.answer {
        Some(OperationAnswer::Applied(_, bytes)) => {
            Some(Response::decode(bytes).map_or(CommandOutcome::Malformed, |response| response.outcome))
        }
        Some(OperationAnswer::Got(_)) | None => None,
    }
}

fn returned(operation: &KvOperation, end: &Completion) -> Value {
    match &end.answer {
        Some(OperationAnswer::Got(bytes)) => Got::decode(bytes).map_or(Value::Null, |got| text(got.value)),
        Some(OperationAnswer::Applied(..)) | None => wanted(operation),
    }
}

fn text(value: &[u8]) -> Value {
    String::from_utf8_lossy(value).into()
}
