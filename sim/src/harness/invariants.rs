//! Invariants of a user's state machine. Each invariant is checked after every change of the state. The first
//! invariant that fails decides the verdict.

use super::bounds::StepCount;
use crate::engine::workload::TankFsm;
use crate::observe::observer::Observer;
use crate::observe::report::{Class, Violation};
use crate::observe::{Observation, ObservationKind};
use crate::runner::drop_guard::DropGuard;
use crate::runner::observers::CustomChecks;
use crate::subject::Subject;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use wavetank_raft::Data;
use wavetank_raft::store::{Command, Fsm, SnapshotReader, StoreError};

/// A function that tests an invariant. The error describes the defect of the state.
pub(super) type Holds<F> = dyn Fn(&F) -> Result<(), String>;

/// A named invariant.
pub(super) struct Invariant<F> {
    pub(super) name: &'static str,
    pub(super) holds: Box<Holds<F>>,
}

/// Checks the invariants, and keeps the first failed invariant until the observer reports the violation.
pub(super) struct Guard<F> {
    invariants: Rc<Vec<Invariant<F>>>,
    breach: RefCell<Option<(&'static str, String)>>,
    checked: Cell<u64>,
}

impl<F> Guard<F> {
    fn check(&self, fsm: &F) {
        self.checked.set(self.checked.get() + 1);
        for Invariant { name, holds } in self.invariants.iter() {
            if let Err(what) = holds(fsm) {
                self.breach.borrow_mut().get_or_insert((*name, what));
            }
        }
    }
}

/// A state machine whose invariants are checked after every change.
pub(super) struct CheckedFsm<F> {
    fsm: DropGuard<F>,
    guard: Rc<Guard<F>>,
}

impl<F> CheckedFsm<F> {
    pub(super) const fn new(fsm: F, guard: Rc<Guard<F>>) -> Self {
        Self { fsm: DropGuard::new(fsm), guard }
    }
}

impl<F: TankFsm> Fsm for CheckedFsm<F> {
    type Snapshot = DropGuard<F::Snapshot>;

    fn apply(&mut self, command: &Command<'_>) -> Data {
        let response = self.fsm.apply(command);
        self.guard.check(&self.fsm);
        response
    }

    fn apply_batch(&mut self, commands: &[Command<'_>]) -> Vec<Data> {
        let responses = self.fsm.apply_batch(commands);
        self.guard.check(&self.fsm);
        responses
    }

    fn snapshot(&mut self) -> Result<Self::Snapshot, StoreError> {
        self.fsm.snapshot().map(DropGuard::new)
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        let restored = self.fsm.restore(reader);
        self.guard.check(&self.fsm);
        restored
    }
}

impl<F: TankFsm> TankFsm for CheckedFsm<F> {
    fn query(&self, query: &[u8]) -> Data {
        self.fsm.query(query)
    }

    fn digest(&self) -> u64 {
        self.fsm.digest()
    }

    fn backup(&self) -> Option<Data> {
        self.fsm.backup()
    }
}

/// The custom checks of a storm: the invariants, and the bound on the steps.
pub(super) struct Invariants<F> {
    guard: Rc<Guard<F>>,
    steps: StepCount,
    verdict: Option<Violation>,
}

impl<F> Invariants<F> {
    pub(super) fn new(invariants: Rc<Vec<Invariant<F>>>, steps: StepCount) -> Self {
        let guard = Guard { invariants, breach: RefCell::new(None), checked: Cell::new(0) };
        Self { guard: Rc::new(guard), steps, verdict: None }
    }

    pub(super) fn guard(&self) -> Rc<Guard<F>> {
        Rc::clone(&self.guard)
    }
}

impl<F> Invariants<F> {
    fn fail<S: Subject>(
        &mut self,
        check: &str,
        class: Class,
        section: &str,
        what: String,
        at: &Observation<'_, S>,
    ) {
        self.verdict = Some(Violation {
            check: check.to_owned(),
            class,
            section: section.to_owned(),
            what,
            at: at.at,
            step: at.step,
        });
    }
}

impl<F, S: Subject> Observer<S> for Invariants<F> {
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        let may_go_on = self.steps.take();
        if self.verdict.is_some() {
            return;
        }
        if let ObservationKind::Applied { idx, .. } | ObservationKind::Restored { idx, .. } = observation.kind
            && let Some((name, what)) = self.guard.breach.take()
        {
            self.fail(name, Class::Safety, "invariant", format!("{idx}: {what}"), observation);
        } else if !may_go_on {
            self.fail("steps_max", Class::Liveness, "bound", self.steps.exceeded(), observation);
        }
    }
}

impl<F> CustomChecks for Invariants<F> {
    fn verdict(&self) -> Option<&Violation> {
        self.verdict.as_ref()
    }

    fn witnessed(&self) -> BTreeMap<String, u64> {
        let checked = self.guard.checked.get();
        self.guard.invariants.iter().map(|invariant| (invariant.name.to_owned(), checked)).collect()
    }
}
