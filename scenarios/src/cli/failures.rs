//! The failures of a sweep, grouped by property: the shortest failure of each kind is told, and the others are
//! counted.

use super::format::many;
use super::tally::{FailureKind, Tally};
use super::target::{self, Target};
use crate::registry::Suite;
use crate::trace::TraceForm;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use wavetank_sim::{JudgeLevel, Verdict};

/// The maximum number of lines of all stories together. Each kind of failure has at least [`LEAST`] lines.
const LINES: usize = 50;

/// The minimum number of lines of the story of one kind of failure.
const LEAST: usize = 3;

/// The number of kinds whose shortest run is told. Of more kinds, the others get one line each.
const TOLD: usize = 6;

/// The failures of one kind, in all scenarios.
pub(crate) struct Group<'a> {
    /// The failed check, or the place of the panic.
    pub(crate) kind: &'a str,
    /// The failures in each scenario, with the name of the scenario.
    pub(crate) scenarios: Vec<(&'a str, &'a FailureKind)>,
}

impl Group<'_> {
    /// The scenario and the failures with the shortest run.
    pub(crate) fn shortest(&self) -> (&str, &FailureKind) {
        let shortest = self.scenarios.iter().min_by_key(|(_, failures)| failures.shortest.events);
        *shortest.expect("a group has a failure")
    }

    /// The number of runs in the group.
    pub(crate) fn count(&self) -> u64 {
        self.scenarios.iter().map(|(_, failures)| failures.count).sum()
    }

    /// The kind, with the section that states the property.
    pub(crate) fn title(&self) -> String {
        match &self.shortest().1.shortest.verdict {
            Verdict::Violated(violation) => format!("{} ({})", self.kind, violation.section),
            _ => self.kind.to_owned(),
        }
    }

    /// The runs that fail in the same way as the shortest, at most ten, and the number of all of them.
    pub(crate) fn others(&self) -> Option<String> {
        let (scenario, failures) = self.shortest();
        let is_told = |name: &str, seed| name == scenario && seed == failures.shortest.seed;
        let runs =
            self.scenarios.iter().flat_map(|&(name, kind)| kind.seeds.iter().map(move |&seed| (name, seed)));
        let runs = runs.filter(|&(name, seed)| !is_told(name, seed)).take(FailureKind::SEEDS);
        let mut line = String::new();
        let mut last = "";
        for (name, seed) in runs {
            line += &if name == last { format!(" {seed}") } else { format!(" {name}:{seed}") };
            last = name;
        }
        let others = self.count() - 1;
        (0 < others).then(|| format!("{}, such as{line}", many(others, "other run")))
    }
}

/// Groups the failures of all rows, the worst kind first.
pub(crate) fn groups(tallies: &[Tally]) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    for tally in tallies {
        for (kind, failures) in &tally.kinds {
            let group = groups.entry(kind).or_insert_with(|| Group { kind, scenarios: Vec::new() });
            group.scenarios.push((&tally.scenario, failures));
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse((group.shortest().1.shortest.status, group.count())));
    groups
}

/// Prints the groups, and writes a capsule of the shortest run of each.
pub(crate) fn write(
    suite: &Suite,
    tallies: &[Tally],
    judges: JudgeLevel,
    out: &mut dyn Write,
) -> io::Result<()> {
    let groups = groups(tallies);
    let (told, others) = groups.split_at(groups.len().min(TOLD));
    write_told(suite, told, judges, out)?;
    if !others.is_empty() {
        writeln!(out, "\nother kinds")?;
    }
    for group in others {
        let target = target_of(suite, group, judges);
        writeln!(out, "  {}: {}; {}", group.title(), many(group.count(), "run"), target.replay_command())?;
    }
    Ok(())
}

fn write_told(
    suite: &Suite,
    groups: &[Group<'_>],
    judges: JudgeLevel,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut left = LINES;
    for (at, group) in groups.iter().enumerate() {
        let target = target_of(suite, group, judges);
        writeln!(out, "\n{}: {}", group.title(), many(group.count(), "run"))?;
        // What one group leaves is for the next ones.
        let share = (left / (groups.len() - at)).max(LEAST);
        left = left.saturating_sub(write_story(&target, share, out)?);
        writeln!(out, "  replay   {}", target.replay_command())?;
        let path = target::default_path(suite, group.shortest().0, group.shortest().1.shortest.seed);
        if keep(&target, &path) {
            writeln!(out, "  capsule  {}", path.display())?;
        }
        if let Some(others) = group.others() {
            writeln!(out, "  also     {others}")?;
        }
    }
    Ok(())
}

/// The shortest run of a group.
pub(crate) fn target_of<'a>(suite: &'a Suite, group: &Group<'_>, judges: JudgeLevel) -> Target<'a> {
    let (name, failures) = group.shortest();
    let scenario = suite.scenarios.iter().find(|scenario| scenario.name == name);
    Target::judged(suite, scenario.expect("every row belongs to a scenario"), failures.shortest.seed, judges)
}

/// Writes the capsule of a failure if possible. If the file cannot be written, the run can still be
/// repeated by its name.
fn keep(target: &Target<'_>, path: &Path) -> bool {
    let has_folder = path.parent().is_some_and(|folder| fs::create_dir_all(folder).is_ok());
    has_folder && target.keep(path).is_ok()
}

/// Repeats a failed run and prints the end of its story, at most `most` lines and the header. Returns the number
/// of lines.
fn write_story(target: &Target<'_>, most: usize, out: &mut dyn Write) -> io::Result<usize> {
    let (_, story) = target.run(TraceForm::Story);
    let lines: Vec<&str> = story.lines().collect();
    let Some((head, lines)) = lines.split_first() else { return Ok(0) };
    let left_out = lines.len().saturating_sub(most);
    writeln!(out, "  {head}")?;
    if 0 < left_out {
        writeln!(out, "  ... {} before", many(left_out as u64, "line"))?;
    }
    for line in &lines[left_out..] {
        writeln!(out, "  {line}")?;
    }
    Ok(lines.len() - left_out)
}
