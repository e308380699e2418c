//! Whoever looks on: judges, traces, tallies.

use crate::observe::{Observation, Seen};
use wavetank_raft::Time;

/// Looks at what happens, and can change nothing of it.
pub trait Watch {
    /// Something happened.
    fn see(&mut self, observation: &Observation<'_>);
}

/// Nobody looks.
impl Watch for () {
    fn see(&mut self, _: &Observation<'_>) {}
}

impl<W: Watch + ?Sized> Watch for &mut W {
    fn see(&mut self, observation: &Observation<'_>) {
        (**self).see(observation);
    }
}

impl<W: Watch + ?Sized> Watch for Box<W> {
    fn see(&mut self, observation: &Observation<'_>) {
        (**self).see(observation);
    }
}

impl<W: Watch> Watch for Option<W> {
    fn see(&mut self, observation: &Observation<'_>) {
        if let Some(watch) = self {
            watch.see(observation);
        }
    }
}

impl<A: Watch, B: Watch> Watch for (A, B) {
    fn see(&mut self, observation: &Observation<'_>) {
        self.0.see(observation);
        self.1.see(observation);
    }
}

/// Numbers what is seen and shows it to whoever looks on.
#[derive(Clone, Debug)]
pub(crate) struct Eye<V> {
    pub(crate) watch: V,
    pub(crate) now: Time,
    pub(crate) step: u64,
}

impl<V: Watch> Eye<V> {
    pub(crate) const fn new(watch: V) -> Self {
        Self { watch, now: Time(0), step: 0 }
    }

    // Inlined, so that who looks on is not asked about what is known not to concern it.
    #[inline(always)]
    pub(crate) fn see(&mut self, seen: Seen<'_>) {
        self.step += 1;
        self.watch.see(&Observation { at: self.now, step: self.step, seen });
    }
}
