//! The file of a sweep's reports. `sweep --out` writes the file; `merge` and `sweep --resume` read the file.
//!
//! Each line is a JSON object with one field. The first line has the field `header`. A line with the field `run`
//! is the report of a run. A line with the field `part` has the totals of the runs since the previous part. The
//! last line has the field `end`. While the sweep runs, the name of the file ends with `.partial`. A sweep that is
//! killed leaves this partial file, and `sweep --resume` continues after the last part in the partial file.

use super::CliError;
use super::args::Keep;
use super::file::AtomicFile;
use super::format::many;
use super::pool::Work;
use super::shares::{Seeds, Shard};
use super::target::Target;
use super::totals::Totals;
use crate::registry::{Chapter, Scenario, Suite};
use crate::trace::TraceForm;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use wavetank_sim::capsule::BUILD;
use wavetank_sim::{JudgeLevel, Report};

/// A line of a file of reports. `H` is the type of a header, `R` is the type of a report, and `T` is the type of
/// totals.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line<H, R, T> {
    Header(H),
    Run(R),
    Part(T),
    /// The number of runs of the sweep. This line is the last line of a complete file.
    End(u64),
}

/// The sweep to which a file belongs. Two files can be merged if their headers differ only in `keep` and in the
/// position of the shard.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The build of the command: the version of the crate, and a number that rises whenever old seeds produce
    /// different runs.
    pub(crate) build: String,
    /// The digest of ten runs. Two builds with different digests behave differently.
    pub(crate) probe: String,
    /// The name of the subject.
    pub(crate) subject: String,
    /// The rows of the sweep.
    pub(crate) rows: Vec<Row>,
    /// The level of the judges.
    pub(crate) judges: JudgeLevel,
    /// The runs whose reports the file keeps.
    pub(crate) keep: Keep,
    /// The share of the runs that this file has.
    pub(crate) shard: Shard,
}

/// A row of a sweep: a scenario and its seeds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) scenario: String,
    /// The first seed.
    pub(crate) first: u64,
    /// The number of seeds.
    pub(crate) seeds: u64,
}

impl Row {
    fn of(scenario: &Scenario, seeds: Seeds) -> Self {
        let first = seeds.nth(0).expect("a row has at least one seed");
        Self { scenario: scenario.name.to_owned(), first, seeds: seeds.count() }
    }
}

impl Header {
    /// Returns the header of a sweep.
    pub(crate) fn of(work: &Work<'_>, keep: Keep) -> Self {
        Self {
            build: BUILD.to_owned(),
            probe: probe(work.suite),
            subject: work.suite.subject.to_owned(),
            rows: work.rows.iter().map(|&(scenario, seeds)| Row::of(scenario, seeds)).collect(),
            judges: work.judges,
            keep,
            shard: work.shard,
        }
    }

    /// Returns the number of runs of this shard.
    pub(crate) fn runs(&self) -> u64 {
        self.shard.count(self.rows.iter().fold(0, |sum, row| sum.saturating_add(row.seeds)))
    }

    /// Returns the position of a run in the order of the whole sweep, from 0 on. If several rows have this
    /// scenario and seed, returns one position for each of these rows.
    fn positions(&self, scenario: &str, seed: u64) -> impl Iterator<Item = u64> {
        self.rows.iter().enumerate().filter(move |(_, row)| row.scenario == scenario).filter_map(
            move |(at, row)| {
                let nth = seed.checked_sub(row.first).filter(|&nth| nth < row.seeds)?;
                let seeds_before =
                    self.rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.seeds.min(nth)));
                let rows_before = self.rows[..at].iter().filter(|row| nth < row.seeds).count() as u64;
                Some(seeds_before.saturating_add(rows_before))
            },
        )
    }

    /// Returns the first difference that prevents a merge of the two files, as the end of a sentence about the
    /// first file. Returns `None` if the files can be merged.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        if self.subject != other.subject {
            return Some(format!("has runs of {}, not of {}", self.subject, other.subject));
        }
        if (&self.build, &self.probe) != (&other.build, &other.probe) {
            let text = |header: &Self| format!("{} with the probe {}", header.build, header.probe);
            return Some(format!("is from another build: {}, not {}", text(self), text(other)));
        }
        if self.rows != other.rows || self.shard.of() != other.shard.of() {
            return Some("belongs to a sweep of other scenarios, seeds or shards".to_owned());
        }
        (self.judges != other.judges).then(|| "was judged at another level (--judges)".to_owned())
    }
}

