//! The outcome of a bug over all its ranges of seeds.

use crate::bug::Bug;
use crate::shrunk::Shrunk;
use crate::sweep::Range;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The outcome of a bug.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The name of the bug.
    pub bug: String,
    /// The judges that were first to find it, with the number of ranges each.
    pub found_by: BTreeMap<String, u64>,
    /// The number of ranges in which any judge found it.
    pub found: u64,
    /// The number of ranges.
    pub ranges: u64,
    /// The number of seeds and finds over all ranges, with every rule judged.
    pub hits: Hits,
    /// The same numbers with only the history judged.
    pub history: Option<Hits>,
    /// The same numbers with only the outcomes judged.
    pub outcomes: Option<Hits>,
    /// The number of seeds until the bug was found. A range without a find counts with all its seeds.
    pub seeds: Spread,
    /// The number of steps until the bug was found.
    pub steps: Spread,
    /// Wall-clock milliseconds of all ranges together.
    pub wall_ms: u64,
    /// Wall-clock milliseconds to plant and build it.
    pub build_ms: u64,
    /// The scenario and seed of the shortest failing run.
    pub example: Option<String>,
    /// The message of that run.
    pub message: Option<String>,
    /// The shrunk run, if the exam was asked to shrink.
    pub shrunk: Option<Shrunk>,
    /// Whether a judge that the head names was the first to find the bug in most ranges.
    pub passed: bool,
    /// The reason why figures are missing: the patch does not apply, or the copy does not build.
    pub error: Option<String>,
}

/// The number of seeds that were run, and of ranges that ended with a find.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Hits {
    /// The number of seeds that were run.
    pub seeds: u64,
    /// The number of ranges that ended with a find.
    pub found: u64,
}

impl Hits {
    /// Adds up these ranges.
    #[must_use]
    pub fn of(ranges: &[Range]) -> Self {
        Self {
            seeds: ranges.iter().map(|range| range.seeds).sum(),
            found: ranges.iter().filter(|range| range.found.is_some()).count() as u64,
        }
    }
}

/// Prints the number of seeds for each find, with one decimal below ten. Without a find, it prints that
/// more than all seeds were needed.
impl fmt::Display for Hits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, found } = *self;
        match seeds.checked_div(found) {
            None => write!(f, ">{seeds}"),
            Some(whole @ 10..) => write!(f, "{whole}"),
            Some(whole) => write!(f, "{whole}.{}", 10 * seeds / found % 10),
        }
    }
}

/// The median, the least and the most of some numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Spread {
    /// The median. For an even count, it is the lower of the two numbers in the middle.
    pub median: u64,
    /// The smallest number.
    pub least: u64,
    /// The largest number.
    pub most: u64,
}

impl Outcome {
    /// The outcome of these ranges.
    #[must_use]
    pub fn of(bug: &Bug, ranges: &[Range]) -> Self {
        let mut found_by = BTreeMap::new();
        let all_found: Vec<_> = ranges.iter().filter_map(|range| range.found.as_ref()).collect();
        for found in &all_found {
            *found_by.entry(found.judge.clone()).or_default() += 1;
        }
        let example = ranges.iter().filter(|range| range.found.is_some()).min_by_key(|range| range.seeds);
        let example = example.and_then(|range| range.found.as_ref());
        Self {
            bug: bug.name.clone(),
            found_by,
            found: all_found.len() as u64,
            ranges: ranges.len() as u64,
            hits: Hits::of(ranges),
            history: None,
            outcomes: None,
            seeds: Spread::of(ranges.iter().map(|range| range.seeds)),
            steps: Spread::of(ranges.iter().map(|range| range.steps)),
            wall_ms: millis(ranges.iter().map(|range| range.wall).sum()),
            build_ms: 0,
            example: example.map(|found| format!("{}:{}", bug.within.scenario(), found.seed)),
            message: example.map(|found| found.message.clone()),
            shrunk: None,
            passed: false,
            error: None,
        }
        .judged_by(bug)
    }

    /// Judges the outcome again, with the judges that the bug's head names.
    #[must_use]
    pub fn judged_by(mut self, bug: &Bug) -> Self {
        let found_by = self.found_by.iter().filter(|(judge, _)| bug.judges.contains(judge));
        self.passed = self.ranges < 2 * found_by.map(|(_, times)| times).sum::<u64>();
        self
    }

    /// The outcome of a bug that could not be planted or built.
    #[must_use]
    pub fn failed(bug: &Bug, error: String) -> Self {
        Self { error: Some(error), ..Self::of(bug, &[]) }
    }
}

impl Spread {
    /// The spread of these numbers. It is all zeros if there are no numbers.
    pub fn of(numbers: impl IntoIterator<Item = u64>) -> Self {
        let mut sorted: Vec<u64> = numbers.into_iter().collect();
        sorted.sort_unstable();
        let (Some(&least), Some(&most)) = (sorted.first(), sorted.last()) else { return Self::default() };
        Self { median: sorted[(sorted.len() - 1) / 2], least, most }
    }
}

/// A duration in milliseconds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bug::Within;
    use crate::sweep::Found;

    fn bug() -> Bug {
        Bug {
            name: "b".to_owned(),
            plants: String::new(),
            seen: String::new(),
            judges: vec!["right".to_owned()],
            within: Within::Storms(10),
            figures: None,
            storms: None,
            file: "b.patch".into(),
        }
    }

    fn range(seeds: u64, judge: Option<&str>) -> Range {
        let found = judge.map(|judge| Found { judge: judge.to_owned(), seed: seeds, message: String::new() });
        Range { found, seeds, steps: 100 * seeds, wall: Duration::from_millis(seeds) }
    }

    #[test]
    fn most_ranges_must_hear_the_right_judge() {
        let heard = |judges: [Option<&str>; 3]| Outcome::of(&bug(), &judges.map(|judge| range(7, judge)));
        assert!(heard([Some("right"), Some("right"), None]).passed);
        assert!(!heard([Some("right"), Some("wrong"), None]).passed);
        assert!(!heard([Some("wrong"), Some("wrong"), Some("wrong")]).passed);
        assert!(!Outcome::failed(&bug(), "no".to_owned()).passed);
    }

    #[test]
    fn the_quickest_range_is_the_example() {
        let ranges = [range(9, Some("right")), range(3, Some("right")), range(5, None)];
        let outcome = Outcome::of(&bug(), &ranges);
        assert_eq!(outcome.example.as_deref(), Some("storm:3"));
        assert_eq!(outcome.seeds, Spread { median: 5, least: 3, most: 9 });
        assert_eq!(outcome.wall_ms, 17);
        assert_eq!(outcome.hits.to_string(), "8.5");
    }

    #[test]
    fn seeds_for_each_find() {
        let hits = |seeds, found| Hits { seeds, found }.to_string();
        assert_eq!([hits(40, 4), hits(5, 4), hits(40, 0)], ["10", "1.2", ">40"]);
    }
}
