//! Measures the time to judge a history: `cargo bench -p wavetank-sim --bench history`. Also prints
//! the times that were measured for Porcupine with histories of the same shape.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "a benchmark measures time and prints it"
)]

use std::time::{Duration, Instant};
use wavetank_sim::linear::{CheckResult, History, Input, Output};
use wavetank_sim::plan::rng::{Domain, Stream};

/// A kind of history, and the number of histories of this kind to judge.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    clients: u64,
    keys: u64,
    /// The number of operations of all clients together.
    operations: u64,
    /// The number of different values to write, or zero if each value is written once.
    values: u64,
    /// True if the clients append. They then do no compare-and-swap.
    appends: bool,
    /// One in this many operations never ends.
    unknown: u32,
    /// One in this many histories has reads of values that were overwritten long ago.
    flawed: u32,
    /// The number of histories.
    histories: u64,
    /// The measured times of Porcupine for the median history and for the slowest one, if they are
    /// known.
    porcupine: Option<(Duration, Duration)>,
}

const SHAPES: [Shape; 4] = [
    Shape {
        name: "register, 5 clients, 170 events",
        clients: 5,
        keys: 1,
        operations: 85,
        values: 5,
        appends: false,
        unknown: 10,
        flawed: 3,
        histories: 100,
        porcupine: Some((Duration::from_micros(51), Duration::from_millis(141))),
    },
    Shape {
        name: "key-value, 10 clients, 800 events",
        clients: 10,
        keys: 10,
        operations: 400,
        values: 0,
        appends: true,
        unknown: 1_000_000,
        flawed: 1_000_000,
        histories: 20,
        porcupine: Some((Duration::from_micros(600), Duration::from_micros(600))),
    },
    Shape {
        name: "key-value, 50 clients, 4,000 events",
        clients: 50,
        keys: 10,
        operations: 2_000,
        values: 0,
        appends: true,
        unknown: 1_000_000,
        flawed: 1_000_000,
        histories: 20,
        porcupine: Some((Duration::from_millis(145), Duration::from_millis(145))),
    },
    Shape {
        name: "as above, 1 in 20 unknown, 1 history in 2 flawed",
        clients: 50,
        keys: 10,
        operations: 2_000,
        values: 0,
        appends: true,
        unknown: 20,
        flawed: 2,
        histories: 20,
        porcupine: None,
    },
];

fn main() {
    println!("{:<50} {:>12} {:>12} {:>12} {:>12}", "", "median", "slowest", "porcupine", "its slowest");
    for shape in SHAPES {
        let mut rng = Stream::new(1, Domain::Workload, 0, 0);
        let mut times = (0..shape.histories).map(|_| time(shape, &mut rng)).collect::<Vec<_>>();
        times.sort_unstable();
        let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
        print!("{:<50} {median:>12?} {slowest:>12?}", shape.name);
        match shape.porcupine {
            Some((median, slowest)) => println!(" {median:>12?} {slowest:>12?}"),
            None => println!(),
        }
    }
}

/// Measures the time to judge one history with all its keys.
fn time(shape: Shape, rng: &mut Stream) -> Duration {
    let flawed = rng.chance(1, shape.flawed);
    let histories = generate(shape, flawed, rng);
    let start = Instant::now();
    let answers = histories.iter().map(|history| history.check(&mut || true));
    let is_good = answers.filter(|answer| *answer == CheckResult::Linearizable).count() == histories.len();
    let took = start.elapsed();
    assert!(is_good || flawed, "{}: a linearizable history was rejected", shape.name);
    took
}

/// An open operation of a client.
struct Open {
    key: usize,
    at: usize,
    kind: u64,
    mark: Vec<u8>,
    expected: Vec<u8>,
    result: Option<Option<Vec<u8>>>,
}

/// Generates a history for each key. Each operation takes effect at one moment between its invocation
/// and its end. If `flawed`, some reads return old values.
fn generate(shape: Shape, flawed: bool, rng: &mut Stream) -> Vec<History> {
    let mut keys: Vec<_> = (0..shape.keys).map(|_| (History::new(b""), Vec::new())).collect();
    let mut past = vec![vec![Vec::new()]; keys.len()];
    let (mut open, mut begun): (Vec<Open>, _) = (Vec::new(), 0);
    while begun < shape.operations || !open.is_empty() {
        let may_begin = begun < shape.operations && (open.len() as u64) < shape.clients;
        if may_begin && (open.is_empty() || rng.chance(1, 2)) {
            begun += 1;
            let key = rng.below(shape.keys) as usize;
            open.push(begin(shape, key, begun, &mut keys[key], rng));
        } else {
            let which = rng.below(open.len() as u64) as usize;
            if open[which].result.is_none() {
                let mut result = perform(&open[which], &mut keys[open[which].key].1);
                let past = &mut past[open[which].key];
                past.extend(result.clone());
                if flawed && rng.chance(1, 50) {
                    result = Some(past[rng.below(past.len() as u64) as usize].clone());
                }
                open[which].result = Some(result);
            } else if !rng.chance(1, shape.unknown) {
                end(&open.swap_remove(which), &mut keys);
            } else {
                open.swap_remove(which);
            }
        }
    }
    keys.into_iter().map(|(history, _)| history).collect()
}

fn begin(
    shape: Shape,
    key: usize,
    number: u64,
    (history, state): &mut (History, Vec<u8>),
    rng: &mut Stream,
) -> Open {
    let mark = if shape.values == 0 { number } else { rng.below(shape.values) };
    let mark = format!("x {mark} y").into_bytes();
    let expected = if rng.chance(1, 2) { state.clone() } else { mark.clone() };
    let kind = if shape.appends { rng.one_of(&[0, 0, 1, 3]) } else { rng.one_of(&[0, 1, 2]) };
    let input = match kind {
        0 => Input::Read,
        1 => Input::Write(&mark),
        2 => Input::Cas { expected: &expected, new: &mark },
        _ => Input::Append(&mark),
    };
    Open { key, at: history.invoke(input), kind, mark, expected, result: None }
}

fn perform(open: &Open, state: &mut Vec<u8>) -> Option<Vec<u8>> {
    match open.kind {
        0 => {}
        2 if *state != open.expected => return None,
        1 | 2 => state.clone_from(&open.mark),
        _ => state.extend_from_slice(&open.mark),
    }
    Some(state.clone())
}

fn end(open: &Open, keys: &mut [(History, Vec<u8>)]) {
    let output = match open.result.as_ref().expect("an operation that ends has taken effect") {
        Some(seen) if open.kind == 0 => Output::Read(seen),
        Some(_) => Output::Done,
        None => Output::Mismatch,
    };
    keys[open.key].0.complete(open.at, output);
}
