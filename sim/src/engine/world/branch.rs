//! A branch of a run. Up to an observation, the branch is the same as the run. After this observation, the
//! branch draws its random numbers from another seed.

use super::World;
use crate::engine::workload::TankFsm;
use crate::observe::observer::Observer;
use crate::subject::Subject;

impl<F: TankFsm, V: Observer<S>, S: Subject> World<F, V, S> {
    /// Replaces the random streams with the streams of another seed after the observation with the number
    /// `step`. The rest of the plan stays the same. The random numbers inside the clients stay the same. The
    /// random numbers inside a server stay the same until the server restarts.
    pub fn branch_after(&mut self, step: u64, seed: u64) {
        self.branch = Some((step, seed));
    }

    /// Changes the seed if the observation after which the branch begins has happened.
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

#[cfg(test)]
mod tests {
    use crate::engine::world::tests::tiny::{Sum, SumClients};
    use crate::observe::step_log::StepLog;
    use crate::runner::storm_run;
    use crate::{Plan, World};

    #[test]
    fn a_branch_has_the_steps_of_the_run_up_to_its_step_and_then_others() {
        let run = step_log(None);
        assert_eq!(run.divergence(&step_log(Some((u64::MAX, 9)))), None);
        for step in [1, 2_000] {
            let [one, two] = [9, 10].map(|seed| step_log(Some((step, seed))));
            for (first, second) in [(&run, &one), (&run, &two), (&one, &two)] {
                let divergence = first.divergence(second).expect("another future is another run");
                assert!(step < divergence.step(), "after {step}: {divergence}");
            }
        }
    }

    fn step_log(branch: Option<(u64, u64)>) -> StepLog {
        let plan = Plan::storm(3);
        let clients = SumClients::new(&plan);
        let mut world = World::new(plan, |_| Sum::default(), Box::new(clients), StepLog::default());
        if let Some((step, seed)) = branch {
            world.branch_after(step, seed);
        }
        storm_run::run(&mut world, |_| true);
        world.into_observer()
    }
}
