//! The broadcast time and the shortest election timeout of a plan, and their ratio (thesis §3.9).

use crate::plan::Plan;
use wavetank_raft::Span;

impl Plan {
    /// The checks demand progress only if the shortest election timeout is at least this many broadcast
    /// times.
    ///
    /// A candidate needs one broadcast to collect votes, and one broadcast to announce its leadership, before
    /// another server campaigns. Thesis §3.9 advises an order of magnitude between the broadcast time and the
    /// election timeout, so that elections are rare. The tank demands progress at smaller ratios too.
    pub const BROADCASTS_PER_TIMEOUT: u64 = 2;

    /// Returns the broadcast time in microseconds: the sum of the longest times for a request, a sync and a
    /// response without faults.
    #[must_use]
    pub fn broadcast_time(&self) -> Span {
        let far = self.links.far.map_or(0, |far| far.by.max.0);
        Span(2 * (self.links.delay.max.0 + far) + self.disks.sync.max.0)
    }

    /// Returns the shortest virtual time in microseconds after which a server may campaign. This time is the
    /// shorter of the heartbeat timeout and the election timeout, measured on the fastest clock.
    #[must_use]
    pub fn shortest_election_timeout(&self) -> Span {
        const MILLION: u64 = 1_000_000;
        let timeout = self.config.heartbeat_timeout.min(self.config.election_timeout);
        Span::from_duration(timeout).times(MILLION).part(MILLION + u64::from(self.clocks.drift_ppm))
    }

    /// True if the shortest election timeout is at least [`Plan::BROADCASTS_PER_TIMEOUT`] broadcast times.
    /// Then the servers must elect a leader and keep this leader (thesis §3.9).
    #[must_use]
    pub fn has_time_to_elect(&self) -> bool {
        self.broadcast_time().times(Self::BROADCASTS_PER_TIMEOUT) <= self.shortest_election_timeout()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::rng::{Ratio, Spans};
    use crate::plan::{LinkPlan, RandomDelay};
    use std::time::Duration;

    /// Timeouts of 5 ms on true clocks, and a broadcast time of 1.95 ms.
    fn short_timeouts() -> Plan {
        let mut plan = Plan::calm(1, 3);
        (plan.config.heartbeat_timeout, plan.config.election_timeout) =
            (Duration::from_millis(5), Duration::from_millis(5));
        let far = RandomDelay { chance: Ratio::new(1, 3), by: Spans::us(625, 625) };
        plan.links = LinkPlan { delay: Spans::us(50, 300), far: Some(far), ..LinkPlan::calm() };
        plan.disks.sync = Spans::us(20, 100);
        plan
    }

    #[test]
    fn progress_is_demanded_while_two_broadcasts_fit_into_the_shortest_timeout() {
        let mut plan = short_timeouts();
        assert_eq!(plan.broadcast_time(), Span::us(1_950));
        plan.config.election_timeout = Duration::from_micros(3_900);
        assert!(plan.has_time_to_elect());
        plan.config.election_timeout = Duration::from_micros(3_899);
        assert!(!plan.has_time_to_elect());
    }

    #[test]
    fn a_fast_clock_shortens_the_timeout() {
        let mut plan = short_timeouts();
        plan.clocks.drift_ppm = 5_000;
        assert!(plan.has_time_to_elect());
        plan.clocks.drift_ppm = 300_000;
        assert_eq!(plan.shortest_election_timeout(), Span::us(3_846));
        assert!(!plan.has_time_to_elect());
    }

    #[test]
    fn progress_is_demanded_in_nine_storms_of_ten() {
        let storms = 2_000;
        let judged = (0..storms).map(Plan::storm).filter(Plan::has_time_to_elect).count();
        assert!(storms as usize * 9 / 10 <= judged, "{judged} of {storms}");
    }
}
