//! Runs storms for a user's own state machine under `cargo test`. A storm is a run whose plan is drawn from a
//! seed.
//!
//! ```
//! use wavetank_sim::clients::kv::{Kv, clients::{Clients, KvPlan}};
//! use wavetank_sim::{ServerSet, Storm, run_storms};
//!
//! run_storms(0..4, |seed| {
//!     Storm::from_seed(seed).nodes(3).fsm(Kv::default).workload(|plan| {
//!         let servers = ServerSet::first(usize::from(plan.servers));
//!         Clients::new(KvPlan::from(&plan.clients), servers, plan.seed)
//!     })
//! });
//! ```
//!
//! Environment variables select the runs. `WAVETANK_SEED=N` runs only the seed N. `WAVETANK_SEEDS=N` runs the
//! seeds `0..N` instead of the seeds of the test, and `WAVETANK_SEEDS=A..B` runs the seeds `A..B`.
//! `WAVETANK_CAPSULE=FILE` replays the run that the file recorded. Only this module reads these variables,
//! before any run begins.
//!
//! When a run fails, the harness immediately prints the failed check, the seed and the replay command. Then
//! the harness repeats the run. If the second run differs from the first run, the state machine or the
//! clients are not deterministic, and the test fails with both results. Otherwise the harness shrinks the
//! plan ([`Storm::shrink_time_max`]), and the test fails with the failed check, the shrunk plan and a replay
//! command. A run with too many steps fails ([`Storm::steps_max`]). If a run takes longer than ten seconds of
//! wall time, the harness prints a message. If a run takes longer than [`Storm::wall_time_max`], the process
//! ends; `WAVETANK_WALL_TIME=SECONDS` replaces this limit. A panic of the state machine or of the clients is
//! also a failure, even in a constructor or a destructor.

mod bounds;
#[cfg(feature = "machine")]
mod erased;
mod failure;
mod invariants;
mod shrinking;
#[cfg(feature = "machine")]
mod simplify;
#[cfg(feature = "machine")]
pub mod storms;
#[cfg(feature = "machine")]
pub mod story;

use crate::capsule::{Capsule, Content};
#[cfg(feature = "machine")]
use crate::clients::machine::DrawnOperation;
use crate::engine::workload::{TankFsm, Workload};
use crate::observe::observer::Observer;
use crate::observe::report::{Report, Verdict};
use crate::observe::step_log::StepLog;
use crate::observe::trace::{CommandText, Story, UNKNOWN};
use crate::plan::Plan;
use crate::runner::catch_panic::catch_panic;
use crate::runner::{Run, Runner};
use crate::shrink::Failure;
use bounds::{BoundedWorkload, Bounds, StepCount, Stopwatch, Watchdog};
use invariants::{CheckedFsm, Invariant, Invariants};
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// A storm that has no state machine and no clients yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Storm {
    plan: Plan,
    bounds: Bounds,
}

/// A storm that has a state machine but no clients yet.
pub struct StormOver<F> {
    plan: Plan,
    bounds: Bounds,
    make: Rc<dyn Fn() -> F>,
    invariants: Rc<Vec<Invariant<F>>>,
}

/// A function that makes the clients of a run from the plan of the run.
type MakeClients = dyn Fn(&Plan) -> Box<dyn Workload>;

/// A storm with a state machine and clients. A trial can be run.
pub struct Trial<F> {
    over: StormOver<F>,
    clients: Rc<MakeClients>,
}

