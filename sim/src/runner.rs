//! Creates a simulation, runs the simulation to its end, judges the run and writes the report.
//!
//! [`run`] runs any [`Simulation`]. [`Runner`] runs a plan from the bootstrap of its cluster to the verdict.
//! A panic of the code under test becomes a verdict, even during the creation or the final judgement of the
//! simulation.

pub mod catch_panic;
pub(crate) mod drop_guard;
pub mod observers;
pub mod storm_run;

use crate::check::Options;
use crate::disk::{Memory, StoreFactory};
use crate::engine::workload::{TankFsm, Workload};
use crate::engine::world::{Unsettled, World};
use crate::observe::observer::Observer;
use crate::observe::refusals::Refusal;
use crate::observe::report::{Class, Report, Verdict, Violation};
use crate::plan::Plan;
use crate::plan::fault_id::FaultId;
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::runner::catch_panic::catch_panic;
use crate::runner::observers::{CustomChecks, Observers};
use crate::schedule::{Element, EventOrder, SkipReason};
use crate::subject::Subject;
use storm_run::StormOutcome;
use wavetank_raft::{Server, Time};

/// A simulation that can be run and judged: a world, the cluster of a story, or a schedule.
pub trait Simulation {
    /// Checks that the user adds to the checks of the protocol.
    type Checks: CustomChecks;
    /// The trace that the run writes.
    type Trace: Default;
    /// The result of [`drive`](Self::drive), if no judge found a violation and nothing panicked.
    type DriveOutcome;

    /// Runs the simulation to its end, or until a judge finds a violation.
    fn drive(&mut self) -> Self::DriveOutcome;

    /// Returns the current virtual time, in microseconds.
    fn now(&self) -> Time;

    /// Returns the observers of the run.
    fn observers(&mut self) -> &mut Observers<Self::Checks, Self::Trace>;

    /// Returns the verdict of a run in which no judge found a violation and nothing panicked. `outcome` is
    /// the result of [`drive`](Self::drive).
    fn verdict(&mut self, outcome: Self::DriveOutcome) -> Verdict;

    /// Completes the report with the numbers that the observers do not count.
    fn describe(&self, report: &mut Report);

    /// Returns the faults of servers and links that happened. The list is empty if the simulation does not
    /// record faults.
    fn fault_ids(&self) -> Vec<FaultId> {
        Vec::new()
    }

    /// Removes and returns the recorded schedule. The schedule is empty if the simulation records no
    /// schedule.
    fn take_schedule(&mut self) -> Vec<Element> {
        Vec::new()
    }

    /// Removes and returns, for each element of the recorded schedule, a hash of the state of the cluster
    /// before the element. The list is empty if the simulation records no schedule.
    fn take_states(&mut self) -> Vec<u64> {
        Vec::new()
    }

    /// Returns the running servers with a timer that was due before now but has not fired.
    fn overdue(&self) -> ServerSet {
        ServerSet::NONE
    }

    /// Returns the first element of the schedule that was skipped, and the reason. Returns `None` if no
    /// element was skipped.
    fn first_skipped(&self) -> Option<(Element, SkipReason)> {
        None
    }
}

/// A finished run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run<T> {
    /// The verdict and the statistics of the run.
    pub report: Report,
    /// The faults of servers and links that happened.
    pub fault_ids: Vec<FaultId>,
    /// The recorded schedule of the run. The list is empty unless the plan asks for a recorded schedule
    /// ([`EventOrder`]).
    pub schedule: Vec<Element>,
    /// For each element of the schedule, a hash of the state of the cluster before the element. The state is
    /// relative to the newest term and the last index, so two moments of a run often have the same hash. The
    /// search for a shorter schedule tries to leave out the elements between two such moments.
    pub states: Vec<u64>,
    /// The requests of servers that other servers refused. The list is empty if the run did not follow a
    /// schedule.
    pub refusals: Vec<Refusal>,
    /// The running servers with a timer that was due before the end of the run but did not fire. A schedule
    /// can leave out timers.
    pub overdue: ServerSet,
    /// The first element of the schedule that was skipped, and the reason. `None` if no element was skipped.
    pub first_skipped: Option<(Element, SkipReason)>,
    /// The trace of the run. The trace is the default value if the simulation could not be created.
    pub trace: T,
}

