//! The sums over all runs of a sweep, or over a part of the runs.

use super::coverage::Situations;
use super::exit::Status;
use super::tally::Tally;
use crate::registry::{Scenario, Suite};
use serde::{Deserialize, Serialize};
use wavetank_sim::Report;

/// The sums over many runs. A merge of the totals of two parts of a sweep gives the totals of the two parts
/// together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// The number of runs.
    pub(crate) runs: u64,
    /// One tally for each row of the sweep.
    pub(crate) rows: Vec<Tally>,
    pub(crate) situations: Situations,
}

impl Totals {
    /// Returns totals without runs. The totals have one row for each of these scenarios.
    pub(crate) fn of<'a>(scenarios: impl IntoIterator<Item = &'a Scenario>) -> Self {
        Self {
            runs: 0,
            rows: scenarios.into_iter().map(Tally::new).collect(),
            situations: Situations::default(),
        }
    }

    /// Adds a run to the totals and to the row at the position `row`. `wall_us` is the wall time of the run in
    /// microseconds.
    pub(crate) fn add(&mut self, row: usize, report: &Report, wall_us: u64) {
        self.runs += 1;
        self.rows[row].add(report, wall_us);
        self.situations.add(report);
    }

    /// Adds the runs of another part of the same sweep.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.runs = self.runs.saturating_add(other.runs);
        assert_eq!(self.rows.len(), other.rows.len(), "both parts belong to the same sweep");
        for (row, more) in self.rows.iter_mut().zip(&other.rows) {
            row.merge(more);
        }
        self.situations.merge(&other.situations);
    }

    /// Forgets all runs.
    pub(crate) fn clear(&mut self) {
        self.runs = 0;
        self.rows.iter_mut().for_each(Tally::clear);
        self.situations = Situations::default();
    }

    /// Drops the rows without a run.
    pub(crate) fn drop_empty_rows(&mut self) {
        self.rows.retain(|tally| 0 < tally.runs);
    }

    /// Returns the number of runs that failed.
    pub(crate) fn failed(&self) -> u64 {
        self.rows.iter().map(|tally| tally.failed).sum()
    }

    /// Returns the exit status of the sweep.
    pub(crate) fn status(&self) -> Status {
        self.rows.iter().map(Tally::status).max().unwrap_or(Status::Vacuous)
    }

    /// Sets the demands of the scenarios on all rows ([`Tally::demand`]). A file of reports does not contain the
    /// demands. If the suite lacks a scenario, returns the name of this scenario as the error.
    pub(crate) fn demand(&mut self, suite: &Suite) -> Result<(), String> {
        for tally in &mut self.rows {
            let scenario = suite.scenarios.iter().find(|scenario| scenario.name == tally.scenario);
            tally.demand(scenario.ok_or_else(|| tally.scenario.clone())?);
        }
        Ok(())
    }
}
