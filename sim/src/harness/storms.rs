//! Storms for a state machine with typed commands.
//!
//! ```
//! use proptest::prelude::*;
//! use serde::{Deserialize, Serialize};
//! use std::collections::BTreeMap;
//! use wavetank_machine::StateMachine;
//! use wavetank_sim::harness::storms::Storms;
//!
//! /// Counters with names.
//! #[derive(Clone, Default, Serialize, Deserialize)]
//! struct Counters(BTreeMap<u8, u64>);
//!
//! impl StateMachine for Counters {
//!     type Command = (u8, u64);
//!     type Query = u8;
//!     type Reply = u64;
//!
//!     fn apply(&mut self, (name, amount): (u8, u64)) -> u64 {
//!         let counter = self.0.entry(name).or_default();
//!         *counter += amount;
//!         *counter
//!     }
//!
//!     fn query(&self, name: u8) -> u64 {
//!         self.0.get(&name).copied().unwrap_or(0)
//!     }
//! }
//!
//! // Few names, so that the commands of different clients meet.
//! Storms::<Counters>::new((0..3_u8, 1..9_u64), 0..3_u8).run(4);
//! ```
//!
//! The state machine is its own specification. Every storm checks that all replies and reads are
//! linearizable, that no acknowledged command is lost, that a refused command has no effect, and that all
//! servers have equal states, also after a restore. [`CHECKS`] lists the names of these checks.
//!
//! The environment variables of [`harness`](crate::harness) select the runs. The capsule of a failure is
//! written into the folder `capsules` beside the test. The test replays the capsules of this folder first.

use super::bounds::{BoundedWorkload, Bounds, StepCount, Watchdog};
use super::erased::{self, BoundedChecks, ErasedFsm, ErasedRunner};
use super::{CapsuleFolder, RunnableStorm, Traced, check_capsule, environment, failure, run_seeds};
use crate::clients::kv::judges::Promises;
use crate::clients::machine::{
    CurrentWork, Delivery, DrawnOperation, DrawnOperations, Judge, JudgeSettings, JudgedReplica,
    MachineChecks, MachineInvariant, MakeMachine, Partition, Strategies, clients, describe,
};
use crate::observe::report::Report;
use crate::observe::trace::CommandText;
use crate::plan::Plan;
use crate::runner::catch_panic::catch_panic;
use crate::runner::{Run, Runner};
use proptest::arbitrary::Arbitrary;
use proptest::strategy::Strategy;
use std::cell::RefCell;
use std::fmt;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use wavetank_machine::StateMachine;

pub use crate::clients::machine::CHECKS;

/// Runs `count` storms for a state machine whose commands and queries are `Arbitrary`.
///
/// # Panics
/// Panics in the same cases as [`Storms::run`].
#[track_caller]
pub fn storms<T>(count: u64)
where
    T: StateMachine + Default,
    T::Command: Arbitrary,
    T::Query: Arbitrary,
{
    Storms::<T>::new(proptest::arbitrary::any::<T::Command>(), proptest::arbitrary::any::<T::Query>())
        .run(count);
}

/// A function that changes a plan.
type EditPlan = dyn Fn(&mut Plan);

/// Storms for a state machine with typed commands.
pub struct Storms<T: StateMachine> {
    make: MakeMachine<T>,
    strategies: Strategies<T>,
    invariants: Rc<Vec<MachineInvariant<T>>>,
    partition: Option<Rc<Partition<T>>>,
    edits: Vec<Rc<EditPlan>>,
    delivery: Delivery,
    bounds: Bounds,
    capsules: Option<PathBuf>,
}

impl<T: StateMachine> Storms<T> {
    /// Makes storms whose clients draw their commands and queries from these strategies. Use small ranges of
    /// keys, so that the commands of different clients meet.
    #[must_use]
    pub fn new(
        commands: impl Strategy<Value = T::Command> + 'static,
        queries: impl Strategy<Value = T::Query> + 'static,
    ) -> Self
    where
        T: Default,
    {
        Self::starting_with(T::default, commands, queries)
    }

