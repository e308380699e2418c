//! Prepares a history for the search: finds the facts that are known before the search begins.

use super::states::AppendStates;
use super::unreachable::Unreachable;
use super::writers::Writers;
use super::{Effect, HistoryOp};

/// The number that stands for every state that makes no difference: no operation reads the value of the
/// state, and no operation reads a value that appends can make from this state.
pub(super) const UNREAD: u32 = u32::MAX;

/// The number of the initial value of the key.
pub(super) const INITIAL: u32 = 0;

/// The input of a search. First come the completed operations in the order of the invocations, then the
/// pending operations. A pending operation may or may not have happened.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) operations: Vec<HistoryOp>,
    /// The number of completed operations at the beginning of `operations`.
    pub(super) completed: usize,
    pub(super) initial: u32,
    /// The counts of the values that must be read; `None` if an operation must read a value that no operation
    /// can have produced.
    pub(super) unreachable: Option<Unreachable>,
    /// The states of the key; `None` if no operation appends.
    pub(super) states: Option<AppendStates>,
}

impl Problem {
    pub(super) fn new(values: &[Box<[u8]>], operations: impl Iterator<Item = HistoryOp>) -> Self {
        let numbered = (0..).zip(operations.filter(HistoryOp::matters));
        let mut operations = numbered.map(|(id, it)| HistoryOp { id, ..it }).collect::<Vec<_>>();
        let appends = operations.iter().any(|it| matches!(it.effect, Effect::Append(_)));
        let seen = seen(&operations, values.len());
        let writers = Writers::new(values, &operations, appends, &seen);
        writers.tighten(&mut operations);
        operations.sort_by_key(HistoryOp::is_pending);
        let mut problem = Self {
            completed: operations.partition_point(|it| !it.is_pending()),
            initial: INITIAL,
            unreachable: None,
            states: appends.then(|| AppendStates::new(values, &seen)),
            operations,
        };
        problem.unify_unread(values, &seen, &writers);
        problem.drop_pointless();
        problem.unreachable = writers.count(&problem.operations, appends);
        problem
    }

    /// Replaces every value that makes no difference by `UNREAD`. An append of an element that no operation
    /// reads becomes a write of `UNREAD`.
    fn unify_unread(&mut self, values: &[Box<[u8]>], seen: &[bool], writers: &Writers<'_>) {
        let states = self.states.as_ref();
        let matters = |value: u32| match states {
            Some(states) => states.leads_somewhere(&values[value as usize]),
            None => seen[value as usize],
        };
        let named = |value: u32| if matters(value) { value } else { UNREAD };
        self.initial = named(self.initial);
        for it in &mut self.operations {
            it.effect = match it.effect {
                Effect::Write(value) => Effect::Write(named(value)),
                Effect::Cas(expected, value) => Effect::Cas(expected, named(value)),
                Effect::Append(element) if !writers.is_seen(element, states) => Effect::Write(UNREAD),
                other => other,
            };
        }
    }

    /// Removes the pending operations that write `UNREAD`, unless the history has a failed `cas`. Only a
    /// failed `cas` can observe `UNREAD`. Without a failed `cas`, such a write cannot change the verdict: if
    /// an order with the write explains every output, the same order without the write explains every output,
    /// too.
    fn drop_pointless(&mut self) {
        if !self.operations.iter().any(|it| matches!(it.effect, Effect::Mismatch(_))) {
            self.operations.retain(|it| !it.is_pending() || it.writes() != Some(UNREAD));
        }
    }
}

/// Returns one flag for each value. The flag is true if an operation compares the value with the state.
fn seen(operations: &[HistoryOp], values: usize) -> Vec<bool> {
    let mut seen = vec![false; values];
    for it in operations {
        if let Effect::Read(value) | Effect::Mismatch(value) | Effect::Cas(value, _) = it.effect {
            seen[value as usize] = true;
        }
    }
    seen
}
