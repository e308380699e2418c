//! The history of every key is linearizable: asked of the whole, once the run is over.
//!
//! The other checks know the order of the log. This one only tries it first: if it does not
//! explain what clients saw, some other order may.

use super::record::Record;
use super::{Check, Moment, Promises, witness};
use crate::callers::Told;
use crate::history::{Answer, Came, Deed, History};
use crate::kv::clients::Operation;
use crate::kv::wire::{Got, Outcome, Response, Verb};
use crate::observe::Ending;
use std::collections::BTreeMap;
use std::fmt;

/// Clients cannot tell the cluster from one server.
#[derive(Debug)]
pub(super) struct Linearizable {
    promises: Promises,
    /// The operations on each key that claim to be up to date, in the order of their beginnings.
    keys: BTreeMap<u32, Vec<Operation>>,
    /// Where each open operation stands among those of its key.
    open: BTreeMap<u64, usize>,
    seen: u64,
}

/// Operations that no order explains.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Breach {
    key: u32,
    conflict: Vec<Operation>,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no order explains what was seen of k{}", self.key)?;
        for (at, operation) in self.conflict.iter().enumerate() {
            write!(f, "{} {operation}", if at == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

/// How many slices of a search each key gets. With values of their own nearly every history needs
/// less than one.
const MOST_SLICES: u32 = 256;

impl Linearizable {
    pub(super) const fn new(promises: Promises) -> Self {
        Self { promises, keys: BTreeMap::new(), open: BTreeMap::new(), seen: 0 }
    }

    fn begin(&mut self, operation: &Operation) {
        if !self.promises.is_current(&operation.wanted.want) {
            return;
        }
        let operations = self.keys.entry(operation.wanted.key).or_default();
        self.open.insert(operation.number, operations.len());
        operations.push(operation.clone());
    }

    fn finish(&mut self, operation: &Operation) {
        let Some(at) = self.open.remove(&operation.number) else { return };
        let operations = self.keys.get_mut(&operation.wanted.key).expect("an open operation has a key");
        operations[at] = operation.clone();
        self.seen += 1;
    }
}

/// What the operations of one key say, without what the log says of them.
fn history(operations: &[Operation]) -> History {
    let mut moments = Vec::with_capacity(2 * operations.len());
    for (at, operation) in operations.iter().enumerate() {
        moments.push((operation.order, at, None));
        let end = operation.end.as_ref().zip(came(operation));
        moments.extend(end.map(|(end, came)| (end.order, at, Some(came))));
    }
    moments.sort_unstable_by_key(|&(order, _, _)| order);
    let mut history = History::new(b"");
    for (_, at, came) in moments {
        match came {
            Some(came) => history.end(at, came),
            None => {
                history.begin(deed(&operations[at]));
            }
        }
    }
    history
}

fn deed(operation: &Operation) -> Deed<'_> {
    match operation.command().map(|command| command.verb) {
        Some(Verb::Put(value)) => Deed::Write(value),
        Some(Verb::Append(value)) => Deed::Append(value),
        Some(Verb::Cas { expected, new }) => Deed::Cas { expected, new },
        Some(Verb::Delete) => Deed::Write(&[]),
        None => Deed::Read,
    }
}

/// What came of an operation, if that is known.
fn came(operation: &Operation) -> Option<Came<'_>> {
    if operation.ended(Ending::Failed) {
        return Some(Came::Nothing);
    }
    match operation.told()? {
        Told::Got(bytes) => Got::decode(bytes).map(|got| Came::Saw(got.value)),
        Told::Applied(_, bytes) => match Response::decode(bytes)?.outcome {
            Outcome::Done => Some(Came::Done),
            Outcome::Mismatch => Some(Came::Mismatch),
            Outcome::Outdated | Outcome::Malformed => None,
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
    const NAME: &'static str = "linearizable";
    const SECTION: &'static str = "thesis §6";
    type Breach = Breach;

    fn judge(&mut self, _: &Record, moment: &Moment<'_>) -> Option<Breach> {
        match moment {
            Moment::Invoked(operation) => self.begin(operation),
            Moment::Returned(operation) => self.finish(operation),
            Moment::First(_) | Moment::Other(_) | Moment::Broke(_) => {}
        }
        None
    }

    fn end(&mut self, record: &Record) -> Option<Breach> {
        let unexplained = self.keys.iter().filter(|(_, operations)| !witness::explains(operations, record));
        for (&key, operations) in unexplained {
            let history = history(operations);
            if history.check(&mut patience(MOST_SLICES)) == Answer::Not {
                let conflict = history.conflict(&mut patience(16 * MOST_SLICES));
                let conflict = conflict.into_iter().map(|at| operations[at].clone()).collect();
                return Some(Breach { key, conflict });
            }
        }
        None
    }

    fn witnessed(&self) -> u64 {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callers::End;
    use crate::kv::clients::KvWant;
    use crate::slot::Slot;
    use wavetank_raft::{ReadPath, Time};

    /// The read of this number, one after the other.
    fn read(number: u64, value: &str) -> (Operation, Operation) {
        let begun = Operation {
            number,
            client: 1,
            pinned: Some(Slot(0)),
            wanted: KvWant::read(1, Some(ReadPath::Index)),
            invoked: Time(0),
            order: 2 * number,
            end: None,
        };
        let got = Got {
            applied: wavetank_raft::Index(9),
            version: wavetank_raft::Index(9),
            value: value.as_bytes(),
        };
        let answer = Some(Told::Got(got.encode()));
        let end = End { at: Time(0), order: 2 * number + 1, ending: Ending::Ok, answer };
        (begun.clone(), Operation { end: Some(end), ..begun })
    }

    fn judged(reads: &[&str]) -> Option<String> {
        let mut check = Linearizable::new(Promises { leases_hold: true });
        for (number, value) in (1..).zip(reads) {
            let (begun, ended) = read(number, value);
            check.judge(&Record::default(), &Moment::Invoked(&begun));
            check.judge(&Record::default(), &Moment::Returned(&ended));
        }
        assert_eq!(check.witnessed(), reads.len() as u64);
        check.end(&Record::default()).map(|breach| breach.to_string())
    }

    #[test]
    fn an_order_that_explains_everything_is_enough() {
        assert_eq!(judged(&["", ""]), None);
    }

    #[test]
    fn what_no_order_explains_is_cut_down_to_what_shows_it() {
        let words = "no order explains what was seen of k1: c1 #2 read k1 at n1: \"a\" of i9, state i9";
        assert_eq!(judged(&["", "a", ""]).as_deref(), Some(words));
    }
}
