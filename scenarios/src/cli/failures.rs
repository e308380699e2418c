//! The failures of a sweep, grouped by kind. For each of the worst kinds, the command shrinks the shortest
//! failure, prints the story of the smallest run, and counts the other failures.

use super::format::many;
use super::shrink::{self, Small};
use super::tally::{FailureKind, Tally};
use super::target::{self, Target};
use super::{CliError, Streams, write_message};
use crate::registry::{Play, Scenario, Suite};
use crate::trace::TraceForm;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use wavetank_sim::{JudgeLevel, Verdict};

/// The number of lines that the stories and schedules of all kinds share. A story may have [`LEAST`] lines even
/// if its share is smaller.
const LINES: usize = 50;

/// The number of lines that each story may have, even if its share of [`LINES`] is smaller.
const LEAST: usize = 3;

/// The maximum number of kinds of failures with a story. Each other kind gets only one line.
const TOLD: usize = 6;

/// The failures of one kind, in all scenarios.
pub(crate) struct Group<'a> {
    /// The failed check, or the place of the panic.
    pub(crate) kind: &'a str,
    /// The failures in each scenario.
    scenarios: Vec<(&'a Scenario, &'a FailureKind)>,
}

impl<'a> Group<'a> {
    /// Returns the scenario of the shortest run in the group, and the failures of this kind in the scenario.
    fn shortest(&self) -> (&'a Scenario, &'a FailureKind) {
        let shortest = self.scenarios.iter().min_by_key(|(_, failures)| failures.shortest.events);
        *shortest.expect("a group has a failure")
    }

    /// Returns the scenario of the shortest run that can be shrunk, and the failures of this kind in the scenario.
    /// Returns `None` if all runs are stories.
    fn shortest_planned(&self) -> Option<(&'a Scenario, &'a FailureKind)> {
        let is_planned = |scenario: &Scenario| matches!(scenario.play, Play::Planned { .. });
        let planned = self.scenarios.iter().filter(|(scenario, _)| is_planned(scenario));
        planned.min_by_key(|(_, failures)| failures.shortest.events).copied()
    }

    /// Returns the number of runs in the group.
    pub(crate) fn count(&self) -> u64 {
        self.scenarios.iter().map(|(_, failures)| failures.count).sum()
    }

    /// Returns the kind. If a property was violated, the text also names the section that states the
    /// property.
    pub(crate) fn title(&self) -> String {
        match &self.shortest().1.shortest.verdict {
            Verdict::Violated(violation) => format!("{} ({})", self.kind, violation.section),
            _ => self.kind.to_owned(),
        }
    }

    /// Returns a text with the number of the other runs in the group, and with the names of at most ten other
    /// runs. `told` is the name of the run that is not counted. Returns `None` if there is no other run.
    pub(crate) fn others(&self, told: &str) -> Option<String> {
        let runs = self
            .scenarios
            .iter()
            .flat_map(|&(scenario, kind)| kind.seeds.iter().map(move |&seed| (scenario.name, seed)));
        let runs = runs.filter(|(name, seed)| format!("{name}:{seed}") != told).take(FailureKind::SEEDS);
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

/// Returns the failures of all rows, grouped by kind. The worst kind comes first.
pub(crate) fn groups<'a>(suite: &'a Suite, tallies: &'a [Tally]) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    for tally in tallies {
        let scenario = suite.scenarios.iter().find(|scenario| scenario.name == tally.scenario);
        let scenario = scenario.expect("every row belongs to a scenario");
        for (kind, failures) in &tally.kinds {
            let group = groups.entry(kind).or_insert_with(|| Group { kind, scenarios: Vec::new() });
            group.scenarios.push((scenario, failures));
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse((group.shortest().1.shortest.status, group.count())));
    groups
}

/// The way in which the failures are examined.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Examination {
    /// The level of the judges that examine the runs.
    pub(crate) judges: JudgeLevel,
    /// The maximum number of events that the sweep simulates to shrink one kind of failure. With 0, nothing
    /// is shrunk.
    pub(crate) shrink: u64,
}

/// A run that was shrunk.
pub(crate) struct ShrunkRun<'a> {
    /// The original run.
    pub(crate) before: Target<'a>,
    /// The smallest run. The name of the target is the path of the run's capsule.
    pub(crate) small: Target<'a>,
}

