//! The sums over many runs of one scenario. Only failed runs are kept individually.

use super::exit::Status;
use crate::registry::{Chapter, Scenario};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use wavetank_raft::Span;
use wavetank_sim::observe::report::ChangeCounts;
use wavetank_sim::{Report, Verdict};

/// The sums over the runs of one scenario.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) scenario: String,
    /// The chapter of the scenario. Files of reports do not contain the chapter.
    #[serde(skip)]
    pub(crate) chapter: Option<Chapter>,
    pub(crate) runs: u64,
    pub(crate) virtual_us: u64,
    pub(crate) events: u64,
    pub(crate) elections: u64,
    pub(crate) commits: u64,
    pub(crate) messages: u64,
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) witnessed: BTreeMap<String, u64>,
    /// The checks that were off in some run. The key is the name of the check. The value names the parts of a
    /// server's state that the check needs and that the servers do not show.
    pub(crate) off: BTreeMap<String, String>,
    /// The checks that the documents of the servers' implementation exclude. The key is the name of the check. The
    /// value is the line of the documents that excludes the check.
    pub(crate) excluded: BTreeMap<String, String>,
    pub(crate) sometimes: BTreeMap<String, Sometimes>,
    pub(crate) membership: BTreeMap<String, ChangeCounts>,
    pub(crate) leaderless: Histogram,
    pub(crate) digest: u64,
    /// The wall time of the runs, in microseconds. Files of reports do not contain the wall time, because these
    /// files depend on the seeds alone.
    #[serde(skip)]
    pub(crate) wall_us: u64,
    pub(crate) failed: u64,
    /// The failures with the smallest seeds, ordered by seed. The list has at most [`Tally::KEPT`] failures.
    pub(crate) failures: Vec<Failure>,
    /// All failures. The key is the kind of the failures.
    pub(crate) kinds: BTreeMap<String, FailureKind>,
    /// The checks that had nothing to judge in at least one run, although the scenario needs these checks.
    missed: BTreeSet<String>,
    /// After this many runs, every check must have had something to judge, and every event that should sometimes
    /// happen must have happened. `None` for a story, which has no such demand.
    #[serde(skip)]
    demands_all_after: Option<u64>,
}

/// Counts of an event that should sometimes happen: the number of times that the event happened, and the number
/// of runs in which the event happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sometimes {
    pub(crate) times: u64,
    pub(crate) runs: u64,
}

/// A failed run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) seed: u64,
    pub(crate) status: Status,
    /// The check that failed, or `panic`.
    pub(crate) failed_check: String,
    pub(crate) verdict: Verdict,
    pub(crate) events: u64,
}

/// The failures of one kind.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct FailureKind {
    pub(crate) count: u64,
    /// The smallest seeds of the failed runs. The list has at most [`FailureKind::SEEDS`] seeds.
    pub(crate) seeds: Vec<u64>,
    /// The failed run with the fewest events.
    pub(crate) shortest: Failure,
}

impl FailureKind {
    /// The maximum number of seeds that are kept.
    pub(crate) const SEEDS: usize = 10;

    fn add(&mut self, failure: Failure) {
        self.count += 1;
        if self.seeds.len() < Self::SEEDS {
            self.seeds.push(failure.seed);
        }
        if failure.events < self.shortest.events {
            self.shortest = failure;
        }
    }

    /// Adds the failures of another part of the same row, and keeps the run with the fewest events. If two runs
    /// have the same number of events, keeps the run with the smaller seed.
    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.seeds.extend(&other.seeds);
        self.seeds.sort_unstable();
        self.seeds.truncate(Self::SEEDS);
        let length = |failure: &Failure| (failure.events, failure.seed);
        if length(&other.shortest) < length(&self.shortest) {
            self.shortest = other.shortest.clone();
        }
    }
}

impl Failure {
    /// Returns the kind of the failure: the failed check, or the place of the panic.
    pub(crate) fn kind(&self) -> String {
        let place = match &self.verdict {
            Verdict::Panicked(message) => message.rsplit_once(" ("),
            _ => None,
        };
        place.map_or_else(|| self.failed_check.clone(), |(_, place)| format!("panic ({place}"))
    }
}

/// A histogram of durations. Each duration is rounded up to milliseconds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Histogram {
    by_ms: BTreeMap<u64, u64>,
    count: u64,
}

impl Tally {
    /// The maximum number of failures that are kept.
    pub(crate) const KEPT: usize = 100;

    /// After this many storms, every check must have had something to judge, and every event that should sometimes
    /// happen must have happened.
    pub(crate) const DEMANDS_ALL_AFTER: u64 = 1_000;

