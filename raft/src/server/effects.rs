//! Translates the effects of the protocol into actions of the server.

use super::io::{Action, Answer, Leader};
use super::observed::Observed;
use super::{Ctx, Retirement, Server};
use crate::configuration::Configuration;
use crate::node::io::{ClientRequest, Effect, Input, Refusal, RoleName};
use crate::types::{LogId, NodeId, RequestId};

impl Server {
    /// Steps the protocol with an input and translates the effects of this step into actions.
    pub(super) fn step_node(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        let before = self.node.log().last();
        self.node.step(ctx.now, input, ctx.fx);
        self.handle_effects(ctx, &mut None);
        let after = self.node.log().last();
        if after.index < before.index {
            ctx.actions.push(Action::Observe(Observed::Truncated { after: after.index }));
        }
    }

    /// Asks the protocol to append entries. Returns the position of the first entry, or the refusal.
    pub(super) fn append(&mut self, request: ClientRequest, ctx: &mut Ctx<'_>) -> Result<LogId, Refusal> {
        self.node.step(ctx.now, Input::Client(request), ctx.fx);
        let mut result = None;
        self.handle_effects(ctx, &mut result);
        result.expect("each proposal is appended or refused within its step")
    }

    fn handle_effects(&mut self, ctx: &mut Ctx<'_>, appended: &mut Option<Result<LogId, Refusal>>) {
        if ctx.fx.is_empty() {
            return;
        }
        let mut effects = core::mem::take(ctx.fx);
        for effect in effects.drain(..) {
            self.on_effect(effect, appended, ctx);
        }
        *ctx.fx = effects;
    }

    fn on_effect(
        &mut self,
        effect: Effect,
        appended: &mut Option<Result<LogId, Refusal>>,
        ctx: &mut Ctx<'_>,
    ) {
        let action = match effect {
            Effect::Send { to, rpc, request } => Action::Send { to, rpc, request },
            Effect::Reply { to, rpc, response } => Action::Reply { to, rpc, response },
            Effect::Store(job) => return self.store(job, ctx),
            Effect::Commit(index) => return self.applying.may_apply(index),
            Effect::Appended { first, .. } => return *appended = Some(Ok(first)),
            Effect::Refused(refusal) => return *appended = Some(Err(refusal)),
            Effect::Became { role, term } => {
                self.on_became(role, ctx);
                Action::Observe(Observed::State { role, term })
            }
            Effect::LeaderIs(leader) => {
                self.reported.leader = leader.and_then(|node| self.leader_with(node));
                Action::Observe(Observed::Leader(self.reported.leader.clone()))
            }
            Effect::Configured { configuration, .. } => return self.on_configured(&configuration, ctx),
            Effect::ReadReady { request, index } => {
                self.calls.read_ready(request, index);
                // The index may already be applied. In that case no later event would answer the
                // read.
                return self.calls.readable(self.applied(), ctx.actions);
            }
            Effect::ReadFailed { request, refusal } => {
                self.calls.read_failed(request);
                return self.refuse(request, refusal, ctx);
            }
            Effect::TransferEnded { request, refusal } => {
                return self.on_transfer_ended(request, refusal, ctx);
            }
            Effect::Installed(meta) => return self.on_installed(meta, ctx),
            Effect::Staged { request, result } => return self.on_staged(request, result, ctx),
            Effect::Contact { peer, last, alive } => Action::Observe(if alive {
                Observed::ResumedHeartbeat { peer }
            } else {
                Observed::FailedHeartbeat { peer, silent: ctx.now.since(last).into() }
            }),
            Effect::LostEntries { peer, acknowledged, last } => {
                Action::Observe(Observed::LostEntries { peer, acknowledged, last })
            }
            Effect::NeedsSnapshot { peer, past } => return self.snapshot_for(peer, past, ctx),
            Effect::Ignored(why) => Action::Observe(Observed::Ignored(why)),
        };
        ctx.actions.push(action);
    }

    fn on_became(&mut self, role: RoleName, ctx: &mut Ctx<'_>) {
        let led = core::mem::replace(&mut self.leads, role == RoleName::Leader);
        // Only a server that led has calls whose entries may now be overwritten.
        if !led {
            return;
        }
        self.calls.leadership_lost(self.node.commit(), ctx.actions);
        // A leader that removes itself leads until the removal is committed (thesis §4.2.2), and
        // stops after it has applied the removal, so that the caller still gets an answer.
        let committed = self.node.configuration().filter(|(index, _)| *index <= self.node.commit());
        if let Some((at, configuration)) = committed
            && self.node.settings().shutdown_on_remove
            && !self.node.voters().contains(self.node.id())
        {
            let is_removal = configuration.server(self.node.id()).is_none();
            self.retirement = Some(Retirement { at, is_removal });
        }
    }

    /// Cancels the retirement of the server if, in this configuration, a removed server is a member again or a
    /// demoted server is a voter again. A slow state machine may apply the removal long after the server was
    /// added again, and a member must not stop.
    fn cancel_retirement(&mut self, configuration: &Configuration) {
        let me = self.node.id();
        let is_back = |retirement: &mut Retirement| {
            configuration.voters().contains(me)
                || (retirement.is_removal && configuration.server(me).is_some())
        };
        self.retirement.take_if(is_back);
    }

    fn on_transfer_ended(&mut self, request: RequestId, refusal: Option<Refusal>, ctx: &mut Ctx<'_>) {
        self.calls.transfer_ended(request);
        match refusal {
            Some(refusal) => self.refuse(request, refusal, ctx),
            None => ctx.actions.push(super::calls::answer(request, Ok(Answer::Done))),
        }
    }

    fn on_staged(&mut self, request: RequestId, result: Result<LogId, Refusal>, ctx: &mut Ctx<'_>) {
        self.calls.staged(request);
        match result {
            Ok(first) => {
                self.calls.appended(first, core::iter::once(request), super::calls::OnApplied::Answer);
            }
            Err(refusal) => self.refuse(request, refusal, ctx),
        }
    }

    /// Reports the added, removed and changed members to the observers. Also reports the leader if the change
    /// gives the leader its first address or a new address.
    fn on_configured(&mut self, configuration: &Configuration, ctx: &mut Ctx<'_>) {
        self.cancel_retirement(configuration);
        let known = core::mem::take(&mut self.reported.members);
        let members: alloc::vec::Vec<_> = configuration.members().cloned().collect();
        for gone in known.iter().filter(|old| members.iter().all(|new| new.id != old.id)) {
            ctx.actions.push(Action::Observe(Observed::Peer { removed: true, peer: gone.clone() }));
        }
        for new in members.iter().filter(|new| !known.contains(new)) {
            ctx.actions.push(Action::Observe(Observed::Peer { removed: false, peer: new.clone() }));
        }
        self.reported.members = members;
        let leader = self.node.leader().and_then(|node| self.leader_with(node));
        if leader.is_some() && leader != self.reported.leader {
            self.reported.leader.clone_from(&leader);
            ctx.actions.push(Action::Observe(Observed::Leader(leader)));
        }
    }

    /// Returns the id and the address of the leader `node`. Returns `None` if `node` is not a member of the
    /// latest configuration.
    pub(super) fn leader_with(&self, node: NodeId) -> Option<Leader> {
        let (_, configuration) = self.node.configuration()?;
        let member = configuration.server(node)?;
        Some(Leader { id: member.id.clone(), address: member.address.clone() })
    }
}
