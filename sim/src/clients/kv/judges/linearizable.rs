//! The history of every key is linearizable: asked of the whole, once the run is over.
//!
//! The other checks know the order of the log. This one only tries it first: if it does not
//! explain what clients saw, some other order may.

use super::record::Record;
use super::{Check, Judged, Moment, Promises, witness};
use crate::clients::callers::Told;
use crate::clients::kv::clients::Operation;
use crate::clients::kv::wire::{Got, Outcome, Response, Verb};
use crate::observe::OperationEnd;
use std::collections::BTreeMap;
use wavetank_linear::{CheckResult, History, Input, Output};

/// Clients cannot tell the cluster from one server.
#[derive(Debug)]
pub(super) struct Linearizable {
    promises: Promises,
    /// The operations on each key that claim to be up to date, in the order of their beginnings.
    keys: BTreeMap<u32, Vec<Operation>>,
    /// Where each open operation stands among those of its key.
    open: BTreeMap<u64, usize>,
}

/// How many slices of a search each key gets. With values of their own nearly every history needs
/// less than one.
const MOST_SLICES: u32 = 256;

impl Linearizable {
    pub(super) const fn new(promises: Promises) -> Self {
        Self { promises, keys: BTreeMap::new(), open: BTreeMap::new() }
    }

    fn begin(&mut self, operation: &Operation) {
        if !self.promises.is_current(&operation.wanted.want) {
            return;
        }
        let operations = self.keys.entry(operation.wanted.key).or_default();
        self.open.insert(operation.number, operations.len());
        operations.push(operation.clone());
    }

    fn finish(&mut self, operation: &Operation) -> Judged {
        let at = self.open.remove(&operation.number)?;
        let operations = self.keys.get_mut(&operation.wanted.key).expect("an open operation has a key");
        operations[at] = operation.clone();
        // Whether it fits is asked at the end.
        Some(Ok(()))
    }
}

/// What the operations of one key say, without what the log says of them.
fn history(operations: &[Operation]) -> History {
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

fn input(operation: &Operation) -> Input<'_> {
    match operation.command().map(|command| command.verb) {
        Some(Verb::Put(value)) => Input::Write(value),
        Some(Verb::Append(value)) => Input::Append(value),
        Some(Verb::Cas { expected, new }) => Input::Cas { expected, new },
        Some(Verb::Delete) => Input::Write(&[]),
        None => Input::Read,
    }
}

/// The output of an operation, if it is known.
fn output(operation: &Operation) -> Option<Output<'_>> {
    if operation.ended(OperationEnd::Failed) {
        return Some(Output::Failed);
    }
    match operation.told()? {
        Told::Got(bytes) => Got::decode(bytes).map(|got| Output::Read(got.value)),
        Told::Applied(_, bytes) => match Response::decode(bytes)?.outcome {
            Outcome::Done => Some(Output::Done),
            Outcome::Mismatch => Some(Output::Mismatch),
            _ => None,
        },
    }
}

/// Goes on that many times.
fn patience(mut slices: u32) -> impl FnMut() -> bool {
    move || {
        slices = slices.saturating_sub(1);
        slices != 0
    }
}

impl Check for Linearizable {
    fn judge(&mut self, _: &Record, moment: &Moment<'_>) -> Judged {
        match moment {
            Moment::Invoked(operation) => self.begin(operation),
            Moment::Returned(operation) => return self.finish(operation),
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
                return Some(format!("no order explains what was seen of k{key}: {}", conflict.join("; ")));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::clients::kv::judges::fixture::{Fixture, N1};

    /// Reads of these values, one after the other, of a key that was never written.
    fn reads(values: &[&str]) -> Fixture {
        let mut fixture = Fixture::only("linearizable");
        for (number, value) in (1..).zip(values) {
            fixture.read(number, N1).sees(number, 9, 9, value);
        }
        assert_eq!(fixture.witnessed("linearizable"), values.len() as u64);
        fixture
    }

    #[test]
    fn an_order_that_explains_everything_is_enough() {
        reads(&["", ""]).is_quiet();
    }

    #[test]
    fn what_no_order_explains_is_cut_down_to_what_shows_it() {
        let words = "no order explains what was seen of k1: c1 #2 read k1 at n1: \"a\" of i9, state i9";
        reads(&["", "a", ""]).speaks("linearizable", words);
    }
}
