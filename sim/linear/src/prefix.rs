//! Finds the longest linearizable prefix of a history.

use super::{Effect, History, HistoryOp, NEVER};

/// An order of the operations in the longest linearizable prefix of a history. Every prefix of a linearizable
/// history is linearizable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderedPrefix {
    /// The numbers of the operations, in an order that explains the outputs of the operations. The list
    /// leaves out the operations without an effect, and some pending operations.
    pub order: Vec<usize>,
    /// The number of the operation whose completion comes directly after the prefix. No order explains the
    /// outputs of the prefix together with this completion.
    pub refused: usize,
}

/// Finds the longest linearizable prefix of a history. Returns `None` if the whole history is linearizable,
/// or if `keep_going` returned false.
pub(super) fn longest(history: &History, keep_going: &mut dyn FnMut() -> bool) -> Option<OrderedPrefix> {
    let mut ends: Vec<HistoryOp> = history.operations.iter().filter(|it| !it.is_pending()).copied().collect();
    ends.sort_unstable_by_key(|it| it.returned);
    // The prefix up to `ends[..low]` can be ordered, and the prefix up to `ends[..high]` cannot.
    let (mut low, mut high) = (0, ends.len() + 1);
    let mut order = Vec::new();
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        match order_up_to(history, ends[middle - 1].returned, keep_going)? {
            Some(found) => (low, order) = (middle, found),
            None => high = middle,
        }
    }
    let refused = ends.get(low)?.id as usize;
    Some(OrderedPrefix { order, refused })
}

/// Finds an order of the operations up to the moment `moment`. Returns `Some(None)` if there is no such
/// order, and `None` if `keep_going` returned false.
fn order_up_to(
    history: &History,
    moment: u32,
    keep_going: &mut dyn FnMut() -> bool,
) -> Option<Option<Vec<usize>>> {
    let cut = |it: &HistoryOp| match it.returned <= moment {
        true => *it,
        // The output is not known yet.
        false => HistoryOp { returned: NEVER, effect: unknown(it.effect), ..*it },
    };
    let operations: Vec<HistoryOp> =
        history.operations.iter().filter(|it| it.invoked <= moment).map(cut).collect();
    let searched: Vec<usize> = operations.iter().filter(|it| it.matters()).map(|it| it.id as usize).collect();
    let mut search = history.search(operations.into_iter());
    while keep_going() {
        if let Some(is_linearizable) = search.run(super::SLICE) {
            return Some(is_linearizable.then(|| search.order().map(|id| searched[id]).collect()));
        }
    }
    None
}

/// Returns the effect of an operation at a moment before its completion. A read has no effect. A cas that
/// later found another value counts as an operation without an effect, because the history no longer has the
/// value that the cas wanted to write.
fn unknown(effect: Effect) -> Effect {
    match effect {
        Effect::Nothing | Effect::Read(_) | Effect::Mismatch(_) => Effect::Nothing,
        Effect::Write(_) | Effect::Append(_) | Effect::Cas(..) => effect,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Input, Output};

    #[test]
    fn the_prefix_ends_before_the_operation_that_cannot_be_ordered() {
        let mut history = History::new(b"0");
        let one = history.invoke(Input::Write(b"1"));
        history.complete(one, Output::Done);
        let open = history.invoke(Input::Write(b"2"));
        let two = history.invoke(Input::Read);
        history.complete(two, Output::Read(b"2"));
        let old = history.invoke(Input::Read);
        history.complete(old, Output::Read(b"1"));
        let never = history.invoke(Input::Read);
        history.complete(never, Output::Read(b"1"));
        let prefix = history.longest_order(&mut || true);
        assert_eq!(prefix, Some(OrderedPrefix { order: vec![one, open, two], refused: old }));
        assert_eq!(history.longest_order(&mut || false), None);
    }

    #[test]
    fn a_linearizable_history_has_no_refused_operation() {
        let mut history = History::new(b"0");
        let one = history.invoke(Input::Read);
        history.complete(one, Output::Read(b"0"));
        assert_eq!(history.longest_order(&mut || true), None);
    }
}
