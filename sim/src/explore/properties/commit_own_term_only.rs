//! A leader commits by counting only what is of its own term.

use super::{Stated, Turn};
use crate::check::commit_own_term_only::CommitOwnTermOnly;
use wavetank_raft::RoleName;

pub(crate) const STATED: Stated = Stated::of::<CommitOwnTermOnly>();

pub(crate) fn breach(turn: &Turn<'_>) -> Option<String> {
    let (before, after) = (&turn.before.node, &turn.after.node);
    let leads = before.role() == RoleName::Leader && after.role() == RoleName::Leader;
    if !leads || after.commit() <= before.commit() {
        return None;
    }
    let newest = after.log().id_at(after.commit())?;
    (newest.term < after.term())
        .then(|| format!("{} leads {} and has committed up to {newest}", turn.after.slot, after.term()))
}
