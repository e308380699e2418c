//! Requests of clients and operators. A leader grants them; any other server refuses them with a reason.

use super::Node;
use crate::config::Settings;
use crate::configuration::Configuration;
use crate::entry::Payload;
use crate::io::{Effect, Effects, Input, Refusal};
use crate::role::{Role, Transition};
use crate::types::{LogId, Term, Time};
use alloc::sync::Arc;

impl Node {
    /// A client or an operator wants something.
    pub(super) fn on_wish(&mut self, now: Time, input: Input, fx: &mut Effects) {
        match input {
            Input::Bootstrap(configuration) => return self.bootstrap(configuration, now, fx),
            Input::Reload(settings) => return self.reload(settings, now),
            Input::Propose(_)
            | Input::Change { .. }
            | Input::Stage { .. }
            | Input::Read { .. }
            | Input::Transfer { .. } => {}
            Input::Timer
            | Input::Request { .. }
            | Input::Response { .. }
            | Input::Persisted(_)
            | Input::Fetched { .. }
            | Input::SnapshotRead { .. }
            | Input::SnapshotWritten { .. }
            | Input::SnapshotTaken(_) => unreachable!("not a wish"),
        }
        let Role::Leader(leader) = &mut self.role else { return self.refuse(&input, fx) };
        match input {
            Input::Propose(payloads) => leader.on_propose(&mut self.core, payloads, now, fx),
            Input::Change { change, prev_index } => {
                leader.on_change(&mut self.core, (&change, prev_index), now, fx);
            }
            Input::Stage { request, node } => leader.on_stage(&self.core, (request, node), now, fx),
            Input::Read { request, path } => leader.on_read(&mut self.core, (request, path), now, fx),
            Input::Transfer { request, target } => {
                leader.on_transfer(&mut self.core, (request, target), now, fx);
            }
            Input::Bootstrap(_)
            | Input::Reload(_)
            | Input::Timer
            | Input::Request { .. }
            | Input::Response { .. }
            | Input::Persisted(_)
            | Input::Fetched { .. }
            | Input::SnapshotRead { .. }
            | Input::SnapshotWritten { .. }
            | Input::SnapshotTaken(_) => unreachable!("answered above"),
        }
    }

    /// Only a leader can grant it.
    fn refuse(&self, wish: &Input, fx: &mut Effects) {
        let refusal = Refusal::NotLeader(self.leader());
        fx.push(match wish {
            Input::Read { request, .. } => Effect::ReadFailed { request: *request, refusal },
            Input::Transfer { request, .. } => {
                Effect::TransferEnded { request: *request, refusal: Some(refusal) }
            }
            Input::Stage { request, .. } => Effect::Staged { request: *request, result: Err(refusal) },
            Input::Propose(_)
            | Input::Change { .. }
            | Input::Bootstrap(_)
            | Input::Reload(_)
            | Input::Timer
            | Input::Request { .. }
            | Input::Response { .. }
            | Input::Persisted(_)
            | Input::Fetched { .. }
            | Input::SnapshotRead { .. }
            | Input::SnapshotWritten { .. }
            | Input::SnapshotTaken(_) => Effect::Refused(refusal),
        });
    }

    /// Begins a cluster: the configuration is the first entry, in term 1, on every server that is
    /// told the same.
    fn bootstrap(&mut self, configuration: Configuration, now: Time, fx: &mut Effects) {
        // A crash in the middle of an earlier attempt may have left the term without the entry.
        let is_new =
            self.core.term <= Term(1) && self.core.vote.is_none() && self.core.log.last() == LogId::ZERO;
        let refusal = if !is_new {
            Some(Refusal::CantBootstrap)
        } else if !configuration.voters().contains(self.core.id) {
            Some(Refusal::NotVoter)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return fx.push(Effect::Refused(refusal));
        }
        if self.core.term < Term(1) {
            self.transition(Transition::Follow(Term(1), None), now, fx);
        }
        let first = self.core.append([Payload::Configuration(Arc::new(configuration))], now, fx);
        fx.push(Effect::Appended { first, count: 1 });
    }

    fn reload(&mut self, settings: Arc<Settings>, now: Time) {
        self.core.settings = settings;
        match &mut self.role {
            Role::Follower(follower) => follower.on_reload(&mut self.core),
            Role::Leader(leader) => leader.on_reload(&self.core, now),
            Role::PreCandidate(_) | Role::Candidate(_) => {}
        }
    }
}