    /// Returns an empty tally for a scenario.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let mut tally = Self { scenario: scenario.name.to_owned(), ..Self::default() };
        tally.demand(scenario);
        tally
    }

    /// Forgets all runs.
    pub(crate) fn clear(&mut self) {
        let Self { chapter, demands_all_after, .. } = *self;
        let scenario = std::mem::take(&mut self.scenario);
        *self = Self { scenario, chapter, demands_all_after, ..Self::default() };
    }

    /// Sets the chapter, and the number of runs after which all checks and events are demanded.
    pub(crate) fn demand(&mut self, scenario: &Scenario) {
        self.chapter = Some(scenario.chapter);
        self.demands_all_after = match scenario.chapter {
            Chapter::Storms => Some(Self::DEMANDS_ALL_AFTER),
            _ => None,
        };
    }

    /// Adds a run. `wall_us` is the wall time of the run in microseconds.
    pub(crate) fn add(&mut self, report: &Report, wall_us: u64) {
        self.runs += 1;
        self.virtual_us += report.virtual_time.0;
        self.events += report.events;
        self.elections += report.elections;
        self.commits += report.commits;
        self.messages += report.messages;
        sum(&mut self.faults, &report.faults);
        sum(&mut self.witnessed, &report.witnessed);
        add_texts(&mut self.off, &report.off);
        add_texts(&mut self.excluded, &report.excluded);
        for (name, &times) in &report.sometimes {
            let total = self.sometimes.entry(name.clone()).or_default();
            total.times += times;
            total.runs += u64::from(0 < times);
        }
        sum_counts(&mut self.membership, &report.membership);
        for &span in &report.leaderless {
            self.leaderless.add(span);
        }
        self.digest = self.digest.wrapping_add(digest_of(report));
        self.wall_us += wall_us;
        self.judge(report);
    }

    /// Adds the runs of another part of the same row. A sum stops at the largest number, because the other part may
    /// come from a damaged file.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.runs = self.runs.saturating_add(other.runs);
        self.virtual_us = self.virtual_us.saturating_add(other.virtual_us);
        self.events = self.events.saturating_add(other.events);
        self.elections = self.elections.saturating_add(other.elections);
        self.commits = self.commits.saturating_add(other.commits);
        self.messages = self.messages.saturating_add(other.messages);
        sum(&mut self.faults, &other.faults);
        sum(&mut self.witnessed, &other.witnessed);
        add_texts(&mut self.off, &other.off);
        add_texts(&mut self.excluded, &other.excluded);
        for (name, more) in &other.sometimes {
            let total = self.sometimes.entry(name.clone()).or_default();
            total.times = total.times.saturating_add(more.times);
            total.runs = total.runs.saturating_add(more.runs);
        }
        sum_counts(&mut self.membership, &other.membership);
        self.leaderless.merge(&other.leaderless);
        self.digest = self.digest.wrapping_add(other.digest);
        self.wall_us = self.wall_us.saturating_add(other.wall_us);
        self.failed = self.failed.saturating_add(other.failed);
        self.failures.extend(other.failures.iter().cloned());
        self.failures.sort_by_key(|failure| failure.seed);
        self.failures.truncate(Self::KEPT);
        for (kind, more) in &other.kinds {
            match self.kinds.get_mut(kind) {
                Some(failures) => failures.merge(more),
                None => {
                    self.kinds.insert(kind.clone(), more.clone());
                }
            }
        }
        self.missed.extend(other.missed.iter().cloned());
    }

    fn judge(&mut self, report: &Report) {
        let failed_check = match &report.verdict {
            Verdict::Held => return,
            Verdict::Vacuous(checks) => return self.missed.extend(checks.iter().cloned()),
            Verdict::Violated(violation) => violation.check.clone(),
            Verdict::Panicked(_) => "panic".to_owned(),
        };
        self.failed += 1;
        let failure = Failure {
            seed: report.seed,
            status: Status::of(&report.verdict),
            failed_check,
            verdict: report.verdict.clone(),
            events: report.events,
        };
        if self.failures.len() < Self::KEPT {
            self.failures.push(failure.clone());
        }
        let none = || FailureKind { count: 0, seeds: Vec::new(), shortest: failure.clone() };
        self.kinds.entry(failure.kind()).or_insert_with(none).add(failure);
    }

    /// Returns the names of the demanded checks that had nothing to judge in any run, and of the demanded events
    /// that never happened. After many storms, each kind of membership change must also have had each result.
    /// Events and results are demanded only if no check is off, because another implementation may lack some of
    /// the events and results.
    pub(crate) fn blind(&self) -> Vec<String> {
        let demands_all = self.demands_all_after.is_some_and(|runs| runs <= self.runs);
        let demands_events = demands_all && self.off.is_empty();
        let unseen =
            |(check, &times): (&String, &u64)| times == 0 && (demands_all || self.missed.contains(check));
        let unknown = self.missed.iter().filter(|&check| !self.witnessed.contains_key(check));
        let unseen = self.witnessed.iter().filter(|&(check, times)| unseen((check, times)));
        let never = self.sometimes.iter().filter(|(_, sometimes)| demands_events && sometimes.runs == 0);
        let names = unknown.chain(unseen.map(|(check, _)| check)).chain(never.map(|(name, _)| name));
        names
            .cloned()
            .chain(demands_events.then(|| self.results_never_seen()).into_iter().flatten())
            .collect()
    }

    /// Returns the pairs of a kind of membership change and a result that never happened, for example
    /// `remove rolled back`.
    fn results_never_seen(&self) -> Vec<String> {
        let kinds = self.membership.iter();
        let ends = kinds.flat_map(|(kind, counts)| counts.named().map(|(end, count)| (kind, end, count)));
        ends.filter(|&(_, _, count)| count == 0).map(|(kind, end, _)| format!("{kind} {end}")).collect()
    }

    /// Returns the exit status of the row: the worst status of a failure, or `Held` or `Vacuous` without a failure.
    pub(crate) fn status(&self) -> Status {
        let saw_something = self.witnessed.values().any(|&times| 0 < times);
        let shown = if saw_something && self.blind().is_empty() { Status::Held } else { Status::Vacuous };
        // Only the failures with the smallest seeds are kept, but every kind keeps its shortest failure.
        self.kinds.values().map(|failures| failures.shortest.status).fold(shown, Status::max)
    }

    /// Returns the number of checks that had something to judge, and the number of all checks.
    pub(crate) fn checks(&self) -> (usize, usize) {
        (self.witnessed.values().filter(|&&times| 0 < times).count(), self.witnessed.len())
    }

    /// Returns the number of events that happened, and the number of all events that should sometimes happen.
    pub(crate) fn reached(&self) -> (usize, usize) {
        (self.sometimes.values().filter(|sometimes| 0 < sometimes.runs).count(), self.sometimes.len())
    }
}

