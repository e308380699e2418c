//! The calls of clients and operators, and their answers.

use crate::server::{ELECTION_TICKS, RaftAction, RaftRs, answer, tell_members};
use crate::translate::{self, AnyChange};
use raft::{Error, ReadOnlyOption, ReadState, StateRole};
use wavetank_raft::store::{StoreError, StoreErrorKind};
use wavetank_raft::{
    Action, Answer, Call, Change, Configuration, Data, Entry, Halt, HardState, Index, Leader, LogOp, Member,
    NodeId, Payload, ReadPath, Refusal, RequestError, RequestId, Suffrage, Term, Time, Token, Unsupported,
};
use wavetank_sim::ServerIdx;

/// The calls that are not answered yet.
#[derive(Debug)]
pub(crate) struct Calls {
    node: NodeId,
    incarnation: u32,
    reads_begun: u32,
    /// Calls that appended an entry, by the index of the entry.
    proposed: Vec<Proposed>,
    reads: Vec<Read>,
    /// A transfer and its target.
    transfer: Option<Transfer>,
    /// A bootstrap and the write that it waits for.
    bootstrap: Option<(RequestId, Token)>,
}

/// A call that appended an entry.
#[derive(Debug)]
struct Proposed {
    index: Index,
    request: RequestId,
    /// True if the answer is the response of the state machine.
    wants_response: bool,
}

/// A transfer of the leadership.
#[derive(Clone, Copy, Debug)]
struct Transfer {
    request: RequestId,
    target: NodeId,
    /// The time on the server's clock at which the call fails.
    limit: Time,
}

#[derive(Debug)]
struct Read {
    context: Vec<u8>,
    request: RequestId,
    path: ReadPath,
    /// The tick at which the read began.
    begun: u64,
    /// The read index; `None` until raft-rs gives it.
    index: Option<Index>,
}

impl Calls {
    pub(crate) fn new(idx: ServerIdx, incarnation: u32) -> Self {
        Self {
            node: idx.node(),
            incarnation,
            reads_begun: 0,
            proposed: Vec::new(),
            reads: Vec::new(),
            transfer: None,
            bootstrap: None,
        }
    }

    /// Begins a read. The result is a context that no other read of the cluster has, as raft-rs demands.
    fn begin_read(&mut self, request: RequestId, path: ReadPath, begun: u64) -> Vec<u8> {
        self.reads_begun += 1;
        let numbers = [self.incarnation.to_be_bytes(), self.reads_begun.to_be_bytes()].concat();
        let context = [&self.node.0.to_be_bytes()[..], &numbers].concat();
        self.reads.push(Read { context: context.clone(), request, path, begun, index: None });
        context
    }

    pub(crate) fn on_read_state(&mut self, state: &ReadState) {
        if let Some(read) = self.reads.iter_mut().find(|read| read.context == state.request_ctx) {
            read.index = Some(Index(state.index));
        }
    }

    /// Answers the reads whose index is applied.
    pub(crate) fn answer_readable(&mut self, applied: Index, actions: &mut Vec<RaftAction>) {
        self.reads.retain(|read| match (read.index, read.path) {
            (Some(_), ReadPath::Verify) => {
                actions.push(answer(read.request, Ok(Answer::Done)));
                false
            }
            (Some(index), ReadPath::Index | ReadPath::Lease) if index <= applied => {
                actions.push(answer(read.request, Ok(Answer::Readable { index })));
                false
            }
            _ => true,
        });
    }

    /// Fails the reads that began before this tick. raft-rs drops a read without a notice, and asks the
    /// application to try again.
    pub(crate) fn drop_old_reads(&mut self, limit: u64, actions: &mut Vec<RaftAction>) {
        self.reads.retain(|read| {
            let is_old = read.begun < limit;
            if is_old {
                actions.push(answer(read.request, Err(RequestError::LeadershipLost)));
            }
            !is_old
        });
    }

