//! The history of every key is linearizable: one order of the operations explains all answers and respects
//! real time (thesis §6.3, §6.4).
//!
//! The check runs at the end of the run. The check first tries the order of the log, and then searches for
//! another order. Other checks rely on the order of the log alone.

use super::record::Record;
use super::{ClientCheck, ClientEvent, ClientVerdict, Promises, witness};
use crate::clients::callers::OperationAnswer;
use crate::clients::kv::clients::KvOperation;
use crate::clients::kv::wire::{CommandOutcome, Got, Response, Verb};
use crate::observe::OperationEnd;
use std::collections::BTreeMap;
use wavetank_linear::{CheckResult, History, Input, Output};

/// Judges whether the cluster behaves like one server.
#[derive(Debug)]
pub(super) struct Linearizable {
    promises: Promises,
    /// For each key, the writes and the reads that claim to see the newest state, in the order in which the
    /// operations began.
    keys: BTreeMap<u32, Vec<KvOperation>>,
    /// For the number of each open operation, the position of the operation in its list in `keys`.
    open: BTreeMap<u64, usize>,
}

/// The maximum number of slices in the search for an order of one key's operations. A slice has a few thousand
/// search steps. Values are unique, so nearly every history needs less than one slice.
const MOST_SLICES: u32 = 256;

impl Linearizable {
    pub(super) const fn new(promises: Promises) -> Self {
        Self { promises, keys: BTreeMap::new(), open: BTreeMap::new() }
    }

    fn begin(&mut self, operation: &KvOperation) {
        if !self.promises.is_current(&operation.wanted.want) {
            return;
        }
        let operations = self.keys.entry(operation.wanted.key).or_default();
        self.open.insert(operation.number, operations.len());
        operations.push(operation.clone());
    }

    fn finish(&mut self, operation: &KvOperation) -> ClientVerdict {
        let at = self.open.remove(&operation.number)?;
        let operations = self.keys.get_mut(&operation.wanted.key).expect("an open operation has a key");
        operations[at] = operation.clone();
        // Linearizability is judged at the end.
        Some(Ok(()))
    }
}

/// Returns the history of one key's operations, without the order of the log.
fn history(operations: &[KvOperation]) -> History {
    let mut moments = Vec::with_capacity(2 * operations.len());
    for (at, operation) in operations.iter().enumerate() {
        moments.push((operation.order, at, None));
        let end = operation.end.as_ref().zip(output(operation));
        moments.extend(end.map(|(end, output)| (end.order, at, Some(output))));
    }
    moments.sort_unstable_by_key(|&(order, _, _)| order);
    let mut history = History::new(b"");
    for (_, at, output) in moments {
        match output {
            Some(output) => history.complete(at, output),
            None => {
                history.invoke(input(&operations[at]));
            }
        }
    }
    history
}

fn input(operation: &KvOperation) -> Input<'_> {
    match operation.command().map(|command| command.verb) {
        Some(Verb::Put(value)) => Input::Write(value),
        Some(Verb::Append(value)) => Input::Append(value),
        Some(Verb::Cas { expected, new }) => Input::Cas { expected, new },
        Some(Verb::Delete) => Input::Write(&[]),
        None => Input::Read,
    }
}

/// Returns the output of an operation, if the output is known.
fn output(operation: &KvOperation) -> Option<Output<'_>> {
    if operation.ended(OperationEnd::Failed) {
        return Some(Output::Failed);
    }
    match operation.answer()? {
        OperationAnswer::Got(bytes) => Got::decode(bytes).map(|got| Output::Read(got.value)),
        OperationAnswer::Applied(_, bytes) => match Response::decode(bytes)?.outcome {
            CommandOutcome::Done => Some(Output::Done),
            CommandOutcome::Mismatch => Some(Output::Mismatch),
            _ => None,
        },
    }
}

/// Returns a function that stops a search after this number of slices. The returned function returns false
/// when the search must stop.
fn patience(mut slices: u32) -> impl FnMut() -> bool {
    move || {
        slices = slices.saturating_sub(1);
        slices != 0
    }
}

impl ClientCheck for Linearizable {
    fn judge(&mut self, _: &Record, event: &ClientEvent<'_>) -> ClientVerdict {
        match event {
            ClientEvent::Invoked(operation) => self.begin(operation),
            ClientEvent::Returned(operation) => return self.finish(operation),
            _ => {}
        }
        None
    }

    fn end(&mut self, record: &Record) -> Option<String> {
        let unexplained = self.keys.iter().filter(|(_, operations)| !witness::explains(operations, record));
        for (&key, operations) in unexplained {
            let history = history(operations);
            if history.check(&mut patience(MOST_SLICES)) == CheckResult::Illegal {
                let conflict = history.conflict(&mut patience(16 * MOST_SLICES));
                let conflict: Vec<_> = conflict.iter().map(|&at| operations[at].to_string()).collect();
                return Some(format!("no order explains the answers for k{key}: {}", conflict.join("; ")));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::clients::kv::judges::fixture::{ClientFixture, N1};

    /// Reads of these values, one after the other, of a key that was never written.
    fn reads(values: &[&str]) -> ClientFixture {
        let mut fixture = ClientFixture::only("linearizable");
        for (number, value) in (1..).zip(values) {
            fixture.read(number, N1).sees(number, 9, 9, value);
        }
        assert_eq!(fixture.witnessed("linearizable"), values.len() as u64);
        fixture
    }

    #[test]
    fn a_history_with_a_legal_order_is_legal() {
        reads(&["", ""]).expect_holds();
    }

    #[test]
    fn a_violation_shows_only_the_operations_that_conflict() {
        let sentence = "no order explains the answers for k1: c1 #2 read k1 at n1: \"a\" of i9, state i9";
        reads(&["", "a", ""]).expect_violation("linearizable", sentence);
    }
}
