//! The size of a failing run.

use crate::plan::Plan;
use crate::runner::Run;
use std::fmt;

/// The size of a failing run. Two sizes are compared by `faults` first, then by `servers`, then by `steps`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Size {
    /// The number of faults of servers, links and disks.
    pub faults: u64,
    /// The number of servers, spare servers included.
    pub servers: u64,
    /// The number of events that the world handled. In a search for a shorter schedule: the number of
    /// elements of the schedule.
    pub steps: u64,
}

impl Size {
    /// Returns the size of a run of this plan.
    pub(crate) fn of(plan: &Plan, tried: &Run<()>) -> Self {
        // Messages that are lost at a cut link are not counted: they follow from the cut. Stalls and failed
        // writes of disks have no id, so they are counted here.
        let disks = ["stall", "write_failure"].iter().filter_map(|&family| tried.report.faults.get(family));
        Self {
            faults: tried.fault_ids.len() as u64 + disks.sum::<u64>(),
            servers: plan.server_count() as u64,
            steps: tried.report.events,
        }
    }

    /// True if this size has no more faults and no more servers than the other size. The number of steps may
    /// exceed the other number by a quarter of the other number plus eight, because the run of a simpler plan
    /// may need a few more steps.
    pub(super) const fn is_within(self, other: Self) -> bool {
        self.faults <= other.faults
            && self.servers <= other.servers
            && self.steps <= other.steps + other.steps / 4 + 8
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [steps, faults] = [many(self.steps, "event"), many(self.faults, "fault")];
        write!(f, "{steps}, {faults}, {}", many(self.servers, "server"))
    }
}

/// Formats a count with a noun, for example `1 event` or `2 events`.
pub(crate) fn many(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
