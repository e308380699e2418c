//! `wavetank sweep`: runs scenarios under many seeds, and prints one table and a command for each
//! failure.

use super::args::{Seeds, SweepArguments};
use super::coverage::Coverage;
use super::exit::Status;
use super::file::AtomicFile;
use super::format::{self, many};
use super::pool::{self, Done, Work};
use super::progress_bar::Progress;
use super::report::ReportFolder;
use super::table::{self, WallClock};
use super::tally::Tally;
use super::{CliError, Streams, failures, name, write_message};
use crate::registry::{Chapter, Scenario, Suite};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// The default number of seeds.
const SEEDS: u64 = 1_000;

/// The number of seeds of each story when all scenarios are swept. A story behaves almost the same
/// under every seed, so most of the time is spent on storms.
const SEEDS_PER_STORY: u64 = 32;

/// Runs the sweep and prints the result.
pub(crate) fn sweep(
    suite: &Suite,
    arguments: &SweepArguments,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    let judges = arguments.judges.into();
    let work = Work { rows: rows(suite, arguments)?, suite, shard: arguments.shard, judges };
    if work.runs() == 0 {
        return Err(CliError::new("there is nothing to run: this shard contains no run"));
    }
    let report = arguments.report.as_deref().map(ReportFolder::create).transpose()?;
    let mut file = arguments.out.as_deref().map(AtomicFile::create).transpose()?;
    let begun = Instant::now();
    let (tallies, coverage) = play(&work, arguments, file.as_mut(), streams)?;
    if let Some(file) = file {
        file.finish()?;
    }
    let status = tallies.iter().map(Tally::status).max().unwrap_or(Status::Vacuous);
    if arguments.json {
        table::write_json(suite, &tallies, status.code(), streams.out)?;
    } else {
        let wall_clock = if streams.out_is_terminal { WallClock::Shown } else { WallClock::Hidden };
        table::write(&tallies, wall_clock, streams.out)?;
        writeln!(streams.out, "{}", coverage.line())?;
        failures::write(suite, &tallies, judges, streams.out)?;
    }
    streams.out.flush()?;
    if let (Some(report), Some(path)) = (report, &arguments.report) {
        report.write(suite, &tallies, judges)?;
        write_message(streams, &format!("the report is in {}", path.join("index.html").display()));
    }
    write_message(streams, &speed(&tallies, begun.elapsed()));
    Ok(status)
}

/// The rows of the sweep: the named scenarios, or all scenarios.
fn rows<'a>(suite: &'a Suite, arguments: &SweepArguments) -> Result<Vec<(&'a Scenario, Seeds)>, CliError> {
    let endless = arguments.time.or(arguments.until_covered).map(|_| u64::MAX);
    let seeds = arguments.seeds.unwrap_or_else(|| Seeds::first_of_all(endless.unwrap_or(SEEDS)));
    if arguments.scenarios.is_empty() {
        return Ok(suite.scenarios.iter().map(|scenario| (scenario, share(scenario, seeds))).collect());
    }
    let mut rows: Vec<(&Scenario, Seeds)> = Vec::new();
    for wanted in &arguments.scenarios {
        let scenario = name::find(suite, wanted)?;
        if rows.iter().all(|(row, _)| row.name != scenario.name) {
            rows.push((scenario, seeds));
        }
    }
    Ok(rows)
}

fn share(scenario: &Scenario, seeds: Seeds) -> Seeds {
    match scenario.chapter {
        Chapter::Storms => seeds,
        _ => seeds.at_most(SEEDS_PER_STORY),
    }
}

/// Executes the runs, and drops the rows without a run.
fn play(
    work: &Work<'_>,
    arguments: &SweepArguments,
    mut file: Option<&mut AtomicFile>,
    streams: &Streams<'_>,
) -> Result<(Vec<Tally>, Coverage), CliError> {
    let mut tallies: Vec<Tally> = work.rows.iter().map(|(scenario, _)| Tally::new(scenario)).collect();
    let deadline = arguments.time.and_then(|secs| Instant::now().checked_add(Duration::from_secs(secs)));
    let jobs = pool::threads(arguments.jobs);
    let is_endless =
        (arguments.time.is_some() || arguments.until_covered.is_some()) && arguments.seeds.is_none();
    let bar = Progress::of_runs((!is_endless).then(|| work.runs()), streams.err_is_terminal);
    let mut coverage = Coverage::default();
    let mut failed = 0;
    let result = pool::play(work, jobs, deadline, |Done { row, report, wall_us }| {
        if let Some(file) = &mut file {
            file.line(&serde_json::to_string(&report).expect("a report contains only numbers and text"))?;
        }
        failed += u64::from(Status::of(&report.verdict).is_failure());
        tallies[row].add(&report, wall_us);
        coverage.add(&report);
        bar.step(failed);
        let is_over = (arguments.until_failed && 0 < failed)
            || arguments.until_covered.is_some_and(|quiet| quiet <= coverage.quiet());
        Ok(if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    bar.clear();
    result?;
    tallies.retain(|tally| 0 < tally.runs);
    Ok((tallies, coverage))
}

/// The speed of the sweep. Only these figures differ between two identical sweeps.
fn speed(tallies: &[Tally], elapsed: Duration) -> String {
    let total = |figure: fn(&Tally) -> u64| tallies.iter().map(figure).sum::<u64>();
    let (runs, wall_us) = (total(|tally| tally.runs), total(|tally| tally.wall_us));
    format!(
        "{} with {} in {}.{:03} s; each thread executed {} runs, {} virtual s and {} steps per second",
        many(runs, "run"),
        many(tallies.len() as u64, "scenario"),
        elapsed.as_secs(),
        elapsed.subsec_millis(),
        table::per_second(runs, wall_us),
        format::grouped(total(|tally| tally.virtual_us) / wall_us.max(1)),
        table::per_second(total(|tally| tally.events), wall_us),
    )
}