    pub(crate) fn on_applied(
        &mut self,
        upto: Index,
        responses: &[(Index, Data)],
        actions: &mut Vec<RaftAction>,
    ) {
        self.proposed.retain(|&Proposed { index, request, wants_response }| {
            if upto < index {
                return true;
            }
            let response = responses.iter().find(|(at, _)| *at == index).map(|(_, response)| response);
            let outcome = match response {
                Some(response) if wants_response => Ok(Answer::Applied { index, response: response.clone() }),
                // The response to a restore is a complaint, if there is one.
                Some(response) if !response.is_empty() => {
                    let what = String::from_utf8_lossy(response);
                    Err(RequestError::Store(StoreError::new(StoreErrorKind::Corrupt, what)))
                }
                Some(_) | None => Ok(Answer::Committed { index }),
            };
            actions.push(answer(request, outcome));
            false
        });
    }

    /// Answers the calls whose entries another leader may overwrite, and the transfer.
    pub(crate) fn on_leadership_lost(
        &mut self,
        commit: Index,
        leader: NodeId,
        actions: &mut Vec<RaftAction>,
    ) {
        self.proposed.retain(|&Proposed { index, request, .. }| {
            if commit < index {
                actions.push(answer(request, Err(RequestError::LeadershipLost)));
            }
            index <= commit
        });
        if let Some(Transfer { request, target, .. }) = self.transfer.take() {
            let is_done = leader == target || leader == NodeId(0);
            let outcome = if is_done { Ok(Answer::Done) } else { Err(RequestError::LeadershipLost) };
            actions.push(answer(request, outcome));
        }
    }

    /// Answers the calls whose entries a snapshot replaced.
    pub(crate) fn on_snapshot(&mut self, upto: Index, actions: &mut Vec<RaftAction>) {
        self.proposed.retain(|&Proposed { index, request, .. }| {
            if index <= upto {
                actions.push(answer(request, Err(RequestError::AbortedByRestore)));
            }
            upto < index
        });
    }

    /// Answers a transfer that raft-rs has given up.
    pub(crate) fn on_transfer_aborted(&mut self, actions: &mut Vec<RaftAction>) {
        if let Some(Transfer { request, .. }) = self.transfer.take() {
            actions.push(answer(request, Err(RequestError::Refused(Refusal::TransferTimeout))));
        }
    }

    /// Answers a transfer that takes too long. raft-rs counts ticks, which a server drops while it waits for
    /// its disk.
    pub(crate) fn time_out_transfer(&mut self, now: Time, actions: &mut Vec<RaftAction>) {
        if self.transfer.is_some_and(|transfer| transfer.limit < now) {
            self.on_transfer_aborted(actions);
        }
    }

    pub(crate) fn on_durable(&mut self, token: Token, actions: &mut Vec<RaftAction>) {
        if let Some((request, _)) = self.bootstrap.take_if(|(_, wanted)| *wanted <= token) {
            actions.push(answer(request, Ok(Answer::Done)));
        }
    }

    pub(crate) fn shut_down(&mut self, actions: &mut Vec<RaftAction>) {
        let proposed = self.proposed.drain(..).map(|it| it.request);
        let reads = self.reads.drain(..).map(|read| read.request);
        let others = [self.transfer.take().map(|it| it.request), self.bootstrap.take().map(|it| it.0)];
        let all: Vec<RequestId> = proposed.chain(reads).chain(others.into_iter().flatten()).collect();
        actions.extend(all.into_iter().map(|request| answer(request, Err(RequestError::Shutdown))));
    }
}