impl Storm {
    /// Draws a storm from a seed. The same seed always gives the same storm.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self::from(Plan::storm(seed))
    }

    /// Sets the number of servers in the first configuration. A run fails if the plan has no server, or more
    /// than 16 servers with its spare servers.
    #[must_use]
    pub fn nodes(mut self, servers: u8) -> Self {
        self.plan.servers = servers;
        self
    }

    /// Changes the plan of the storm with the function `edit`.
    #[must_use]
    pub fn plan(mut self, edit: impl FnOnce(&mut Plan)) -> Self {
        edit(&mut self.plan);
        self
    }

    /// Sets the maximum number of steps of a run; the default is 5,000,000. A step is an observation or a
    /// wake-up of the clients. A typical storm has about ten thousand steps. A run with more steps than the
    /// maximum fails.
    #[must_use]
    pub const fn steps_max(mut self, steps: u64) -> Self {
        self.bounds.steps_max = steps;
        self
    }

    /// Sets the maximum wall time of a run; the default is 300 seconds. A longer run cannot be interrupted,
    /// because the run may be inside a call of the state machine. Therefore the seed and the replay command
    /// of this run are printed, and the process ends with status 101. `WAVETANK_WALL_TIME=SECONDS` replaces
    /// this limit.
    #[must_use]
    pub const fn wall_time_max(mut self, span: Duration) -> Self {
        self.bounds.wall_time_max = span;
        self
    }

    /// Sets the maximum wall time of the search for a smaller run that fails in the same way; the default is 20
    /// seconds. `WAVETANK_SHRINK_TIME=SECONDS` replaces this limit.
    #[must_use]
    pub const fn shrink_time_max(mut self, span: Duration) -> Self {
        self.bounds.shrink_time_max = span;
        self
    }

    /// Sets the state machine. `make` returns a state machine in the initial state. The tank calls `make` at
    /// every start of a server, and when a state machine cannot load a snapshot.
    #[must_use]
    pub fn fsm<F: TankFsm>(self, make: impl Fn() -> F + 'static) -> StormOver<F> {
        let Self { plan, bounds } = self;
        StormOver { plan, bounds, make: Rc::new(make), invariants: Rc::new(Vec::new()) }
    }
}

impl<F: TankFsm> StormOver<F> {
    /// Adds an invariant of the state machine. The invariant is checked after every applied batch and every
    /// restored snapshot. If `holds` returns an error, the run fails. The error describes the defect of the
    /// state.
    #[must_use]
    pub fn invariant(
        mut self,
        name: &'static str,
        holds: impl Fn(&F) -> Result<(), String> + 'static,
    ) -> Self {
        let invariant = Invariant { name, holds: Box::new(holds) };
        Rc::get_mut(&mut self.invariants).expect("no run has shared the invariants yet").push(invariant);
        self
    }

    /// Sets the clients. `make` is called once for each run, with the plan of the run.
    #[must_use]
    pub fn workload<W: Workload + 'static>(self, make: impl Fn(&Plan) -> W + 'static) -> Trial<F> {
        Trial { over: self, clients: Rc::new(move |plan| Box::new(make(plan))) }
    }
}

/// A storm that can be run. The methods also give the data for the report of a failure.
trait RunnableStorm {
    /// Returns a number that measures the work of a run, and the words for this number in the output, for
    /// example `entries committed`.
    fn commands_in(report: &Report) -> (u64, &'static str)
    where
        Self: Sized,
    {
        (report.commits, "entries committed")
    }

    /// Returns the plan of the storm.
    fn plan(&self) -> &Plan;

    /// Runs a plan and watches the wall time. `about` is a text that names the run and says how to repeat the
    /// run. If the run takes too long, `about` is printed.
    fn run_watched(&self, plan: Plan, about: String) -> Run<()>;

    /// Does the same as [`run_watched`](Self::run_watched), and records the run in `trace`.
    fn run_traced(&self, plan: Plan, trace: Traced, about: String) -> Run<Option<Traced>>;

    /// Runs a plan, and returns the commands and the queries that the clients drew. The list is empty if the
    /// storm has no typed commands.
    #[cfg(feature = "machine")]
    fn drawn_operations(&self, _: Plan) -> Vec<DrawnOperation> {
        Vec::new()
    }

    /// Returns the maximum wall time of a shrink.
    fn shrink_time_max(&self) -> Duration;

    /// Returns the function that formats a command as text. The stories of failures contain this text.
    fn commands(&self) -> CommandText {
        UNKNOWN
    }

    /// Returns the folder into which the capsule of a failure is written.
    fn capsules(&self) -> CapsuleFolder {
        CapsuleFolder::Target(failure::target().join("wavetank"))
    }
}

/// The trace of a failed run: the story and the steps of every server.
type Traced = (Story, StepLog);

/// The folder in which a test stores the capsules of failed runs.
#[derive(Clone, PartialEq, Eq, Debug)]
enum CapsuleFolder {
    /// A folder in the `target` directory of cargo. The test does not replay the capsules of this folder.
    Target(PathBuf),
    /// A folder beside the source of the test. The user commits the capsules of this folder. The test replays
    /// these capsules before any other run.
    #[cfg_attr(
        not(feature = "machine"),
        expect(dead_code, reason = "a test replays capsules only if the feature `machine` is enabled")
    )]
    Committed {
        /// The path of the folder.
        folder: PathBuf,
        /// The beginning of the name of each capsule file of the test.
        prefix: String,
    },
}