/// Prints the groups. For each group with a story, writes a capsule of the shortest run and a capsule of the
/// smallest run, if the run was shrunk. Returns the runs that were shrunk. The key is the kind of the failure.
pub(crate) fn write<'a>(
    suite: &'a Suite,
    tallies: &'a [Tally],
    examination: Examination,
    streams: &mut Streams<'_>,
) -> io::Result<BTreeMap<&'a str, ShrunkRun<'a>>> {
    let groups = groups(suite, tallies);
    let (told, others) = groups.split_at(groups.len().min(TOLD));
    let (mut left, mut shrunk) = (LINES, BTreeMap::new());
    for (at, group) in told.iter().enumerate() {
        // The next groups can have the lines that this group does not need.
        let share = left / (told.len() - at);
        let (lines, run) = write_told(suite, group, examination, share, streams)?;
        left = left.saturating_sub(lines);
        shrunk.extend(run.map(|run| (group.kind, run)));
    }
    if !others.is_empty() {
        writeln!(streams.out, "\nother kinds")?;
    }
    for group in others {
        let replay = target_of(suite, group, examination.judges).replay_command();
        writeln!(streams.out, "  {}: {}; {replay}", group.title(), many(group.count(), "run"))?;
    }
    Ok(shrunk)
}

/// Prints a group. The story and the schedule together have about `share` lines. Returns the number of lines of
/// the story and the schedule, and the run of the group that was shrunk; `None` if no run was shrunk.
fn write_told<'a>(
    suite: &'a Suite,
    group: &Group<'a>,
    examination: Examination,
    share: usize,
    streams: &mut Streams<'_>,
) -> io::Result<(usize, Option<ShrunkRun<'a>>)> {
    let small = shrunk(suite, group, examination, streams);
    let (scenario, failures) = match small {
        Some((scenario, failures, _)) => (scenario, failures),
        None => group.shortest(),
    };
    let seed = failures.shortest.seed;
    let target = Target::judged(suite, scenario, seed, examination.judges);
    let schedule = small.as_ref().map_or_else(Vec::new, |(.., small)| small.schedule());
    let told = small.as_ref().map_or(&target, |(.., small)| &small.target);
    writeln!(streams.out, "\n{}: {}", group.title(), many(group.count(), "run"))?;
    let most = share.saturating_sub(schedule.len()).max(LEAST);
    let lines = write_story(told, most, streams.out)? + schedule.len();
    schedule.iter().try_for_each(|line| writeln!(streams.out, "{line}"))?;
    writeln!(streams.out, "  replay   {}", target.replay_command())?;
    let path = target::default_path(suite, scenario.name, seed);
    if keep(&target, &path, streams) {
        writeln!(streams.out, "  capsule  {}", path.display())?;
    }
    if let Some((.., small)) = &small
        && keep(&small.target, Path::new(&small.target.named), streams)
    {
        writeln!(streams.out, "  shrunk   {}", small.target.replay_command())?;
    }
    if let Some(others) = group.others(&target.named) {
        writeln!(streams.out, "  also     {others}")?;
    }
    Ok((lines, small.map(|(.., Small { target: small, .. })| ShrunkRun { before: target, small })))
}

/// Finds the shortest run of a group that can be shrunk, and shrinks this run. Returns the scenario, the
/// failures of this kind in the scenario, and the smallest run. If no run can be shrunk, or if no smaller run
/// was found, prints the reason on stderr and returns `None`. With `--shrink 0`, prints nothing and returns
/// `None`.
fn shrunk<'a>(
    suite: &'a Suite,
    group: &Group<'a>,
    examination: Examination,
    streams: &mut Streams<'_>,
) -> Option<(&'a Scenario, &'a FailureKind, Small<'a>)> {
    if examination.shrink == 0 {
        return None;
    }
    let Some((scenario, failures)) = group.shortest_planned() else {
        write_message(streams, &format!("{} is not shrunk: only storms can be shrunk", group.kind));
        return None;
    };
    let target = Target::judged(suite, scenario, failures.shortest.seed, examination.judges);
    let small = shrink::within(&target, examination.shrink, streams.err_is_terminal);
    if small.is_none() {
        let kind = group.kind;
        write_message(
            streams,
            &format!(
                "{kind} is not shrunk: no smaller run was found; a larger value of --shrink allows more tries"
            ),
        );
    }
    Some((scenario, failures, small?))
}

/// Returns the shortest run of a group.
pub(crate) fn target_of<'a>(suite: &'a Suite, group: &Group<'a>, judges: JudgeLevel) -> Target<'a> {
    let (scenario, failures) = group.shortest();
    Target::judged(suite, scenario, failures.shortest.seed, judges)
}

/// Writes the capsule of a failure. If the file cannot be written, prints the reason on stderr and returns false.
/// The user can still repeat the run by its name.
fn keep(target: &Target<'_>, path: &Path, streams: &mut Streams<'_>) -> bool {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    let folder = folder.map_err(|error| CliError::new(format!("cannot write `{}`: {error}", path.display())));
    match folder.and_then(|()| target.keep(path)) {
        Ok(()) => true,
        Err(error) => {
            write_message(streams, &error.to_string());
            false
        }
    }
}

/// Repeats a failed run, and prints the header and the last `most` lines of the story. Returns the number of
/// printed lines without the header.
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
