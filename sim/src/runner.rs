//! A whole run of a plan: from the founding of its cluster to the verdict.
//!
//! In the room: putting a world and those who look on together, ending it when a judge speaks or
//! the code under test panics, and what is known of it then.

use crate::catch_panic::catch_panic;
use crate::disk::{Memory, Shelf};
use crate::mishap::Mishap;
use crate::observers::{CustomChecks, Observers, report};
use crate::plan::Plan;
use crate::report::{Class, Report, Verdict, Violation};
use crate::slot::Slot;
use crate::storm::{self, Ending};
use crate::watch::Watch;
use crate::workload::{TankFsm, Workload};
use crate::world::World;
use wavetank_raft::Time;

/// What a plan is run with.
pub struct Runner<F, E, T> {
    /// The name of the run in its report.
    pub name: String,
    /// What is run.
    pub plan: Plan,
    /// Makes a server's state machine.
    pub make: Box<dyn FnMut(Slot) -> F>,
    /// The clients.
    pub workload: Box<dyn Workload>,
    /// Judges of what stands above the protocol.
    pub own: E,
    /// Whoever writes the run down.
    pub trace: T,
}

/// What is known of a run, and of what went wrong in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run<T> {
    /// How it went.
    pub report: Report,
    /// What went wrong among servers and their links.
    pub mishaps: Vec<Mishap>,
    /// Whoever wrote it down, or what was written.
    pub trace: T,
}

impl<T> Run<T> {
    /// The same run with what was written down in another form.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Run<U> {
        Run { report: self.report, mishaps: self.mishaps, trace: with(self.trace) }
    }
}

impl<F: TankFsm + 'static, E: CustomChecks, T: Watch> Runner<F, E, T> {
    /// Runs the plan to its end, or until a judge speaks or the code under test panics.
    pub fn run(self) -> Run<T> {
        self.run_with_stores(&mut |_| Box::new(Memory::default()))
    }

    /// The same with other stores than those in memory, which the shelf makes for each server.
    pub fn run_with_stores(self, shelf: &mut Shelf<'_>) -> Run<T> {
        let Self { name, plan, make, workload, own, trace } = self;
        let observers = Observers::new(&plan, own, trace);
        let mut world = World::with_stores(plan, make, workload, observers, shelf);
        world.record_mishaps();
        let ending = catch_panic(|| storm::run(&mut world, |observers| verdict_of(observers).is_none()));
        let at = world.now();
        world.watch_mut().judges.end(at);
        world.watch_mut().own.end(at);
        let verdict = match (verdict_of(world.watch()), ending) {
            (Some(violation), _) => Verdict::Violated(violation.clone()),
            (None, Err(words)) => Verdict::Panicked(words),
            (None, Ok(ending)) => settled(world.watch(), &ending, at),
        };
        let mut report = report(&name, &world, verdict);
        report.witnessed.extend(world.watch().own.witnessed());
        Run { report, mishaps: world.mishaps(), trace: world.into_watch().trace }
    }
}

/// What the judge that spoke first has to say.
fn verdict_of<E: CustomChecks, T>(observers: &Observers<E, T>) -> Option<&Violation> {
    let spoken = [observers.judges.verdict(), observers.own.verdict()];
    spoken.into_iter().flatten().min_by_key(|violation| violation.step)
}

/// No judge has spoken: whether the servers agree in the end, and whether there was anything to
/// agree on.
fn settled<E, T>(observers: &Observers<E, T>, ending: &Ending, at: Time) -> Verdict {
    if let Some(why) = ending.unsettled {
        return Verdict::Violated(Violation {
            check: "agreement".to_owned(),
            class: Class::Liveness,
            section: "thesis §3.4".to_owned(),
            what: format!("{} ms after the clients rested: {why}", ending.took.0 / 1_000),
            at,
            step: observers.tally.steps,
        });
    }
    if 0 < observers.tally.commits {
        return Verdict::Held;
    }
    let blind = observers.judges.witnessed().into_iter().filter(|&(_, times)| times == 0);
    Verdict::Vacuous(blind.map(|(check, _)| check).collect())
}
