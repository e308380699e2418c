//! The client calls that wait for an answer. Each call gets exactly one answer.

use super::io::{Action, Answer, Call, Halt, Outcome, Reloadable, RequestError};
use super::{Ctx, Server};
use crate::config::Settings;
use crate::configuration::Change;
use crate::entry::{Data, Extended, Payload};
use crate::node::io::{ClientRequest, Input, ReadPath, Refusal, Unsupported};
use crate::store::{StoreError, StoreErrorKind};
use crate::types::{Index, LogId, NodeId, RequestId, Token};
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The lowest protocol version that has non-voters and joint configurations.
const CHANGES_NEED_VERSION: u8 = 3;

/// The calls that are not answered yet.
///
/// 1. `entries` are sorted by index. This server appended each entry while this server was the leader. Each
///    entry is committed, or this server still leads in the term of the entry.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Calls {
    entries: VecDeque<PendingCall>,
    reads: Vec<ReadCall>,
    transfers: Vec<RequestId>,
    staging: Vec<RequestId>,
    bootstrap: Option<(RequestId, Token)>,
    /// The calls for a snapshot. Each call needs a snapshot up to at least this index.
    snapshots: Vec<(RequestId, Index)>,
}

/// A call whose entry is in the log.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct PendingCall {
    id: LogId,
    request: RequestId,
    on_applied: OnApplied,
}

/// The action that follows after the entry of a call was applied.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum OnApplied {
    /// The call is answered.
    Answer,
    /// The leader makes the new member a voter when the member has caught up. The call is answered after this
    /// promotion is applied.
    Stage(NodeId),
    /// The call is answered with the result of the restore. The state machine's response is empty if the
    /// restore succeeded. Otherwise the response is the reason why the state machine refused the state.
    Restore,
}

/// A read that is not answered yet.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct ReadCall {
    request: RequestId,
    path: ReadPath,
    /// The read index; `None` until leadership is confirmed. The read is answered when the state machine has
    /// applied all entries up to this index.
    index: Option<Index>,
}

impl Calls {
    /// Records that the entries of the calls `requests` are in the log, at consecutive indexes from `first`
    /// on.
    pub(super) fn appended(
        &mut self,
        first: LogId,
        requests: impl Iterator<Item = RequestId>,
        on_applied: OnApplied,
    ) {
        let mut id = first;
        for request in requests {
            self.entries.push_back(PendingCall { id, request, on_applied });
            id.index = id.index.next();
        }
    }

    /// Answers the calls whose entries are not committed (the entries after `commit`), because this server has
    /// lost the leadership. The next leader may keep these entries or overwrite them.
    pub(super) fn leadership_lost(&mut self, commit: Index, actions: &mut Vec<Action>) {
        while self.entries.back().is_some_and(|pending| commit < pending.id.index) {
            let PendingCall { request, .. } = self.entries.pop_back().expect("the loop saw this entry");
            actions.push(answer(request, Err(RequestError::LeadershipLost)));
        }
    }

    /// Answers the calls whose entries have an index up to `upto`, because a snapshot replaced these entries.
    /// This server cannot know whether the snapshot includes these entries or other entries with the same
    /// indexes.
    pub(super) fn abort_replaced(&mut self, upto: Index, actions: &mut Vec<Action>) {
        while self.entries.front().is_some_and(|pending| pending.id.index <= upto) {
            let PendingCall { request, .. } = self.entries.pop_front().expect("the loop saw this entry");
            actions.push(answer(request, Err(RequestError::AbortedByRestore)));
        }
    }

    /// Handles the calls whose entries were applied. Returns a pair for each staging that begins now: the
    /// number of the call that asked for the staging, and the server to stage.
    fn applied(
        &mut self,
        upto: Index,
        responses: Vec<(Index, Data)>,
        actions: &mut Vec<Action>,
    ) -> Vec<(RequestId, NodeId)> {
        let mut responses = responses.into_iter().peekable();
        let mut stage = Vec::new();
        while self.entries.front().is_some_and(|pending| pending.id.index <= upto) {
            let PendingCall { id, request, on_applied } =
                self.entries.pop_front().expect("the loop saw this entry");
            let index = id.index;
            // The batch also holds entries of other leaders, which have no call here.
            while responses.next_if(|(at, _)| *at < index).is_some() {}
            let given = match responses.next_if(|(at, _)| *at == index) {
                Some((_, response)) => Answer::Applied { index, response },
                None => Answer::Committed { index },
            };
            match on_applied {
                OnApplied::Answer => actions.push(answer(request, Ok(given))),
                OnApplied::Stage(node) => stage.push((request, node)),
                OnApplied::Restore => actions.push(answer(request, restored(given))),
            }
        }
        stage
    }

