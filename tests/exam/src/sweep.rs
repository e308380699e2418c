//! Runs one range of seeds until one fails.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// A run that takes longer than this counts as a run that hangs.
const LONGEST: Duration = Duration::from_secs(20);

/// A built command, and the sweep that it runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sweep {
    /// The command that contains the bug.
    pub command: PathBuf,
    /// The scenario that is swept.
    pub scenario: String,
    /// The largest number of seeds in a range.
    pub seeds: u64,
    /// The number of threads.
    pub jobs: u32,
    /// The level of judges, as an argument of the command.
    pub judges: &'static str,
}

/// The result of a range.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Range {
    /// The first failure; `None` if all runs held.
    pub found: Option<Found>,
    /// The number of seeds that were run, including the one that failed.
    pub seeds: u64,
    /// The number of events in those runs.
    pub steps: u64,
    /// The time that the range took.
    pub wall: Duration,
}

/// The first run that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The check that failed, or `panic`, or `hang` if the run did not end.
    pub judge: String,
    /// The seed of the run.
    pub seed: u64,
    /// The message of the violation or panic.
    pub message: String,
}

impl Sweep {
    /// Runs the seeds from `first` on, in growing chunks, until a run fails.
    ///
    /// # Errors
    /// The error says that the command cannot be run, or that its output cannot be read.
    pub fn play(&self, first: u64) -> Result<Range, String> {
        let begun = Instant::now();
        let mut range = Range { found: None, seeds: 0, steps: 0, wall: Duration::ZERO };
        let mut chunk = 4;
        while range.found.is_none() && range.seeds < self.seeds {
            let many = chunk.min(self.seeds - range.seeds);
            self.play_chunk(first + range.seeds, many, &mut range)?;
            chunk *= 2;
        }
        range.wall = begun.elapsed();
        Ok(range)
    }

    fn play_chunk(&self, from: u64, many: u64, range: &mut Range) -> Result<(), String> {
        let file = self.command.with_file_name("exam.jsonl");
        let mut child = self.spawn(from, many, &file)?;
        if !has_ended(&mut child, LONGEST.saturating_mul(u32::try_from(many).unwrap_or(u32::MAX)))? {
            let message = format!("a run under a seed of {from}..{} does not end", from + many);
            range.found = Some(Found { judge: "hang".to_owned(), seed: from, message });
            range.seeds += 1;
            return Ok(());
        }
        let lines = fs::read_to_string(&file)
            .map_err(|error| format!("cannot read the reports of the seeds from {from} on: {error}"))?;
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
            // The other lines are the header, the totals and the end.
            let Some(report) = line.get("run") else { continue };
            range.seeds += 1;
            range.steps += report["events"].as_u64().unwrap_or_default();
            if let Some((judge, message)) = failure(&report["verdict"]) {
                let seed = report["seed"].as_u64().unwrap_or_default();
                range.found = Some(Found { judge, seed, message });
                return Ok(());
            }
        }
        Ok(())
    }

    fn spawn(&self, from: u64, many: u64, file: &Path) -> Result<Child, String> {
        // A command that was killed leaves a partial file.
        let _ = fs::remove_file(file);
        let _ = fs::remove_file(file.with_extension("jsonl.partial"));
        let mut command = Command::new(&self.command);
        command.args(["sweep", &self.scenario, "--json", "--seeds", &format!("{from}..{}", from + many)]);
        command.args(["--until-failed", "--judges", self.judges]);
        command.args(["--jobs", &self.jobs.to_string(), "--out"]).arg(file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map_err(|error| format!("cannot run `{}`: {error}", self.command.display()))
    }
}

/// Waits for the child to end. Kills it and returns false if it takes too long.
fn has_ended(child: &mut Child, longest: Duration) -> Result<bool, String> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if longest < begun.elapsed() {
            child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
            return Ok(false);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
    Ok(true)
}

/// The judge and the message of a failed run. Returns `None` if the run did not fail.
fn failure(verdict: &Value) -> Option<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(violation) = verdict.get("Violated") {
        return Some((text(&violation["check"]), text(&violation["what"])));
    }
    verdict.get("Panicked").map(|message| ("panic".to_owned(), text(message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_verdict_names_its_judge() {
        let violated = json!({ "Violated": { "check": "log_matching", "what": "n1 ..." } });
        assert_eq!(failure(&violated), Some(("log_matching".to_owned(), "n1 ...".to_owned())));
        let panicked = json!({ "Panicked": "numbers" });
        assert_eq!(failure(&panicked), Some(("panic".to_owned(), "numbers".to_owned())));
        assert_eq!(failure(&json!("Held")), None);
        assert_eq!(failure(&json!({ "Vacuous": ["x"] })), None);
    }
}
