//! Prints the result of a sweep as a table or as JSON.

use super::format::{self, grouped};
use super::tally::{Failure, Histogram, Sometimes, Tally, sum, sum_counts};
use crate::registry::Suite;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;
use wavetank_raft::Time;
use wavetank_sim::observe::report::ChangeCounts;

/// Says whether the table shows the figures that depend on the wall clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WallClock {
    Shown,
    Hidden,
}

/// Writes the table. If no run failed, also writes the totals of all rows below the table.
pub(crate) fn write(tallies: &[Tally], wall_clock: WallClock, out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut titles = vec!["scenario", "seeds", "virtual time"];
    if wall_clock == WallClock::Shown {
        titles.extend(["virtual s/s", "steps/s"]);
    }
    titles.extend([
        "steps",
        "elections",
        "commits",
        "faults",
        "checks",
        "sometimes",
        "p50",
        "p99",
        "max",
        "",
    ]);
    let last = titles.len() - 1;
    table.set_header(titles);
    for (name, tallies) in rows(tallies) {
        table.add_row(row(name, &tallies, wall_clock));
    }
    figures_to_the_right(&mut table, 1..last);
    writeln!(out, "{}", table.trim_fmt())?;
    // The totals say what a sweep that held has seen. After a failure the failures matter; --json has the totals.
    if tallies.iter().any(|tally| 0 < tally.failed) {
        return Ok(());
    }
    totals(tallies, out)?;
    membership(tallies, out)
}

fn figures_to_the_right(table: &mut Table, columns: Range<usize>) {
    for column in columns {
        table.column_mut(column).expect("every title has a column").set_cell_alignment(CellAlignment::Right);
    }
}

/// The table has one row for each scenario if the sweep has at most this number of scenarios. If there are more
/// scenarios, the stories of a chapter share a row.
const ROWS: usize = 20;

/// Returns the name of each row of the table, and the tallies that the row adds up.
fn rows(tallies: &[Tally]) -> Vec<(String, Vec<&Tally>)> {
    let mut rows: Vec<(String, Vec<&Tally>)> = Vec::new();
    let mut chapter = None;
    for tally in tallies {
        let is_story = !tally.scenario.starts_with("storm");
        if ROWS < tallies.len() && is_story && chapter == tally.chapter {
            rows.last_mut().expect("the chapter has a row").1.push(tally);
        } else {
            rows.push((tally.scenario.clone(), vec![tally]));
        }
        chapter = tally.chapter.filter(|_| is_story);
    }
    for (name, tallies) in &mut rows {
        if let (2.., Some(chapter)) = (tallies.len(), tallies[0].chapter) {
            *name = format!("{chapter} ({} stories)", tallies.len());
        }
    }
    rows
}

