//! A failing run that was shrunk. The exam also tests whether its capsule still replays after the code
//! has changed.

use crate::outcome::millis;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// A failing run that was shrunk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shrunk {
    /// The size of the run that was found.
    pub before: String,
    /// The size of the shrunk run.
    pub after: String,
    /// The number of plans that were tried.
    pub tried: String,
    /// The time that the search took.
    pub wall_ms: u64,
    /// The output of a replay after a change of the code, if the replayed run differed.
    pub strayed: Option<String>,
}

impl Shrunk {
    /// Shrinks a run, and writes the capsule.
    ///
    /// # Errors
    /// The error says that the output of the command cannot be read.
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
    /// The error says that the command cannot be run.
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
