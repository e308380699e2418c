//! The commit index of the leader, and the consequences of a commit.

use super::Leader;
use crate::node::io::Effects;
use crate::node::state::NodeState;
use crate::role::Transition;
use crate::types::{Index, Time};

impl Leader {
    /// Commits the entries that a quorum has persisted, up to one of this leader's own term (thesis
    /// §3.6.2): an older entry is committed only along with a newer one of its own term.
    pub(super) fn advance_commit(
        &mut self,
        state: &mut NodeState,
        now: Time,
        fx: &mut Effects,
    ) -> Transition {
        let own = state.outbox.durable();
        let matched = |node| {
            if node == state.id {
                own
            } else {
                self.peer(node).map_or(Index::ZERO, |peer| peer.progress.matched)
            }
        };
        let Some(agreed) = state.membership.voters().agreed(matched) else { return Transition::Stay };
        if agreed <= state.commit || agreed < self.first_of_term {
            return Transition::Stay;
        }
        state.commit_upto(agreed);
        self.commit_flush_at = self.commit_flush_at.or(Some(now + state.settings.commit_timeout));
        self.set_read_indexes(state, now, fx);
        self.leave_joint(state, now, fx);
        self.step_down_if_removed(state, now, fx)
    }

    /// Whether an entry of its own term is committed, and with it all older entries. Only then the
    /// leader knows the commit index.
    pub(super) fn has_commit_in_term(&self, state: &NodeState) -> bool {
        self.first_of_term <= state.commit
    }

    /// A leader outside the committed configuration steps down, but tells the others first
    /// (thesis §4.2.2).
    fn step_down_if_removed(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) -> Transition {
        let settled = state.membership.index() <= state.commit;
        if !settled || state.is_voter() || state.membership.voters().is_joint() {
            return Transition::Stay;
        }
        self.send_commit(state, now, fx);
        Transition::Follow(state.term, None)
    }
}
