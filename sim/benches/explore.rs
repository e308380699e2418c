//! Measures the exploration: the value of each reduction, and the cost of disks that write late.
//!
//! Each line searches all states within the same bounds, on one thread. It prints the number of states,
//! the states per second of one core, and the bytes per state as the search itself counts them. A
//! benchmark of stateright's checker with the same states is in `stateright/`.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    clippy::float_arithmetic,
    reason = "a benchmark measures time and prints it"
)]

mod stopwatch;

use stopwatch::on_core;
use wavetank_sim::explore::{
    Bounds, DiskModel, Reductions, Search, SearchOutcome, SearchStats, SingleThread,
};

const RUNS: usize = 5;

fn main() {
    let bounds = Bounds { terms: 1, entries: 1, ..Bounds::default() };
    let all = Reductions::ALL;
    println!("within {bounds}");
    println!("{:<44} {:>10} {:>10} {:>9} {:>6}", "", "states", "states/s", "seconds", "bytes");
    line("disks that may hang", bounds, all);
    line("  without symmetry", bounds, Reductions { symmetry: false, ..all });
    line("  with inert messages", bounds, Reductions { inert: false, ..all });
    line("  with both", bounds, Reductions { disks: true, ..Reductions::NONE });
    let late = Bounds { disks: DiskModel::Late, ..bounds };
    line("disks that write late", late, all);
    line("  and after the last crash, too", late, Reductions { disks: false, ..all });
    line("  with inert messages, too", late, Reductions { symmetry: true, ..Reductions::NONE });
    line("disks that write at once", Bounds { disks: DiskModel::Quick, ..bounds }, all);
}

/// Prints the median of several searches. All of them find the same states.
fn line(name: &str, bounds: Bounds, reductions: Reductions) {
    let mut took: Vec<(f64, SearchStats)> = (0..RUNS).map(|_| search(bounds, reductions)).collect();
    took.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let (seconds, SearchStats { states, bytes, .. }) = &took[RUNS / 2];
    let rate = *states as f64 / seconds;
    println!("{name:<44} {states:>10} {rate:>10.0} {seconds:>9.3} {:>6}", bytes / states);
}

fn search(bounds: Bounds, reductions: Reductions) -> (f64, SearchStats) {
    let start = on_core();
    let mut search = Search::new(bounds, reductions);
    let end = search.run(None, &mut SingleThread, &mut |_| true);
    let seconds = on_core() - start;
    assert_eq!(end, SearchOutcome::Exhausted, "the search finds no violation and ends");
    (seconds, search.stats().clone())
}
