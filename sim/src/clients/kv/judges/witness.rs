//! The order that the log itself suggests, tried before any search: commands where they took
//! effect, reads after the entry whose state they saw. If it respects what clients saw and when,
//! the history is linearizable and there is nothing to search for. If not, that proves nothing.

use super::record::Record;
use crate::clients::callers::Told;
use crate::clients::kv::clients::Operation;
use crate::clients::kv::wire::{Got, Outcome, Response, Verb};
use crate::observe::OperationEnd;
use wavetank_raft::Index;

/// An operation at its place.
struct Point<'a> {
    at: Index,
    is_read: bool,
    operation: &'a Operation,
}

/// Whether the log's own order explains the operations of one key.
pub(super) fn explains(operations: &[Operation], record: &Record) -> bool {
    let Some(mut points) = points(operations, record) else { return false };
    points.sort_unstable_by_key(|point| (point.at, point.is_read, point.operation.order));
    let mut value = Vec::new();
    let mut last_begun = 0;
    points.iter().all(|point| {
        let in_time = match &point.operation.end {
            Some(end) if end.ending == OperationEnd::Ok => last_begun <= end.order,
            // A client that gave up does not know when it took effect.
            _ => true,
        };
        last_begun = last_begun.max(point.operation.order);
        in_time && takes_place(point.operation, &mut value)
    })
}

/// Every operation that took effect, or says that it did; `None` if one claims what the log does
/// not show.
fn points<'a>(operations: &'a [Operation], record: &Record) -> Option<Vec<Point<'a>>> {
    let mut points = Vec::with_capacity(operations.len());
    for operation in operations {
        let place = match (operation.command(), operation.told()) {
            (Some(command), _) => record.effect(&command).map(|effect| effect.index),
            (None, Some(Told::Got(bytes))) => Some(Got::decode(bytes)?.applied),
            (None, _) => None,
        };
        let (done, failed) = (operation.ended(OperationEnd::Ok), operation.ended(OperationEnd::Failed));
        match place {
            Some(_) if failed => return None,
            Some(at) => points.push(Point { at, is_read: operation.command().is_none(), operation }),
            None if done => return None,
            None => {}
        }
    }
    Some(points)
}

/// Carries the operation out on the key's value: whether it saw what it should have.
fn takes_place(operation: &Operation, value: &mut Vec<u8>) -> bool {
    let Some(command) = operation.command() else {
        let Some(Told::Got(bytes)) = operation.told() else { return true };
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
    let Some(Told::Applied(_, bytes)) = operation.told() else { return true };
    let Some(response) = Response::decode(bytes) else { return false };
    match response.outcome {
        Outcome::Done => is_match,
        Outcome::Mismatch => !is_match,
        _ => false,
    }
}
