//! Requests of clients and operators. A leader grants them; any other server refuses them with a reason.

use super::Node;
use crate::config::Settings;
use crate::configuration::Configuration;
use crate::entry::Payload;
use crate::node::io::{ClientRequest, Effect, Effects, Refusal};
use crate::node::state::Core;
use crate::role::leader::Leader;
use crate::role::{Role, Transition};
use crate::types::{LogId, Term, Time};
use alloc::sync::Arc;

impl Node {
    /// A client or an operator asks for something.
    pub(super) fn on_client_request(&mut self, request: ClientRequest, now: Time, fx: &mut Effects) {
        match request {
            ClientRequest::Bootstrap(configuration) => self.bootstrap(configuration, now, fx),
            ClientRequest::Reload(settings) => self.reload(settings, now),
            ClientRequest::Propose(payloads) => match self.leading() {
                Ok((leader, core)) => leader.on_propose(core, payloads, now, fx),
                Err(refusal) => fx.push(Effect::Refused(refusal)),
            },
            ClientRequest::Change { change, prev_index } => match self.leading() {
                Ok((leader, core)) => leader.on_change(core, &change, prev_index, now, fx),
                Err(refusal) => fx.push(Effect::Refused(refusal)),
            },
            ClientRequest::Stage { request, node } => match self.leading() {
                Ok((leader, core)) => leader.on_stage(core, request, node, now, fx),
                Err(refusal) => fx.push(Effect::Staged { request, result: Err(refusal) }),
            },
            ClientRequest::Read { request, path } => match self.leading() {
                Ok((leader, core)) => leader.on_read(core, request, path, now, fx),
                Err(refusal) => fx.push(Effect::ReadFailed { request, refusal }),
            },
            ClientRequest::Transfer { request, target } => match self.leading() {
                Ok((leader, core)) => leader.on_transfer(core, request, target, now, fx),
                Err(refusal) => fx.push(Effect::TransferEnded { request, refusal: Some(refusal) }),
            },
        }
    }

    /// The leader's data, or the refusal of a server that does not lead.
    fn leading(&mut self) -> Result<(&mut Leader, &mut Core), Refusal> {
        let refusal = Refusal::NotLeader(self.leader());
        match &mut self.role {
            Role::Leader(leader) => Ok((leader, &mut self.core)),
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => Err(refusal),
        }
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
