//! No two servers hold different entries of one index to be committed, at whatever times.

use super::Stated;
use crate::check::state_machine_safety::StateMachineSafety;
use crate::explore::past::Committed;
use crate::slot::Slot;
use wavetank_raft::LogId;

pub(crate) const STATED: Stated = Stated::of::<StateMachineSafety>();

pub(crate) fn breach(committed: &[Committed], now: &[LogId], slot: Slot) -> Option<String> {
    let known = |id: &LogId| committed.iter().find(|other| other.id.index == id.index);
    let other =
        now.iter().find_map(|id| known(id).filter(|known| known.id != *id).map(|known| (id, known)))?;
    let (id, Committed { id: before, .. }) = other;
    Some(format!("{slot} has committed {id}, where {before} had been committed"))
}
