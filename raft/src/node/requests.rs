//! Requests of clients and operators. The leader handles these requests. Any other server handles only a
//! bootstrap and a reload, and refuses all other requests with a reason.

use super::Node;
use crate::config::Settings;
use crate::configuration::Configuration;
use crate::entry::Payload;
use crate::node::io::{ClientRequest, Effect, Effects, Refusal};
use crate::node::state::NodeState;
use crate::role::leader::Leader;
use crate::role::{Role, Transition};
use crate::types::{LogId, Term, Time};
use alloc::sync::Arc;

impl Node {
    /// Dispatches a request of a client or an operator.
    pub(super) fn on_client_request(&mut self, request: ClientRequest, now: Time, fx: &mut Effects) {
        match request {
            ClientRequest::Bootstrap(configuration) => self.bootstrap(configuration, now, fx),
            ClientRequest::Reload(settings) => self.reload(settings, now),
            ClientRequest::Propose(payloads) => match self.leading() {
                Ok((leader, state)) => leader.on_propose(state, payloads, now, fx),
                Err(refusal) => fx.push(Effect::Refused(refusal)),
            },
            ClientRequest::Change { change, prev_index } => match self.leading() {
                Ok((leader, state)) => leader.on_change(state, &change, prev_index, now, fx),
                Err(refusal) => fx.push(Effect::Refused(refusal)),
            },
            ClientRequest::Stage { request, node } => match self.leading() {
                Ok((leader, state)) => leader.on_stage(state, request, node, now, fx),
                Err(refusal) => fx.push(Effect::Staged { request, result: Err(refusal) }),
            },
            ClientRequest::Read { request, path } => match self.leading() {
                Ok((leader, state)) => leader.on_read(state, request, path, now, fx),
                Err(refusal) => fx.push(Effect::ReadFailed { request, refusal }),
            },
            ClientRequest::Transfer { request, target } => match self.leading() {
                Ok((leader, state)) => leader.on_transfer(state, request, target, now, fx),
                Err(refusal) => fx.push(Effect::TransferEnded { request, refusal: Some(refusal) }),
            },
        }
    }

    /// Returns the data of the leader role and the state of this server. Returns a refusal if this server is
    /// not the leader.
    fn leading(&mut self) -> Result<(&mut Leader, &mut NodeState), Refusal> {
        let refusal = Refusal::NotLeader(self.leader());
        match &mut self.role {
            Role::Leader(leader) => Ok((leader, &mut self.state)),
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => Err(refusal),
        }
    }

    /// Starts a new cluster, or refuses the request. The configuration becomes the entry at index 1 in term 1.
    /// All servers that get the same request have the same first entry.
    fn bootstrap(&mut self, configuration: Configuration, now: Time, fx: &mut Effects) {
        // After a crash during an earlier attempt, the stores may have the term but not the entry, so a server
        // in term 1 is still a new server.
        let is_new =
            self.state.term <= Term(1) && self.state.vote.is_none() && self.state.log.last() == LogId::ZERO;
        let refusal = if !is_new {
            Some(Refusal::CantBootstrap)
        } else if !configuration.voters().contains(self.state.id) {
            Some(Refusal::NotVoter)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return fx.push(Effect::Refused(refusal));
        }
        if self.state.term < Term(1) {
            self.transition(Transition::Follow(Term(1), None), now, fx);
        }
        let first = self.state.append([Payload::Configuration(Arc::new(configuration))], now, fx);
        fx.push(Effect::Appended { first, count: 1 });
    }

    fn reload(&mut self, settings: Arc<Settings>, now: Time) {
        self.state.settings = settings;
        match &mut self.role {
            Role::Follower(follower) => follower.on_reload(&mut self.state),
            Role::Leader(leader) => leader.on_reload(&self.state, now),
            Role::PreCandidate(_) | Role::Candidate(_) => {}
        }
    }
}