/// Creates a simulation with `make`, runs the simulation to its end and judges the run. `name` and `seed`
/// appear in the report.
pub fn run<S: Simulation>(name: &str, seed: u64, make: impl FnOnce() -> S) -> Run<S::Trace> {
    let report = Report::new(name, seed, Verdict::Held);
    catch_panic(|| conclude(make(), report)).unwrap_or_else(|message| Run::panicked(name, seed, message))
}

impl<T: Default> Run<T> {
    /// Makes the result of a run without a simulation: the creation of the simulation panicked with this
    /// message.
    pub(crate) fn panicked(name: &str, seed: u64, message: String) -> Self {
        let report = Report::new(name, seed, Verdict::Panicked(message));
        Self {
            report,
            fault_ids: Vec::new(),
            schedule: Vec::new(),
            states: Vec::new(),
            refusals: Vec::new(),
            overdue: ServerSet::NONE,
            first_skipped: None,
            trace: T::default(),
        }
    }
}

impl<T> Run<T> {
    /// Returns the run without its trace.
    #[must_use]
    pub fn without_trace(self) -> Run<()> {
        let Self { report, fault_ids, schedule, states, refusals, overdue, first_skipped, trace: _ } = self;
        Run { report, fault_ids, schedule, states, refusals, overdue, first_skipped, trace: () }
    }

    /// Explains why a run of a schedule did not fail. The reason is the first element that was skipped, or
    /// the end of the schedule. Returns `None` if the run failed, or if the run followed no schedule.
    #[must_use]
    pub fn without_failure(&self, order: &EventOrder) -> Option<String> {
        let last = order.elements().last()?;
        if !matches!(self.report.verdict, Verdict::Held | Verdict::Vacuous(_)) {
            return None;
        }
        let skipped = self.report.skipped;
        Some(match &self.first_skipped {
            Some((element, reason)) => format!(
                "elements of the schedule that the run skipped: {skipped}. The first one is `{element}`: {reason}"
            ),
            None => format!(
                "the schedule ends with `{last}` before anything fails: perhaps the end of the schedule is missing"
            ),
        })
    }
}

fn conclude<S: Simulation>(mut simulation: S, mut report: Report) -> Run<S::Trace> {
    let outcome = catch_panic(|| simulation.drive());
    // A panic may have interrupted a command, so the state at the end says nothing about the code.
    if outcome.is_ok() {
        let now = simulation.now();
        simulation.observers().end(now);
    }
    report.verdict = match (simulation.observers().violation().cloned(), outcome) {
        (Some(violation), _) => Verdict::Violated(violation),
        (None, Err(message)) => Verdict::Panicked(message),
        (None, Ok(outcome)) => simulation.verdict(outcome),
    };
    simulation.observers().describe(&mut report);
    simulation.describe(&mut report);
    let trace = std::mem::take(&mut simulation.observers().trace);
    let refusals = simulation.observers().refusals.as_mut().map(|it| it.take()).unwrap_or_default();
    let (schedule, states) = (simulation.take_schedule(), simulation.take_states());
    let fault_ids = simulation.fault_ids();
    let (overdue, first_skipped) = (simulation.overdue(), simulation.first_skipped());
    // The destructor of a state machine is code under test too.
    let dropped = catch_panic(move || drop(simulation));
    if let (Err(message), Verdict::Held | Verdict::Vacuous(_)) = (dropped, &report.verdict) {
        report.verdict = Verdict::Panicked(message);
    }
    Run { report, fault_ids, schedule, states, refusals, overdue, first_skipped, trace }
}

/// A plan, and all other values that are needed to run the plan.
pub struct Runner<F, E, T> {
    /// The name of the run in its report.
    pub name: String,
    /// The plan to run.
    pub plan: Plan,
    /// Creates the state machine of a server.
    pub make: Box<dyn FnMut(ServerIdx) -> F>,
    /// The clients and their operations.
    pub workload: Box<dyn Workload>,
    /// Checks that the user adds to the checks of the protocol.
    pub custom: E,
    /// The trace to write. Use `()` for no trace.
    pub trace: T,
}

impl<F: TankFsm + 'static, E: CustomChecks + Observer, T: Observer + Default> Runner<F, E, T> {
    /// Runs the plan to its end, or until a judge finds a violation or the code under test panics.
    pub fn run(self) -> Run<T> {
        self.run_with_stores(&mut |_| Box::new(Memory::default()))
    }

    /// Runs the plan like [`run`](Self::run), but with the stores that this factory creates.
    /// [`run`](Self::run) uses stores in memory.
    pub fn run_with_stores(self, store_factory: &mut StoreFactory<'_>) -> Run<T> {
        self.run_subjects_with_stores::<Server>(store_factory)
    }
}