    /// Answers the reads whose read index is at most `applied`, the index of the last applied entry.
    pub(super) fn readable(&mut self, applied: Index, actions: &mut Vec<Action>) {
        self.reads.retain(|read| match read.index {
            Some(index) if index <= applied => {
                actions.push(answer(read.request, Ok(read_answer(read.path, index))));
                false
            }
            Some(_) | None => true,
        });
    }

    pub(super) fn read_ready(&mut self, request: RequestId, index: Index) {
        if let Some(read) = self.reads.iter_mut().find(|read| read.request == request) {
            read.index = Some(index);
        }
    }

    pub(super) fn read_failed(&mut self, request: RequestId) {
        self.reads.retain(|read| read.request != request);
    }

    pub(super) fn transfer_ended(&mut self, request: RequestId) {
        self.transfers.retain(|open| *open != request);
    }

    pub(super) fn staged(&mut self, request: RequestId) {
        self.staging.retain(|open| *open != request);
    }

    pub(super) fn wait_for_snapshot(&mut self, request: RequestId, upto: Index) {
        self.snapshots.push((request, upto));
    }

    /// Answers with `outcome` each call that needs a snapshot up to index `end` or less. Returns the calls that
    /// need a later snapshot.
    pub(super) fn answer_snapshots(
        &mut self,
        end: Index,
        outcome: &Outcome,
        actions: &mut Vec<Action>,
    ) -> Vec<RequestId> {
        let mut later = Vec::new();
        for (request, upto) in core::mem::take(&mut self.snapshots) {
            if upto <= end {
                actions.push(answer(request, outcome.clone()));
            } else {
                later.push(request);
            }
        }
        later
    }

    /// Answers all waiting calls with an error, because the server stops. In HashiCorp Raft, such calls may
    /// wait forever (HashiCorp Raft issues #145 and #498).
    pub(super) fn fail_all(&mut self, error: &RequestError, actions: &mut Vec<Action>) {
        let open = core::mem::take(self);
        let entries = open.entries.into_iter().map(|pending| pending.request);
        let reads = open.reads.into_iter().map(|read| read.request);
        let bootstrap = open.bootstrap.into_iter().map(|(request, _)| request);
        let snapshots = open.snapshots.into_iter().map(|(request, _)| request);
        let rest = open.transfers.into_iter().chain(open.staging).chain(snapshots);
        let all = entries.chain(reads).chain(bootstrap).chain(rest);
        actions.extend(all.map(|request| answer(request, Err(error.clone()))));
    }
}

pub(super) const fn answer(request: RequestId, outcome: Outcome) -> Action {
    Action::Answer { request, outcome }
}

/// Returns the outcome of a restore. If the state machine refused the state, the outcome is an error with the
/// message of the state machine.
fn restored(given: Answer) -> Outcome {
    match given {
        Answer::Applied { response, .. } if !response.is_empty() => {
            let what = String::from_utf8_lossy(&response).into_owned();
            Err(RequestError::Store(StoreError::new(StoreErrorKind::Refused, what)))
        }
        Answer::Applied { index, .. } | Answer::Committed { index } => Ok(Answer::Committed { index }),
        Answer::Readable { .. } | Answer::Snapshotted(_) | Answer::Done => Ok(given),
    }
}

const fn read_answer(path: ReadPath, index: Index) -> Answer {
    match path {
        ReadPath::Verify => Answer::Done,
        ReadPath::Index | ReadPath::Lease => Answer::Readable { index },
    }
}

