//! `wavetank sweep`: runs scenarios under many seeds. Prints one table, and the kinds of failures with commands
//! that repeat failed runs.

use super::args::SweepArguments;
use super::coverage::Novelty;
use super::exit::Status;
use super::failures::Examination;
use super::format::{self, many};
use super::pool::{self, Done, Work};
use super::progress_bar::Progress;
use super::report::ReportFolder;
use super::report_file::{Begun, ReportFile};
use super::shares::Seeds;
use super::table::{self, WallClock};
use super::tally::Tally;
use super::totals::Totals;
use super::{CliError, Streams, failures, name, write_message};
use crate::registry::{Chapter, Scenario, Suite};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};
use wavetank_sim::Report;

/// The default number of seeds.
const SEEDS: u64 = 1_000;

/// The maximum number of seeds of each story in a sweep of all scenarios. A story behaves almost the same under
/// every seed, so the sweep spends most of its time on storms.
const SEEDS_PER_STORY: u64 = 32;

/// The number of runs in each part of the file of reports. A sweep that is killed loses at most the runs of one
/// part.
const RUNS_OF_A_PART: u64 = 1_000;

/// Runs the sweep and prints the result.
pub(crate) fn sweep(
    suite: &Suite,
    arguments: &SweepArguments,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    let judges = arguments.judges.into();
    let mut work = Work { rows: rows(suite, arguments)?, suite, shard: arguments.shard, judges, done: 0 };
    if work.runs() == 0 {
        return Err(CliError::new("there is nothing to run: this shard contains no run"));
    }
    let begin = |path: &Path| ReportFile::begin(path, &work, arguments.keep, arguments.resume);
    let examination = Examination { judges, shrink: arguments.shrink };
    let printed = Printed::new(examination, arguments.json, arguments.report.as_deref())?;
    let (file, totals) = match arguments.out.as_deref().map(begin).transpose()? {
        Some(Begun::Complete(totals)) => return print(suite, totals, printed, streams),
        Some(Begun::Open(file, totals)) => (Some(*file), totals),
        None => (None, Totals::of(work.rows.iter().map(|(scenario, _)| *scenario))),
    };
    work.done = totals.runs;
    let begun = Instant::now();
    let totals = play(&work, arguments, totals, file, streams)?;
    let speed = speed(&totals.rows, begun.elapsed());
    let status = print(suite, totals, printed, streams)?;
    write_message(streams, &speed);
    Ok(status)
}

/// The form of the printed result of a sweep.
pub(crate) struct Printed {
    /// The way in which the failures are examined.
    examination: Examination,
    /// True for JSON instead of a table.
    json: bool,
    /// The folder of the report for a browser. `None` means that no report is written.
    report: Option<ReportFolder>,
}

impl Printed {
    /// Returns the form with these options. If `report` is the path of a folder, creates the folder.
    pub(crate) fn new(examination: Examination, json: bool, report: Option<&Path>) -> Result<Self, CliError> {
        Ok(Self { examination, json, report: report.map(ReportFolder::create).transpose()? })
    }
}

/// Prints the result of a sweep.
pub(crate) fn print(
    suite: &Suite,
    mut totals: Totals,
    printed: Printed,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    totals.drop_empty_rows();
    let status = totals.status();
    let shrunk = if printed.json {
        table::write_json(suite, &totals.rows, status.code(), streams.out)?;
        BTreeMap::new()
    } else {
        let wall_clock = if streams.out_is_terminal { WallClock::Shown } else { WallClock::Hidden };
        table::write(&totals.rows, wall_clock, streams.out)?;
        writeln!(streams.out, "{}", totals.situations.line())?;
        failures::write(suite, &totals.rows, printed.examination, streams)?
    };
    streams.out.flush()?;
    if let Some(report) = printed.report {
        let index = report.index();
        report.write(suite, &totals.rows, printed.examination.judges, &shrunk)?;
        write_message(streams, &format!("the report is in {}", index.display()));
    }
    Ok(status)
}

/// Returns the rows of the sweep: the named scenarios with their seeds. If no scenario is named, returns all
/// scenarios.
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

/// Executes the runs that are not done yet, and returns the totals of all runs.
fn play(
    work: &Work<'_>,
    arguments: &SweepArguments,
    mut totals: Totals,
    mut file: Option<ReportFile>,
    streams: &Streams<'_>,
) -> Result<Totals, CliError> {
    let deadline = arguments.time.and_then(|secs| Instant::now().checked_add(Duration::from_secs(secs)));
    let is_endless =
        (arguments.time.is_some() || arguments.until_covered.is_some()) && arguments.seeds.is_none();
    let bar = Progress::of_runs((!is_endless).then(|| work.runs() - work.done), streams.err_is_terminal);
    let mut novelty = Novelty::default();
    let mut part = Totals::of(work.rows.iter().map(|(scenario, _)| *scenario));
    let result =
        pool::play(work, pool::threads(arguments.jobs), deadline, |Done { row, report, wall_us }| {
            let is_failure = Status::of(&report.verdict).is_failure();
            if let Some(file) = &mut file {
                file.run(&report, is_failure)?;
            }
            part.add(row, &report, wall_us);
            if RUNS_OF_A_PART <= part.runs {
                end_part(&mut part, &mut totals, file.as_mut())?;
            }
            bar.step(totals.failed() + part.failed());
            Ok(if is_over(arguments, is_failure, &report, &mut novelty) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        });
    bar.clear();
    result?;
    end_part(&mut part, &mut totals, file.as_mut())?;
    file.map_or(Ok(()), |file| file.finish(&totals))?;
    Ok(totals)
}

/// Writes a part to the file, adds the part to the totals, and clears the part for the next runs.
fn end_part(part: &mut Totals, totals: &mut Totals, file: Option<&mut ReportFile>) -> Result<(), CliError> {
    if let Some(file) = file
        && 0 < part.runs
    {
        file.part(part)?;
    }
    totals.merge(part);
    part.clear();
    Ok(())
}

/// True if `--until-failed` or `--until-covered` ends the sweep after this run.
fn is_over(arguments: &SweepArguments, is_failure: bool, report: &Report, novelty: &mut Novelty) -> bool {
    let is_covered = arguments.until_covered.is_some_and(|quiet| {
        novelty.add(report);
        quiet <= novelty.quiet()
    });
    is_covered || (arguments.until_failed && is_failure)
}

/// Returns a line with the speed of the sweep. The figures in the line differ between two sweeps of the same
/// runs.
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
