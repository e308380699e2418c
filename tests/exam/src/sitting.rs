//! Playing one range of seeds until something speaks.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A run that takes longer than this does not end.
const LONGEST: Duration = Duration::from_secs(20);

/// The built command, and how it is played.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sitting {
    /// The command with the bug in it.
    pub command: PathBuf,
    /// What is played.
    pub scenario: String,
    /// The most seeds of a range.
    pub seeds: u64,
    /// Threads.
    pub jobs: u32,
    /// Who judges, as the command has it.
    pub judges: &'static str,
}

/// What came of a range.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Range {
    /// What was found; `None` if all held.
    pub found: Option<Found>,
    /// How many seeds were played, with the one that failed.
    pub seeds: u64,
    /// How many events they had.
    pub steps: u64,
    /// How long it took.
    pub wall: Duration,
}

/// The first run that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The check that spoke; `panic`, or `hang` if it did not end.
    pub judge: String,
    /// Under this seed.
    pub seed: u64,
    /// What was said.
    pub words: String,
}

impl Sitting {
    /// Plays the seeds from `first` on, a few and then more and more, until one fails.
    ///
    /// # Errors
    /// When the command cannot be run, or says what makes no sense.
    pub fn play(&self, first: u64) -> Result<Range, String> {
        let begun = Instant::now();
        let mut range = Range { found: None, seeds: 0, steps: 0, wall: Duration::ZERO };
        let mut chunk = 4;
        while range.found.is_none() && range.seeds < self.seeds {
            let many = chunk.min(self.seeds - range.seeds);
            self.play_some(first + range.seeds, many, &mut range)?;
            chunk *= 2;
        }
        range.wall = begun.elapsed();
        Ok(range)
    }

    fn play_some(&self, from: u64, many: u64, range: &mut Range) -> Result<(), String> {
        let file = self.command.with_file_name("exam.jsonl");
        let mut child = self.spawn(from, many, &file)?;
        if !ended(&mut child, LONGEST.saturating_mul(u32::try_from(many).unwrap_or(u32::MAX)))? {
            let words = format!("one of {from}..{} does not end", from + many);
            range.found = Some(Found { judge: "hang".to_owned(), seed: from, words });
            range.seeds += 1;
            return Ok(());
        }
        let lines = fs::read_to_string(&file).map_err(|error| format!("no reports of {from}: {error}"))?;
        for line in lines.lines() {
            let report: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
            range.seeds += 1;
            range.steps += report["events"].as_u64().unwrap_or_default();
            if let Some((judge, words)) = failure(&report["verdict"]) {
                let seed = report["seed"].as_u64().unwrap_or_default();
                range.found = Some(Found { judge, seed, words });
                return Ok(());
            }
        }
        Ok(())
    }

    fn spawn(&self, from: u64, many: u64, file: &Path) -> Result<Child, String> {
        let _ = fs::remove_file(file);
        let mut command = Command::new(&self.command);
        command.args(["sweep", &self.scenario, "--json", "--seeds", &format!("{from}..{}", from + many)]);
        command.args(["--until-failed", "--judges", self.judges]);
        command.args(["--jobs", &self.jobs.to_string(), "--out"]).arg(file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map_err(|error| format!("cannot run `{}`: {error}", self.command.display()))
    }
}

/// Waits; `false` if it had to be killed.
fn ended(child: &mut Child, longest: Duration) -> Result<bool, String> {
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

/// Who spoke, and what was said; `None` if nobody did.
fn failure(verdict: &Value) -> Option<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(violation) = verdict.get("Violated") {
        return Some((text(&violation["check"]), text(&violation["what"])));
    }
    verdict.get("Panicked").map(|words| ("panic".to_owned(), text(words)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_verdict_says_who_spoke() {
        let violated = json!({ "Violated": { "check": "log_matching", "what": "n1 ..." } });
        assert_eq!(failure(&violated), Some(("log_matching".to_owned(), "n1 ...".to_owned())));
        let panicked = json!({ "Panicked": "numbers" });
        assert_eq!(failure(&panicked), Some(("panic".to_owned(), "numbers".to_owned())));
        assert_eq!(failure(&json!("Held")), None);
        assert_eq!(failure(&json!({ "Vacuous": ["x"] })), None);
    }
}