impl Server {
    pub(super) fn on_call(&mut self, request: RequestId, call: Call, ctx: &mut Ctx<'_>) {
        match call {
            Call::Apply(data) => self.propose(request, Payload::Command(data), OnApplied::Answer, ctx),
            Call::ApplyLog { data, extensions } => {
                let both = Payload::Extended(Arc::new(Extended { data, extensions }));
                self.propose(request, both, OnApplied::Answer, ctx);
            }
            Call::Barrier => self.propose(request, Payload::Barrier, OnApplied::Answer, ctx),
            Call::Restore(state) => match self.restore_is_unsupported() {
                None => self.propose(request, Payload::Restore(state), OnApplied::Restore, ctx),
                Some(unsupported) => self.refuse(request, Refusal::Unsupported(unsupported), ctx),
            },
            Call::VerifyLeader => self.read(request, ReadPath::Verify, ctx),
            Call::Read(path) => self.read(request, path, ctx),
            Call::Bootstrap(configuration) => {
                let result = self.append(ClientRequest::Bootstrap(configuration), ctx);
                // Bootstrap is answered when its entry is durable. The write of this entry is the last write
                // that was issued.
                let token = self.node.issued();
                match result {
                    Ok(_) => self.calls.bootstrap = Some((request, token)),
                    Err(refusal) => self.refuse(request, refusal, ctx),
                }
            }
            Call::Change { change: Change::LeaveJoint, .. } => {
                // Only the leader itself decides when to leave a joint configuration.
                self.refuse(request, Refusal::ChangeInProgress, ctx);
            }
            Call::Change { change, prev_index } => {
                self.change(request, change, prev_index, OnApplied::Answer, ctx);
            }
            Call::AddVoterStaged { id, address, prev_index } => {
                let on_applied = OnApplied::Stage(id.node());
                self.change(request, Change::AddNonvoter(id, address), prev_index, on_applied, ctx);
            }
            Call::Transfer { target } => {
                let target = target.map(|target| target.node());
                self.calls.transfers.push(request);
                self.step_node(Input::Client(ClientRequest::Transfer { request, target }), ctx);
            }
            Call::Snapshot => self.on_snapshot_call(request, ctx),
            Call::Reload(reloadable) => {
                let outcome = self.reload(&reloadable, ctx);
                ctx.actions.push(answer(request, outcome));
            }
            Call::Shutdown => {
                ctx.actions.push(answer(request, Ok(Answer::Done)));
                self.halt(Halt::Shutdown, RequestError::Shutdown, ctx);
            }
        }
    }

    /// Returns the reason why a restore is not supported: a member possibly does not understand restores.
    /// Returns `None` if all members are known to understand restores, or if this server is not the leader. A
    /// server that is not the leader refuses the call for another reason.
    fn restore_is_unsupported(&self) -> Option<Unsupported> {
        let (_, latest) = self.node.configuration().filter(|_| self.leads)?;
        self.node.unsupported_by(latest)
    }

    /// True if the configured protocol version supports this change. Changes with non-voters need version 3,
    /// as in HashiCorp Raft. [`Change::Members`] also needs version 3.
    fn supports(&self, change: &Change) -> bool {
        let is_three = CHANGES_NEED_VERSION <= self.node.settings().protocol_version;
        match change {
            Change::AddNonvoter(..) | Change::DemoteVoter(_) | Change::Members(_) => is_three,
            Change::AddVoter(..) | Change::RemoveServer(_) | Change::LeaveJoint => true,
        }
    }

    fn propose(&mut self, request: RequestId, payload: Payload, on_applied: OnApplied, ctx: &mut Ctx<'_>) {
        if let Some(refusal) = self.too_large(&payload) {
            return self.refuse(request, refusal, ctx);
        }
        match self.append(ClientRequest::Propose(alloc::vec![payload]), ctx) {
            Ok(first) => self.calls.appended(first, core::iter::once(request), on_applied),
            Err(refusal) => self.refuse(request, refusal, ctx),
        }
    }

    pub(super) fn on_apply_batch(&mut self, batch: Vec<(RequestId, Data)>, ctx: &mut Ctx<'_>) {
        let (mut requests, mut payloads) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for (request, data) in batch {
            let payload = Payload::Command(data);
            match self.too_large(&payload) {
                Some(refusal) => self.refuse(request, refusal, ctx),
                None => {
                    requests.push(request);
                    payloads.push(payload);
                }
            }
        }
        if requests.is_empty() {
            return;
        }
        match self.append(ClientRequest::Propose(payloads), ctx) {
            Ok(first) => self.calls.appended(first, requests.into_iter(), OnApplied::Answer),
            Err(refusal) => {
                for request in requests {
                    self.refuse(request, refusal.clone(), ctx);
                }
            }
        }
    }

    /// Returns a refusal if the payload is larger than `max_command_bytes`. Returns `None` otherwise. Without
    /// this limit, an entry could be too large for a follower's transport. The follower could then receive
    /// neither this entry nor any later entry.
    fn too_large(&self, payload: &Payload) -> Option<Refusal> {
        let bytes = match payload {
            Payload::Command(data) | Payload::Restore(data) => data.len() as u64,
            Payload::Extended(both) => (both.data.len() + both.extensions.len()) as u64,
            Payload::Noop | Payload::Barrier | Payload::Configuration(_) => 0,
        };
        let limit = self.node.settings().max_command_bytes;
        (limit < bytes).then_some(Refusal::TooLarge { bytes, limit })
    }

