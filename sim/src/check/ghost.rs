//! The harness's own memory of a run, fed by observations alone: what each disk holds, what each
//! server has promised to anybody, who voted, who led, what was committed.
//!
//! The checks look at it; nothing here judges. What a server believes of itself is kept apart
//! ([`Glimpse`]) from what is so ([`Disk`], [`History`], [`Terms`]).

pub(crate) mod ghost_server;
pub(crate) mod server_view;

mod acting;
mod booting;
pub(crate) mod chain;
pub(crate) mod conf;
pub(crate) mod facts;
pub(crate) mod hash;
pub(crate) mod history;
pub(crate) mod step;
mod stepping;
mod stopping;
pub(crate) mod terms;
mod writing;

pub(crate) use chain::{Chain, Link};
pub(crate) use conf::{Conf, Placed};
pub(crate) use facts::Facts;
pub(crate) use ghost_server::{Asked, Disk, Life, Owed, Shadow};
pub(crate) use history::{Committed, History};
pub(crate) use server_view::{Follower, Glimpse, Sight};
pub(crate) use step::{Allowed, Discarded, Exposure, Found, Gone, Step, Stop, Took};
pub(crate) use terms::Terms;

use crate::observe::{Observation, Seen};
use crate::plan::server_set::{Slot, Slots};
use wavetank_raft::{Batch, Index, LogId, NodeId, SnapshotMeta, Time};

/// Everything the harness knows.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    /// The moment of the observation.
    pub(crate) at: Time,
    /// The number of the observation.
    pub(crate) number: u64,
    /// What happened in it.
    pub(crate) step: Step,
    /// What is true of each log position.
    pub(crate) history: History,
    /// Who voted for whom and who led.
    pub(crate) terms: Terms,
    /// From whom progress is demanded, and since when.
    pub(crate) healed: Option<(Time, Slots)>,
    shadows: Vec<Shadow>,
    /// When the history has grown to this many positions, the old ones go.
    prune_at: usize,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            at: Time(0),
            number: 0,
            step: Step::blank(),
            history: History::default(),
            terms: Terms::default(),
            healed: None,
            shadows: vec![Shadow::default(); Slot::MOST],
            prune_at: Self::SLACK,
        }
    }
}

impl Ledger {
    /// Positions that are kept though no server needs them any more, so that a late message can
    /// still be judged.
    const SLACK: usize = 2_048;

    /// What is known of a server.
    #[must_use]
    pub(crate) fn shadow(&self, slot: Slot) -> &Shadow {
        &self.shadows[slot.at()]
    }

    /// What is known of the server that this observation is about.
    #[must_use]
    pub(crate) fn subject(&self) -> &Shadow {
        &self.shadows[self.step.slot.at()]
    }

    /// What is known of a server, by the number the core knows it by.
    #[must_use]
    pub(crate) fn shadow_of(&self, node: NodeId) -> Option<&Shadow> {
        Slot::of(node).map(|slot| self.shadow(slot))
    }

    /// The servers that run.
    #[must_use]
    pub(crate) fn up(&self) -> Slots {
        let up = (0..).map(Slot).zip(&self.shadows).filter(|(_, shadow)| shadow.is_up());
        up.map(|(slot, _)| slot).collect()
    }

    /// Takes an observation, and says what it changed.
    pub(crate) fn see(&mut self, observation: &Observation<'_>) -> Facts {
        let facts = self.take(observation);
        if facts != Facts::NONE {
            (self.at, self.number) = (observation.at, observation.step);
        }
        facts
    }

