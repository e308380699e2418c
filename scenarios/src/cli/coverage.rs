//! The number of different situations that the runs of a sweep have reached, and the last run that reached a
//! new situation. A situation is the state of all running servers at one moment, without the details: roles,
//! newer terms and logs, uncommitted entries, and the phase of the configuration.

use super::format::{grouped, many};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use wavetank_sim::Report;

/// An estimate of the number of different situations. The memory for the estimate does not grow with the number
/// of runs, and the estimates of several sweeps can be merged.
///
/// The estimate keeps the 4,096 smallest digests of situations. If the kth smallest of many random numbers from
/// 0 to 1 is x, there are about (k - 1) / x numbers (Bar-Yossef et al., "Counting Distinct Elements in a Data
/// Stream", 2002). The standard error is about 1.6 %. Up to 4,095 situations, the count is exact.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Situations(BTreeSet<u64>);

impl Situations {
    /// The maximum number of digests that are kept.
    const KEPT: usize = 4_096;

    /// Adds the situations of a run.
    pub(crate) fn add(&mut self, report: &Report) {
        report.situations.iter().for_each(|&situation| self.insert(mixed(situation)));
    }

    /// Adds the situations of other runs.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|&digest| self.insert(digest));
    }

    fn insert(&mut self, digest: u64) {
        if self.0.len() == Self::KEPT && self.0.last().is_some_and(|&last| last <= digest) {
            return;
        }
        self.0.insert(digest);
        if Self::KEPT < self.0.len() {
            self.0.pop_last();
        }
    }

    /// Describes the number of situations in one line.
    pub(crate) fn line(&self) -> String {
        let kept = self.0.len() as u64;
        let count = match self.0.last() {
            Some(&last) if self.0.len() == Self::KEPT => {
                let estimate = (u128::from(kept - 1) << 64) / (u128::from(last) + 1);
                format!("about {} situations", grouped(rounded(u64::try_from(estimate).unwrap_or(u64::MAX))))
            }
            _ => many(kept, "situation"),
        };
        format!("coverage   {count}")
    }
}

/// Rounds a number down to three significant digits. The estimate is not exact enough for more digits.
const fn rounded(count: u64) -> u64 {
    let mut unit = 1;
    while 1_000 <= count / unit {
        unit *= 10;
    }
    count / unit * unit
}

/// Spreads the bits of a digest evenly (the finalizer of SplitMix64).
const fn mixed(digest: u64) -> u64 {
    let digest = (digest ^ (digest >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let digest = (digest ^ (digest >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    digest ^ (digest >> 31)
}

/// The situations and events that the runs have reached, for `--until-covered`.
#[derive(Debug, Default)]
pub(crate) struct Novelty {
    runs: u64,
    situations: BTreeSet<u64>,
    reached: BTreeSet<String>,
    /// The number of the last run that showed a new situation or a new event, from 1 on. Zero if there was no
    /// such run.
    last_new: u64,
}

impl Novelty {
    /// Adds the situations and the events of a run.
    pub(crate) fn add(&mut self, report: &Report) {
        self.runs += 1;
        let before = self.count();
        self.situations.extend(&report.situations);
        let new = |(name, &times): (&String, &u64)| 0 < times && !self.reached.contains(name);
        let new: Vec<String> =
            report.sometimes.iter().filter(|&point| new(point)).map(|(name, _)| name.clone()).collect();
        self.reached.extend(new);
        if before < self.count() {
            self.last_new = self.runs;
        }
    }

    fn count(&self) -> usize {
        self.situations.len() + self.reached.len()
    }

    /// Returns the number of runs since the last run that showed a new situation or a new event.
    pub(crate) const fn quiet(&self) -> u64 {
        self.runs - self.last_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;
    use crate::trace::TraceForm;
    use wavetank_sim::Verdict;

    #[test]
    fn the_same_run_shows_nothing_new() {
        let (mut report, _) = registry::run(&registry::ALL[0], 1, TraceForm::None);
        assert!(!report.situations.is_empty());
        let mut novelty = Novelty::default();
        novelty.add(&report);
        assert_eq!(novelty.quiet(), 0);
        novelty.add(&report);
        novelty.add(&report);
        assert_eq!(novelty.quiet(), 2);
        report.situations.push(0);
        novelty.add(&report);
        assert_eq!(novelty.quiet(), 0);
    }

    #[test]
    fn few_situations_are_counted_exactly_and_many_are_estimated_in_any_order() {
        let of = |situations: std::ops::Range<u64>| {
            let mut all = Situations::default();
            all.add(&Report { situations: situations.collect(), ..Report::new("", 0, Verdict::Held) });
            all
        };
        assert_eq!(of(0..0).line(), "coverage   0 situations");
        assert_eq!(of(0..4_095).line(), "coverage   4,095 situations");
        let [few, many, both] = [of(0..90_000), of(50_000..500_000), of(0..500_000)];
        let united = |mut one: Situations, other: &Situations| {
            one.merge(other);
            one
        };
        assert_eq!(united(few.clone(), &many), both);
        assert_eq!(united(many, &few), both);
        let text = both.line();
        let estimate =
            text.strip_prefix("coverage   about ").and_then(|text| text.strip_suffix(" situations"));
        let estimate: u64 = estimate.expect("an estimate").replace(',', "").parse().expect("a number");
        assert!((475_000..525_000).contains(&estimate), "{text}");
    }
}