    /// Makes storms like [`new`](Self::new) for a state machine with another initial state. `make` returns
    /// the initial state, and must always return the same state.
    #[must_use]
    pub fn starting_with(
        make: impl Fn() -> T + 'static,
        commands: impl Strategy<Value = T::Command> + 'static,
        queries: impl Strategy<Value = T::Query> + 'static,
    ) -> Self {
        Self {
            make: Rc::new(make),
            strategies: Strategies { commands: commands.boxed(), queries: queries.boxed() },
            invariants: Rc::new(Vec::new()),
            partition: None,
            edits: Vec::new(),
            delivery: Delivery::AtMostOnce,
            bounds: Bounds::default(),
            capsules: None,
        }
    }

    /// Adds an invariant of the state. The invariant is checked after every command and every restored
    /// snapshot. If `holds` returns an error, the run fails. The error describes the defect of the state.
    #[must_use]
    pub fn invariant(
        mut self,
        name: &'static str,
        holds: impl Fn(&T) -> Result<(), String> + 'static,
    ) -> Self {
        let invariants = Rc::get_mut(&mut self.invariants).expect("no run has shared the invariants yet");
        invariants.push((name, Box::new(holds)));
        self
    }

    /// Lets clients send a command again if the outcome of the command is unknown. The run fails if a command
    /// takes effect twice. The state machine must recognise a repeated command, for example by
    /// [`Sessions`](wavetank_machine::Sessions). Without this method, clients send only refused commands
    /// again.
    #[must_use]
    pub const fn exactly_once(mut self) -> Self {
        self.delivery = Delivery::ExactlyOnce;
        self
    }

    /// Names the part of the state that a command or a query uses, for example a key. Operations on different
    /// parts must not affect each other. Then the search for a linearizable order judges each part alone, and
    /// needs less time.
    #[must_use]
    pub fn partition(
        mut self,
        of_command: impl Fn(&T::Command) -> u64 + 'static,
        of_query: impl Fn(&T::Query) -> u64 + 'static,
    ) -> Self {
        let (of_command, of_query) = (Box::new(of_command), Box::new(of_query));
        self.partition = Some(Rc::new(Partition { of_command, of_query }));
        self
    }

    /// Applies the function `edit` to the plan of every storm.
    #[must_use]
    pub fn plan(mut self, edit: impl Fn(&mut Plan) + 'static) -> Self {
        self.edits.push(Rc::new(edit));
        self
    }

    /// Sets the number of servers in the first configuration of each cluster; see
    /// [`Storm::nodes`](crate::harness::Storm::nodes).
    #[must_use]
    pub fn nodes(self, servers: u8) -> Self {
        self.plan(move |plan| plan.servers = servers)
    }

    /// Sets the maximum number of steps of a run; see [`Storm::steps_max`](crate::harness::Storm::steps_max).
    #[must_use]
    pub const fn steps_max(mut self, steps: u64) -> Self {
        self.bounds.steps_max = steps;
        self
    }

    /// Sets the maximum wall time of a run; see
    /// [`Storm::wall_time_max`](crate::harness::Storm::wall_time_max).
    #[must_use]
    pub const fn wall_time_max(mut self, span: Duration) -> Self {
        self.bounds.wall_time_max = span;
        self
    }

    /// Sets the maximum wall time of a shrink; see
    /// [`Storm::shrink_time_max`](crate::harness::Storm::shrink_time_max). The simplification of the commands
    /// may take a quarter of this time in addition.
    #[must_use]
    pub const fn shrink_time_max(mut self, span: Duration) -> Self {
        self.bounds.shrink_time_max = span;
        self
    }

    /// Sets the folder of the capsules. The default is the folder `capsules` beside the source of the test.
    #[must_use]
    pub fn capsules(mut self, folder: impl Into<PathBuf>) -> Self {
        self.capsules = Some(folder.into());
        self
    }