impl<F: TankFsm + 'static> Trial<F> {
    /// Returns the plan of the storm.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.over.plan
    }

    /// Runs a plan with the state machines, invariants and clients of this trial. `trace` observes the run.
    pub fn run<T: Observer + Default>(&self, plan: Plan, trace: T) -> Run<T> {
        let about = failure::about_plan(&plan);
        self.run_with(plan, trace, about)
    }

    fn run_with<T: Observer + Default>(&self, plan: Plan, trace: T, about: String) -> Run<T> {
        let StormOver { make, invariants, bounds, .. } = &self.over;
        let _watchdog = Watchdog::start(bounds.wall_time_max, about, || None);
        let steps = StepCount::new(bounds.steps_max);
        let name = failure::name();
        let clients = match catch_panic(|| (self.clients)(&plan)) {
            Ok(clients) => clients,
            Err(message) => return Run::panicked(&name, plan.seed, message),
        };
        let custom = Invariants::new(Rc::clone(invariants), steps.clone());
        let (make, guard) = (Rc::clone(make), custom.guard());
        Runner {
            name,
            workload: Box::new(BoundedWorkload::new(clients, steps)),
            plan,
            make: Box::new(move |_| CheckedFsm::new(make(), guard.clone())),
            custom,
            trace,
        }
        .run()
    }

    /// Runs the plan of the storm once and writes no file. Use this method in a test that draws the plans,
    /// for example with [`shrink::strategies`](crate::shrink) (feature `proptest`).
    ///
    /// # Errors
    /// Returns an error if the run fails. The first line of the error names the failure. The other lines are
    /// the plan as Rust source.
    pub fn survives(&self) -> Result<(), String> {
        let Run { report, .. } = self.run(self.plan().clone(), ());
        if failure::is_failure(&report.verdict) {
            return Err(report.verdict.to_string() + "\n" + &crate::shrink::source(self.plan()));
        }
        Ok(())
    }
}

impl<F: TankFsm + 'static> RunnableStorm for Trial<F> {
    fn plan(&self) -> &Plan {
        &self.over.plan
    }

    fn run_watched(&self, plan: Plan, about: String) -> Run<()> {
        self.run_with(plan, (), about)
    }

    fn run_traced(&self, plan: Plan, trace: Traced, about: String) -> Run<Option<Traced>> {
        self.run_with(plan, Some(trace), about)
    }

    fn shrink_time_max(&self) -> Duration {
        self.over.bounds.shrink_time_max
    }
}

impl From<Plan> for Storm {
    fn from(plan: Plan) -> Self {
        Self { plan, bounds: Bounds::default() }
    }
}

impl<F> fmt::Debug for StormOver<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StormOver({:?})", self.plan)
    }
}

impl<F> fmt::Debug for Trial<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trial({:?})", self.over)
    }
}

