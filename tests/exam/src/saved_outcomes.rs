//! Outcomes on disk, so that an exam that was interrupted can be resumed.

use crate::bug::{Bug, Within};
use crate::outcome::Outcome;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// A file of outcomes, one in each line.
#[derive(Debug)]
pub struct SavedOutcomes {
    file: PathBuf,
    lines: Vec<SavedOutcome>,
}

/// An outcome, with the patch and the setup that it belongs to.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SavedOutcome {
    patch: u64,
    setup: String,
    outcome: Outcome,
}

impl SavedOutcomes {
    /// Reads the file to resume an exam; otherwise begins an empty file.
    ///
    /// # Errors
    /// The error says that the file cannot be written, or that a line of it is not an outcome.
    pub fn open(file: PathBuf, resume: bool) -> Result<Self, String> {
        let cannot = |error: std::io::Error| format!("cannot save outcomes in `{}`: {error}", file.display());
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(cannot)?;
        }
        let mut lines = Vec::new();
        if resume && file.exists() {
            for line in fs::read_to_string(&file).map_err(cannot)?.lines() {
                let line = serde_json::from_str(line);
                lines.push(line.map_err(|error| format!("`{}`: {error}", file.display()))?);
            }
        } else {
            File::create(&file).map_err(cannot)?;
        }
        Ok(Self { file, lines })
    }

    /// Returns the outcome of exactly this patch in the same setup, if it was saved.
    #[must_use]
    pub fn outcome(&self, bug: &Bug, setup: &str) -> Option<Outcome> {
        let patch = fingerprint(bug)?;
        let is_it =
            |line: &&SavedOutcome| line.patch == patch && line.setup == setup && line.outcome.bug == bug.name;
        Some(self.lines.iter().rev().find(is_it)?.outcome.clone().judged_by(bug))
    }

    /// Saves an outcome. An outcome with an error is not saved, so that its bug is examined again.
    ///
    /// # Errors
    /// The error says that the file cannot be written.
    pub fn save(&mut self, bug: &Bug, setup: &str, outcome: &Outcome) -> Result<(), String> {
        let Some(patch) = fingerprint(bug).filter(|_| outcome.error.is_none()) else { return Ok(()) };
        let line = SavedOutcome { patch, setup: setup.to_owned(), outcome: outcome.clone() };
        let text = serde_json::to_string(&line).map_err(|error| error.to_string())?;
        let file = OpenOptions::new().append(true).open(&self.file);
        let written = file.and_then(|mut file| writeln!(file, "{text}"));
        written.map_err(|error| format!("cannot save an outcome in `{}`: {error}", self.file.display()))?;
        self.lines.push(line);
        Ok(())
    }
}

/// A hash of the patch, and of its story if it has one. Returns `None` if the patch cannot be read.
fn fingerprint(bug: &Bug) -> Option<u64> {
    let text = fs::read_to_string(&bug.file).ok()?;
    // The rest of the head can be reworded without a change of the bug.
    let (_, patch) = text.split_once("\ndiff --git ")?;
    Some(match &bug.within {
        Within::Storms(_) | Within::MixedStorms(_) => crate::hash([patch.as_bytes()]),
        Within::Story(name) => crate::hash([patch.as_bytes(), name.as_bytes()]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exam_resumes_where_it_stopped() {
        let folder = std::env::temp_dir().join(format!("wavetank-exam-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let patch = folder.join("b.patch");
        fs::write(&patch, "Plants: x\n\ndiff --git a/x b/x\n").unwrap();
        let bug = Bug {
            name: "b".to_owned(),
            plants: String::new(),
            seen: String::new(),
            judges: Vec::new(),
            within: Within::Storms(1),
            figures: None,
            storms: None,
            file: patch.clone(),
        };
        let file = folder.join("saved.jsonl");
        let mut saved = SavedOutcomes::open(file.clone(), false).unwrap();
        let outcome = Outcome::of(&bug, &[]);
        saved.save(&bug, "1 range", &outcome).unwrap();
        saved.save(&bug, "1 range", &Outcome::failed(&bug, "no".to_owned())).unwrap();

        let saved = SavedOutcomes::open(file.clone(), true).unwrap();
        assert_eq!(saved.outcome(&bug, "1 range"), Some(outcome));
        assert_eq!(saved.outcome(&bug, "2 ranges"), None);
        fs::write(&patch, "Plants: x\n\ndiff --git a/y b/y\n").unwrap();
        assert_eq!(saved.outcome(&bug, "1 range"), None, "another patch");
        fs::write(&patch, "Plants: z\n\ndiff --git a/x b/x\n").unwrap();
        assert!(saved.outcome(&bug, "1 range").is_some(), "another head");
        let in_story = Bug { within: Within::Story("s".to_owned()), ..bug };
        assert_eq!(saved.outcome(&in_story, "1 range"), None, "in a story instead of storms");
        assert!(SavedOutcomes::open(file, false).unwrap().lines.is_empty());
        fs::remove_dir_all(folder).unwrap();
    }
}
