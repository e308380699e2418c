//! `wavetank merge`: merges the files of all shards of a sweep, and prints the result of the whole sweep.

use super::args::MergeArguments;
use super::exit::Status;
use super::failures::Examination;
use super::report_file::{self, Content, Header};
use super::shares::Shard;
use super::sweep::{self, Printed};
use super::{CliError, Streams, write_message};
use crate::registry::Suite;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wavetank_sim::capsule::BUILD;

/// Prints the same result as one sweep of all runs. If a shard is missing, doubled, incomplete or from another
/// sweep, prints one error for each problem and no result.
pub(crate) fn merge(
    suite: &Suite,
    arguments: &MergeArguments,
    streams: &mut Streams<'_>,
) -> Result<Status, CliError> {
    let mut shards = Shards::new(suite);
    for path in &arguments.files {
        if let Err(problem) = shards.add(suite, path) {
            shards.problems.push(problem.to_string());
        }
    }
    shards.problems.extend(shards.missing());
    if let Some(last) = shards.problems.pop() {
        for problem in &shards.problems {
            write_message(streams, &format!("error: {problem}"));
        }
        return Err(CliError::new(last));
    }
    let merged = shards.merged.expect("the parser requires at least one file, so at least one file was read");
    let Content { header, totals, .. } = merged;
    let examination = Examination { judges: header.judges, shrink: arguments.shrink };
    let printed = Printed::new(examination, arguments.json, arguments.report.as_deref())?;
    sweep::print(suite, totals, printed, streams)
}

/// The shards that the command has read so far.
struct Shards {
    /// The probe of this command's own build: a digest of ten runs.
    probe: String,
    merged: Option<Content>,
    files: BTreeMap<Shard, PathBuf>,
    /// The number of files whose shard is unknown, because the files cannot be read or belong to another
    /// sweep.
    unknown: usize,
    problems: Vec<String>,
}

impl Shards {
    fn new(suite: &Suite) -> Self {
        let probe = report_file::probe(suite);
        Self { probe, merged: None, files: BTreeMap::new(), unknown: 0, problems: Vec::new() }
    }

    /// Reads the file of a shard, and adds the totals of the file to the merged totals. Returns an error if the
    /// file cannot be read or is incomplete, if another file has the same shard, or if the file belongs to
    /// another sweep or another build.
    fn add(&mut self, suite: &Suite, path: &Path) -> Result<(), CliError> {
        let named = path.display();
        let wrong = |what: &str| CliError::new(format!("`{named}` {what}"));
        self.unknown += 1;
        let content = report_file::read(suite, path)?;
        let shard = content.header.shard;
        if let Some(other) = self.files.get(&shard) {
            self.unknown -= 1;
            return Err(wrong(&format!(
                "has the shard {shard}, but `{}` has the same shard",
                other.display()
            )));
        }
        let first = match &self.merged {
            Some(merged) => merged.header.clone(),
            None => Header {
                build: BUILD.to_owned(),
                probe: self.probe.clone(),
                subject: suite.subject.to_owned(),
                ..content.header.clone()
            },
        };
        if let Some(what) = content.header.difference(&first) {
            return Err(wrong(&what));
        }
        self.unknown -= 1;
        self.files.insert(shard, path.to_owned());
        if !content.is_complete || content.totals.runs != content.header.runs() {
            return Err(wrong(&report_file::cut_short(&content)));
        }
        match &mut self.merged {
            Some(merged) => merged.totals.merge(&content.totals),
            None => self.merged = Some(content),
        }
        Ok(())
    }

    /// Returns a text that names the missing shards, but at most ten of them. An error already names each file
    /// whose shard is unknown, and such a file probably has a missing shard. Therefore returns `None` if the
    /// number of missing shards is at most the number of such files.
    fn missing(&self) -> Option<String> {
        const NAMED: usize = 10;
        let shards = self.files.keys().next()?.all();
        let missing: Vec<Shard> = shards.filter(|shard| !self.files.contains_key(shard)).collect();
        let named = missing.iter().take(NAMED).map(Shard::to_string).collect::<Vec<_>>().join(", ");
        match missing.len() {
            count if count <= self.unknown => None,
            1 => Some(format!("the shard {named} is missing")),
            count if count <= NAMED => Some(format!("the shards {named} are missing")),
            count => Some(format!("{count} shards are missing, such as {named}")),
        }
    }
}
