//! Runs a simulation under judges: makes it, drives it, judges it and reports it.
//!
//! [`run`] runs any [`Simulation`]. [`Runner`] runs a plan from the bootstrap of its cluster to the
//! verdict. A panic of the code under test is a verdict, whether it happens while the simulation is
//! made, driven or judged.

pub mod catch_panic;
pub mod observers;
pub mod storm_run;

use crate::check::Options;
use crate::disk::{Memory, StoreFactory};
use crate::engine::workload::{TankFsm, Workload};
use crate::engine::world::World;
use crate::observe::observer::Observer;
use crate::observe::report::{Class, Report, Verdict, Violation};
use crate::plan::Plan;
use crate::plan::fault_id::FaultId;
use crate::plan::server_set::ServerIdx;
use crate::runner::catch_panic::catch_panic;
use crate::runner::observers::{CustomChecks, Observers};
use storm_run::StormOutcome;
use wavetank_raft::Time;

/// A simulation that can be run and judged: a world, the cluster of a story, or a schedule.
pub trait Simulation {
    /// The checks in addition to those of the protocol.
    type Checks: CustomChecks;
    /// The trace of the run.
    type Trace: Default;
    /// The result of a drive in which no judge spoke and nothing panicked.
    type DriveOutcome;

    /// Runs to the end, or until a judge speaks.
    fn drive(&mut self) -> Self::DriveOutcome;

    /// The virtual time.
    fn now(&self) -> Time;

    /// The observers of the run.
    fn observers(&mut self) -> &mut Observers<Self::Checks, Self::Trace>;

    /// The verdict if no judge spoke.
    fn verdict(&mut self, outcome: Self::DriveOutcome) -> Verdict;

    /// Adds to the report what the observers do not count.
    fn describe(&self, report: &mut Report);

    /// The faults of servers and links, if they are recorded.
    fn fault_ids(&self) -> Vec<FaultId> {
        Vec::new()
    }
}

/// The result of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run<T> {
    /// The report.
    pub report: Report,
    /// The faults of servers and links.
    pub fault_ids: Vec<FaultId>,
    /// The trace; the default if the simulation could not be made.
    pub trace: T,
}

/// Makes a simulation, drives it to its end and judges it.
pub fn run<S: Simulation>(name: &str, seed: u64, make: impl FnOnce() -> S) -> Run<S::Trace> {
    let report = Report::new(name, seed, Verdict::Held);
    catch_panic(|| conclude(make(), report)).unwrap_or_else(|message| Run::panicked(name, seed, message))
}

impl<T: Default> Run<T> {
    /// A run whose simulation could not be made because of this panic.
    pub(crate) fn panicked(name: &str, seed: u64, message: String) -> Self {
        let report = Report::new(name, seed, Verdict::Panicked(message));
        Self { report, fault_ids: Vec::new(), trace: T::default() }
    }
}

fn conclude<S: Simulation>(mut simulation: S, mut report: Report) -> Run<S::Trace> {
    let outcome = catch_panic(|| simulation.drive());
    let now = simulation.now();
    simulation.observers().end(now);
    report.verdict = match (simulation.observers().violation().cloned(), outcome) {
        (Some(violation), _) => Verdict::Violated(violation),
        (None, Err(message)) => Verdict::Panicked(message),
        (None, Ok(outcome)) => simulation.verdict(outcome),
    };
    simulation.observers().describe(&mut report);
    simulation.describe(&mut report);
    let trace = std::mem::take(&mut simulation.observers().trace);
    let fault_ids = simulation.fault_ids();
    // The destructor of a state machine is code under test too.
    let dropped = catch_panic(move || drop(simulation));
    if let (Err(message), Verdict::Held | Verdict::Vacuous(_)) = (dropped, &report.verdict) {
        report.verdict = Verdict::Panicked(message);
    }
    Run { report, fault_ids, trace }
}

/// Everything that is needed to run a plan.
pub struct Runner<F, E, T> {
    /// The name of the run in its report.
    pub name: String,
    /// The plan.
    pub plan: Plan,
    /// Makes a server's state machine.
    pub make: Box<dyn FnMut(ServerIdx) -> F>,
    /// The clients.
    pub workload: Box<dyn Workload>,
    /// The checks in addition to those of the protocol.
    pub custom: E,
    /// The trace.
    pub trace: T,
}

impl<F: TankFsm + 'static, E: CustomChecks, T: Observer + Default> Runner<F, E, T> {
    /// Runs the plan to its end, or until a judge speaks or the code under test panics.
    pub fn run(self) -> Run<T> {
        self.run_with_stores(&mut |_| Box::new(Memory::default()))
    }

    /// Runs the plan with stores of this factory in place of stores in memory.
    pub fn run_with_stores(self, store_factory: &mut StoreFactory<'_>) -> Run<T> {
        let Self { name, plan, make, workload, custom, trace } = self;
        run(&name, plan.seed, || {
            let observers = Observers::new(Options::of(&plan), custom, trace);
            let mut world = World::with_stores(plan, make, workload, observers, store_factory);
            world.record_faults();
            world
        })
    }
}

/// A world runs as a storm: chaos, healing, rest.
impl<F: TankFsm, E: CustomChecks, T: Observer + Default> Simulation for World<F, Observers<E, T>> {
    type Checks = E;
    type Trace = T;
    type DriveOutcome = StormOutcome;

    fn drive(&mut self) -> StormOutcome {
        storm_run::run(self, |observers| observers.violation().is_none())
    }

    fn now(&self) -> Time {
        Self::now(self)
    }

    fn observers(&mut self) -> &mut Observers<E, T> {
        self.observer_mut()
    }

    /// Judges whether the servers agree in the end, and whether anything was committed.
    fn verdict(&mut self, outcome: StormOutcome) -> Verdict {
        let observers = self.observer();
        if let Some(why) = outcome.unsettled {
            return Verdict::Violated(Violation {
                check: "agreement".to_owned(),
                class: Class::Liveness,
                section: "thesis §3.4".to_owned(),
                what: format!("{} ms after the clients rested: {why}", outcome.took.0 / 1_000),
                at: Self::now(self),
                step: observers.tally.steps,
            });
        }
        if 0 < observers.tally.commits {
            return Verdict::Held;
        }
        let blind = observers.judges.witnessed().into_iter().filter(|&(_, times)| times == 0);
        Verdict::Vacuous(blind.map(|(check, _)| check).collect())
    }

    fn describe(&self, report: &mut Report) {
        report.events = self.events();
        report.virtual_time = Self::now(self);
        report.messages = self.messages();
        report.faults = self.faults();
        report.digest = self.digest();
    }

    fn fault_ids(&self) -> Vec<FaultId> {
        Self::fault_ids(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::kv::Kv;

    #[test]
    fn a_panic_while_the_simulation_is_made_is_a_verdict() {
        let make = || -> World<Kv, Observers<(), Option<()>>> { panic!("cannot open the disk") };
        let Run { report, fault_ids, trace } = run("made", 7, make);
        let Verdict::Panicked(message) = &report.verdict else { panic!("{:?}", report.verdict) };
        assert!(message.starts_with("cannot open the disk ("), "{message}");
        assert_eq!((report.scenario.as_str(), report.seed, report.events), ("made", 7, 0));
        assert_eq!((fault_ids, trace), (Vec::new(), None));
    }
}
