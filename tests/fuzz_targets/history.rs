//! Bytes become a small history of clients. The linearizability checker must give the same verdict as
//! a twin that tries every order.

use crate::decisions::Decisions;
use wavetank_sim::linear::{CheckResult, History, Input, Output};

/// The largest number of operations. It is small, because the twin tries every order of them.
const MOST: usize = 7;

/// Values to write and to read. Some of them are concatenations of others.
const PIECES: [&[u8]; 5] = [b"", b"1", b"2", b"12", b"a1"];
const SEEN: [&[u8]; 7] = [b"", b"1", b"2", b"12", b"112", b"a1", b"a1a1"];

/// An operation of the twin's history.
#[derive(Clone, Copy, Debug)]
struct Operation {
    input: Input<'static>,
    begun: usize,
    /// The time at which the operation ended, and its output.
    ended: Option<(usize, Output<'static>)>,
}

/// Makes a history of the bytes, and judges it by both checkers.
///
/// # Panics
/// Panics when the checkers disagree, or when a reported conflict is linearizable.
pub fn run(bytes: &[u8]) {
    let operations = operations(&mut Decisions::new(bytes));
    let holds = is_linearizable(&operations);
    let history = told(&operations);
    let expected = if holds { CheckResult::Linearizable } else { CheckResult::Illegal };
    assert_eq!(history.check(&mut || true), expected, "{operations:?}");
    if !holds {
        let conflict = history.conflict(&mut || true);
        let kept: Vec<_> = conflict.iter().map(|&at| operations[at]).collect();
        assert!(
            !is_linearizable(&kept),
            "{operations:?}: {conflict:?} is linearizable, so it is not a conflict"
        );
    }
}

fn operations(d: &mut Decisions<'_>) -> Vec<Operation> {
    let mut operations: Vec<Operation> = Vec::new();
    let mut open = Vec::new();
    for moment in 0.. {
        let begins = operations.len() < MOST && !d.is_over() && (open.is_empty() || d.coin());
        if begins {
            open.push(operations.len());
            operations.push(Operation { input: input(d), begun: moment, ended: None });
        } else if open.is_empty() {
            break;
        } else {
            let at =
                open.swap_remove(usize::try_from(d.pick(open.len() as u64)).expect("the number is small"));
            let output = output(d, operations[at].input);
            operations[at].ended = output.map(|output| (moment, output));
        }
    }
    operations
}

fn input(d: &mut Decisions<'_>) -> Input<'static> {
    match d.pick(4) {
        0 => Input::Read,
        1 => Input::Write(d.one_of(&PIECES)),
        2 => Input::Append(d.one_of(&PIECES)),
        _ => Input::Cas { expected: d.one_of(&SEEN), new: d.one_of(&PIECES) },
    }
}

fn output(d: &mut Decisions<'_>, input: Input<'static>) -> Option<Output<'static>> {
    match (d.pick(8), input) {
        (0, _) => None,
        (1, _) => Some(Output::Failed),
        (_, Input::Read) => Some(Output::Read(d.one_of(&SEEN))),
        (2 | 3, Input::Cas { .. }) => Some(Output::Mismatch),
        (_, Input::Write(_) | Input::Append(_) | Input::Cas { .. }) => Some(Output::Done),
    }
}

/// The history as the checker takes it, event by event.
fn told(operations: &[Operation]) -> History {
    let mut history = History::new(b"");
    for moment in 0..=2 * operations.len() {
        for (at, operation) in operations.iter().enumerate() {
            if operation.begun == moment {
                assert_eq!(history.invoke(operation.input), at);
            }
            match operation.ended {
                Some((ended, output)) if ended == moment => history.complete(at, output),
                Some(_) | None => {}
            }
        }
    }
    history
}

fn is_linearizable(operations: &[Operation]) -> bool {
    explains(&operations.iter().collect::<Vec<_>>(), b"")
}

/// Whether the remaining operations have a valid order from this state.
fn explains(left: &[&Operation], state: &[u8]) -> bool {
    let must = |one: &&Operation| one.ended.is_some_and(|(_, output)| output != Output::Failed);
    if !left.iter().any(must) {
        return true;
    }
    left.iter().enumerate().any(|(at, first)| {
        let overtaken = left.iter().any(|one| one.ended.is_some_and(|(ended, _)| ended < first.begun));
        let rest: Vec<_> = [&left[..at], &left[at + 1..]].concat();
        !overtaken && after(first, state).is_some_and(|state| explains(&rest, &state))
    })
}

/// The state after an operation. Returns `None` if its outcome is impossible in this state.
fn after(operation: &Operation, state: &[u8]) -> Option<Vec<u8>> {
    let output = operation.ended.map(|(_, output)| output);
    let is = |holds: bool, state: &[u8]| holds.then(|| state.to_vec());
    match (operation.input, output) {
        (_, Some(Output::Failed)) | (Input::Read, None | Some(Output::Done | Output::Mismatch)) => {
            is(true, state)
        }
        (Input::Read, Some(Output::Read(seen))) => is(seen == state, state),
        (Input::Cas { expected, .. }, Some(Output::Mismatch)) => is(expected != state, state),
        (Input::Cas { expected, new }, None | Some(Output::Done | Output::Read(_))) => {
            is(expected == state, new)
        }
        (Input::Write(new), _) => is(true, new),
        (Input::Append(piece), _) => Some([state, piece].concat()),
    }
}