/// Returns a digest of ten runs: the seeds 0 to 9 of the last storm, or of the last scenario if there is no
/// storm.
pub(crate) fn probe(suite: &Suite) -> String {
    let storms = suite.scenarios.iter().rev().find(|scenario| scenario.chapter == Chapter::Storms);
    let Some(scenario) = storms.or_else(|| suite.scenarios.last()) else { return String::new() };
    let digests = (0..10).map(|seed| Target::of(suite, scenario, seed).run(TraceForm::None).0.digest);
    format!("{:016x}", digests.fold(0_u64, |all, digest| all.rotate_left(7) ^ digest))
}

/// The content of a file of reports.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) header: Header,
    /// The totals of all parts.
    pub(crate) totals: Totals,
    /// True if the last line of the file is `end`.
    pub(crate) is_complete: bool,
    /// The number of bytes in the file up to the end of the last part. Zero if the file has no part.
    length: u64,
}

/// Reads a file of reports. The last lines may be missing, and an incomplete last line is ignored. All other
/// lines must be complete.
pub(crate) fn read(suite: &Suite, path: &Path) -> Result<Content, CliError> {
    /// The maximum size of a line, in bytes. A file without line ends, such as `/dev/zero`, is no file of
    /// reports.
    const LINE_BYTES_MAX: u64 = 256 << 20;
    let named = path.display();
    let cannot_read = |error: io::Error| CliError::new(format!("cannot read `{named}`: {error}"));
    let mut reader = BufReader::new(File::open(path).map_err(cannot_read)?);
    let mut state = ReadState { suite, content: None, runs: 0, next: 0, bytes: 0 };
    let (mut text, mut number) = (Vec::new(), 0_u64);
    loop {
        text.clear();
        let count = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut text).map_err(cannot_read)?;
        let is_cut = text.last() != Some(&b'\n');
        if count == 0 || (is_cut && state.is_within()) {
            break;
        }
        number += 1;
        let bad = |what: &str| CliError::new(format!("`{named}`, line {number}, {what}"));
        if state.content.as_ref().is_some_and(|content| content.is_complete) {
            return Err(bad("comes after the last line of the sweep"));
        }
        let line = serde_json::from_slice(&text).map_err(|error| {
            if number == 1 {
                CliError::new(format!("`{named}` is not a file that `sweep --out` wrote"))
            } else {
                bad(&format!("is damaged: {error}"))
            }
        })?;
        state.bytes += count as u64;
        state.take(line).map_err(|what| bad(&what))?;
    }
    state.content.ok_or_else(|| CliError::new(format!("`{named}` is empty")))
}

/// The state of a file of reports that is being read.
struct ReadState<'a> {
    suite: &'a Suite,
    /// The content so far; `None` before the header.
    content: Option<Content>,
    /// The number of reports so far.
    runs: u64,
    /// The position of the next run is at least this number.
    next: u64,
    /// The number of bytes so far.
    bytes: u64,
}

impl ReadState<'_> {
    /// True between the header and the last line of the sweep.
    fn is_within(&self) -> bool {
        self.content.as_ref().is_some_and(|content| !content.is_complete)
    }

    /// Takes the next line. Returns the defect of a bad line, as the end of a sentence about this line.
    fn take(&mut self, line: Line<Header, Report, Totals>) -> Result<(), String> {
        match (line, &mut self.content) {
            (Line::Header(header), None) => self.content = Some(Content::new(self.suite, header)?),
            (Line::Run(run), Some(content)) => {
                let header = &content.header;
                let mut positions = header.positions(&run.scenario, run.seed);
                let position =
                    positions.find(|&at| self.next <= at && header.shard.holds(at)).ok_or_else(|| {
                        format!(
                            "has the run {}:{}, which is doubled, out of order or in another shard",
                            run.scenario, run.seed
                        )
                    })?;
                (self.next, self.runs) = (position + 1, self.runs + 1);
            }
            (Line::Part(mut part), Some(content)) => {
                if part.rows.len() != content.totals.rows.len() {
                    return Err("does not belong to the scenarios of the header".to_owned());
                }
                part.demand(self.suite).map_err(|name| format!("names the unknown scenario `{name}`"))?;
                content.totals.merge(&part);
                content.length = self.bytes;
            }
            (Line::End(all), Some(content)) => {
                let kept = if content.header.keep == Keep::All { all } else { content.totals.failed() };
                if (content.totals.runs, self.runs) != (all, kept) {
                    return Err("states another number of runs than the previous lines have".to_owned());
                }
                content.is_complete = true;
            }
            (Line::Header(_), Some(_)) | (_, None) => return Err("is in the wrong place".to_owned()),
        }
        Ok(())
    }
}

