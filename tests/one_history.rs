//! One small history, and bytes that say what clients wanted and were told: the search for an order
//! that explains it says what trying every order says.

use crate::decisions::Decisions;
use wavetank_sim::linear::{Answer, Came, Deed, History};

/// Operations at most; the twin tries every order of them.
const MOST: usize = 7;

/// Values to write, and values to be seen: some of them are others put together.
const PIECES: [&[u8]; 5] = [b"", b"1", b"2", b"12", b"a1"];
const SEEN: [&[u8]; 7] = [b"", b"1", b"2", b"12", b"112", b"a1", b"a1a1"];

/// An operation, as the twin knows it.
#[derive(Clone, Copy, Debug)]
struct Operation {
    deed: Deed<'static>,
    begun: usize,
    /// When it ended, and how.
    ended: Option<(usize, Came<'static>)>,
}

/// Makes a history of the bytes, and judges it twice.
///
/// # Panics
/// When the judges do not agree, or a conflict is none.
pub fn run(bytes: &[u8]) {
    let operations = operations(&mut Decisions::new(bytes));
    let holds = is_linearizable(&operations);
    let history = told(&operations);
    let expected = if holds { Answer::Linearizable } else { Answer::Not };
    assert_eq!(history.check(&mut || true), expected, "{operations:?}");
    if !holds {
        let conflict = history.conflict(&mut || true);
        let kept: Vec<_> = conflict.iter().map(|&at| operations[at]).collect();
        assert!(!is_linearizable(&kept), "{operations:?}: {conflict:?} is no conflict");
    }
}

fn operations(d: &mut Decisions<'_>) -> Vec<Operation> {
    let mut operations: Vec<Operation> = Vec::new();
    let mut open = Vec::new();
    for moment in 0.. {
        let begins = operations.len() < MOST && !d.is_over() && (open.is_empty() || d.coin());
        if begins {
            open.push(operations.len());
            operations.push(Operation { deed: deed(d), begun: moment, ended: None });
        } else if open.is_empty() {
            break;
        } else {
            let at = open.swap_remove(usize::try_from(d.pick(open.len() as u64)).expect("a few"));
            let came = came(d, operations[at].deed);
            operations[at].ended = came.map(|came| (moment, came));
        }
    }
    operations
}

fn deed(d: &mut Decisions<'_>) -> Deed<'static> {
    match d.pick(4) {
        0 => Deed::Read,
        1 => Deed::Write(d.one_of(&PIECES)),
        2 => Deed::Append(d.one_of(&PIECES)),
        _ => Deed::Cas { expected: d.one_of(&SEEN), new: d.one_of(&PIECES) },
    }
}

fn came(d: &mut Decisions<'_>, deed: Deed<'static>) -> Option<Came<'static>> {
    match (d.pick(8), deed) {
        (0, _) => None,
        (1, _) => Some(Came::Nothing),
        (_, Deed::Read) => Some(Came::Saw(d.one_of(&SEEN))),
        (2 | 3, Deed::Cas { .. }) => Some(Came::Mismatch),
        (_, Deed::Write(_) | Deed::Append(_) | Deed::Cas { .. }) => Some(Came::Done),
    }
}

/// The history as its keeper is told of it, moment by moment.
fn told(operations: &[Operation]) -> History {
    let mut history = History::new(b"");
    for moment in 0..=2 * operations.len() {
        for (at, operation) in operations.iter().enumerate() {
            if operation.begun == moment {
                assert_eq!(history.begin(operation.deed), at);
            }
            match operation.ended {
                Some((ended, came)) if ended == moment => history.end(at, came),
                Some(_) | None => {}
            }
        }
    }
    history
}

fn is_linearizable(operations: &[Operation]) -> bool {
    explains(&operations.iter().collect::<Vec<_>>(), b"")
}

/// Whether what is left can be put in order after this state.
fn explains(left: &[&Operation], state: &[u8]) -> bool {
    let must = |one: &&Operation| one.ended.is_some_and(|(_, came)| came != Came::Nothing);
    if !left.iter().any(must) {
        return true;
    }
    left.iter().enumerate().any(|(at, first)| {
        let overtaken = left.iter().any(|one| one.ended.is_some_and(|(ended, _)| ended < first.begun));
        let rest: Vec<_> = [&left[..at], &left[at + 1..]].concat();
        !overtaken && after(first, state).is_some_and(|state| explains(&rest, &state))
    })
}

/// The state after an operation; `None` if it cannot have been told what it was told.
fn after(operation: &Operation, state: &[u8]) -> Option<Vec<u8>> {
    let came = operation.ended.map(|(_, came)| came);
    let is = |holds: bool, state: &[u8]| holds.then(|| state.to_vec());
    match (operation.deed, came) {
        (_, Some(Came::Nothing)) | (Deed::Read, None | Some(Came::Done | Came::Mismatch)) => is(true, state),
        (Deed::Read, Some(Came::Saw(seen))) => is(seen == state, state),
        (Deed::Cas { expected, .. }, Some(Came::Mismatch)) => is(expected != state, state),
        (Deed::Cas { expected, new }, None | Some(Came::Done | Came::Saw(_))) => is(expected == state, new),
        (Deed::Write(new), _) => is(true, new),
        (Deed::Append(piece), _) => Some([state, piece].concat()),
    }
}
