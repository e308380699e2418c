//! Checks linearizability for any object. A program gives the behaviour of the object.
//!
//! The algorithm is the search of Wing and Gong with the memo of Lowe, as for a [`History`](crate::History),
//! but this search does not know the meaning of the operations. If several operations may come next, the
//! search first tries the operation with the smallest number. Therefore a search ends soon if the list of the
//! operations is nearly in a legal order.

use crate::CheckResult;
use std::collections::BTreeSet;

/// Defines the behaviour of an object, and has the operations of one history. The operations are numbered from 0.
pub trait Specification {
    /// The state of the object.
    type State: Clone;

    /// Returns the initial state.
    fn initial(&self) -> Self::State;

    /// Executes an operation. Returns true if the output of the operation equals the output in the history,
    /// or if the history has no output for the operation.
    fn execute(&self, state: &mut Self::State, operation: usize) -> bool;

    /// Returns a hash of the state. Two states with equal hashes count as equal.
    fn hash(&self, state: &Self::State) -> u64;
}

/// The times of an operation. Only the order of the times matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OperationTimes {
    /// The time of the invocation.
    pub invoked: u64,
    /// The time of the completion; `None` if the operation did not complete. Such an operation may take
    /// effect at any time after the invocation, or never.
    pub returned: Option<u64>,
}

/// Searches for an order of the operations that explains every output. If the search executes `steps_max`
/// operations without a result, the result is [`CheckResult::Unknown`].
pub fn check<S: Specification>(
    specification: &S,
    operations: &[OperationTimes],
    steps_max: u64,
) -> CheckResult {
    let (initial, done) = (specification.initial(), vec![0; operations.len().div_ceil(64)]);
    let mut search = Search { specification, operations, done, memo: BTreeSet::new(), steps_left: steps_max };
    search.run(initial)
}

struct Search<'a, S> {
    specification: &'a S,
    operations: &'a [OperationTimes],
    /// The set of the linearized operations: one bit for each operation.
    done: Vec<u64>,
    /// The pairs that the search has reached: the set of the linearized operations, and the hash of the
    /// state.
    memo: BTreeSet<(Vec<u64>, u64)>,
    steps_left: u64,
}

/// A linearized operation, and the state before the operation.
struct Chosen<T> {
    operation: usize,
    before: T,
}

impl<S: Specification> Search<'_, S> {
    fn run(&mut self, initial: S::State) -> CheckResult {
        let (mut path, mut state): (Vec<Chosen<S::State>>, _) = (Vec::new(), initial);
        let mut from = 0;
        loop {
            let Some(horizon) = self.horizon() else { return CheckResult::Linearizable };
            match self.next(&state, horizon, from) {
                Some((operation, after)) => {
                    path.push(Chosen { operation, before: std::mem::replace(&mut state, after) });
                    from = 0;
                }
                None if self.steps_left == 0 => return CheckResult::Unknown,
                None => {
                    let Some(Chosen { operation, before }) = path.pop() else { return CheckResult::Illegal };
                    self.flip(operation);
                    (state, from) = (before, operation + 1);
                }
            }
        }
    }

    /// Returns the time of the first completion among the operations that are not linearized. Returns `None`
    /// if all completed operations are linearized.
    fn horizon(&self) -> Option<u64> {
        let open = self.operations.iter().enumerate().filter(|(at, _)| !self.has(*at));
        open.filter_map(|(_, it)| it.returned).min()
    }

    /// Linearizes the first operation that can come next, and returns the number of the operation and the new
    /// state. The operation meets three conditions: its invocation is not after `horizon`,
    /// [`Specification::execute`] returns true, and the memo does not have the new state together with the set
    /// of linearized operations. The search begins at the number `from`. Returns `None` if there is no such
    /// operation, or if the search has no steps left.
    fn next(&mut self, state: &S::State, horizon: u64, from: usize) -> Option<(usize, S::State)> {
        for operation in from..self.operations.len() {
            if self.has(operation) || horizon < self.operations[operation].invoked {
                continue;
            }
            self.steps_left = self.steps_left.checked_sub(1)?;
            let mut after = state.clone();
            if !self.specification.execute(&mut after, operation) {
                continue;
            }
            self.flip(operation);
            if self.memo.insert((self.done.clone(), self.specification.hash(&after))) {
                return Some((operation, after));
            }
            self.flip(operation);
        }
        None
    }

    fn has(&self, operation: usize) -> bool {
        self.done[operation / 64] & (1 << (operation % 64)) != 0
    }

    fn flip(&mut self, operation: usize) {
        self.done[operation / 64] ^= 1 << (operation % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CheckResult::{Illegal, Linearizable, Unknown};

    /// A register. `Ok` writes a value, and `Err` reads this value.
    struct Register(Vec<Result<u8, u8>>);

    impl Specification for Register {
        type State = u8;

        fn initial(&self) -> u8 {
            0
        }

        fn execute(&self, state: &mut u8, operation: usize) -> bool {
            match self.0[operation] {
                Ok(value) => *state = value,
                Err(value) => return *state == value,
            }
            true
        }

        fn hash(&self, state: &u8) -> u64 {
            u64::from(*state)
        }
    }

    fn checked(history: &[(Result<u8, u8>, u64, Option<u64>)], steps_max: u64) -> CheckResult {
        let register = Register(history.iter().map(|&(it, _, _)| it).collect());
        let times = history.iter().map(|&(_, invoked, returned)| OperationTimes { invoked, returned });
        check(&register, &times.collect::<Vec<_>>(), steps_max)
    }

    #[test]
    fn concurrent_operations_may_take_effect_in_any_order() {
        let history =
            [(Ok(1), 1, Some(10)), (Ok(2), 2, Some(9)), (Err(2), 11, Some(12)), (Err(2), 13, Some(14))];
        assert_eq!(checked(&history, 100), Linearizable);
        let swapped = [(Ok(1), 1, Some(10)), (Ok(2), 2, Some(9)), (Err(1), 11, Some(12))];
        assert_eq!(checked(&swapped, 100), Linearizable);
    }

    #[test]
    fn a_read_of_an_old_value_is_illegal() {
        let history = [(Ok(1), 1, Some(2)), (Ok(2), 3, Some(4)), (Err(1), 5, Some(6))];
        assert_eq!(checked(&history, 100), Illegal);
    }

    #[test]
    fn a_pending_operation_may_take_effect_late_or_never() {
        let late = [(Ok(1), 1, None), (Err(0), 2, Some(3)), (Err(1), 4, Some(5))];
        assert_eq!(checked(&late, 100), Linearizable);
        assert_eq!(checked(&late[..2], 100), Linearizable);
        let undone = [(Ok(1), 1, None), (Err(1), 2, Some(3)), (Err(0), 4, Some(5))];
        assert_eq!(checked(&undone, 100), Illegal);
    }

    #[test]
    fn a_search_is_stopped() {
        let history: Vec<_> =
            (0..20).map(|value| (Ok(value), 1, Some(90))).chain([(Err(99), 91, Some(92))]).collect();
        assert_eq!(checked(&history, 1_000), Unknown);
    }
}
