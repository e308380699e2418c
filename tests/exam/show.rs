//! Outcomes in words.

use comfy_table::{CellAlignment, Table, presets};
use std::io::{self, Write};
use wavetank_exam::{Bug, Outcome, Spread};

/// Names and what they stand for.
pub(crate) fn list(bugs: &[Bug], out: &mut dyn Write) -> io::Result<()> {
    for bug in bugs {
        writeln!(out, "{:48} {}", bug.name, bug.plants)?;
    }
    Ok(())
}

/// One outcome, as soon as it is known.
pub(crate) fn line(outcome: &Outcome) -> String {
    let Outcome { bug, found, ranges, seeds, wall_ms, .. } = outcome;
    if let Some(trouble) = &outcome.trouble {
        return format!("{bug}: {trouble}");
    }
    let example = outcome.example.as_deref().unwrap_or("-");
    format!(
        "{} {bug}: {found}/{ranges}, {} seeds ({}-{}), {} s, {}; {example} {}",
        if outcome.passed { "ok  " } else { "FAIL" },
        seeds.median,
        seeds.least,
        seeds.most,
        seconds(*wall_ms),
        spoke(outcome),
        outcome.words.as_deref().unwrap_or_default()
    )
}

/// All of them, in Markdown.
pub(crate) fn table(outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["bug", "judge", "found", "seeds", "least-most", "steps", "wall s", ""]);
    for outcome in outcomes {
        let Spread { median, least, most } = outcome.seeds;
        table.add_row([
            outcome.bug.clone(),
            spoke(outcome),
            format!("{}/{}", outcome.found, outcome.ranges),
            median.to_string(),
            format!("{least}-{most}"),
            outcome.steps.median.to_string(),
            seconds(outcome.wall_ms),
            if outcome.passed { String::new() } else { "not passed".to_owned() },
        ]);
    }
    for column in 2..7 {
        table.column_mut(column).expect("there are eight").set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out, "{table}")?;
    let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
    write!(out, "\n{passed} of {} passed", outcomes.len())
}

/// Who spoke, the one that did most often first.
fn spoke(outcome: &Outcome) -> String {
    let mut spoke: Vec<(&String, &u64)> = outcome.spoke.iter().collect();
    spoke.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
    match spoke.as_slice() {
        [] => "-".to_owned(),
        [(judge, _)] => (*judge).clone(),
        many => many.iter().map(|(judge, times)| format!("{judge} {times}")).collect::<Vec<_>>().join(", "),
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{}", ms / 1_000, ms / 100 % 10)
}
