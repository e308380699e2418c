//! A history prepared for the search: everything that is known before the search begins.

use super::states::AppendStates;
use super::unreachable::Unreachable;
use super::writers::Writers;
use super::{Effect, HistoryOp};

/// The state of a key whose value makes no difference: no operation reads it, or reads a value that is made
/// from it by appending.
pub(super) const UNREAD: u32 = u32::MAX;

/// The value that every key starts with.
pub(super) const INITIAL: u32 = 0;

/// The operations: first the completed ones in the order of their invocations, then the pending ones. A
/// pending operation may or may not have happened.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) operations: Vec<HistoryOp>,
    /// The number of completed operations.
    pub(super) completed: usize,
    pub(super) initial: u32,
    /// The values that must be read; `None` if no operation produced one of them.
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

    /// Replaces all values that no operation reads by one number, and the effects of all operations that
    /// write such a value by one effect.
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

    /// Leaves out pending operations that cannot change the verdict: for every order with such an operation
    /// there is an order without it. The write of such an operation matters only to a `cas` that fails.
    fn drop_pointless(&mut self) {
        if !self.operations.iter().any(|it| matches!(it.effect, Effect::Mismatch(_))) {
            self.operations.retain(|it| !it.is_pending() || it.writes() != Some(UNREAD));
        }
    }
}

/// Returns, for each value, whether an operation compares it with the state.
fn seen(operations: &[HistoryOp], values: usize) -> Vec<bool> {
    let mut seen = vec![false; values];
    for it in operations {
        if let Effect::Read(value) | Effect::Mismatch(value) | Effect::Cas(value, _) = it.effect {
            seen[value as usize] = true;
        }
    }
    seen
}
