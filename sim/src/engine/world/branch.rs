//! Another future of a run: up to a step, the run is the same; from then on, other random numbers decide.

use super::World;
use crate::engine::workload::TankFsm;
use crate::observe::observer::Observer;
use crate::subject::Subject;

impl<F: TankFsm, V: Observer<S>, S: Subject> World<F, V, S> {
    /// Lets the random streams of another seed decide after the observation with this number. The plan stays the
    /// same, and so do the random numbers inside the servers and the clients, until a server restarts.
    pub fn branch_after(&mut self, step: u64, seed: u64) {
        self.branch = Some((step, seed));
    }

    /// Changes the seed if the step of the branch is reached.
    pub(super) fn take_branch(&mut self) {
        let Some((step, seed)) = self.branch else { return };
        if self.recorder.step < step {
            return;
        }
        self.branch = None;
        self.plan.seed = seed;
        self.network.reseed(seed);
        self.hosts.iter_mut().for_each(|host| host.reseed(seed));
        for (client, link) in (0..).zip(&mut self.client_links) {
            link.reseed(seed, client);
        }
        if let Some(nemesis) = &mut self.nemesis {
            nemesis.reseed(seed);
        }
    }
}
