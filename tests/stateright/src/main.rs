//! Compares the speed and memory of the tank's search with stateright's search, on the same states:
//! `cargo run --release` in this folder.
//!
//! Each search uses one thread and a process of its own, so that its memory is measured alone. Times are
//! CPU times.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a benchmark reads the command line, measures time and prints it"
)]

use std::fs;
use std::process::Command;
use std::time::Instant;
use wavetank_sim::explore::{Bounds, DiskModel, Reductions};
use wavetank_stateright::{ours, theirs};

/// The bounds and reductions of one comparison.
struct Row {
    name: &'static str,
    bounds: Bounds,
    reductions: Reductions,
}

/// The result of one search.
struct Consumed {
    states: u64,
    seconds: f64,
    bytes: u64,
}

fn rows() -> [Row; 4] {
    let elections = Bounds { terms: 2, entries: 1, crashes: 0, ..Bounds::default() };
    let crash = Bounds { terms: 1, entries: 1, crashes: 1, ..Bounds::default() };
    let mirrors = Reductions { symmetry: false, ..Reductions::ALL };
    [
        Row { name: "2 terms, 1 entry", bounds: elections, reductions: Reductions::ALL },
        Row { name: "the same without symmetry", bounds: elections, reductions: mirrors },
        Row { name: "1 term, 1 entry, 1 crash, no reduction", bounds: crash, reductions: Reductions::NONE },
        Row {
            name: "the same with all, and late disks",
            bounds: Bounds { disks: DiskModel::Late, ..crash },
            reductions: Reductions::ALL,
        },
    ]
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => print_all(),
        [who, row] => {
            search(who == "ours", &rows()[row.parse::<usize>().expect("the argument is the number of a row")])
        }
        _ => println!("without arguments: all figures"),
    }
}

fn print_all() {
    println!("{:<40} {:>10} {:>21} {:>21} {:>6}", "3 servers", "", "states/s", "bytes a state", "");
    let (here, there) = ("tank", "stateright");
    println!("{:<40} {:>10} {here:>10} {there:>10} {here:>10} {there:>10} {:>6}", "", "states", "times");
    for (at, row) in rows().iter().enumerate() {
        let (ours, theirs) = (searched("ours", at), searched("theirs", at));
        assert_eq!(ours.states, theirs.states, "{}", row.name);
        let rate = |took: &Consumed| took.states as f64 / took.seconds;
        let each = |took: &Consumed| took.bytes / took.states;
        println!(
            "{:<40} {:>10} {:>10.0} {:>10.0} {:>10} {:>10} {:>6.1}",
            row.name,
            ours.states,
            rate(&ours),
            rate(&theirs),
            each(&ours),
            each(&theirs),
            rate(&ours) / rate(&theirs),
        );
    }
}

/// Runs a search in a process of its own.
fn searched(who: &str, row: usize) -> Consumed {
    let exe = std::env::current_exe().expect("the running program has a path");
    let child = Command::new(exe).args([who, &row.to_string()]).output().expect("the program can be started");
    let output = String::from_utf8(child.stdout).expect("the output is text");
    let numbers: Vec<&str> = output.split_whitespace().collect();
    let [states, seconds, bytes] = numbers[..] else {
        panic!("{who} {row}: {output}{}", String::from_utf8_lossy(&child.stderr))
    };
    Consumed {
        states: states.parse().expect("the output is a number"),
        seconds: seconds.parse().expect("the output is a number"),
        bytes: bytes.parse().expect("the output is a number"),
    }
}

fn search(is_ours: bool, row: &Row) {
    let (started, before) = (Instant::now(), most_memory());
    let search = if is_ours { ours } else { theirs };
    let result = search(row.bounds, row.reductions, None);
    let seconds = on_cores().unwrap_or_else(|| started.elapsed().as_secs_f64());
    assert_eq!(result.breach_depth, None, "{}", row.name);
    println!("{} {seconds} {}", result.states, most_memory().saturating_sub(before));
}

/// The CPU time of this process in seconds, if the system reports it: fields 14 and 15, in hundredths of
/// a second.
fn on_cores() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let ticks = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().ok());
    Some(ticks.sum::<Option<u64>>()? as f64 / 100.0)
}

/// The peak memory of this process in bytes, if the system reports it.
fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().map_or(0, |kib| kib << 10)
}
