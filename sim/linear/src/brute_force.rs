//! Checks a short history: tries every order of the operations. Tests compare the verdicts of the search with
//! the verdicts of this function.

use super::{Effect, History};

pub(super) fn is_linearizable(history: &History) -> bool {
    let left = (0..history.operations.len()).collect::<Vec<_>>();
    explains(history, &left, &history.values[0])
}

fn explains(history: &History, left: &[usize], state: &[u8]) -> bool {
    let of = |at: usize| history.operations[at];
    let is_done = |at: &usize| of(*at).is_pending() || of(*at).effect == Effect::Nothing;
    if left.iter().all(is_done) {
        return true;
    }
    left.iter().any(|&first| {
        let overtakes = |&at: &usize| of(at).returned < of(first).invoked;
        let is_next = !left.iter().any(overtakes);
        let rest = left.iter().copied().filter(|&at| at != first).collect::<Vec<_>>();
        is_next
            && after(history, of(first).effect, state).is_some_and(|state| explains(history, &rest, &state))
    })
}

fn after(history: &History, effect: Effect, state: &[u8]) -> Option<Vec<u8>> {
    let value = |number: u32| history.values[number as usize].to_vec();
    match effect {
        Effect::Nothing => Some(state.to_vec()),
        Effect::Read(seen) => (value(seen) == state).then(|| state.to_vec()),
        Effect::Mismatch(expected) => (value(expected) != state).then(|| state.to_vec()),
        Effect::Write(new) => Some(value(new)),
        Effect::Append(element) => Some([state.to_vec(), value(element)].concat()),
        Effect::Cas(expected, new) => (value(expected) == state).then(|| value(new)),
    }
}
