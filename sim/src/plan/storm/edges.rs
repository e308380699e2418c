//! Configurations with values at or near the limits that `Config` allows. The links and disks of such a plan
//! are fast enough for a working cluster.

use crate::plan::Plan;
use crate::plan::rng::{Ratio, Spans, Stream};
use std::time::Duration;
use wavetank_raft::Config;

/// The probability of each variant of [`EdgeConfig`] other than `None`.
const RARE: Ratio = Ratio::new(1, 32);

/// The settings of a configuration that have values at or near their limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EdgeConfig {
    /// No setting has a value at its limit.
    None,
    /// All timeouts are as short as `Config` allows.
    ShortTimeouts,
    /// Snapshots are very frequent and are sent in tiny pieces, and no trailing entries are kept.
    FrequentSnapshots,
}

impl EdgeConfig {
    pub(super) fn draw(stream: &mut Stream) -> Self {
        let (short_timeouts, frequent_snapshots) = (stream.draw(), stream.draw());
        if short_timeouts.hits(RARE) {
            Self::ShortTimeouts
        } else if frequent_snapshots.hits(RARE) {
            Self::FrequentSnapshots
        } else {
            Self::None
        }
    }

    /// Changes the configuration. The storm then draws the rest of the plan for this configuration.
    pub(super) fn configure(self, config: &mut Config) {
        const SHORTEST: Duration = Duration::from_millis(5);
        match self {
            Self::None => {}
            Self::ShortTimeouts => {
                config.heartbeat_timeout = SHORTEST;
                config.election_timeout = SHORTEST;
                config.leader_lease_timeout = SHORTEST;
                config.commit_timeout = Duration::from_millis(1);
            }
            Self::FrequentSnapshots => {
                config.snapshot_interval = SHORTEST * 4;
                config.snapshot_threshold = 1;
                config.snapshot_chunk_bytes = 32;
                config.trailing_logs = 0;
            }
        }
    }

    /// Makes links, disks and clients fast enough for the short timeouts, and shortens the chaos phase.
    pub(super) fn adapt(self, plan: &mut Plan) {
        if self != Self::ShortTimeouts {
            return;
        }
        plan.links.delay = Spans::us(50, 300);
        plan.disks.sync = Spans::us(20, 100);
        plan.disks.read = Spans::us(20, 100);
        plan.machines.apply = Spans::ZERO;
        plan.machines.snapshot = Spans::us(50, 200);
        plan.clients.think = Spans::ms(1, 20);
        plan.clients.delay = Spans::us(50, 500);
        plan.clients.gather = None;
        plan.chaos = plan.chaos.part(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_config_is_drawn_and_is_valid() {
        let plans: Vec<Plan> = (0..300).map(Plan::storm).collect();
        assert!(plans.iter().all(|plan| plan.validate().is_ok()));
        assert!(plans.iter().any(|plan| plan.config.heartbeat_timeout == Duration::from_millis(5)));
        assert!(plans.iter().any(|plan| plan.config.snapshot_threshold == 1));
    }
}
