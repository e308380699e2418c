//! Clients that want nothing: whoever tells the story does the asking.

use wavetank_raft::{RequestId, Time};
use wavetank_sim::observe::What;
use wavetank_sim::workload::{Reply, Wants, Workload};

/// No client at all.
#[derive(Debug)]
pub(super) struct Nobody;

impl Workload for Nobody {
    fn deadline(&self) -> Time {
        Time::NEVER
    }

    fn wake(&mut self, _: Time, _: &mut Wants) {}

    fn reply(&mut self, _: Time, request: RequestId, _: Reply, _: &mut Wants) {
        unreachable!("{request} was asked by nobody");
    }

    fn stop(&mut self) {}

    fn is_idle(&self) -> bool {
        true
    }

    fn operation(&self, operation: u64) -> &dyn What {
        unreachable!("operation {operation} was begun by nobody");
    }
}