    fn change(
        &mut self,
        request: RequestId,
        change: Change,
        prev_index: Option<Index>,
        on_applied: OnApplied,
        ctx: &mut Ctx<'_>,
    ) {
        if !self.supports(&change) {
            let unsupported = Unsupported::Version(CHANGES_NEED_VERSION);
            return self.refuse(request, Refusal::Unsupported(unsupported), ctx);
        }
        match self.append(ClientRequest::Change { change, prev_index }, ctx) {
            Ok(first) => self.calls.appended(first, core::iter::once(request), on_applied),
            Err(refusal) => self.refuse(request, refusal, ctx),
        }
    }

    fn read(&mut self, request: RequestId, path: ReadPath, ctx: &mut Ctx<'_>) {
        self.calls.reads.push(ReadCall { request, path, index: None });
        self.step_node(Input::Client(ClientRequest::Read { request, path }), ctx);
    }

    fn reload(&mut self, reloadable: &Reloadable, ctx: &mut Ctx<'_>) -> Outcome {
        let mut config = crate::Config::clone(self.node.settings());
        config.trailing_logs = reloadable.trailing_logs;
        config.snapshot_interval = reloadable.snapshot_interval;
        config.snapshot_threshold = reloadable.snapshot_threshold;
        config.heartbeat_timeout = reloadable.heartbeat_timeout;
        config.election_timeout = reloadable.election_timeout;
        let settings = Settings::new(config).map_err(|error| RequestError::Config(error.to_string()))?;
        self.step_node(Input::Client(ClientRequest::Reload(Arc::new(settings))), ctx);
        Ok(Answer::Done)
    }

    pub(super) fn refuse(&self, request: RequestId, refusal: Refusal, ctx: &mut Ctx<'_>) {
        ctx.actions.push(answer(request, Err(self.error(refusal))));
    }

    /// Translates a refusal into the error that HashiCorp Raft returns in this case. Returns
    /// [`RequestError::Refused`] for any other refusal.
    pub(super) fn error(&self, refusal: Refusal) -> RequestError {
        match refusal {
            Refusal::NotLeader(leader) => {
                RequestError::NotLeader(leader.and_then(|node| self.leader_with(node)))
            }
            Refusal::LeadershipLost => RequestError::LeadershipLost,
            Refusal::TransferInProgress => RequestError::LeadershipTransferInProgress,
            Refusal::CantBootstrap => RequestError::CantBootstrap,
            Refusal::NotVoter => RequestError::NotVoter,
            Refusal::Unsupported(unsupported) => RequestError::UnsupportedProtocol(unsupported),
            Refusal::ChangeInProgress
            | Refusal::NoCommitInTerm
            | Refusal::ConfigurationChanged { .. }
            | Refusal::Configuration(_)
            | Refusal::NoLease
            | Refusal::NoTarget
            | Refusal::UnknownTarget(_)
            | Refusal::TransferToSelf
            | Refusal::TransferTimeout
            | Refusal::TooLarge { .. }
            | Refusal::TooSlow
            | Refusal::NeedsSnapshot { .. }
            | Refusal::StagingAborted => RequestError::Refused(refusal),
        }
    }

    /// Answers the bootstrap call if the write of the bootstrap entry is durable now.
    pub(super) fn on_persisted(&mut self, token: Token, ctx: &mut Ctx<'_>) {
        if let Some((request, _)) = self.calls.bootstrap.take_if(|(_, wanted)| *wanted <= token) {
            ctx.actions.push(answer(request, Ok(Answer::Done)));
        }
    }

    /// Handles a batch that the state machine has applied.
    pub(super) fn on_applied(&mut self, upto: Index, responses: Vec<(Index, Data)>, ctx: &mut Ctx<'_>) {
        self.applying.on_applied(upto);
        for (request, node) in self.calls.applied(upto, responses, ctx.actions) {
            self.calls.staging.push(request);
            self.step_node(Input::Client(ClientRequest::Stage { request, node }), ctx);
        }
        self.after_progress(ctx);
    }

    /// Handles progress of the state machine: answers reads, and stops a former leader after its own removal
    /// is applied.
    pub(super) fn after_progress(&mut self, ctx: &mut Ctx<'_>) {
        self.calls.readable(self.applied(), ctx.actions);
        if self.retirement.is_some_and(|retirement| retirement.at <= self.applied()) {
            self.halt(Halt::Removed, RequestError::Shutdown, ctx);
        }
    }
}