impl Content {
    fn new(suite: &Suite, header: Header) -> Result<Self, String> {
        let find = |row: &Row| {
            let scenario = suite.scenarios.iter().find(|scenario| scenario.name == row.scenario);
            scenario.ok_or_else(|| format!("names the unknown scenario `{}`", row.scenario))
        };
        let scenarios = header.rows.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { totals: Totals::of(scenarios), header, is_complete: false, length: 0 })
    }
}

/// A file of reports that is being written.
pub(crate) struct ReportFile {
    path: PathBuf,
    /// The path while the sweep runs; `None` if the target is a device or a pipe.
    partial: Option<PathBuf>,
    header: Header,
    writer: BufWriter<File>,
}

/// The state of the file of reports when a sweep begins.
pub(crate) enum Begun {
    /// The file is open for writing. The totals are the totals of the runs that are already in the file.
    Open(Box<ReportFile>, Totals),
    /// The file is already complete, and there is nothing to run. The totals are the totals of all runs.
    Complete(Totals),
}

impl ReportFile {
    /// Opens the file of a sweep. If `resume` is true and an interrupted sweep of the same runs left a file,
    /// continues after the last part in that file. If `resume` is false and there is such a file, returns an
    /// error.
    pub(crate) fn begin(path: &Path, work: &Work<'_>, keep: Keep, resume: bool) -> Result<Begun, CliError> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let header = Header::of(work, keep);
        let none = || Totals::of(work.rows.iter().map(|(scenario, _)| *scenario));
        match fs::metadata(&path) {
            Ok(there) if there.is_dir() => Err(cannot_write(&path, &"the path is a directory")),
            Ok(there) if there.permissions().readonly() => Err(cannot_write(&path, &"the file is read-only")),
            Ok(there) if !there.is_file() => {
                let file = File::options().write(true).open(&path).map_err(|e| cannot_write(&path, &e))?;
                Self { path, partial: None, header, writer: BufWriter::new(file) }.begun(none())
            }
            _ => {
                let resume = resume.then(|| work.runs());
                Self::begin_file(path, header, work.suite, none(), resume)
            }
        }
    }

    /// Opens a regular file. `resume` is the number of all runs of a sweep that is resumed. `None` means that the
    /// sweep starts from the beginning.
    fn begin_file(
        path: PathBuf,
        header: Header,
        suite: &Suite,
        none: Totals,
        resume: Option<u64>,
    ) -> Result<Begun, CliError> {
        let partial = partial(&path).ok_or_else(|| cannot_write(&path, &"the path has no file name"))?;
        if resume.is_some() && partial.exists() {
            if has_header(&partial) {
                return Self::go_on(path, partial, header, suite);
            }
            // The sweep was killed before its first line.
            let begun = fs::read(&partial).map_err(|error| cannot_write(&partial, &error))?;
            if !format!("{}\n", json(&Line::<_, (), ()>::Header(&header))).as_bytes().starts_with(&begun) {
                let named = partial.display();
                return Err(CliError::new(format!(
                    "`{named}` is not the file of an interrupted sweep; remove the file, or write to another file"
                )));
            }
            fs::remove_file(&partial).map_err(|error| cannot_write(&partial, &error))?;
        }
        if let Some(expected) = resume.filter(|_| path.exists()) {
            let content = read_same(suite, &path, &header)?;
            let (named, runs) = (path.display(), content.totals.runs);
            return match content.is_complete {
                true if runs == expected => Ok(Begun::Complete(content.totals)),
                true => Err(CliError::new(format!(
                    "cannot resume: the sweep in `{named}` ended after {runs} of {expected} runs, because of --time, \
                     --until-failed or --until-covered; write to another file"
                ))),
                false => Err(CliError::new(format!("`{named}` is incomplete; remove the file"))),
            };
        }
        let file = File::create_new(&partial).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => CliError::new(format!(
                "`{}` is the file of an interrupted sweep; continue the sweep with --resume, or remove the file",
                partial.display()
            )),
            _ => cannot_write(&path, &error),
        })?;
        lock(&file, &partial)?;
        Self { path, partial: Some(partial), header, writer: BufWriter::new(file) }.begun(none)
    }

    /// Opens the partial file of an interrupted sweep for writing after the last part.
    fn go_on(path: PathBuf, partial: PathBuf, header: Header, suite: &Suite) -> Result<Begun, CliError> {
        let content = read_same(suite, &partial, &header)?;
        let write_error = |error: io::Error| cannot_write(&path, &error);
        let file = File::options().append(true).open(&partial).map_err(write_error)?;
        lock(&file, &partial)?;
        file.set_len(content.length).map_err(write_error)?;
        let file = Self { path: path.clone(), partial: Some(partial), header, writer: BufWriter::new(file) };
        match content.length {
            0 => file.begun(content.totals),
            _ => Ok(Begun::Open(Box::new(file), content.totals)),
        }
    }

    fn begun(mut self, totals: Totals) -> Result<Begun, CliError> {
        let header = self.header.clone();
        self.line(&Line::<_, (), ()>::Header(header))?;
        self.writer.flush().map_err(|error| cannot_write(&self.path, &error))?;
        Ok(Begun::Open(Box::new(self), totals))
    }

    /// Writes the report of a run. Writes nothing if the run did not fail and the file keeps only failures.
    pub(crate) fn run(&mut self, report: &Report, is_failure: bool) -> Result<(), CliError> {
        if is_failure || self.header.keep == Keep::All {
            self.line(&Line::<(), _, ()>::Run(report))?;
        }
        Ok(())
    }

    /// Writes the totals of the runs since the previous part. A resumed sweep continues after the last part.
    pub(crate) fn part(&mut self, part: &Totals) -> Result<(), CliError> {
        self.line(&Line::<(), (), _>::Part(part))?;
        self.writer.flush().map_err(|error| cannot_write(&self.path, &error))
    }

    /// Writes the last line, and gives the file its final name. If the file keeps only failures, replaces all
    /// parts by one part. The size of the file then does not depend on the number of runs.
    pub(crate) fn finish(mut self, totals: &Totals) -> Result<(), CliError> {
        self.line(&Line::<(), (), ()>::End(totals.runs))?;
        self.writer.flush().map_err(|error| cannot_write(&self.path, &error))?;
        let Some(partial) = &self.partial else { return Ok(()) };
        match self.header.keep {
            Keep::All => fs::rename(partial, &self.path).map_err(|error| cannot_write(&self.path, &error)),
            Keep::Failures => {
                self.compact(partial, totals)?;
                fs::remove_file(partial).map_err(|error| cannot_write(&self.path, &error))
            }
        }
    }

    fn compact(&self, partial: &Path, totals: &Totals) -> Result<(), CliError> {
        let mut file = AtomicFile::create(&self.path)?;
        file.line(&json(&Line::<_, (), ()>::Header(&self.header)))?;
        let reader =
            File::open(partial).map(BufReader::new).map_err(|error| cannot_write(partial, &error))?;
        for line in reader.lines() {
            let line = line.map_err(|error| cannot_write(partial, &error))?;
            if line.starts_with("{\"run\":") {
                file.line(&line)?;
            }
        }
        file.line(&json(&Line::<(), (), _>::Part(totals)))?;
        file.line(&json(&Line::<(), (), ()>::End(totals.runs)))?;
        file.finish()
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), CliError> {
        writeln!(self.writer, "{}", json(line)).map_err(|error| cannot_write(&self.path, &error))
    }
}