impl RaftRs {
    pub(crate) fn on_call(
        &mut self,
        since: Time,
        request: RequestId,
        call: Call,
        actions: &mut Vec<RaftAction>,
    ) {
        match call {
            Call::Apply(data) => self.propose(request, &Payload::Command(data), actions),
            Call::ApplyLog { data, extensions } => {
                let both = wavetank_raft::Extended { data, extensions };
                self.propose(request, &Payload::Extended(both.into()), actions);
            }
            Call::Barrier => self.propose(request, &Payload::Barrier, actions),
            Call::Restore(data) => self.propose(request, &Payload::Restore(data), actions),
            Call::VerifyLeader => self.read(request, ReadPath::Verify, actions),
            Call::Read(path) => self.read(request, path, actions),
            Call::Bootstrap(first) => self.bootstrap(request, first, actions),
            Call::Change { change, prev_index } => {
                let begun = self.begin_change(&change, prev_index);
                self.proposed(request, begun, false, actions);
            }
            Call::Transfer { target } => {
                let begun = self.begin_transfer(target.map(|target| target.node()));
                match begun {
                    Ok(target) => {
                        let limit = since + self.transfer_limit();
                        self.calls.transfer = Some(Transfer { request, target, limit });
                    }
                    Err(error) => actions.push(answer(request, Err(error))),
                }
            }
            Call::Shutdown => {
                actions.push(answer(request, Ok(Answer::Done)));
                self.halt(Halt::Shutdown, actions);
            }
            // A call for a snapshot does not wait for raft-rs, so it does not come here.
            Call::AddVoterStaged { .. } | Call::Reload(_) | Call::Snapshot => {
                actions.push(answer(request, Err(RequestError::UnsupportedProtocol(Unsupported::Call))));
            }
        }
    }

    /// The error of a call that only the leader carries out.
    fn not_leader(&self) -> RequestError {
        let leader = NodeId(self.raw.raft.leader_id);
        let known = self.configuration.as_ref().and_then(|(_, configuration)| configuration.server(leader));
        let leads = self.raw.raft.state == StateRole::Leader;
        let other = known.filter(|_| !leads);
        RequestError::NotLeader(
            other.map(|Member { id, address, .. }| Leader { id: id.clone(), address: address.clone() }),
        )
    }

    fn expect_leader(&self) -> Result<(), RequestError> {
        if self.raw.raft.state != StateRole::Leader {
            return Err(self.not_leader());
        }
        if self.raw.raft.lead_transferee.is_some() {
            return Err(RequestError::LeadershipTransferInProgress);
        }
        Ok(())
    }

    pub(crate) fn propose(&mut self, request: RequestId, payload: &Payload, actions: &mut Vec<RaftAction>) {
        let begun = self.expect_leader().and_then(|()| {
            let (context, data) = translate::normal(payload);
            let proposed = self.raw.propose(context, data);
            self.appended(proposed)
        });
        let wants_response = matches!(payload, Payload::Command(_) | Payload::Extended(_));
        self.proposed(request, begun, wants_response, actions);
    }

    /// The index of an entry that was just proposed.
    fn appended(&self, proposed: Result<(), Error>) -> Result<Index, RequestError> {
        match proposed {
            Ok(()) => Ok(Index(self.raw.raft.raft_log.last_index())),
            Err(Error::ProposalDropped) => Err(self.not_leader()),
            Err(error) => panic!("a proposal fails: {error}"),
        }
    }

    fn proposed(
        &mut self,
        request: RequestId,
        begun: Result<Index, RequestError>,
        wants_response: bool,
        actions: &mut Vec<RaftAction>,
    ) {
        match begun {
            Ok(index) => self.calls.proposed.push(Proposed { index, request, wants_response }),
            Err(error) => actions.push(answer(request, Err(error))),
        }
    }

    fn begin_change(&mut self, change: &Change, prev: Option<Index>) -> Result<Index, RequestError> {
        self.expect_leader()?;
        let refused = |refusal| Err(RequestError::Refused(refusal));
        if !self.raw.raft.commit_to_current_term() {
            return refused(Refusal::NoCommitInTerm);
        }
        let Some((latest, before)) = self.configuration.clone() else { return refused(Refusal::NotVoter) };
        if self.raw.raft.has_pending_conf() {
            return refused(Refusal::ChangeInProgress);
        }
        if let Some(since) = prev.filter(|since| *since != latest) {
            return refused(Refusal::ConfigurationChanged { since, latest });
        }
        let next =
            before.next(change).map_err(|error| RequestError::Refused(Refusal::Configuration(error)))?;
        self.propose_change(&before, &next)
    }