impl Histogram {
    fn add(&mut self, span: Span) {
        *self.by_ms.entry(span.0.div_ceil(1_000)).or_default() += 1;
        self.count += 1;
    }

    /// Returns a percentile in milliseconds: the smallest recorded duration such that at least `of_hundred` percent
    /// of all durations are not longer. Returns `None` if there are no durations.
    pub(crate) fn percentile(&self, of_hundred: u64) -> Option<u64> {
        let rank = (self.count * of_hundred).div_ceil(100).max(1);
        let mut below = 0;
        self.by_ms.iter().find_map(|(&ms, &count)| {
            below += count;
            (rank <= below).then_some(ms)
        })
    }

    /// Returns the longest duration in milliseconds. Returns `None` if there are no durations.
    pub(crate) fn longest(&self) -> Option<u64> {
        self.by_ms.keys().next_back().copied()
    }

    /// Returns the number of durations.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Adds another histogram.
    pub(crate) fn merge(&mut self, other: &Self) {
        // Every part of a report is first added to empty totals. A copy needs no search for each duration.
        if self.count == 0 {
            self.clone_from(other);
            return;
        }
        for (&ms, &count) in &other.by_ms {
            let total = self.by_ms.entry(ms).or_default();
            *total = total.saturating_add(count);
        }
        self.count = self.count.saturating_add(other.count);
    }
}

