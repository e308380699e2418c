//! The types of the arguments for the seeds, the threads and the shares of a sweep.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A range of seeds. The range is never empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seeds {
    first: u64,
    count: u64,
}

impl Seeds {
    /// Returns the seeds from 0 to `count - 1`. Panics if `count` is 0.
    pub(crate) fn first_of_all(count: u64) -> Self {
        assert!(1 <= count, "a sweep runs at least one seed");
        Self { first: 0, count }
    }

    /// Returns the first `count` seeds of the range, or the whole range if the range is shorter.
    pub(crate) fn at_most(self, count: u64) -> Self {
        Self { first: self.first, count: self.count.min(count) }
    }

    /// Returns the number of seeds in the range.
    pub(crate) fn count(self) -> u64 {
        self.count
    }

    /// Returns the seed at this position in the range, from 0 on; `None` after the last seed.
    pub(crate) fn nth(self, at: u64) -> Option<u64> {
        (at < self.count).then(|| self.first + at)
    }
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| {
            part.parse::<u64>()
                .map_err(|_| "seeds must be A..B or N in whole numbers, such as 0..1000 or 250".to_owned())
        };
        let (first, end) = match text.split_once("..") {
            Some((first, end)) => (number(first)?, number(end)?),
            None => (0, number(text)?),
        };
        match end.checked_sub(first) {
            Some(count @ 1..) => Ok(Self { first, count }),
            Some(0) => Err("the range contains no seed".to_owned()),
            None => Err(format!("the range contains no seed; try {end}..{first}")),
        }
    }
}

/// The number of threads: a number from 1 to 256.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Jobs(pub(crate) usize);

impl FromStr for Jobs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const MOST: usize = 256;
        match text.parse() {
            Ok(jobs @ 1..=MOST) => Ok(Self(jobs)),
            _ => Err(format!("the number of threads must be from 1 to {MOST}")),
        }
    }
}

/// One of several equal shares of the runs: share `at` (from 0 on) of `of` shares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "UncheckedShard")]
pub(crate) struct Shard {
    at: u64,
    of: u64,
}

/// A share in a file, before its numbers are checked.
#[derive(Deserialize)]
struct UncheckedShard {
    at: u64,
    of: u64,
}

impl TryFrom<UncheckedShard> for Shard {
    type Error = String;

    fn try_from(UncheckedShard { at, of }: UncheckedShard) -> Result<Self, String> {
        if at < of && of <= Self::MOST {
            Ok(Self { at, of })
        } else {
            Err(format!("a shard must be K/N with K from 1 to N and N up to {}, such as 1/4", Self::MOST))
        }
    }
}

impl Shard {
    /// The largest number of shares. The number is limited, because `merge` keeps a list of all shares.
    const MOST: u64 = 1_000_000;

    /// True if the run with this number (from 0 on) belongs to the share.
    pub(crate) fn holds(self, number: u64) -> bool {
        number % self.of == self.at
    }

    /// Returns the number of shares.
    pub(crate) fn of(self) -> u64 {
        self.of
    }

    /// Returns all shares of the same sweep, in order.
    pub(crate) fn all(self) -> impl Iterator<Item = Self> {
        (0..self.of).map(move |at| Self { at, ..self })
    }

    /// Returns the number of runs in the share if the sweep has `runs` runs.
    pub(crate) fn count(self, runs: u64) -> u64 {
        runs / self.of + u64::from(self.at < runs % self.of)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.at + 1, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Option<(u64, u64)> =
            text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        let (k, of) = parts.unwrap_or((0, 0));
        UncheckedShard { at: k.wrapping_sub(1), of }.try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_or_a_count() {
        assert_eq!("3".parse(), Ok(Seeds { first: 0, count: 3 }));
        assert_eq!("7..9".parse(), Ok(Seeds { first: 7, count: 2 }));
        for nonsense in ["", "x", "9..3", "4..4", "0", "1..", "..2", "1..=2", "-1", "1.5", "1..2..3"] {
            assert!(nonsense.parse::<Seeds>().is_err(), "{nonsense}");
        }
    }

    #[test]
    fn the_largest_seed_can_be_reached() {
        let seeds: Seeds = format!("{}..{}", u64::MAX - 1, u64::MAX).parse().unwrap();
        assert_eq!((seeds.nth(0), seeds.nth(1)), (Some(u64::MAX - 1), None));
    }

    #[test]
    fn shards_partition_all_runs() {
        for of in 1..5_u64 {
            for runs in 0..20_u64 {
                let shards: Vec<Shard> = (1..=of).map(|k| format!("{k}/{of}").parse().unwrap()).collect();
                for number in 0..runs {
                    assert_eq!(shards.iter().filter(|shard| shard.holds(number)).count(), 1);
                }
                for shard in &shards {
                    let held = (0..runs).filter(|&number| shard.holds(number)).count();
                    assert_eq!(shard.count(runs), held as u64);
                }
            }
        }
        for nonsense in ["3/2", "0/2", "1", "1/0", "a/b", "1/2/3", ""] {
            assert!(nonsense.parse::<Shard>().is_err(), "{nonsense}");
        }
    }

    #[test]
    fn a_shard_in_a_file_has_the_bounds_of_the_argument() {
        assert_eq!(serde_json::from_str::<Shard>(r#"{"at":3,"of":4}"#).unwrap(), "4/4".parse().unwrap());
        for bad in [r#"{"at":0,"of":0}"#, r#"{"at":4,"of":4}"#, r#"{"at":0,"of":1000001}"#] {
            assert!(serde_json::from_str::<Shard>(bad).is_err(), "{bad}");
        }
        for bad in ["0/4", "5/4", "1/0", "1/1000001", "1/18446744073709551615", "x"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