fn row(name: String, tallies: &[&Tally], wall_clock: WallClock) -> Vec<String> {
    let sum = |figure: fn(&Tally) -> u64| tallies.iter().map(|tally| figure(tally)).sum::<u64>();
    let (runs, wall_us, events) = (sum(|t| t.runs), sum(|t| t.wall_us), sum(|t| t.events));
    let virtual_us = sum(|t| t.virtual_us);
    let mut cells = vec![name, grouped(runs), format::seconds(Time(virtual_us))];
    if wall_clock == WallClock::Shown {
        cells.push(grouped(virtual_us / wall_us.max(1)));
        cells.push(per_second(events, wall_us));
    }
    let seen = |part: fn(&Tally) -> (usize, usize)| {
        let (seen, all) = tallies.iter().map(|tally| part(tally)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        format!("{seen}/{all}")
    };
    let mut leaderless = Histogram::default();
    tallies.iter().for_each(|tally| leaderless.merge(&tally.leaderless));
    let ms = |length: Option<u64>| length.map_or_else(|| "-".to_owned(), |ms| format!("{} ms", grouped(ms)));
    cells.extend([
        grouped(events),
        grouped(sum(|t| t.elections)),
        grouped(sum(|t| t.commits)),
        grouped(sum(|t| t.faults.values().sum())),
        seen(Tally::checks),
        seen(Tally::reached),
        ms(leaderless.percentile(50)),
        ms(leaderless.percentile(99)),
        ms(leaderless.longest()),
        outcome(tallies),
    ]);
    cells
}

fn outcome(tallies: &[&Tally]) -> String {
    let failed: u64 = tallies.iter().map(|tally| tally.failed).sum();
    let of = |tally: &Tally, what: &str| match tallies.len() {
        1 => what.to_owned(),
        _ => format!("{} {what}", tally.scenario),
    };
    let mut blind = tallies.iter().flat_map(|tally| tally.blind().into_iter().map(|what| of(tally, &what)));
    let empty = tallies.iter().find(|tally| tally.checks().0 == 0);
    if 0 < failed {
        format!("{} failed", grouped(failed))
    } else if let Some(first) = blind.next() {
        format!("vacuous: {}", blind.fold(first, |text, what| text + ", " + &what))
    } else if let Some(tally) = empty {
        format!("vacuous: {}", of(tally, "no check had anything to judge"))
    } else {
        "held".to_owned()
    }
}

/// Formats `count` as a number per second on one thread. `wall_us` is the sum of the wall times of all runs, in
/// microseconds.
pub(crate) fn per_second(count: u64, wall_us: u64) -> String {
    grouped(u64::try_from(u128::from(count) * 1_000_000 / u128::from(wall_us.max(1))).unwrap_or(u64::MAX))
}

/// Writes the totals of all rows: faults by kind, the number of events that each check saw, and the
/// events that never happened.
fn totals(tallies: &[Tally], out: &mut dyn Write) -> io::Result<()> {
    let (mut faults, mut witnessed) = (BTreeMap::new(), BTreeMap::new());
    let mut sometimes: BTreeMap<String, u64> = BTreeMap::new();
    let mut leaderless = Histogram::default();
    for tally in tallies {
        sum(&mut faults, &tally.faults);
        sum(&mut witnessed, &tally.witnessed);
        sum(&mut sometimes, &tally.sometimes.iter().map(|(name, s)| (name.clone(), s.runs)).collect());
        leaderless.merge(&tally.leaderless);
    }
    let never: Vec<&str> =
        sometimes.iter().filter(|&(_, &runs)| runs == 0).map(|(name, _)| name.as_str()).collect();
    writeln!(out, "\n{}", format::paragraph("faults", &format::counts(&faults)))?;
    writeln!(out, "{}", format::paragraph("witnessed", &format::counts(&witnessed)))?;
    let off: BTreeMap<&String, &String> = tallies.iter().flat_map(|tally| &tally.off).collect();
    if !off.is_empty() {
        let checks: Vec<String> = off.iter().map(|(check, needs)| format!("{check} ({needs})")).collect();
        let why = format!("{} (parts that the servers do not show)", checks.join(", "));
        writeln!(out, "{}", format::paragraph("off", &why))?;
    }
    let excluded: BTreeMap<&String, &String> = tallies.iter().flat_map(|tally| &tally.excluded).collect();
    for (check, line) in excluded {
        writeln!(out, "{}", format::paragraph("excluded", &format!("{check} ({line})")))?;
    }
    let in_runs = format!("{} (number of runs with the event)", format::counts(&sometimes));
    writeln!(out, "{}", format::paragraph("sometimes", &in_runs))?;
    if !never.is_empty() {
        writeln!(out, "{}", format::paragraph("never", &never.join(", ")))?;
    }
    if let (Some(half), Some(most), Some(longest)) =
        (leaderless.percentile(50), leaderless.percentile(99), leaderless.longest())
    {
        writeln!(
            out,
            "periods without a leader: {}; median {half} ms, 99 % up to {most} ms, longest {longest} ms",
            format::many(leaderless.count(), "time")
        )?;
    }
    Ok(())
}

/// Writes the totals of membership changes of all rows, by kind.
fn membership(tallies: &[Tally], out: &mut dyn Write) -> io::Result<()> {
    let mut totals: BTreeMap<String, ChangeCounts> = BTreeMap::new();
    tallies.iter().for_each(|tally| sum_counts(&mut totals, &tally.membership));
    let titles = ChangeCounts::default().named().map(|(end, _)| end);
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(std::iter::once("membership").chain(titles));
    for (kind, counts) in &totals {
        let counts = counts.named().map(|(_, count)| grouped(count));
        table.add_row(std::iter::once(kind.clone()).chain(counts));
    }
    figures_to_the_right(&mut table, 1..1 + titles.len());
    writeln!(out, "\n{}", table.trim_fmt())
}

/// Writes the result of a sweep as one JSON object. No value in the object depends on the wall clock.
pub(crate) fn write_json(
    suite: &Suite,
    tallies: &[Tally],
    status: u8,
    out: &mut dyn Write,
) -> io::Result<()> {
    let sweep = Sweep { status, rows: tallies.iter().map(|tally| Row::of(suite, tally)).collect() };
    serde_json::to_writer_pretty(&mut *out, &sweep)?;
    writeln!(out)
}

#[derive(Serialize)]
struct Sweep<'a> {
    status: u8,
    rows: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    scenario: &'a str,
    outcome: String,
    seeds: u64,
    virtual_us: u64,
    steps: u64,
    elections: u64,
    commits: u64,
    messages: u64,
    faults: &'a BTreeMap<String, u64>,
    witnessed: &'a BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    off: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    excluded: &'a BTreeMap<String, String>,
    blind: Vec<String>,
    sometimes: &'a BTreeMap<String, Sometimes>,
    membership: &'a BTreeMap<String, ChangeCounts>,
    leaderless_ms: Durations,
    digest: String,
    failed: u64,
    failures: Vec<FailureRow<'a>>,
}

