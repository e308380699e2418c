//! What a server knows to be committed stays in its log, and what it knows never shrinks while it
//! lives.

use super::{Stated, Turn};
use crate::check::committed_never_dropped::CommittedNeverDropped;
use crate::explore::stimulus::Stimulus;
use wavetank_raft::Index;

pub(crate) const STATED: Stated = Stated::of::<CommittedNeverDropped>();

pub(crate) fn breach(turn: &Turn<'_>) -> Option<String> {
    if matches!(turn.stimulus, Stimulus::Crash) {
        return None;
    }
    let (before, after) = (&turn.before.node, &turn.after.node);
    let slot = turn.after.slot;
    if after.commit() < before.commit() {
        return Some(format!("{slot} had committed {} and now {}", before.commit(), after.commit()));
    }
    let lost = (1..=before.commit().0).map(Index).find(|&at| before.log().id_at(at) != after.log().id_at(at));
    lost.map(|at| format!("{slot} had committed {at} and has cut it off"))
}