    fn propose_change(
        &mut self,
        before: &Configuration,
        next: &Configuration,
    ) -> Result<Index, RequestError> {
        let context = translate::context(next);
        let proposed = match translate::change(before, next, self.style.leave) {
            AnyChange::V1(change) => self.raw.propose_conf_change(context, change),
            AnyChange::V2(change) => self.raw.propose_conf_change(context, change),
            AnyChange::First(_) => unreachable!("there is a configuration before"),
        };
        self.appended(proposed)
    }

    /// Leaves a joint configuration. "If the node enters joint state with `auto_leave` set to true, it's
    /// caller's responsibility to propose an empty conf change again to force leaving joint state"
    /// (`RawNode::propose_conf_change`).
    pub(crate) fn leave_joint(&mut self) {
        let Some((_, joint)) = self.configuration.clone().filter(|(_, latest)| latest.is_joint()) else {
            return;
        };
        if self.expect_leader().is_ok() && !self.raw.raft.has_pending_conf() {
            // A proposal that is dropped is made again at the next tick.
            let _ = self.propose_change(&joint, &translate::left(&joint));
        }
    }

    fn read(&mut self, request: RequestId, path: ReadPath, actions: &mut Vec<RaftAction>) {
        let raft = &self.raw.raft;
        let leads = raft.state == StateRole::Leader;
        let can_ask = leads || (raft.leader_id != 0 && path == ReadPath::Index);
        if !can_ask {
            return actions.push(answer(request, Err(self.not_leader())));
        }
        if leads && !raft.commit_to_current_term() {
            let refusal = RequestError::Refused(Refusal::NoCommitInTerm);
            return actions.push(answer(request, Err(refusal)));
        }
        let context = self.calls.begin_read(request, path, self.ticks);
        let by_lease = path == ReadPath::Lease && self.raw.raft.check_quorum && self.style.reads_by_lease;
        let option = if by_lease { ReadOnlyOption::LeaseBased } else { ReadOnlyOption::Safe };
        self.raw.raft.read_only.option = option;
        self.raw.read_index(context);
        self.raw.raft.read_only.option = ReadOnlyOption::Safe;
    }

    fn begin_transfer(&mut self, target: Option<NodeId>) -> Result<NodeId, RequestError> {
        self.expect_leader()?;
        let refused = |refusal| Err(RequestError::Refused(refusal));
        let own = self.idx.node();
        let is_voter = |node: NodeId| {
            let member = self.configuration.as_ref().and_then(|(_, latest)| latest.server(node));
            member.is_some_and(|member| member.suffrage == Suffrage::Voter)
        };
        let progress = self.raw.raft.prs().iter().map(|(id, progress)| (progress.matched, NodeId(*id)));
        let best = progress.filter(|(_, node)| *node != own && is_voter(*node)).max();
        let target = match (target, best) {
            (Some(target), _) if target == own => return refused(Refusal::TransferToSelf),
            (Some(target), _) if !is_voter(target) => return refused(Refusal::UnknownTarget(target)),
            (Some(target), _) | (None, Some((_, target))) => target,
            (None, None) => return refused(Refusal::NoTarget),
        };
        self.raw.transfer_leader(target.0);
        Ok(target)
    }

    fn bootstrap(&mut self, request: RequestId, first: Configuration, actions: &mut Vec<RaftAction>) {
        let raft = &self.raw.raft;
        let is_blank = raft.term == 0 && raft.raft_log.last_index() == 0;
        let error = if !is_blank || self.token != Token(0) {
            RequestError::CantBootstrap
        } else if !first.voters().contains(self.idx.node()) {
            RequestError::NotVoter
        } else {
            let entry = Entry::new(Term(1), Index(1), Payload::Configuration(first.into()));
            let hard_state = HardState { term: Term(1), vote: None };
            if let Payload::Configuration(first) = &entry.payload {
                tell_members(first, actions);
            }
            self.found(&entry);
            self.persist(Some(hard_state), LogOp::Append([entry].into()), actions);
            self.calls.bootstrap = Some((request, self.token));
            return;
        };
        actions.push(Action::Answer { request, outcome: Err(error) });
    }

    /// The number of ticks after which a snapshot counts as lost.
    pub(crate) const fn patience() -> u64 {
        4 * ELECTION_TICKS as u64
    }
}
