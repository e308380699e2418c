//! Observers of a run, for example judges, traces and counters.

use crate::observe::{Observation, ObservationKind};
use wavetank_raft::Time;

/// Receives the observations of a run. An observer cannot change the run.
pub trait Observer {
    /// Handles one observation.
    fn on_observation(&mut self, observation: &Observation<'_>);
}

/// An observer that ignores everything.
impl Observer for () {
    fn on_observation(&mut self, _: &Observation<'_>) {}
}

impl<W: Observer + ?Sized> Observer for &mut W {
    fn on_observation(&mut self, observation: &Observation<'_>) {
        (**self).on_observation(observation);
    }
}

impl<W: Observer + ?Sized> Observer for Box<W> {
    fn on_observation(&mut self, observation: &Observation<'_>) {
        (**self).on_observation(observation);
    }
}

impl<W: Observer> Observer for Option<W> {
    fn on_observation(&mut self, observation: &Observation<'_>) {
        if let Some(observer) = self {
            observer.on_observation(observation);
        }
    }
}

impl<A: Observer, B: Observer> Observer for (A, B) {
    fn on_observation(&mut self, observation: &Observation<'_>) {
        self.0.on_observation(observation);
        self.1.on_observation(observation);
    }
}

/// Numbers the observations and passes them to the observer.
#[derive(Clone, Debug)]
pub(crate) struct Recorder<V> {
    pub(crate) observer: V,
    pub(crate) now: Time,
    pub(crate) step: u64,
}

impl<V: Observer> Recorder<V> {
    pub(crate) const fn new(observer: V) -> Self {
        Self { observer, now: Time(0), step: 0 }
    }

    // Inlining lets the compiler see the kind at the call, so it removes the observer's `match` on
    // kinds.
    #[inline(always)]
    pub(crate) fn on_observation(&mut self, kind: ObservationKind<'_>) {
        self.step += 1;
        self.observer.on_observation(&Observation { at: self.now, step: self.step, kind });
    }
}
