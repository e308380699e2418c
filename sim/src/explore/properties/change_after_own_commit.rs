//! A leader changes the membership only after it has committed an entry of its own term (Ongaro on
//! raft-dev, 2015): until then a change of an earlier leader may be committed unseen, and two
//! memberships that do not overlap may both decide.

use super::{Stated, Turn};
use crate::check::change_after_own_commit::ChangeAfterOwnCommit;
use crate::explore::stimulus::Stimulus;

pub(crate) const STATED: Stated = Stated::of::<ChangeAfterOwnCommit>();

pub(crate) fn breach(turn: &Turn<'_>) -> Option<String> {
    match turn.stimulus {
        Stimulus::Add(_) | Stimulus::Remove(_) => {}
        Stimulus::TimeOut
        | Stimulus::Resign
        | Stimulus::Beat
        | Stimulus::Persist
        | Stimulus::Propose
        | Stimulus::Crash
        | Stimulus::Take(_) => return None,
    }
    let (before, after) = (&turn.before.node, &turn.after.node);
    if after.log().last() == before.log().last() {
        return None;
    }
    let committed = before.log().id_at(before.commit()).filter(|id| before.term() <= id.term);
    let what = || {
        let (slot, term, commit) = (turn.after.slot, before.term(), before.commit());
        format!("{slot} leads {term}, has committed {commit}, which is older, and changed the membership")
    };
    committed.is_none().then(what)
}
