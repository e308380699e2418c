//! Observers of a run, for example judges, traces and counters.

use crate::observe::{Observation, ObservationKind};
use crate::subject::Subject;
use wavetank_raft::{Server, Time};

/// Receives the observations of a run. An observer cannot change the run.
pub trait Observer<S: Subject = Server> {
    /// Handles one observation.
    fn on_observation(&mut self, observation: &Observation<'_, S>);
}

/// An observer that ignores all observations.
impl<S: Subject> Observer<S> for () {
    fn on_observation(&mut self, _: &Observation<'_, S>) {}
}

impl<S: Subject, W: Observer<S> + ?Sized> Observer<S> for &mut W {
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        (**self).on_observation(observation);
    }
}

impl<S: Subject, W: Observer<S> + ?Sized> Observer<S> for Box<W> {
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        (**self).on_observation(observation);
    }
}

impl<S: Subject, W: Observer<S>> Observer<S> for Option<W> {
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        if let Some(observer) = self {
            observer.on_observation(observation);
        }
    }
}

impl<S: Subject, A: Observer<S>, B: Observer<S>> Observer<S> for (A, B) {
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        self.0.on_observation(observation);
        self.1.on_observation(observation);
    }
}

/// Numbers the observations, and passes each observation to the observer.
#[derive(Clone, Debug)]
pub(crate) struct Recorder<V> {
    pub(crate) observer: V,
    pub(crate) now: Time,
    pub(crate) step: u64,
}

impl<V> Recorder<V> {
    pub(crate) const fn new(observer: V) -> Self {
        Self { observer, now: Time(0), step: 0 }
    }

    // Inlining lets the compiler see the kind at the call, so the compiler removes the observer's `match` on
    // kinds.
    #[inline(always)]
    pub(crate) fn on_observation<S: Subject>(&mut self, kind: ObservationKind<'_, S>)
    where
        V: Observer<S>,
    {
        self.step += 1;
        self.observer.on_observation(&Observation { at: self.now, step: self.step, kind });
    }
}