/// Runs one storm for each seed. `make` returns the storm of a seed. `usual` is the range of the seeds. The
/// environment variables of [`harness`](self) can select other runs. The first failed run is printed, shrunk
/// and written to a capsule file. After this failure, no other seed is run.
///
/// # Panics
/// Panics if a run fails. The message has the violation, the shrunk plan and the replay command. Also panics
/// if no run committed an entry, or if an environment variable or the capsule is invalid.
#[track_caller]
pub fn run_storms<F: TankFsm + 'static>(usual: Range<u64>, make: impl Fn(u64) -> Trial<F>) {
    if let Some(path) = environment("WAVETANK_CAPSULE") {
        return check_capsule(&path, make);
    }
    run_seeds(usual, make);
}

#[track_caller]
fn run_seeds<R: RunnableStorm>(usual: Range<u64>, make: impl Fn(u64) -> R) {
    let (stopwatch, mut storms, mut commands, mut has_held) = (Stopwatch::start(), 0_u64, 0, false);
    let mut noun = "commands";
    for seed in seeds(usual) {
        let trial = match catch_panic(|| make(seed)) {
            Ok(trial) => trial,
            Err(message) => failure::report_panic(seed, &message),
        };
        let Run { report, .. } = trial.run_watched(trial.plan().clone(), failure::about(seed));
        has_held |= report.verdict == Verdict::Held;
        if let Some(failure) = Failure::of(&report.verdict) {
            failure::report_failure(&trial, seed, &report, &failure);
        }
        storms += 1;
        let (count, its_noun) = R::commands_in(&report);
        (commands, noun) = (commands + count, its_noun);
    }
    assert!(has_held, "no run committed an entry, so the checks had nothing to judge");
    print_captured(&format!(
        "{}: {storms} storms, {commands} {noun}, {}",
        failure::name(),
        bounds::seconds(stopwatch.elapsed())
    ));
}

/// Prints a text to standard error. `cargo test` shows the text if the test fails, or with `--nocapture`.
#[expect(
    clippy::disallowed_macros,
    clippy::print_stderr,
    reason = "`cargo test` captures only the output of this macro"
)]
fn print_captured(text: &str) {
    eprintln!("wavetank: {text}");
}

#[track_caller]
fn check_capsule<R: RunnableStorm>(path: &str, make: impl Fn(u64) -> R) {
    // A panic inside a closure would name this file instead of the place of the test.
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => panic!("cannot read the capsule `{path}`: {error}"),
    };
    let capsule = match Capsule::parse(&text) {
        Ok(capsule) => capsule,
        Err(error) => panic!("`{path}` is not a capsule: {error}"),
    };
    let Content::Plan { plan, .. } = &capsule.content else {
        panic!("`{path}` contains a schedule of an exploration, but a test replays only storms")
    };
    failure::replay_capsule(&make(plan.seed), plan, &capsule, path);
}

/// Returns the seeds that `WAVETANK_SEED` selects, or else the seeds that `WAVETANK_SEEDS` selects. Returns
/// `usual` if neither variable is set.
///
/// # Panics
/// Panics if `WAVETANK_SEED` is not a number, or if `WAVETANK_SEEDS` is neither a number nor a range `A..B`.
#[must_use]
pub fn seeds(usual: Range<u64>) -> Range<u64> {
    let number = |name: &str, text: &str| {
        text.parse().unwrap_or_else(|_| {
            panic!("{name}: `{text}` is not a number; write N, or A..B in WAVETANK_SEEDS")
        })
    };
    if let Some(text) = environment("WAVETANK_SEED") {
        let seed: u64 = number("WAVETANK_SEED", &text);
        return seed..seed.saturating_add(1);
    }
    let Some(text) = environment("WAVETANK_SEEDS") else { return usual };
    match text.split_once("..") {
        Some((first, end)) => number("WAVETANK_SEEDS", first)..number("WAVETANK_SEEDS", end),
        None => 0..number("WAVETANK_SEEDS", &text),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the environment selects the runs, but each run depends only on its plan"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
