//! What came of a bug over all its ranges.

use crate::bug::Bug;
use crate::sitting::Range;
use crate::smaller::Smaller;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How a bug fared.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The bug.
    pub bug: String,
    /// Who spoke first, and in how many ranges.
    pub spoke: BTreeMap<String, u64>,
    /// In how many ranges it was found, by whomever.
    pub found: u64,
    /// Of so many.
    pub ranges: u64,
    /// Seeds played over all ranges, and how often they found it.
    pub hits: Hits,
    /// The same, of what the harness's memory shows.
    pub ghosts: Option<Hits>,
    /// The same, of outcomes alone.
    pub outcomes: Option<Hits>,
    /// Seeds until it was found, over the ranges; those in which it was not count as played.
    pub seeds: Spread,
    /// Steps until then.
    pub steps: Spread,
    /// Milliseconds of the wall clock, all ranges together.
    pub wall_ms: u64,
    /// Milliseconds of the wall clock to plant and build it.
    pub build_ms: u64,
    /// A run that shows it: a scenario and a seed.
    pub example: Option<String>,
    /// What was said there.
    pub words: Option<String>,
    /// What that run was made into, if that was asked for.
    pub smaller: Option<Smaller>,
    /// Whether a judge of the right name found it in most ranges.
    pub passed: bool,
    /// Why there are no figures: it does not apply, or does not build.
    pub trouble: Option<String>,
}

/// How many seeds were played, and how many ranges ended with a find.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Hits {
    /// Seeds.
    pub seeds: u64,
    /// Finds.
    pub found: u64,
}

impl Hits {
    /// Of these ranges.
    #[must_use]
    pub fn of(ranges: &[Range]) -> Self {
        Self {
            seeds: ranges.iter().map(|range| range.seeds).sum(),
            found: ranges.iter().filter(|range| range.found.is_some()).count() as u64,
        }
    }
}

/// Seeds for each find, with one decimal below ten; more than all of them if there was none.
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

/// The middle, the least and the most of some numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Spread {
    /// Half of them are no more than this.
    pub median: u64,
    /// The least.
    pub least: u64,
    /// The most.
    pub most: u64,
}

impl Outcome {
    /// What these ranges come to.
    #[must_use]
    pub fn of(bug: &Bug, ranges: &[Range]) -> Self {
        let mut spoke = BTreeMap::new();
        let all_found: Vec<_> = ranges.iter().filter_map(|range| range.found.as_ref()).collect();
        for found in &all_found {
            *spoke.entry(found.judge.clone()).or_default() += 1;
        }
        let example = ranges.iter().filter(|range| range.found.is_some()).min_by_key(|range| range.seeds);
        let example = example.and_then(|range| range.found.as_ref());
        Self {
            bug: bug.name.clone(),
            spoke,
            found: all_found.len() as u64,
            ranges: ranges.len() as u64,
            hits: Hits::of(ranges),
            ghosts: None,
            outcomes: None,
            seeds: Spread::of(ranges.iter().map(|range| range.seeds)),
            steps: Spread::of(ranges.iter().map(|range| range.steps)),
            wall_ms: millis(ranges.iter().map(|range| range.wall).sum()),
            build_ms: 0,
            example: example.map(|found| format!("{}:{}", bug.within.scenario(), found.seed)),
            words: example.map(|found| found.words.clone()),
            smaller: None,
            passed: false,
            trouble: None,
        }
        .judged_by(bug)
    }

    /// The same, by what the bug's head says now.
    #[must_use]
    pub fn judged_by(mut self, bug: &Bug) -> Self {
        let spoke = self.spoke.iter().filter(|(judge, _)| bug.judges.contains(judge));
        self.passed = self.ranges < 2 * spoke.map(|(_, times)| times).sum::<u64>();
        self
    }

    /// The bug could not be planted or built.
    #[must_use]
    pub fn spoilt(bug: &Bug, trouble: String) -> Self {
        Self { trouble: Some(trouble), ..Self::of(bug, &[]) }
    }
}

impl Spread {
    /// Of these; of none, zeros.
    pub fn of(numbers: impl IntoIterator<Item = u64>) -> Self {
        let mut sorted: Vec<u64> = numbers.into_iter().collect();
        sorted.sort_unstable();
        let (Some(&least), Some(&most)) = (sorted.first(), sorted.last()) else { return Self::default() };
        Self { median: sorted[(sorted.len() - 1) / 2], least, most }
    }
}

/// Milliseconds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bug::Within;
    use crate::sitting::Found;

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
        let found = judge.map(|judge| Found { judge: judge.to_owned(), seed: seeds, words: String::new() });
        Range { found, seeds, steps: 100 * seeds, wall: Duration::from_millis(seeds) }
    }

    #[test]
    fn most_ranges_must_hear_the_right_judge() {
        let heard = |judges: [Option<&str>; 3]| Outcome::of(&bug(), &judges.map(|judge| range(7, judge)));
        assert!(heard([Some("right"), Some("right"), None]).passed);
        assert!(!heard([Some("right"), Some("wrong"), None]).passed);
        assert!(!heard([Some("wrong"), Some("wrong"), Some("wrong")]).passed);
        assert!(!Outcome::spoilt(&bug(), "no".to_owned()).passed);
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
