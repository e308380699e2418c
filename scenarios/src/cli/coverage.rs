//! The coverage of a sweep so far, and the last run that added to the coverage.

use super::format::{grouped, many};
use std::collections::BTreeSet;
use wavetank_sim::Report;

/// All situations and events that the runs have reached.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    runs: u64,
    situations: BTreeSet<u64>,
    reached: BTreeSet<String>,
    /// The number of the last run that showed a new situation or a new event.
    last_new: u64,
}

impl Coverage {
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

    /// Describes the coverage in one line.
    pub(crate) fn line(&self) -> String {
        format!(
            "coverage   {}; run {} of {} was the last run with a new situation or event",
            many(self.situations.len() as u64, "situation"),
            grouped(self.last_new),
            grouped(self.runs)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;
    use crate::trace::TraceForm;

    #[test]
    fn the_same_run_shows_nothing_new() {
        let (mut report, _) = registry::run(&registry::ALL[0], 1, TraceForm::None);
        assert!(!report.situations.is_empty());
        let mut coverage = Coverage::default();
        coverage.add(&report);
        assert_eq!(coverage.quiet(), 0);
        coverage.add(&report);
        coverage.add(&report);
        assert_eq!(coverage.quiet(), 2);
        assert!(
            coverage.line().ends_with("run 1 of 3 was the last run with a new situation or event"),
            "{}",
            coverage.line()
        );
        report.situations.push(0);
        coverage.add(&report);
        assert_eq!(coverage.quiet(), 0);
    }
}
