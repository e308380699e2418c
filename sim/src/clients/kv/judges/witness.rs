//! Tries the order of the log before any search. In this order, a command stands at its index. A read stands
//! after the last entry of the state that the read saw. If the order of the log explains the answers and
//! respects real time, the history is linearizable. Otherwise the order proves nothing, and a search is
//! needed.

use super::record::Record;
use crate::clients::callers::OperationAnswer;
use crate::clients::kv::clients::KvOperation;
use crate::clients::kv::wire::{CommandOutcome, Got, Response, Verb};
use crate::observe::OperationEnd;
use wavetank_raft::Index;

/// An operation, and the index at which the operation took effect.
struct LinearizationPoint<'a> {
    at: Index,
    is_read: bool,
    operation: &'a KvOperation,
}

/// True if the order of the log explains the operations of one key.
pub(super) fn explains(operations: &[KvOperation], record: &Record) -> bool {
    let Some(mut points) = points(operations, record) else { return false };
    points.sort_unstable_by_key(|point| (point.at, point.is_read, point.operation.order));
    let mut value = Vec::new();
    let mut last_begun = 0;
    points.iter().all(|point| {
        let in_time = match &point.operation.end {
            Some(end) if end.ending == OperationEnd::Ok => last_begun <= end.order,
            // An operation without a known end may take effect at any time.
            _ => true,
        };
        last_begun = last_begun.max(point.operation.order);
        in_time && apply(point.operation, &mut value)
    })
}

/// Returns the operations that took effect. Each operation comes with its index. Returns `None` if an answer
/// contradicts the log.
fn points<'a>(operations: &'a [KvOperation], record: &Record) -> Option<Vec<LinearizationPoint<'a>>> {
    let mut points = Vec::with_capacity(operations.len());
    for operation in operations {
        let place = match (operation.command(), operation.answer()) {
            (Some(command), _) => record.effect(&command).map(|effect| effect.index),
            (None, Some(OperationAnswer::Got(bytes))) => Some(Got::decode(bytes)?.applied),
            (None, _) => None,
        };
        let (done, failed) = (operation.ended(OperationEnd::Ok), operation.ended(OperationEnd::Failed));
        match place {
            Some(_) if failed => return None,
            Some(at) => {
                points.push(LinearizationPoint { at, is_read: operation.command().is_none(), operation });
            }
            None if done => return None,
            None => {}
        }
    }
    Some(points)
}

/// Applies the operation to the value of the key. Returns true if the operation's answer fits the value.
fn apply(operation: &KvOperation, value: &mut Vec<u8>) -> bool {
    let Some(command) = operation.command() else {
        let Some(OperationAnswer::Got(bytes)) = operation.answer() else { return true };
        return Got::decode(bytes).is_some_and(|got| got.value == value.as_slice());
    };
    let is_match = match command.verb {
        Verb::Cas { expected, .. } => value == expected,
        _ => true,
    };
    if is_match {
        match command.verb {
            Verb::Put(new) | Verb::Cas { new, .. } => new.clone_into(value),
            Verb::Append(more) => value.extend_from_slice(more),
            Verb::Delete => value.clear(),
        }
    }
    let Some(OperationAnswer::Applied(_, bytes)) = operation.answer() else { return true };
    let Some(response) = Response::decode(bytes) else { return false };
    match response.outcome {
        CommandOutcome::Done => is_match,
        CommandOutcome::Mismatch => !is_match,
        _ => false,
    }
}