/// Locks the partial file until the file is closed, so that two sweeps cannot write the same file. Returns an
/// error if another sweep has locked the file. On a file system without locks, does nothing.
fn lock(file: &File, partial: &Path) -> Result<(), CliError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            Err(CliError::new(format!("another sweep is writing `{}`; wait for its end", partial.display())))
        }
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn json(line: &impl Serialize) -> String {
    serde_json::to_string(line).expect("a line contains only numbers and text")
}

/// Reads a file of reports. Returns an error if the file belongs to another sweep or another shard.
fn read_same(suite: &Suite, path: &Path, header: &Header) -> Result<Content, CliError> {
    let content = read(suite, path)?;
    let other = content.header.difference(header).or_else(|| {
        let is_same = (content.header.shard, content.header.keep) == (header.shard, header.keep);
        (!is_same).then(|| "has another shard, or keeps other reports".to_owned())
    });
    other
        .map_or(Ok(content), |what| Err(CliError::new(format!("cannot resume: `{}` {what}", path.display()))))
}

fn cannot_write(path: &Path, error: &dyn std::fmt::Display) -> CliError {
    CliError::new(format!("cannot write `{}`: {error}", path.display()))
}

/// True if the first line of a file is complete.
fn has_header(path: &Path) -> bool {
    let mut line = Vec::new();
    let read = File::open(path).and_then(|file| BufReader::new(file).read_until(b'\n', &mut line));
    read.is_ok() && line.last() == Some(&b'\n')
}

/// Returns the path that the file has while the sweep runs. Returns `None` if `path` has no file name.
fn partial(path: &Path) -> Option<PathBuf> {
    let mut name: OsString = path.file_name()?.to_owned();
    name.push(".partial");
    Some(path.with_file_name(name))
}

/// Returns the end of a sentence about an incomplete file: the number of runs in the file, and the number of runs
/// in the whole shard.
pub(crate) fn cut_short(content: &Content) -> String {
    let all = content.header.runs();
    format!("is cut short: it has {} of {}", many(content.totals.runs, "run"), many(all, "run"))
}