/// Returns the summand of a run in the digest of a row. The digest is a sum, so the order of the runs does not
/// affect the digest.
const fn digest_of(report: &Report) -> u64 {
    (report.digest ^ report.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// Adds texts by name. If two runs have different texts for a name, the text that is first in byte order stays,
/// so that the order of the runs does not matter.
fn add_texts(texts: &mut BTreeMap<String, String>, more: &BTreeMap<String, String>) {
    for (name, text) in more {
        let kept = texts.entry(name.clone()).or_insert_with(|| text.clone());
        if text < kept {
            kept.clone_from(text);
        }
    }
}

/// Adds counts by name.
pub(crate) fn sum(totals: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (name, &count) in more {
        match totals.get_mut(name) {
            Some(total) => *total = total.saturating_add(count),
            None => {
                totals.insert(name.clone(), count);
            }
        }
    }
}

/// Adds counts of membership changes by kind.
pub(crate) fn sum_counts(totals: &mut BTreeMap<String, ChangeCounts>, more: &BTreeMap<String, ChangeCounts>) {
    for (kind, &counts) in more {
        *totals.entry(kind.clone()).or_default() += counts;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavetank_raft::Time;
    use wavetank_sim::Class;
    use wavetank_sim::observe::report::Violation;

    #[test]
    fn percentiles_are_observed_durations() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.percentile(50), histogram.longest()), (None, None));
        for ms in 1..=100 {
            histogram.add(Span::ms(ms));
        }
        let seen = (histogram.percentile(50), histogram.percentile(99), histogram.longest());
        assert_eq!(seen, (Some(50), Some(99), Some(100)));
    }

    #[test]
    fn a_check_that_saw_its_subject_under_one_seed_is_not_blind() {
        let mut tally = Tally::default();
        tally.missed.insert("reads".to_owned());
        assert_eq!(tally.blind(), ["reads"]);
        tally.witnessed.insert("reads".to_owned(), 1);
        assert_eq!((tally.blind().len(), tally.status()), (0, Status::Held));
    }

    #[test]
    fn many_storms_must_see_every_check_and_event() {
        let mut tally = Tally { demands_all_after: Some(2), runs: 1, ..Tally::default() };
        tally.witnessed.extend([("reads".to_owned(), 0), ("votes".to_owned(), 1)]);
        tally.sometimes.insert("split vote".to_owned(), Sometimes::default());
        assert_eq!(tally.status(), Status::Held);
        tally.runs = 2;
        assert_eq!(tally.blind(), ["reads", "split vote"]);
        assert_eq!(tally.status(), Status::Vacuous);
    }

    #[test]
    fn events_are_not_demanded_of_another_implementation() {
        let mut tally = Tally { demands_all_after: Some(1), runs: 1, ..Tally::default() };
        tally.witnessed.extend([("reads".to_owned(), 0), ("votes".to_owned(), 1)]);
        tally.sometimes.insert("snapshot taken".to_owned(), Sometimes::default());
        tally.membership.insert("remove".to_owned(), ChangeCounts::default());
        tally.off.insert("match_is_true".to_owned(), "server".to_owned());
        assert_eq!(tally.blind(), ["reads"]);
    }

    #[test]
    fn many_storms_must_see_every_result_of_every_kind_of_change() {
        let mut tally = Tally { demands_all_after: Some(1), runs: 1, ..Tally::default() };
        tally.witnessed.insert("votes".to_owned(), 1);
        let counts = ChangeCounts { begun: 9, committed: 7, rolled_back: 0, refused: 1 };
        tally.membership.insert("remove".to_owned(), counts);
        assert_eq!((tally.blind(), tally.status()), (vec!["remove rolled back".to_owned()], Status::Vacuous));
        let more = BTreeMap::from([(
            "remove".to_owned(),
            ChangeCounts { rolled_back: 1, ..ChangeCounts::default() },
        )]);
        sum_counts(&mut tally.membership, &more);
        assert_eq!(tally.status(), Status::Held);
    }

    #[test]
    fn a_late_failure_counts_even_if_it_is_not_kept() {
        let mut tally = Tally::default();
        let violated = |seed: u64, class| {
            let check = format!("{class:?}");
            let violation = Violation {
                check,
                class,
                section: "-".to_owned(),
                what: "-".to_owned(),
                at: Time(0),
                step: 1,
            };
            Report::new("storm", seed, Verdict::Violated(violation))
        };
        let kept = Tally::KEPT as u64;
        (0..kept).for_each(|seed| tally.add(&violated(seed, Class::Liveness), 1));
        assert_eq!(tally.status(), Status::Liveness);
        tally.add(&violated(kept, Class::Safety), 1);
        assert_eq!((tally.status(), tally.failures.len()), (Status::Safety, Tally::KEPT));
    }

    #[test]
    fn failures_of_a_kind_are_counted_with_ten_seeds_and_the_shortest_run() {
        let mut tally = Tally::default();
        for seed in 0..30 {
            let verdict = Verdict::Panicked(format!("seed {seed} (a.rs:{}:1)", seed % 2));
            tally.add(&Report { events: 100 - seed, ..Report::new("storm", seed, verdict) }, 1);
        }
        assert_eq!(tally.kinds.keys().collect::<Vec<_>>(), ["panic (a.rs:0:1)", "panic (a.rs:1:1)"]);
        let odd = &tally.kinds["panic (a.rs:1:1)"];
        assert_eq!((odd.count, odd.seeds.len(), odd.seeds[9], odd.shortest.seed), (15, 10, 19, 29));
    }

    #[test]
    fn a_row_that_witnessed_nothing_is_vacuous() {
        assert_eq!(Tally::default().status(), Status::Vacuous);
    }
}
