//! The history of the clients, and the search for an order of the operations that explains all answers. The
//! state machine itself is the specification. The search is needed only if the order of the log does not
//! explain an answer.

use super::is_same_reply;
use super::reference::{Reference, apply, query};
use std::collections::BTreeMap;
use std::rc::Rc;
use wavetank_linear::CheckResult;
use wavetank_linear::specification::{OperationTimes, Specification, check};
use wavetank_machine::{StateMachine, decode};
use wavetank_raft::Data;

/// Divides the state into parts. Each function returns the number of the part that a command or a query uses.
/// Two operations with different parts must not affect each other.
pub(crate) struct Partition<T: StateMachine> {
    pub(crate) of_command: PartOf<T::Command>,
    pub(crate) of_query: PartOf<T::Query>,
}

/// A function that returns the number of the part that a command or a query uses.
type PartOf<V> = Box<dyn Fn(&V) -> u64>;

/// An operation of a client.
#[derive(Clone, Debug)]
pub(super) struct PastOperation {
    pub(super) input: PastInput,
    pub(super) invoked: u64,
    /// The position of the operation's end in the order of all beginnings and ends. `None` if the client got
    /// no answer.
    pub(super) returned: Option<u64>,
    pub(super) output: Option<Data>,
    /// The position of the operation in the order in which the search tries the operations.
    pub(super) hint: u64,
}

/// The request of an operation.
#[derive(Clone, Debug)]
pub(super) enum PastInput {
    Command(Data),
    Query(Data),
}

/// The operations for the search. Operations that had no effect and no answer are left out. The key is the
/// number of the operation.
pub(super) struct PastOperations<T: StateMachine> {
    operations: BTreeMap<u64, PastOperation>,
    partition: Option<Rc<Partition<T>>>,
}

/// The number of steps after which a search stops.
const STEPS_MAX: u64 = 100_000;

/// The maximum number of bytes of states that a search copies.
const COPIED_MAX: u64 = 1 << 30;

impl<T: StateMachine> PastOperations<T> {
    pub(super) const fn new(partition: Option<Rc<Partition<T>>>) -> Self {
        Self { operations: BTreeMap::new(), partition }
    }

    pub(super) fn begin(&mut self, number: u64, input: PastInput, invoked: u64) {
        let operation = PastOperation { input, invoked, returned: None, output: None, hint: u64::MAX };
        self.operations.insert(number, operation);
    }

    pub(super) fn end(&mut self, number: u64, returned: u64, output: &Data, hint: u64) {
        if let Some(operation) = self.operations.get_mut(&number) {
            operation.returned = Some(returned);
            operation.output = Some(Data::clone(output));
            operation.hint = hint;
        }
    }

    /// Removes an operation that had no effect and no answer.
    pub(super) fn forget(&mut self, number: u64) {
        self.operations.remove(&number);
    }

    /// Searches for an order of all operations that explains every answer. The result is
    /// [`CheckResult::Unknown`] if a search stops at its limit.
    pub(super) fn check(&self, reference: &Reference<T>) -> CheckResult {
        let mut parts: BTreeMap<u64, Vec<&PastOperation>> = BTreeMap::new();
        for operation in self.operations.values() {
            parts.entry(self.part_of(&operation.input)).or_default().push(operation);
        }
        let size = reference.machine().digest().bytes().max(1);
        let steps_max = STEPS_MAX.min(COPIED_MAX / size);
        let mut result = CheckResult::Linearizable;
        for mut operations in parts.into_values() {
            operations.sort_by_key(|operation| (operation.hint, operation.invoked));
            let times: Vec<_> = operations
                .iter()
                .map(|it| OperationTimes { invoked: it.invoked, returned: it.returned })
                .collect();
            match check(&PastPart { reference, operations }, &times, steps_max) {
                CheckResult::Illegal => return CheckResult::Illegal,
                CheckResult::Unknown => result = CheckResult::Unknown,
                CheckResult::Linearizable => {}
            }
        }
        result
    }

    fn part_of(&self, input: &PastInput) -> u64 {
        let Some(partition) = &self.partition else { return 0 };
        match input {
            PastInput::Command(data) => decode(data).map_or(0, |command| (partition.of_command)(&command)),
            PastInput::Query(data) => decode(data).map_or(0, |query| (partition.of_query)(&query)),
        }
    }
}

/// The operations on one part of the state.
struct PastPart<'a, T: StateMachine> {
    reference: &'a Reference<T>,
    operations: Vec<&'a PastOperation>,
}

impl<T: StateMachine> Specification for PastPart<'_, T> {
    type State = T;

    fn initial(&self) -> T {
        self.reference.initial()
    }

    fn execute(&self, state: &mut T, operation: usize) -> bool {
        let operation = self.operations[operation];
        let output = match &operation.input {
            PastInput::Command(data) => apply(state, data),
            PastInput::Query(data) => query(state, data),
        };
        operation.output.as_ref().is_none_or(|promised| is_same_reply::<T>(promised, &output))
    }

    fn hash(&self, state: &T) -> u64 {
        state.digest().hash()
    }
}
