//! A leader never overwrites or drops an entry of its log.

use super::{Stated, Turn};
use crate::check::leader_append_only::LeaderAppendOnly;
use crate::explore::stimulus::Stimulus;
use wavetank_raft::{Index, RoleName};

pub(crate) const STATED: Stated = Stated::of::<LeaderAppendOnly>();

pub(crate) fn breach(turn: &Turn<'_>) -> Option<String> {
    let (before, after) = (&turn.before.node, &turn.after.node);
    let led = before.role() == RoleName::Leader && before.term() == after.term();
    if !led || matches!(turn.stimulus, Stimulus::Crash) {
        return None;
    }
    let mut all = (1..=before.log().last().index.0).map(Index);
    let lost = all.find(|&at| before.log().id_at(at) != after.log().id_at(at))?;
    Some(format!("{} leads {} and has dropped {lost}", turn.after.slot, before.term()))
}
