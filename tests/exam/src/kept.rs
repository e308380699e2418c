//! What was found before, so that an exam that was interrupted can go on where it stopped.

use crate::bug::{Bug, Within};
use crate::outcome::Outcome;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// Outcomes in a file, a line each.
#[derive(Debug)]
pub struct Kept {
    file: PathBuf,
    lines: Vec<Line>,
}

/// An outcome, and what it is one of.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    patch: u64,
    sitting: String,
    outcome: Outcome,
}

impl Kept {
    /// What is in the file; nothing, and the file is begun anew, unless the exam goes on.
    ///
    /// # Errors
    /// When the file cannot be written, or something else is in it.
    pub fn open(file: PathBuf, goes_on: bool) -> Result<Self, String> {
        let cannot = |error: std::io::Error| format!("cannot keep outcomes in `{}`: {error}", file.display());
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(cannot)?;
        }
        let mut lines = Vec::new();
        if goes_on && file.exists() {
            for line in fs::read_to_string(&file).map_err(cannot)?.lines() {
                let line = serde_json::from_str(line);
                lines.push(line.map_err(|error| format!("`{}`: {error}", file.display()))?);
            }
        } else {
            File::create(&file).map_err(cannot)?;
        }
        Ok(Self { file, lines })
    }

    /// The outcome of this very patch in a sitting like this; `None` if there is none yet.
    #[must_use]
    pub fn outcome(&self, bug: &Bug, sitting: &str) -> Option<Outcome> {
        let patch = fingerprint(bug)?;
        let is_it =
            |line: &&Line| line.patch == patch && line.sitting == sitting && line.outcome.bug == bug.name;
        Some(self.lines.iter().rev().find(is_it)?.outcome.clone().judged_by(bug))
    }

    /// Keeps an outcome. Of those that could not be planted or built nothing is kept: they are
    /// tried again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&mut self, bug: &Bug, sitting: &str, outcome: &Outcome) -> Result<(), String> {
        let Some(patch) = fingerprint(bug).filter(|_| outcome.trouble.is_none()) else { return Ok(()) };
        let line = Line { patch, sitting: sitting.to_owned(), outcome: outcome.clone() };
        let text = serde_json::to_string(&line).map_err(|error| error.to_string())?;
        let file = OpenOptions::new().append(true).open(&self.file);
        let written = file.and_then(|mut file| writeln!(file, "{text}"));
        written.map_err(|error| format!("cannot keep an outcome in `{}`: {error}", self.file.display()))?;
        self.lines.push(line);
        Ok(())
    }
}

/// What is planted, and in which story if it is in one, as a number; `None` if it cannot be read.
fn fingerprint(bug: &Bug) -> Option<u64> {
    let text = fs::read_to_string(&bug.file).ok()?;
    // The rest of the head may be written anew without the bug being another.
    let (_, patch) = text.split_once("\ndiff --git ")?;
    Some(match &bug.within {
        Within::Storms(_) => crate::hash([patch.as_bytes()]),
        Within::Story(name) => crate::hash([patch.as_bytes(), name.as_bytes()]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exam_goes_on_where_it_stopped() {
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
        let place = folder.join("kept.jsonl");
        let mut kept = Kept::open(place.clone(), false).unwrap();
        let outcome = Outcome::of(&bug, &[]);
        kept.keep(&bug, "1 range", &outcome).unwrap();
        kept.keep(&bug, "1 range", &Outcome::spoilt(&bug, "no".to_owned())).unwrap();

        let kept = Kept::open(place.clone(), true).unwrap();
        assert_eq!(kept.outcome(&bug, "1 range"), Some(outcome));
        assert_eq!(kept.outcome(&bug, "2 ranges"), None);
        fs::write(&patch, "Plants: x\n\ndiff --git a/y b/y\n").unwrap();
        assert_eq!(kept.outcome(&bug, "1 range"), None, "another patch");
        fs::write(&patch, "Plants: z\n\ndiff --git a/x b/x\n").unwrap();
        assert!(kept.outcome(&bug, "1 range").is_some(), "another head");
        let told = Bug { within: Within::Story("s".to_owned()), ..bug };
        assert_eq!(kept.outcome(&told, "1 range"), None, "in a story instead of storms");
        assert!(Kept::open(place, false).unwrap().lines.is_empty());
        fs::remove_dir_all(folder).unwrap();
    }
}
