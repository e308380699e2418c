//! Bugs and outcomes as text and Markdown.

use comfy_table::{CellAlignment, Table, presets};
use std::io::{self, Write};
use std::process::Command;
use std::{fs, thread};
use wavetank_exam::{Bug, Outcome, Spread, Within};

/// Lists the bugs by name, with the fault in each.
pub(crate) fn list(bugs: &[Bug], out: &mut dyn Write) -> io::Result<()> {
    for bug in bugs {
        writeln!(out, "{:48} {}", bug.name, bug.plants)?;
    }
    Ok(())
}

/// One outcome in a line.
pub(crate) fn line(outcome: &Outcome) -> String {
    let Outcome { bug, found, ranges, hits, seeds, wall_ms, .. } = outcome;
    if let Some(error) = &outcome.error {
        return format!("{bug}: {error}");
    }
    let example = outcome.example.as_deref().unwrap_or("-");
    format!(
        "{} {bug}: {found}/{ranges}, {hits} seeds ({}-{}), {} s and {} s to build, {}; {example} {}",
        if outcome.passed { "ok  " } else { "FAIL" },
        seeds.least,
        seeds.most,
        seconds(*wall_ms),
        seconds(outcome.build_ms),
        found_by(outcome),
        outcome.message.as_deref().unwrap_or_default()
    )
}

/// All outcomes as a Markdown table.
pub(crate) fn table(bugs: &[Bug], outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    let mut table = markdown();
    table.set_header([
        "bug",
        "judge",
        "found",
        "seeds",
        "median",
        "least-most",
        "steps",
        "wall s",
        "calibration",
        "",
    ]);
    for (bug, outcome) in bugs.iter().zip(outcomes) {
        let Spread { median, least, most } = outcome.seeds;
        table.add_row([
            outcome.bug.clone(),
            found_by(outcome),
            format!("{}/{}", outcome.found, outcome.ranges),
            levels(outcome),
            median.to_string(),
            format!("{least}-{most}"),
            outcome.steps.median.to_string(),
            seconds(outcome.wall_ms),
            bug.figures.clone().unwrap_or_default(),
            remark(bug, outcome),
        ]);
    }
    for column in 2..9 {
        table.column_mut(column).expect("the table has ten columns").set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out, "{table}")?;
    let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
    write!(out, "\n{passed} of {} passed; {}", outcomes.len(), beside(bugs, outcomes))?;
    shrunk(outcomes, out)
}

/// Writes a table of the shrunk runs, if there are any.
fn shrunk(outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    let mut table = markdown();
    table.set_header(["bug", "run", "before", "after", "tried", "wall s", "after a change of the code"]);
    for outcome in outcomes {
        let (Some(shrunk), Some(run)) = (&outcome.shrunk, &outcome.example) else { continue };
        table.add_row([
            outcome.bug.clone(),
            run.clone(),
            shrunk.before.clone(),
            shrunk.after.clone(),
            shrunk.tried.clone(),
            seconds(shrunk.wall_ms),
            shrunk.strayed.clone().unwrap_or_else(|| "the same run".to_owned()),
        ]);
    }
    if table.is_empty() { Ok(()) } else { write!(out, "\n\n{table}") }
}

fn markdown() -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table
}

/// The number of seeds for each find, at each level of judges that was requested.
fn levels(outcome: &Outcome) -> String {
    let all = [Some(outcome.hits), outcome.history, outcome.outcomes];
    all.into_iter().flatten().map(|hits| hits.to_string()).collect::<Vec<_>>().join(" / ")
}

/// A remark on the figures: the scenario is a story, which was written for its bug and finds it under
/// every seed.
fn remark(bug: &Bug, outcome: &Outcome) -> String {
    match &bug.within {
        _ if !outcome.passed => "not passed".to_owned(),
        Within::Storms(_) | Within::MixedStorms(_) => String::new(),
        Within::Story(_) => match &bug.storms {
            Some(seeds) => format!("in a story; storms: {seeds}"),
            None => "in a story".to_owned(),
        },
    }
}

/// The number of bugs that storms found with at most as many seeds as the calibration simulator. Both use
/// only the judges of the history.
fn beside(bugs: &[Bug], outcomes: &[Outcome]) -> String {
    let known = |(bug, outcome): (&Bug, &Outcome)| {
        if matches!(bug.within, Within::Story(_)) {
            return None;
        }
        let history = bug.figures.as_deref()?.split(" / ").nth(1)?;
        let there: u64 = tenths(history.trim_start_matches('>'))?;
        let hits = outcome.history.unwrap_or(outcome.hits);
        Some(hits.found != 0 && 10 * hits.seeds <= there * hits.found)
    };
    let known: Vec<bool> = bugs.iter().zip(outcomes).filter_map(known).collect();
    let quick = known.iter().filter(|&&quick| quick).count();
    format!(
        "of {} bugs that storms found and that have calibration figures, {quick} took no more seeds than the calibration",
        known.len()
    )
}

/// Ten times a number that has at most one decimal.
fn tenths(text: &str) -> Option<u64> {
    let (whole, tenth) = text.split_once('.').unwrap_or((text, "0"));
    Some(10 * whole.parse::<u64>().ok()? + tenth.parse::<u64>().ok()?)
}

/// The judges that were first to find the bug, the most frequent one first.
fn found_by(outcome: &Outcome) -> String {
    let mut found_by: Vec<(&String, &u64)> = outcome.found_by.iter().collect();
    found_by.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
    match found_by.as_slice() {
        [] => "-".to_owned(),
        [(judge, _)] => (*judge).clone(),
        many => many.iter().map(|(judge, times)| format!("{judge} {times}")).collect::<Vec<_>>().join(", "),
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{}", ms / 1_000, ms / 100 % 10)
}

/// The beginning of the file with the table: when, where and how the exam was held.
pub(crate) fn heading(setup: &str) -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let date = output_of("date", &["-u", "+%Y-%m-%d"]);
    let rust = output_of("rustc", &["--version"]);
    format!(
        "# The exam of planted bugs\n\n\
         `cargo exam` on {cores} cores of {}, {date}, {rust}: {setup}.\n\n\
         The column \"seeds\" has the number of seeds for each find: all seeds that were played, divided by the \
         number of ranges with a find. The columns after it have the median, the least and the largest number of \
         seeds in a range. The calibration is a simulator of a thousand lines that was written only for this \
         purpose. Its column has the number of seeds that it needed for the same kind of bug, with three levels of \
         judges: every rule of the protocol, the history that the harness records, and the outcomes alone. If a \
         story has to find the bug, the last column says how many seeds storms need for a find.",
        processor()
    )
}

fn processor() -> String {
    let known = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = known.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "an unknown processor".to_owned(), |(_, model)| format!("an {model}"))
}

fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
