//! A story, and the plan that it is told on.

use super::Stage;
use wavetank_sim::Plan;

/// A story that is told by hand.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    pub(crate) name: &'static str,
    /// What it shows, in one line.
    pub(crate) moral: &'static str,
    servers: u8,
    /// How many blank servers stand by.
    spares: u8,
    /// Changes the plan, which is a calm one.
    plan_tweak: fn(&mut Plan),
    /// What happens.
    pub(super) tell: fn(&mut Stage),
}

impl Story {
    /// A story with three servers on a calm plan.
    pub(crate) const fn new(name: &'static str, moral: &'static str, tell: fn(&mut Stage)) -> Self {
        Self { name, moral, servers: 3, spares: 0, plan_tweak: |_| {}, tell }
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

    /// Its plan under a seed.
    pub(crate) fn plan(&self, seed: u64) -> Plan {
        let mut plan = Plan::calm(seed, self.servers);
        plan.spares = self.spares;
        (self.plan_tweak)(&mut plan);
        plan
    }
}
