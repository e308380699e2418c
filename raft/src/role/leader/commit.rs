//! What is committed, and what follows from it.

use super::Leader;
use crate::node::io::Effects;
use crate::node::state::Core;
use crate::role::Transition;
use crate::types::{Index, Time};

impl Leader {
    /// Commits what a quorum has on disk, if it is of this leader's own term (thesis §3.6.2): an
    /// older entry is committed only along with a newer one of its own.
    pub(super) fn advance_commit(&mut self, core: &mut Core, now: Time, fx: &mut Effects) -> Transition {
        let own = core.outbox.durable();
        let matched = |node| {
            if node == core.id {
                own
            } else {
                self.peer(node).map_or(Index::ZERO, |peer| peer.progress.matched)
            }
        };
        let Some(agreed) = core.membership.voters().agreed(matched) else { return Transition::Stay };
        if agreed <= core.commit || agreed < self.start {
            return Transition::Stay;
        }
        core.commit_upto(agreed);
        self.flush = self.flush.or(Some(now + core.settings.commit_timeout));
        self.wake_reads(core, now, fx);
        self.leave_joint(core, now, fx);
        self.retire(core, now, fx)
    }

    /// Whether an entry of its own term is committed, and with it everything older: only then
    /// does the leader know what is committed at all.
    pub(super) fn has_commit_in_term(&self, core: &Core) -> bool {
        self.start <= core.commit
    }

    /// A leader outside the committed configuration steps down, but tells the others first
    /// (thesis §4.2.2).
    fn retire(&mut self, core: &mut Core, now: Time, fx: &mut Effects) -> Transition {
        let settled = core.membership.index() <= core.commit;
        if !settled || core.is_voter() || core.membership.voters().is_joint() {
            return Transition::Stay;
        }
        self.tell_commit(core, now, fx);
        Transition::Follow(core.term, None)
    }
}
