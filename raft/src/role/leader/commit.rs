//! The commit index of the leader, and the actions that follow a commit.

use super::Leader;
use crate::node::io::Effects;
use crate::node::state::NodeState;
use crate::role::Transition;
use crate::types::{Index, Time};

impl Leader {
    /// Commits the entries that are durable on a quorum, if the last of these entries has the leader's term.
    /// Entries of earlier terms are committed only together with an entry of the leader's term. Without this
    /// rule, a later leader could overwrite committed entries (thesis §3.6.2, figure 3.7).
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
                self.peer(node).map_or(Index::ZERO, |peer| peer.progress.counted())
            }
        };
        let Some(agreed) = state.membership.voters().agreed(matched) else { return Transition::Stay };
        if agreed <= state.commit || agreed < self.first_of_term {
            return Transition::Stay;
        }
        state.commit_upto(agreed);
        self.commit_flush_at.get_or_insert_with(|| now + state.settings.commit_timeout());
        self.set_read_indexes(state, now, fx);
        self.leave_joint(state, now, fx);
        self.step_down_if_removed(state, now, fx)
    }

    /// True if the leader has committed an entry of its own term. Before such a commit, the leader does not
    /// know which entries are committed (thesis §6.4).
    pub(super) fn has_commit_in_term(&self, state: &NodeState) -> bool {
        self.first_of_term <= state.commit
    }

    /// Steps down if this server is not a voter of the committed configuration (thesis §4.2.2). Before the
    /// leader steps down, it sends the commit index. Otherwise the other servers would learn only from the next
    /// leader that the removal is committed.
    fn step_down_if_removed(&mut self, state: &mut NodeState, now: Time, fx: &mut Effects) -> Transition {
        let settled = state.membership.index() <= state.commit;
        if !settled || state.is_voter() || state.membership.voters().is_joint() {
            return Transition::Stay;
        }
        self.send_commit(state, now, fx);
        Transition::Follow(state.term, None)
    }
}