#[derive(Serialize)]
struct Durations {
    count: u64,
    p50: Option<u64>,
    p99: Option<u64>,
    max: Option<u64>,
}

#[derive(Serialize)]
struct FailureRow<'a> {
    seed: u64,
    status: u8,
    failed_check: &'a str,
    verdict: String,
    replay: String,
}

impl<'a> Row<'a> {
    fn of(suite: &Suite, tally: &'a Tally) -> Self {
        let failure = |failure: &'a Failure| FailureRow {
            seed: failure.seed,
            status: failure.status.code(),
            failed_check: &failure.failed_check,
            verdict: failure.verdict.to_string(),
            replay: suite.replay_command(&format!("{}:{}", tally.scenario, failure.seed)),
        };
        Self {
            scenario: &tally.scenario,
            outcome: outcome(&[tally]),
            seeds: tally.runs,
            virtual_us: tally.virtual_us,
            steps: tally.events,
            elections: tally.elections,
            commits: tally.commits,
            messages: tally.messages,
            faults: &tally.faults,
            witnessed: &tally.witnessed,
            off: &tally.off,
            excluded: &tally.excluded,
            blind: tally.blind(),
            sometimes: &tally.sometimes,
            membership: &tally.membership,
            leaderless_ms: Durations {
                count: tally.leaderless.count(),
                p50: tally.leaderless.percentile(50),
                p99: tally.leaderless.percentile(99),
                max: tally.leaderless.longest(),
            },
            digest: format!("{:016x}", tally.digest),
            failed: tally.failed,
            failures: tally.failures.iter().map(failure).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_that_are_off_are_listed_with_what_they_need() {
        let mut tally = Tally::default();
        let text = |tally: &Tally| {
            let (mut table, mut json) = (Vec::new(), Vec::new());
            write(std::slice::from_ref(tally), WallClock::Hidden, &mut table).expect("a table is written");
            write_json(&Suite::of_ours(&[]), std::slice::from_ref(tally), 0, &mut json)
                .expect("an object is written");
            [table, json].map(|text| String::from_utf8(text).expect("text"))
        };
        let [table, json] = text(&tally);
        assert!(!table.contains("\noff") && !json.contains("\"off\""), "{table}{json}");
        tally.off.insert("election_safety".to_owned(), "role, term".to_owned());
        let [table, json] = text(&tally);
        assert!(table.contains("election_safety (role, term)"), "{table}");
        assert!(json.contains("\"election_safety\": \"role, term\""), "{json}");
        assert!(!table.contains("\nexcluded") && !json.contains("\"excluded\""), "{table}{json}");
        tally.excluded.insert("log_matching".to_owned(), "page 3: logs may differ".to_owned());
        let [table, json] = text(&tally);
        assert!(table.contains("\nexcluded   log_matching (page 3: logs may differ)"), "{table}");
        assert!(json.contains("\"log_matching\": \"page 3: logs may differ\""), "{json}");
    }
}
