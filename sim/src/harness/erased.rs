//! Runs typed state machines as trait objects, without the types of the state machines.
//!
//! The type of the state machine is a type parameter of a world. Without this module, the compiler would
//! compile the whole simulator again for each state machine of a user.

use super::Traced;
use super::bounds::StepCount;
use crate::engine::workload::TankFsm;
use crate::observe::Observation;
use crate::observe::observer::Observer;
use crate::observe::report::{Class, Violation};
use crate::runner::observers::CustomChecks;
use crate::runner::{Run, Runner};
use std::collections::BTreeMap;
use wavetank_raft::store::{Command, Fsm, FsmSnapshot, SnapshotReader, SnapshotWriter, StoreError};
use wavetank_raft::{Data, Time};

/// A runner with trait objects for the state machine and the checks.
pub(super) type ErasedRunner<T> = Runner<ErasedFsm, BoundedChecks, T>;

/// Runs a plan without a trace.
#[inline(never)]
pub(super) fn run(runner: ErasedRunner<()>) -> Run<()> {
    runner.run()
}

/// Runs a plan and records the trace of the run: the story and the steps of every server.
#[inline(never)]
pub(super) fn run_traced(runner: ErasedRunner<Option<Traced>>) -> Run<Option<Traced>> {
    runner.run()
}

/// The methods of a state machine of any type.
trait AnyFsm {
    fn apply(&mut self, command: &Command<'_>) -> Data;
    fn snapshot(&mut self) -> Result<ErasedSnapshot, StoreError>;
    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError>;
    fn query(&self, query: &[u8]) -> Data;
    fn digest(&self) -> u64;
}

impl<F: TankFsm<Snapshot: 'static>> AnyFsm for F {
    fn apply(&mut self, command: &Command<'_>) -> Data {
        Fsm::apply(self, command)
    }

    fn snapshot(&mut self) -> Result<ErasedSnapshot, StoreError> {
        Ok(ErasedSnapshot(Box::new(Fsm::snapshot(self)?)))
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        Fsm::restore(self, reader)
    }

    fn query(&self, query: &[u8]) -> Data {
        TankFsm::query(self, query)
    }

    fn digest(&self) -> u64 {
        TankFsm::digest(self)
    }
}

/// A state machine of any type.
pub(super) struct ErasedFsm(Box<dyn AnyFsm>);

impl ErasedFsm {
    pub(super) fn new(fsm: impl TankFsm<Snapshot: 'static> + 'static) -> Self {
        Self(Box::new(fsm))
    }
}

impl Fsm for ErasedFsm {
    type Snapshot = ErasedSnapshot;

    fn apply(&mut self, command: &Command<'_>) -> Data {
        self.0.apply(command)
    }

    fn snapshot(&mut self) -> Result<ErasedSnapshot, StoreError> {
        self.0.snapshot()
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        self.0.restore(reader)
    }
}

impl TankFsm for ErasedFsm {
    fn query(&self, query: &[u8]) -> Data {
        self.0.query(query)
    }

    fn digest(&self) -> u64 {
        self.0.digest()
    }
}

/// A snapshot of a state machine of any type.
pub(super) struct ErasedSnapshot(Box<dyn FsmSnapshot>);

impl FsmSnapshot for ErasedSnapshot {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        self.0.persist(writer)
    }
}

/// Checks that observe our own server. The checks can have any type.
pub(super) trait AnyChecks: CustomChecks + Observer {}

impl<C: CustomChecks + Observer> AnyChecks for C {}

/// Checks of any type, and the bound on the steps of a run.
pub(super) struct BoundedChecks {
    checks: Box<dyn AnyChecks>,
    steps: StepCount,
    verdict: Option<Violation>,
}

impl BoundedChecks {
    pub(super) fn new(checks: Box<dyn AnyChecks>, steps: StepCount) -> Self {
        Self { checks, steps, verdict: None }
    }
}

impl Observer for BoundedChecks {
    fn on_observation(&mut self, observation: &Observation<'_>) {
        self.checks.on_observation(observation);
        if !self.steps.take() && self.verdict.is_none() {
            self.verdict = Some(Violation {
                check: "steps_max".to_owned(),
                class: Class::Liveness,
                section: "bound".to_owned(),
                what: self.steps.exceeded(),
                at: observation.at,
                step: observation.step,
            });
        }
    }
}

impl CustomChecks for BoundedChecks {
    fn end(&mut self, at: Time) {
        self.checks.end(at);
    }

    fn verdict(&self) -> Option<&Violation> {
        self.checks.verdict().or(self.verdict.as_ref())
    }

    fn witnessed(&self) -> BTreeMap<String, u64> {
        self.checks.witnessed()
    }
}
