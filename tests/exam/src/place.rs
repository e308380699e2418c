//! Where and when an exam was held.

use std::fs;
use std::process::Command;
use std::thread;

/// The beginning of the file that holds its table.
pub(crate) fn head(sitting: &str) -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let date = said("date", &["-u", "+%Y-%m-%d"]);
    let rust = said("rustc", &["--version"]);
    format!(
        "# The exam of planted bugs\n\n\
         `cargo exam` on {cores} cores of {}, {date}, {rust}: {sitting}.\n\n\
         Seeds are seeds for each find (all seeds played, over the ranges that ended with one); then the median, \
         the least and the most of a range. The calibration is what a simulator of a thousand lines, written for \
         nothing else, took to find the same kind of bug: with every rule of the protocol judged, with what the \
         harness's memory shows, and with outcomes alone. Where a story has to find the bug, the last column says how \
         many seeds a find storms need.",
        processor()
    )
}

fn processor() -> String {
    let known = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = known.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "an unknown processor".to_owned(), |(_, model)| format!("an {model}"))
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
