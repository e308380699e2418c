//! The report of a sweep in a folder: an index, and a page for each kind of failure. A page shows the smallest
//! run that the search found. If no run of the kind was shrunk, the page shows the shortest run.

use super::failures::{self, Group, ShrunkRun};
use super::file::AtomicFile;
use super::format::many;
use super::table::{self, WallClock};
use super::tally::Tally;
use super::target::Target;
use super::{CliError, inspect};
use crate::registry::Suite;
use crate::trace::TraceForm;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use wavetank_sim::JudgeLevel;

/// A folder for a report, and the index file of the report. The folder and the index are writable.
pub(crate) struct ReportFolder {
    path: PathBuf,
    index: AtomicFile,
}

impl ReportFolder {
    /// Creates the folder, so that an unwritable path is reported before the work begins.
    pub(crate) fn create(path: &Path) -> Result<Self, CliError> {
        fs::create_dir_all(path).map_err(|error| {
            CliError::new(format!("cannot write the report `{}`: {error}", path.display()))
        })?;
        let index = AtomicFile::create(&path.join("index.html"))?;
        Ok(Self { path: path.to_owned(), index })
    }

    /// Returns the path of the index.
    pub(crate) fn index(&self) -> PathBuf {
        self.path.join("index.html")
    }

    /// Writes the index and the pages.
    pub(crate) fn write(
        mut self,
        suite: &Suite,
        tallies: &[Tally],
        judges: JudgeLevel,
        shrunk: &BTreeMap<&str, ShrunkRun<'_>>,
    ) -> Result<(), CliError> {
        let groups = failures::groups(suite, tallies);
        let mut sections = String::new();
        for (at, group) in groups.iter().enumerate() {
            let name = format!("{}-{}.html", at + 1, slug(group.kind));
            sections += &match shrunk.get(group.kind) {
                Some(run) => self.section(group, &run.before, Some(&run.small), &name)?,
                None => self.section(group, &failures::target_of(suite, group, judges), None, &name)?,
            };
        }
        let runs: u64 = tallies.iter().map(|tally| tally.runs).sum();
        let title = match groups.len() {
            0 => format!("Sweep: no failure in {}", many(runs, "run")),
            kinds => format!("Sweep: {} of failure in {}", many(kinds as u64, "kind"), many(runs, "run")),
        };
        let mut table = Vec::new();
        table::write(tallies, WallClock::Hidden, &mut table)?;
        let html = include_str!("report.html")
            .replace("{{title}}", &escaped(&title))
            .replace("{{table}}", &escaped(&String::from_utf8_lossy(&table)))
            .replace("{{groups}}", &sections);
        self.index.line(html.trim_end())?;
        self.index.finish()
    }

    /// Writes the page of a group of failures, and returns the section about this group for the index, as HTML.
    /// `target` is a run of the group. `small` is the smallest run that the search found for `target`; `None`
    /// if `target` was not shrunk. The page shows `small` if there is a `small`, and `target` otherwise. `name`
    /// is the name of the page's file.
    fn section(
        &self,
        group: &Group<'_>,
        target: &Target<'_>,
        small: Option<&Target<'_>>,
        name: &str,
    ) -> Result<String, CliError> {
        let shown = small.unwrap_or(target);
        let what = if small.is_some() { "the shrunk run" } else { "the shortest run" };
        let link = self.page(shown, name, what)?;
        let (_, story) = shown.run(TraceForm::Story);
        let commands: Vec<_> =
            [Some(target), small].into_iter().flatten().map(Target::replay_command).collect();
        let others = group
            .others(&target.named)
            .map_or_else(String::new, |others| format!("<p>Also {}</p>\n", escaped(&others)));
        Ok(format!(
            "<h2>{}: {}</h2>\n<p>{link}</p>\n<pre>{}</pre>\n{others}<pre>{}</pre>\n",
            escaped(&group.title()),
            many(group.count(), "run"),
            escaped(&commands.join("\n")),
            escaped(story.trim_end()),
        ))
    }

    /// Writes the page of a run, and returns a link to the page, as HTML. If the run has no step, writes no page,
    /// and returns a sentence in place of the link.
    fn page(&self, target: &Target<'_>, name: &str, what: &str) -> Result<String, CliError> {
        let (_, Some(page)) = inspect::page(target) else {
            return Ok(format!("{} has no step to show.", escaped(&target.named)));
        };
        let mut file = AtomicFile::create(&self.path.join(name))?;
        file.line(page.trim_end())?;
        file.finish()?;
        Ok(format!("<a href=\"{name}\">Page of {what}, {}</a>", escaped(&target.named)))
    }
}

/// Escapes a text for HTML. The result can stand inside an element, or inside an attribute in double quotes.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// Converts a text to a part of a file name. The part has at most 60 characters.
fn slug(text: &str) -> String {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
    text.chars().map(safe).take(60).collect::<String>().trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_of_a_panic_is_a_file_name() {
        assert_eq!(slug("panic (raft/src/node.rs:12:5)"), "panic--raft-src-node-rs-12-5");
        assert_eq!(escaped("<a \"b\">&"), "&lt;a &quot;b&quot;>&amp;");
    }
}
