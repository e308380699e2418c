use super::*;
use crate::{Effect, HistoryOp, NEVER, brute_force};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Random numbers.
struct TestRng(ChaCha8Rng);

impl TestRng {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    fn between(&mut self, min: u64, max: u64) -> u64 {
        min + self.below(max - min + 1)
    }

    fn chance(&mut self, n: u64, d: u64) -> bool {
        self.below(d) < n
    }

    fn one_of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// Values to write and to append, and values that may be seen.
struct ValueSet {
    elements: [&'static [u8]; 4],
    seen: [&'static [u8]; 6],
}

/// Some elements can be split again after appends, by their first or last byte, and some cannot.
const VALUE_SETS: [ValueSet; 3] = [
    ValueSet { elements: [b"", b"1", b"2", b"12"], seen: [b"", b"1", b"2", b"12", b"112", b"21"] },
    ValueSet { elements: [b"a1", b"a2", b"a3", b""], seen: [b"", b"a1", b"a2", b"a1a2", b"a2a1a3", b"a3a1"] },
    ValueSet {
        elements: [b"1.", b"2.", b"11.", b""],
        seen: [b"", b"1.", b"11.", b"1.2.", b"2.1.", b"11.1."],
    },
];

fn input(rng: &mut TestRng, values: &ValueSet, appends: bool) -> Input<'static> {
    match rng.below(if appends { 8 } else { 5 }) {
        0 | 1 => Read,
        2 | 3 => Write(rng.one_of(&values.elements)),
        4 => Cas { expected: rng.one_of(&values.seen), new: rng.one_of(&values.elements) },
        _ => Append(rng.one_of(&values.elements)),
    }
}

/// An answer that may be right.
fn output(rng: &mut TestRng, values: &ValueSet, input: Input<'static>) -> Option<Output<'static>> {
    match (rng.below(8), input) {
        (0, _) => None,
        (1, _) => Some(Failed),
        (_, Read) => Some(Output::Read(rng.one_of(&values.seen))),
        (2 | 3, Cas { .. }) => Some(Mismatch),
        (_, Write(_) | Append(_) | Cas { .. }) => Some(Done),
    }
}

/// A random history, with answers that may be wrong.
fn arbitrary_history(rng: &mut TestRng) -> History {
    let (values, appends) = (&VALUE_SETS[rng.below(3) as usize], rng.chance(1, 2));
    let mut history = History::new(if rng.chance(1, 4) { rng.one_of(&values.seen) } else { b"" });
    let (mut open, mut left) = (Vec::new(), rng.between(1, 7));
    while 0 < left || !open.is_empty() {
        if 0 < left && (open.is_empty() || rng.chance(1, 2)) {
            let input = input(rng, values, appends);
            open.push((history.invoke(input), input));
            left -= 1;
        } else {
            let (at, input) = open.swap_remove(rng.below(open.len() as u64) as usize);
            if let Some(output) = output(rng, values, input) {
                history.complete(at, output);
            }
        }
    }
    history
}

/// A history of a real key: every operation takes effect between its invocation and its completion.
/// Some do not complete, and some have no effect.
fn linearizable_history(rng: &mut TestRng, operations: u64, values: u64) -> History {
    let mut history = History::new(b"");
    let (mut state, mut open, mut left) = (Vec::new(), Vec::new(), operations);
    let appends = rng.chance(1, 2);
    let (front, back) = rng.one_of(&[("", ""), ("v", ""), ("", "."), ("v", ".")]);
    while 0 < left || !open.is_empty() {
        let begins = 0 < left && (open.len() < 2 || rng.chance(1, 2)) && open.len() < 12;
        if begins {
            let kind = rng.below(if appends { 7 } else { 5 });
            let mark = format!("{front}{}{back}", rng.below(values)).into_bytes();
            let expected = if rng.chance(1, 2) { state.clone() } else { mark.clone() };
            let input = match kind {
                0 | 1 => Read,
                2 | 3 => Write(&mark),
                4 => Cas { expected: &expected, new: &mark },
                _ => Append(&mark),
            };
            open.push((history.invoke(input), kind, expected, mark, None));
            left -= 1;
        } else {
            let at = rng.below(open.len() as u64) as usize;
            if open[at].4.is_none() {
                open[at].4 = Some(perform(&open[at].2, &open[at].3, open[at].1, &mut state));
                continue;
            }
            let (at, kind, _, _, answer) = open.swap_remove(at);
            match answer.expect("it took effect") {
                _ if rng.chance(1, 20) => {}
                Some(seen) if kind < 2 => history.complete(at, Output::Read(&seen)),
                Some(_) => history.complete(at, Done),
                None => history.complete(at, Mismatch),
            }
        }
    }
    history
}

fn perform(expected: &[u8], mark: &[u8], kind: u64, state: &mut Vec<u8>) -> Option<Vec<u8>> {
    match kind {
        0 | 1 => {}
        2 | 3 => *state = mark.to_vec(),
        4 if state != expected => return None,
        4 => *state = mark.to_vec(),
        _ => state.extend_from_slice(mark),
    }
    Some(state.clone())
}

#[test]
fn the_search_agrees_with_brute_force() {
    let mut rng = TestRng::new(1);
    let mut verdicts = [0, 0];
    for turn in 0..60_000 {
        let history = arbitrary_history(&mut rng);
        let expected = brute_force::is_linearizable(&history);
        let answer = if expected { CheckResult::Linearizable } else { CheckResult::Illegal };
        assert_eq!(verdict(&history), answer, "turn {turn}: {history:?}");
        verdicts[usize::from(expected)] += 1;
    }
    assert!(verdicts.iter().all(|&count| 1_000 < count), "too few of one kind: {verdicts:?}");
}

#[test]
fn histories_of_a_real_key_are_linearizable() {
    let mut rng = TestRng::new(2);
    for turn in 0..2_000 {
        let (operations, values) = (rng.between(1, 100), rng.between(1, 200));
        let history = linearizable_history(&mut rng, operations, values);
        assert_eq!(verdict(&history), CheckResult::Linearizable, "turn {turn}: {history:?}");
    }
}

#[test]
fn the_search_agrees_with_brute_force_on_slightly_wrong_answers() {
    let mut rng = TestRng::new(4);
    let mut verdicts = [0, 0];
    for turn in 0..20_000 {
        let operations = rng.between(2, 8);
        let mut history = linearizable_history(&mut rng, operations, 10);
        let at = rng.below(history.len() as u64) as usize;
        if let Effect::Read(value) = &mut history.operations[at].effect {
            *value = rng.below(history.values.len() as u64) as u32;
        } else if rng.chance(1, 2) {
            history.operations[at].effect = Effect::Nothing;
        }
        let expected = brute_force::is_linearizable(&history);
        let answer = if expected { CheckResult::Linearizable } else { CheckResult::Illegal };
        assert_eq!(verdict(&history), answer, "turn {turn}: {history:?}");
        verdicts[usize::from(expected)] += 1;
    }
    assert!(verdicts.iter().all(|&count| 1_000 < count), "too few of one kind: {verdicts:?}");
}

#[test]
fn a_conflict_is_illegal_and_minimal() {
    let mut rng = TestRng::new(3);
    let mut conflicts = 0;
    while conflicts < 500 {
        let history = arbitrary_history(&mut rng);
        if brute_force::is_linearizable(&history) {
            continue;
        }
        conflicts += 1;
        let conflict = history.conflict(&mut || true);
        assert!(!brute_force::is_linearizable(&only(&history, &conflict)), "{history:?}: {conflict:?}");
        for reads in conflict.iter().filter(|&&at| history.operations[at].effect.is_read_only()) {
            let less = conflict.iter().copied().filter(|at| at != reads).collect::<Vec<_>>();
            let cut = History { operations: before(&history, &conflict), ..history.clone() };
            assert!(
                brute_force::is_linearizable(&only(&cut, &less)),
                "{history:?}: {conflict:?} without {reads}"
            );
        }
    }
}

/// The operations as known at the last completion of a conflict.
fn before(history: &History, conflict: &[usize]) -> Vec<HistoryOp> {
    let read_only = |at: &&usize| history.operations[**at].effect.is_read_only();
    let ends = conflict.iter().filter(read_only).map(|&at| history.operations[at].returned);
    let last = ends.filter(|&end| end != NEVER).max().unwrap_or(NEVER);
    let cut = |end: u32| if end <= last { end } else { NEVER };
    let cut = |it: &HistoryOp| HistoryOp { returned: cut(it.returned), ..*it };
    history.operations.iter().map(cut).collect()
}

fn only(history: &History, kept: &[usize]) -> History {
    let operations = kept.iter().map(|&at| history.operations[at]).collect();
    History { operations, ..history.clone() }
}
