//! Configurations at the edge of what is legal, each over a sea in which they can work.

use crate::plan::Plan;
use crate::plan::rng::{Ratio, Spans, Stream};
use wavetank_raft::{Config, Span};

/// How many storms there are of each kind.
const SELDOM: Ratio = Ratio::new(1, 32);

/// What is at its edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Edge {
    /// Nothing.
    None,
    /// All timeouts are as short as they may be.
    Swift,
    /// Snapshots are taken as often as they may be, sent in scraps, and nothing is kept beside them.
    Forgetful,
}

impl Edge {
    pub(super) fn draw(stream: &mut Stream) -> Self {
        let (swift, forgetful) = (stream.draw(), stream.draw());
        if swift.hits(SELDOM) {
            Self::Swift
        } else if forgetful.hits(SELDOM) {
            Self::Forgetful
        } else {
            Self::None
        }
    }

    /// Before everything else is drawn to go with it.
    pub(super) fn configure(self, config: &mut Config) {
        const SHORTEST: Span = Span::ms(5);
        match self {
            Self::None => {}
            Self::Swift => {
                config.heartbeat_timeout = SHORTEST;
                config.election_timeout = SHORTEST;
                config.leader_lease_timeout = SHORTEST;
                config.commit_timeout = Span::ms(1);
            }
            Self::Forgetful => {
                config.snapshot_interval = SHORTEST.times(4);
                config.snapshot_threshold = 1;
                config.snapshot_chunk_bytes = 32;
                config.trailing_logs = 0;
            }
        }
    }

    /// Links, disks and clients as fast as the timeouts, and a storm that is over sooner.
    pub(super) fn suit(self, plan: &mut Plan) {
        if self != Self::Swift {
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
    fn every_edge_is_met_and_is_legal() {
        let plans: Vec<Plan> = (0..300).map(Plan::storm).collect();
        assert!(plans.iter().all(|plan| plan.sound().is_ok()));
        assert!(plans.iter().any(|plan| plan.config.heartbeat_timeout == Span::ms(5)));
        assert!(plans.iter().any(|plan| plan.config.snapshot_threshold == 1));
    }
}