    /// Replays the capsules of this test, and then runs the storms of the seeds `0..count`. Environment
    /// variables can select other runs (see [`harness`](crate::harness)).
    ///
    /// # Panics
    /// Panics if a run fails. The message has the violation, the story of the shrunk run and the replay
    /// command. Also panics if no run committed an entry, or if an environment variable or a capsule is
    /// invalid.
    #[track_caller]
    pub fn run(self, count: u64) {
        // In a closure, `Location::caller` would be the place of the closure.
        let test = Location::caller();
        let capsules = KeptCapsules {
            folder: self.capsules.clone().or_else(|| folder_beside(test.file())),
            prefix: file_prefix(test),
        };
        let storms = Rc::new(self);
        let make = |seed| storms.storm(seed, capsules.clone());
        if let Some(path) = environment("WAVETANK_CAPSULE") {
            return check_capsule(&path, make);
        }
        if environment("WAVETANK_SEED").is_none() {
            for path in capsules.paths() {
                check_capsule(&path, make);
            }
        }
        run_seeds(0..count, make);
    }

    /// Runs the storm of one seed and writes no file.
    ///
    /// # Errors
    /// Returns an error if the run fails. The error names the failure.
    pub fn survives(&self, seed: u64) -> Result<(), String> {
        let storm = Rc::new(self.clone()).storm(seed, KeptCapsules::default());
        let Run { report, .. } = storm.run_watched(storm.plan.clone(), failure::about(seed));
        if failure::is_failure(&report.verdict) { Err(report.verdict.to_string()) } else { Ok(()) }
    }

    fn storm(self: &Rc<Self>, seed: u64, capsules: KeptCapsules) -> MachineStorm<T> {
        let mut plan = Plan::storm(seed);
        self.edits.iter().for_each(|edit| edit(&mut plan));
        MachineStorm { storms: Rc::clone(self), plan, capsules }
    }
}

impl<T: StateMachine> Clone for Storms<T> {
    fn clone(&self) -> Self {
        Self {
            make: Rc::clone(&self.make),
            strategies: self.strategies.clone(),
            invariants: Rc::clone(&self.invariants),
            partition: self.partition.clone(),
            edits: self.edits.clone(),
            capsules: self.capsules.clone(),
            ..*self
        }
    }
}

impl<T: StateMachine> fmt::Debug for Storms<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storms").finish_non_exhaustive()
    }
}

/// Returns the path of the folder `capsules` in the folder of a source file. `file` is relative to the
/// package or to a folder above the package. Returns `None` if there is no such source file, for example in a
/// documentation test.
fn folder_beside(file: &str) -> Option<PathBuf> {
    let package = environment("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let source = package.ancestors().map(|folder| folder.join(file)).find(|path| path.is_file())?;
    source.parent().map(|folder| folder.join("capsules"))
}

/// Returns the beginning of the names of a test's capsule files: the name of the source file and the name of
/// the test. The main thread runs a documentation test, and its name is not the name of a test. In the main
/// thread, the line of the test replaces the name of the test.
fn file_prefix(test: &Location<'_>) -> String {
    let source = Path::new(test.file()).file_stem().unwrap_or_default().display();
    let name = match failure::name() {
        main if main == "main" => format!("line_{}", test.line()),
        name => name,
    };
    failure::file_name_of(&format!("{source}-{name}"))
}

/// The place of the capsule files of a test.
#[derive(Clone, Debug, Default)]
struct KeptCapsules {
    /// The folder of the capsule files; `None` if the test has no such folder.
    folder: Option<PathBuf>,
    /// The beginning of the name of each capsule file of the test.
    prefix: String,
}

impl KeptCapsules {
    /// Returns the paths of the capsule files, in alphabetical order.
    fn paths(&self) -> Vec<String> {
        let is_seed = |name: &str| {
            let rest = name.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('-'));
            let seed = rest.and_then(|rest| rest.strip_suffix(".json"));
            seed.is_some_and(|seed| seed.parse::<u64>().is_ok())
        };
        let Some(Ok(entries)) = self.folder.as_ref().map(std::fs::read_dir) else { return Vec::new() };
        let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let mut paths: Vec<_> = paths
            .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_seed))
            .map(|path| path.display().to_string())
            .collect();
        paths.sort();
        paths
    }
}

