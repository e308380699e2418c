//! A story and the plan of the story.

use super::Cluster;
use wavetank_sim::Plan;

/// A story: a script, and the cluster and the plan with which the script runs.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    pub(crate) name: &'static str,
    /// The summary: a few sentences in one line.
    pub(crate) summary: &'static str,
    servers: u8,
    /// The number of blank servers outside the first configuration.
    spares: u8,
    /// A function that changes the plan of the story. The plan has no faults before this change.
    plan_tweak: fn(&mut Plan),
    /// The function that plays the story.
    pub(super) script: fn(&mut Cluster),
}

impl Story {
    /// Makes a story with three servers and a plan without faults.
    pub(crate) const fn new(name: &'static str, summary: &'static str, script: fn(&mut Cluster)) -> Self {
        Self { name, summary, servers: 3, spares: 0, plan_tweak: |_| {}, script }
    }

    pub(crate) const fn servers(self, servers: u8) -> Self {
        Self { servers, ..self }
    }

    pub(crate) const fn spares(self, spares: u8) -> Self {
        Self { spares, ..self }
    }

    pub(crate) const fn plan_tweak(self, plan_tweak: fn(&mut Plan)) -> Self {
        Self { plan_tweak, ..self }
    }

    /// Returns the plan of the story under a seed.
    pub(crate) fn plan(&self, seed: u64) -> Plan {
        let mut plan = Plan::calm(seed, self.servers);
        plan.spares = self.spares;
        (self.plan_tweak)(&mut plan);
        plan
    }
}