    fn take(&mut self, observation: &Observation<'_>) -> Facts {
        match &observation.seen {
            Seen::Stepping { slot, event, clock, .. } => {
                self.stepping(*slot, event, *clock);
                Facts::NONE
            }
            Seen::Stepped { slot, server, actions } => self.stepped(*slot, *server, actions),
            Seen::Booted { slot, server, boot, log } => self.booted(*slot, *server, boot, log),
            Seen::Durable { slot, write, torn } => self.durable(*slot, write, *torn),
            Seen::Crashed { slot, wiped } => self.crashed(*slot, *wiped),
            Seen::Halted(slot) => self.halted(*slot),
            Seen::Harmed { slot, .. } => self.harmed(*slot),
            Seen::Refused { slot, .. } => self.refused(*slot),
            Seen::Applied { slot, batch, digest } => self.applied(*slot, batch, *digest),
            Seen::SnapshotTaken { slot, meta, digest } => self.captured(*slot, meta, *digest),
            Seen::Restored { slot, last, digest } => self.restored(*slot, *last, *digest),
            Seen::Healed { core } => {
                self.healed = Some((observation.at, *core));
                Facts::HEALED
            }
            Seen::Network(_) => Facts::NETWORK,
            _ => Facts::NONE,
        }
    }

    pub(crate) fn crashed(&mut self, slot: Slot, wiped: bool) -> Facts {
        self.step.clear(slot);
        let shadow = &mut self.shadows[slot.at()];
        let (disk, memory) = (&shadow.disk, &shadow.glimpse);
        let voted = (memory.term, memory.vote) == (disk.hard.term, disk.hard.vote);
        self.step.unsynced = !voted || shadow.log.last() != disk.log.last();
        shadow.forget();
        if wiped {
            let lost = shadow.disk.end().max(shadow.lost);
            *shadow = Shadow { lost, ..Shadow::default() };
        }
        Facts::CRASHED
    }

    pub(crate) fn applied(&mut self, slot: Slot, batch: &Batch, digest: u64) -> Facts {
        self.step.clear(slot);
        let (Some(first), Some(last)) = (batch.entries.first(), batch.entries.last()) else {
            return Facts::NONE;
        };
        let shadow = &mut self.shadows[slot.at()];
        self.step.machine = Some((first.id.index, last.id.index, shadow.machine));
        shadow.machine = last.id.index;
        self.report(slot, last.id.index, digest);
        Facts::APPLIED
    }

    pub(crate) fn captured(&mut self, slot: Slot, meta: &SnapshotMeta, digest: u64) -> Facts {
        self.step.clear(slot);
        self.step.captured = Some((meta.last, placed(meta)));
        self.report(slot, meta.last.index, digest);
        self.history.pillar(meta.last.index);
        let shadow = &mut self.shadows[slot.at()];
        shadow.disk.snapshot = newer(shadow.disk.snapshot, meta.last);
        Facts::CAPTURED
    }

    pub(crate) fn restored(&mut self, slot: Slot, last: LogId, digest: u64) -> Facts {
        self.step.clear(slot);
        let shadow = &mut self.shadows[slot.at()];
        (shadow.machine, shadow.handed) = (last.index, shadow.handed.max(last.index));
        self.report(slot, last.index, digest);
        Facts::RESTORED
    }

    /// A state machine reports the digest of its state after an entry.
    fn report(&mut self, slot: Slot, index: Index, digest: u64) {
        self.step.state = Some((index, digest));
        self.history.note_state(slot, index, digest);
    }

    /// Forgets positions that no server has as an entry any more.
    fn prune(&mut self) {
        let kept = self.shadows.iter().filter_map(Shadow::first_kept).min();
        let slack = Index(Self::SLACK as u64 / 2);
        let below = kept.unwrap_or_else(|| self.history.committed()).since(slack);
        self.history.prune(Index(below));
        self.prune_at = self.history.len() + Self::SLACK;
    }
}

/// The newer of two snapshots.
fn newer(one: LogId, other: LogId) -> LogId {
    if one.index < other.index { other } else { one }
}

/// The configuration of a snapshot, in its place.
fn placed(meta: &SnapshotMeta) -> Placed {
    Placed { index: meta.configuration_index, conf: Conf::of(&meta.configuration) }
}
