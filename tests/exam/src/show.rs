//! Outcomes in words.

use comfy_table::{CellAlignment, Table, presets};
use std::io::{self, Write};
use wavetank_exam::{Bug, Outcome, Spread, Within};

/// Names and what they stand for.
pub(crate) fn list(bugs: &[Bug], out: &mut dyn Write) -> io::Result<()> {
    for bug in bugs {
        writeln!(out, "{:48} {}", bug.name, bug.plants)?;
    }
    Ok(())
}

/// One outcome, as soon as it is known.
pub(crate) fn line(outcome: &Outcome) -> String {
    let Outcome { bug, found, ranges, hits, seeds, wall_ms, .. } = outcome;
    if let Some(trouble) = &outcome.trouble {
        return format!("{bug}: {trouble}");
    }
    let example = outcome.example.as_deref().unwrap_or("-");
    format!(
        "{} {bug}: {found}/{ranges}, {hits} seeds ({}-{}), {} s and {} s to build, {}; {example} {}",
        if outcome.passed { "ok  " } else { "FAIL" },
        seeds.least,
        seeds.most,
        seconds(*wall_ms),
        seconds(outcome.build_ms),
        spoke(outcome),
        outcome.words.as_deref().unwrap_or_default()
    )
}

/// All of them, in Markdown.
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
            spoke(outcome),
            format!("{}/{}", outcome.found, outcome.ranges),
            columns(outcome),
            median.to_string(),
            format!("{least}-{most}"),
            outcome.steps.median.to_string(),
            seconds(outcome.wall_ms),
            bug.figures.clone().unwrap_or_default(),
            remark(bug, outcome),
        ]);
    }
    for column in 2..9 {
        table.column_mut(column).expect("there are ten").set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out, "{table}")?;
    let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
    write!(out, "\n{passed} of {} passed; {}", outcomes.len(), beside(bugs, outcomes))?;
    smaller(outcomes, out)
}

/// What was made of the runs that were found, if that was asked for.
fn smaller(outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    let mut table = markdown();
    table.set_header(["bug", "run", "before", "after", "tried", "wall s", "after a change of the code"]);
    for outcome in outcomes {
        let (Some(smaller), Some(run)) = (&outcome.smaller, &outcome.example) else { continue };
        table.add_row([
            outcome.bug.clone(),
            run.clone(),
            smaller.before.clone(),
            smaller.after.clone(),
            smaller.tried.clone(),
            seconds(smaller.wall_ms),
            smaller.strayed.clone().unwrap_or_else(|| "the same run".to_owned()),
        ]);
    }
    if table.is_empty() { Ok(()) } else { write!(out, "\n\n{table}") }
}

fn markdown() -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table
}

/// Seeds for each find, in each of the columns that were asked for.
fn columns(outcome: &Outcome) -> String {
    let all = [Some(outcome.hits), outcome.ghosts, outcome.outcomes];
    all.into_iter().flatten().map(|hits| hits.to_string()).collect::<Vec<_>>().join(" / ")
}

/// What the figures do not say: a story was written for its bug, and has it under every seed.
fn remark(bug: &Bug, outcome: &Outcome) -> String {
    match &bug.within {
        _ if !outcome.passed => "not passed".to_owned(),
        Within::Storms(_) => String::new(),
        Within::Story(_) => match &bug.storms {
            Some(seeds) => format!("in a story; storms: {seeds}"),
            None => "in a story".to_owned(),
        },
    }
}

/// How many of those that were measured elsewhere took storms no longer here than there, both with
/// what the harness's memory shows.
fn beside(bugs: &[Bug], outcomes: &[Outcome]) -> String {
    let known = |(bug, outcome): (&Bug, &Outcome)| {
        if matches!(bug.within, Within::Story(_)) {
            return None;
        }
        let ghosts = bug.figures.as_deref()?.split(" / ").nth(1)?;
        let there: u64 = tenths(ghosts.trim_start_matches('>'))?;
        let hits = outcome.ghosts.unwrap_or(outcome.hits);
        Some(hits.found != 0 && 10 * hits.seeds <= there * hits.found)
    };
    let known: Vec<bool> = bugs.iter().zip(outcomes).filter_map(known).collect();
    let quick = known.iter().filter(|&&quick| quick).count();
    format!(
        "of {} that storms found, with figures of the calibration, {quick} took no more seeds than there",
        known.len()
    )
}

/// Ten times a number with at most one decimal.
fn tenths(text: &str) -> Option<u64> {
    let (whole, tenth) = text.split_once('.').unwrap_or((text, "0"));
    Some(10 * whole.parse::<u64>().ok()? + tenth.parse::<u64>().ok()?)
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
