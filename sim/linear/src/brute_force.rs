//! The plain twin of the search: every order of a few operations, tried one after the other.

use super::{Act, History};

pub(super) fn is_linearizable(history: &History) -> bool {
    let left = (0..history.operations.len()).collect::<Vec<_>>();
    explains(history, &left, &history.values[0])
}

fn explains(history: &History, left: &[usize], state: &[u8]) -> bool {
    let of = |at: usize| history.operations[at];
    let is_done = |at: &usize| of(*at).ended.is_none() || of(*at).act == Act::Nothing;
    if left.iter().all(is_done) {
        return true;
    }
    left.iter().any(|&first| {
        let overtakes = |&at: &usize| of(at).ended.is_some_and(|ended| ended < of(first).begun);
        let is_next = !left.iter().any(overtakes);
        let rest = left.iter().copied().filter(|&at| at != first).collect::<Vec<_>>();
        is_next && after(history, of(first).act, state).is_some_and(|state| explains(history, &rest, &state))
    })
}

fn after(history: &History, act: Act, state: &[u8]) -> Option<Vec<u8>> {
    let value = |number: u32| history.values[number as usize].to_vec();
    match act {
        Act::Nothing => Some(state.to_vec()),
        Act::Read(seen) => (value(seen) == state).then(|| state.to_vec()),
        Act::Not(expected) => (value(expected) != state).then(|| state.to_vec()),
        Act::Write(new) => Some(value(new)),
        Act::Append(piece) => Some([state.to_vec(), value(piece)].concat()),
        Act::Swap(expected, new) => (value(expected) == state).then(|| value(new)),
    }
}
