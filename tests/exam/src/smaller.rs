//! What became of a found failure in a shrinker's hands, and whether its capsule still fails after
//! the code has changed.

use crate::outcome::millis;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// A failure made small.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Smaller {
    /// The run that was found.
    pub before: String,
    /// The smallest one.
    pub after: String,
    /// How many plans were tried.
    pub tried: String,
    /// How long that took.
    pub wall_ms: u64,
    /// What its capsule's replay said after a change of the code; `None` if it was the same run.
    pub strayed: Option<String>,
}

impl Smaller {
    /// Shrinks a run into a capsule.
    ///
    /// # Errors
    /// When the command says something else than it used to.
    pub fn of(command: &Path, run: &str, capsule: &Path) -> Result<Self, String> {
        let begun = Instant::now();
        let mut shrink = Command::new(command);
        shrink.args(["shrink", run, "-o"]).arg(capsule);
        let said = said(&mut shrink)?;
        let wall_ms = millis(begun.elapsed());
        let field = |title: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(title));
            line.map(|line| line.trim().to_owned()).ok_or_else(|| format!("{run} was not shrunk: {said}"))
        };
        let (before, after, tried) = (field("before ")?, field("after ")?, field("tried ")?);
        Ok(Self { before, after, tried, wall_ms, strayed: None })
    }

    /// Replays the capsule with another build.
    ///
    /// # Errors
    /// When the command cannot be run.
    pub fn replay(&mut self, command: &Path, capsule: &Path) -> Result<(), String> {
        let mut replay = Command::new(command);
        replay.args(["replay", "--trace", "none"]).arg(capsule);
        let output = replay.output().map_err(|error| error.to_string())?;
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let is_same = said.lines().any(|line| line == "capsule  the same steps, digest and verdict");
        self.strayed = (!is_same).then(|| said.trim().to_owned());
        Ok(())
    }
}

fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}
