//! Passes the observations of a run to the judge, and reports broken promises as violations.

use super::{MachineWant, SharedJudge};
use crate::clients::callers::Operation;
use crate::observe::observer::Observer;
use crate::observe::report::{Class, Violation};
use crate::observe::{Observation, ObservationKind};
use crate::runner::observers::CustomChecks;
use crate::subject::Subject;
use std::any::Any;
use std::collections::BTreeMap;
use wavetank_machine::StateMachine;
use wavetank_raft::Time;

/// The checks of a typed state machine, as an observer of the run.
pub(crate) struct MachineChecks<T: StateMachine> {
    judge: SharedJudge<T>,
    step: u64,
    verdict: Option<Violation>,
}

impl<T: StateMachine> MachineChecks<T> {
    pub(crate) const fn new(judge: SharedJudge<T>) -> Self {
        Self { judge, step: 0, verdict: None }
    }

    fn take_breach(&mut self, at: Time) {
        if let Some(breach) = self.judge.borrow_mut().take_breach() {
            self.verdict = Some(Violation {
                check: breach.check.to_owned(),
                class: Class::Safety,
                section: "state machine".to_owned(),
                what: breach.what,
                at,
                step: self.step,
            });
        }
    }
}

impl<T: StateMachine, S: Subject> Observer<S> for MachineChecks<T> {
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        if self.verdict.is_some() {
            return;
        }
        // The state machines have worked since the last observation, so a promise that they broke comes before
        // this observation.
        self.take_breach(observation.at);
        self.step = observation.step;
        match observation.kind {
            ObservationKind::Invoked { what, .. } => {
                if let Some(operation) = (what as &dyn Any).downcast_ref::<Operation<MachineWant<T>>>() {
                    self.judge.borrow_mut().on_invoked(operation);
                }
            }
            ObservationKind::Returned { what, .. } => {
                if let Some(operation) = (what as &dyn Any).downcast_ref::<Operation<MachineWant<T>>>() {
                    self.judge.borrow_mut().on_returned(operation);
                }
            }
            _ => {}
        }
        self.take_breach(observation.at);
    }
}

impl<T: StateMachine> CustomChecks for MachineChecks<T> {
    fn end(&mut self, at: Time) {
        if self.verdict.is_none() {
            self.judge.borrow_mut().end();
            self.take_breach(at);
        }
    }

    fn verdict(&self) -> Option<&Violation> {
        self.verdict.as_ref()
    }

    fn witnessed(&self) -> BTreeMap<String, u64> {
        self.judge.borrow().witnessed()
    }
}