impl<F: TankFsm + 'static, E: CustomChecks, T: Default> Runner<F, E, T> {
    /// Runs the plan like [`run`](Self::run), but with servers of the implementation `S` instead of our own
    /// server.
    pub fn run_subjects<S: Subject>(self) -> Run<T>
    where
        E: Observer<S>,
        T: Observer<S>,
    {
        self.run_subjects_with_stores(&mut |_| Box::new(Memory::default()))
    }

    /// Runs the plan like [`run_with_stores`](Self::run_with_stores), but with servers of the implementation
    /// `S` instead of our own server.
    pub fn run_subjects_with_stores<S: Subject>(self, store_factory: &mut StoreFactory<'_>) -> Run<T>
    where
        E: Observer<S>,
        T: Observer<S>,
    {
        let Self { name, plan, make, workload, custom, trace } = self;
        run(&name, plan.seed, || {
            let mut observers = Observers::new(Options::of(&plan), custom, trace);
            if matches!(plan.order, EventOrder::Scheduled(..)) {
                observers.refusals = Some(Box::default());
            }
            let mut world = World::<_, _, S>::with_subjects(plan, make, workload, observers, store_factory);
            world.record_faults();
            match world.plan().order {
                EventOrder::Drawn => {}
                EventOrder::Recorded => world.record_schedule(),
                EventOrder::Branched { step, seed } => world.branch_after(step, seed),
                EventOrder::Scheduled(fit, _) | EventOrder::HealedAfter(fit, _) => {
                    world.follow_schedules(fit);
                }
            }
            world
        })
    }
}

/// A world runs through the phases of a storm (chaos, healing, rest), or plays its schedule.
impl<F, E, T, S> Simulation for World<F, Observers<E, T>, S>
where
    F: TankFsm,
    E: CustomChecks + Observer<S>,
    T: Observer<S> + Default,
    S: Subject,
{
    type Checks = E;
    type Trace = T;
    type DriveOutcome = StormOutcome;

    fn drive(&mut self) -> StormOutcome {
        let goes_on = |observers: &Observers<E, T>| observers.violation().is_none();
        let order = std::mem::take(&mut self.plan_mut().order);
        let outcome = match &order {
            EventOrder::Drawn | EventOrder::Recorded | EventOrder::Branched { .. } => {
                storm_run::run(self, goes_on)
            }
            EventOrder::Scheduled(_, elements) => storm_run::play(self, elements, goes_on),
            EventOrder::HealedAfter(_, elements) => storm_run::play_and_heal(self, elements, goes_on),
        };
        self.plan_mut().order = order;
        outcome
    }

    fn now(&self) -> Time {
        Self::now(self)
    }

    fn observers(&mut self) -> &mut Observers<E, T> {
        self.observer_mut()
    }

    /// Checks at the end that the servers agree and that at least one entry was committed.
    fn verdict(&mut self, outcome: StormOutcome) -> Verdict {
        let observers = self.observer();
        if let Some(why) = outcome.unsettled {
            return Verdict::Violated(Violation {
                check: Unsettled::CHECK.to_owned(),
                class: Class::Liveness,
                section: "thesis §3.4".to_owned(),
                what: format!("{} ms after the clients stopped: {why}", outcome.took.0 / 1_000),
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
        report.skipped = self.skipped();
    }

    fn fault_ids(&self) -> Vec<FaultId> {
        Self::fault_ids(self)
    }

    fn take_schedule(&mut self) -> Vec<Element> {
        Self::take_schedule(self)
    }

    fn take_states(&mut self) -> Vec<u64> {
        Self::take_states(self)
    }

    fn overdue(&self) -> ServerSet {
        Self::overdue(self)
    }

    fn first_skipped(&self) -> Option<(Element, SkipReason)> {
        Self::first_skipped(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::kv::Kv;

    #[test]
    fn a_panic_while_the_simulation_is_made_is_a_verdict() {
        let make = || -> World<Kv, Observers<(), Option<()>>> { panic!("cannot open the disk") };
        let Run { report, fault_ids, trace, .. } = run("made", 7, make);
        let Verdict::Panicked(message) = &report.verdict else { panic!("{:?}", report.verdict) };
        assert!(message.starts_with("cannot open the disk ("), "{message}");
        assert_eq!((report.scenario.as_str(), report.seed, report.events), ("made", 7, 0));
        assert_eq!((fault_ids, trace), (Vec::new(), None));
    }
}