/// The storm of one seed.
struct MachineStorm<T: StateMachine> {
    storms: Rc<Storms<T>>,
    plan: Plan,
    capsules: KeptCapsules,
}

impl<T: StateMachine> RunnableStorm for MachineStorm<T> {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn run_watched(&self, plan: Plan, about: String) -> Run<()> {
        self.run_with(plan, (), about, None, erased::run)
    }

    fn run_traced(&self, plan: Plan, trace: Traced, about: String) -> Run<Option<Traced>> {
        self.run_with(plan, Some(trace), about, None, erased::run_traced)
    }

    fn drawn_operations(&self, plan: Plan) -> Vec<DrawnOperation> {
        let (drawn, about) = (DrawnOperations::default(), failure::about_plan(&plan));
        self.run_with(plan, (), about, Some(Rc::clone(&drawn)), erased::run);
        drawn.take()
    }

    fn commands_in(report: &Report) -> (u64, &'static str) {
        // The judge compares each acknowledged command with the log.
        let acknowledged = report.witnessed.get("acked_is_applied").copied();
        (acknowledged.unwrap_or_default(), "commands acknowledged")
    }

    fn shrink_time_max(&self) -> Duration {
        self.storms.bounds.shrink_time_max
    }

    fn commands(&self) -> CommandText {
        describe::<T>
    }

    fn capsules(&self) -> CapsuleFolder {
        let KeptCapsules { folder, prefix } = self.capsules.clone();
        match folder {
            Some(folder) => CapsuleFolder::Committed { folder, prefix },
            None => CapsuleFolder::Target(failure::target().join("wavetank")),
        }
    }
}

impl<T: StateMachine> MachineStorm<T> {
    fn run_with<O: Default>(
        &self,
        plan: Plan,
        trace: O,
        about: String,
        drawn: Option<DrawnOperations>,
        run: fn(ErasedRunner<O>) -> Run<O>,
    ) -> Run<O> {
        let Storms { make, bounds, strategies, delivery, .. } = &*self.storms;
        let work = Arc::new(CurrentWork::new::<T>());
        let watched = Arc::clone(&work);
        let _watchdog = Watchdog::start(bounds.wall_time_max, about, move || watched.text());
        let steps = StepCount::new(bounds.steps_max);
        let name = failure::name();
        let made = catch_panic(|| {
            let judge = Rc::new(RefCell::new(Judge::new(self.judge_settings(&plan))));
            (judge, clients::<T>(&plan, strategies.clone(), *delivery, drawn))
        });
        let (judge, clients) = match made {
            Ok(made) => made,
            Err(message) => return Run::panicked(&name, plan.seed, message),
        };
        let checks = Box::new(MachineChecks::new(Rc::clone(&judge)));
        let make = Rc::clone(make);
        run(Runner {
            name,
            workload: Box::new(BoundedWorkload::new(Box::new(clients), steps.clone())),
            plan,
            make: Box::new(move |idx| ErasedFsm::new(JudgedReplica::new(idx, make(), &judge, &work))),
            custom: BoundedChecks::new(checks, steps),
            trace,
        })
    }

    fn judge_settings(&self, plan: &Plan) -> JudgeSettings<T> {
        let Storms { make, invariants, partition, delivery, .. } = &*self.storms;
        JudgeSettings {
            make: Rc::clone(make),
            invariants: Rc::clone(invariants),
            partition: partition.clone(),
            delivery: *delivery,
            leases_hold: Promises::from(plan).leases_hold,
            digest_every: 1 + plan.seed % 16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn capsules_of_different_tests_have_different_names() {
        let prefix = |name: &str, place: &'static Location<'static>| {
            let test = thread::Builder::new().name(name.to_owned());
            test.spawn(|| file_prefix(place)).expect("a thread starts").join().expect("nothing panics")
        };
        let (one, other) = (Location::caller(), Location::caller());
        assert_eq!(prefix("bank::survives", one), "storms-bank__survives");
        assert_eq!(prefix("bank::survives", one), prefix("bank::survives", other));
        assert_eq!(prefix("main", one), format!("storms-line_{}", one.line()));
    }
}
