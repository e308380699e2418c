//! `wavetank list`: prints the name and the summary of every scenario, chapter by chapter.

use super::exit::Status;
use super::{CliError, Streams};
use crate::registry::{Scenario, Suite};
use serde::Serialize;
use std::io::Write;

#[derive(Serialize)]
struct Listed {
    name: &'static str,
    chapter: String,
    summary: &'static str,
}

/// Writes the list of the scenarios, as JSON or as text.
pub(crate) fn list(suite: &Suite, json: bool, streams: &mut Streams<'_>) -> Result<Status, CliError> {
    if json {
        as_json(&suite.scenarios, streams.out)?;
    } else {
        as_text(suite, streams.out)?;
    }
    Ok(Status::Held)
}

fn as_json(scenarios: &[Scenario], out: &mut dyn Write) -> std::io::Result<()> {
    let listed: Vec<Listed> = scenarios
        .iter()
        .map(|&Scenario { name, summary, chapter, play: _ }| Listed {
            name,
            chapter: chapter.to_string(),
            summary,
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &listed)?;
    writeln!(out)
}

fn as_text(suite: &Suite, out: &mut dyn Write) -> std::io::Result<()> {
    let Suite { subject, scenarios, left_out, .. } = suite;
    let width = scenarios.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    let mut chapter = None;
    for scenario in scenarios {
        if chapter != Some(scenario.chapter) {
            let space = if chapter.is_some() { "\n" } else { "" };
            writeln!(out, "{space}{}", scenario.chapter)?;
            chapter = Some(scenario.chapter);
        }
        writeln!(out, "  {:width$}  {}", scenario.name, scenario.summary)?;
    }
    if !left_out.is_empty() {
        let count = left_out.len();
        writeln!(out, "\nleft out: {count} scenarios, which run only with our server, not with {subject}")?;
    }
    Ok(())
}
