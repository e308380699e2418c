//! Storms for a state machine of one's own, under `cargo test`.
//!
//! ```
//! use wavetank_sim::clients::kv::{Kv, clients::{ClientPlan, Clients}};
//! use wavetank_sim::{ServerSet, Storm, check};
//!
//! run_storms(0..4, |seed| {
//!     Storm::from_seed(seed).nodes(3).fsm(Kv::default).workload(|plan| {
//!         let servers = ServerSet::first(usize::from(plan.servers));
//!         Clients::new(ClientPlan::from(&plan.clients), servers, plan.seed)
//!     })
//! });
//! ```
//!
//! What may be said from outside is said by the environment: `WAVETANK_SEED=N` runs one seed alone,
//! `WAVETANK_SEEDS=N` or `A..B` others than the test has, `WAVETANK_CAPSULE=FILE` the run that was
//! kept in a file. It is read here and nowhere else, before any run begins.

mod failure;
mod invariants;

use crate::capsule::{Capsule, Content};
use crate::engine::workload::{TankFsm, Workload};
use crate::observe::observer::Observer;
use crate::observe::report::Verdict;
use crate::plan::Plan;
use crate::runner::{Run, Runner};
use invariants::{CheckedFsm, Invariant, Invariants};
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

/// A storm without anything above the cluster yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Storm {
    plan: Plan,
}

/// A storm over a state machine without clients yet.
pub struct StormOver<F> {
    plan: Plan,
    make: Rc<dyn Fn() -> F>,
    invariants: Rc<Vec<Invariant<F>>>,
}

/// Makes the clients of a plan.
type MakeClients = dyn Fn(&Plan) -> Box<dyn Workload>;

/// A storm over a state machine and its clients: everything that a run needs.
pub struct Trial<F> {
    over: StormOver<F>,
    clients: Rc<MakeClients>,
}

impl Storm {
    /// The storm of a seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self { plan: Plan::storm(seed) }
    }

    /// With so many servers.
    #[must_use]
    pub fn nodes(mut self, servers: u8) -> Self {
        self.plan.servers = servers;
        self
    }

    /// With anything else changed.
    #[must_use]
    pub fn plan(mut self, edit: impl FnOnce(&mut Plan)) -> Self {
        edit(&mut self.plan);
        self
    }

    /// Over this state machine, one for each server that starts.
    #[must_use]
    pub fn fsm<F: TankFsm>(self, make: impl Fn() -> F + 'static) -> StormOver<F> {
        StormOver { plan: self.plan, make: Rc::new(make), invariants: Rc::new(Vec::new()) }
    }
}

impl<F: TankFsm> StormOver<F> {
    /// Demands something of every state machine, after every batch that it applies and every
    /// snapshot that it loads. The error says what is wrong.
    #[must_use]
    pub fn invariant(
        mut self,
        name: &'static str,
        holds: impl Fn(&F) -> Result<(), String> + 'static,
    ) -> Self {
        let invariant = Invariant { name, holds: Box::new(holds) };
        Rc::get_mut(&mut self.invariants).expect("nothing runs yet").push(invariant);
        self
    }

    /// With these clients.
    #[must_use]
    pub fn workload<W: Workload + 'static>(self, make: impl Fn(&Plan) -> W + 'static) -> Trial<F> {
        Trial { over: self, clients: Rc::new(move |plan| Box::new(make(plan))) }
    }
}

impl<F: TankFsm + 'static> Trial<F> {
    /// What is run.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.over.plan
    }

    /// Runs a plan with the state machines, invariants and clients of this trial.
    pub fn run<T: Observer + Default>(&self, plan: Plan, trace: T) -> Run<T> {
        let StormOver { make, invariants, .. } = &self.over;
        let custom = Invariants::new(Rc::clone(invariants));
        let (make, guard) = (Rc::clone(make), custom.guard());
        Runner {
            name: failure::name(),
            workload: (self.clients)(&plan),
            plan,
            make: Box::new(move |_| CheckedFsm::new(make(), guard.clone())),
            custom,
            trace,
        }
        .run()
    }

    /// Runs its plan once, and keeps nothing: for tests that bring plans of their own, such as those
    /// drawn by the `strategies` of the feature `proptest`.
    ///
    /// # Errors
    /// Says in the first line what went wrong, and then the plan as source.
    pub fn survives(&self) -> Result<(), String> {
        let Run { report, .. } = self.run(self.plan().clone(), ());
        if failure::is_failure(&report.verdict) {
            return Err(report.verdict.to_string() + "\n" + &crate::shrink::source(self.plan()));
        }
        Ok(())
    }
}

impl From<Plan> for Storm {
    fn from(plan: Plan) -> Self {
        Self { plan }
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

/// Runs a storm under every seed. The first failure is shrunk, told, and kept in a file.
///
/// # Panics
/// When a run fails, or nothing was committed under any seed; with everything that is known of it.
#[track_caller]
pub fn run_storms<F: TankFsm + 'static>(usual: Range<u64>, make: impl Fn(u64) -> Trial<F>) {
    if let Some(place) = environment("WAVETANK_CAPSULE") {
        return check_capsule(&place, make);
    }
    let mut has_held = false;
    for seed in seeds(usual) {
        let trial = make(seed);
        let run = trial.run(trial.plan().clone(), ());
        has_held |= run.report.verdict == Verdict::Held;
        if failure::is_failure(&run.report.verdict) {
            failure::report_failure(&trial, trial.plan().clone());
        }
    }
    assert!(has_held, "nothing was committed under any seed: there was nothing to judge");
}

#[track_caller]
fn check_capsule<F: TankFsm + 'static>(place: &str, make: impl Fn(u64) -> Trial<F>) {
    let text =
        std::fs::read_to_string(place).unwrap_or_else(|error| panic!("cannot read `{place}`: {error}"));
    let capsule = Capsule::parse(&text).unwrap_or_else(|error| panic!("`{place}` is no capsule: {error}"));
    let Content::Plan { plan, .. } = &capsule.content else {
        panic!("`{place}` is a schedule that was explored, and has no plan")
    };
    failure::replay_capsule(&make(plan.seed), plan, &capsule);
}

/// The seeds that are asked for from outside, or these.
///
/// # Panics
/// When what is asked for are no seeds.
#[must_use]
pub fn seeds(usual: Range<u64>) -> Range<u64> {
    let number = |name: &str, text: &str| {
        text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`: expected a number, or A..B"))
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

#[expect(clippy::disallowed_methods, reason = "which runs there are is said from outside; a run is its plan")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
