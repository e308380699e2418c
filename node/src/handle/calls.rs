//! The calls that a handle sends to the server, and the deadlines of these calls.

use super::{Applied, CallError, CallLimit, Raft};
use crate::driver::pending_calls::{CallResult, Caller, OnNoQuorum};
use crate::driver::{Control, Proposal};
use std::io::Read;
use std::sync::Arc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use wavetank_raft::{Answer, Call, Index, SnapshotMeta};

type Result<T> = std::result::Result<T, CallError>;

/// The conditions for the end of a call without an answer: a deadline, and a missing quorum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until {
    /// The deadline; `None` if the call has no deadline.
    at: Option<Instant>,
    on_no_quorum: OnNoQuorum,
}

impl Until {
    /// No deadline: the call may wait forever.
    pub(super) const FOREVER: Self = Self { at: None, on_no_quorum: OnNoQuorum::Wait };

    /// Makes the conditions for a call that begins now and has this limit. A timeout of zero means no deadline,
    /// as in HashiCorp Raft.
    pub(super) fn now(limit: CallLimit) -> Self {
        let CallLimit { timeout, on_no_quorum } = limit;
        let at = if timeout.is_zero() { None } else { Instant::now().checked_add(timeout) };
        Self { at, on_no_quorum }
    }

    pub(super) async fn wait<T>(self, what: impl Future<Output = T>) -> Option<T> {
        match self.at {
            None => Some(what.await),
            Some(until) => timeout_at(until, what).await.ok(),
        }
    }
}

/// Sends an item to a queue. If the queue is full, waits for a free place in the queue until the deadline.
/// Returns [`CallError::EnqueueTimeout`] if no place becomes free, and [`CallError::Shutdown`] if the server has
/// stopped.
async fn enqueue<T>(queue: &mpsc::Sender<T>, what: T, until: Until) -> Result<()> {
    let what = match queue.try_send(what) {
        Ok(()) => return Ok(()),
        Err(TrySendError::Closed(_)) => return Err(CallError::Shutdown),
        Err(TrySendError::Full(what)) => what,
    };
    match until.wait(queue.reserve()).await {
        Some(Ok(permit)) => {
            permit.send(what);
            Ok(())
        }
        Some(Err(_)) => Err(CallError::Shutdown),
        None => Err(CallError::EnqueueTimeout),
    }
}

/// Waits for the outcome of a call. Returns [`CallError::Timeout`] if the deadline passes, and
/// [`CallError::Shutdown`] if the server stops without an answer.
async fn outcome(answer: oneshot::Receiver<CallResult>, until: Until) -> Result<Answer> {
    match until.wait(answer).await {
        Some(Ok(result)) => result,
        Some(Err(_)) => Err(CallError::Shutdown),
        None => Err(CallError::Timeout),
    }
}

impl Raft {
    pub(super) async fn propose(&self, call: Call, until: Until) -> Result<Answer> {
        let (caller, answer) = Caller::of(&call, until.on_no_quorum);
        enqueue(&self.senders.proposals, Proposal { call, caller }, until).await?;
        outcome(answer, until).await
    }

    /// Proposes a call like [`Raft::propose`], but fails immediately if the queue is full.
    pub(super) async fn try_propose(&self, call: Call, until: Until) -> Result<Answer> {
        let (caller, answer) = Caller::of(&call, until.on_no_quorum);
        match self.senders.proposals.try_send(Proposal { call, caller }) {
            Ok(()) => outcome(answer, until).await,
            Err(TrySendError::Full(_)) => Err(CallError::Overloaded),
            Err(TrySendError::Closed(_)) => Err(CallError::Shutdown),
        }
    }

    pub(super) async fn ask(&self, call: Call, until: Until) -> Result<Answer> {
        self.addresses.check_call(&call)?;
        let (caller, answer) = Caller::of(&call, until.on_no_quorum);
        enqueue(&self.senders.controls, Control::Call(call, caller), until).await?;
        outcome(answer, until).await
    }

    /// Sends a request to the driver, and returns the answer. The driver itself answers this request, without a
    /// step of the protocol.
    pub(super) async fn control<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Control) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        enqueue(&self.senders.controls, ask(reply), Until::FOREVER).await?;
        answer.await.map_err(|_| CallError::Shutdown)
    }
}

/// Reads all bytes of a state. Returns an error if the state has more than `most` bytes.
pub(super) fn read(state: impl Read, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = state.take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| CallError::Read(error.to_string()))?;
    if most < bytes.len() as u64 {
        return Err(CallError::Read(format!(
            "the state is larger than max_command_bytes, which is {most} bytes"
        )));
    }
    Ok(bytes)
}

pub(super) fn applied(answer: Answer) -> Applied {
    match answer {
        Answer::Applied { index, response } => Applied { index, response },
        other => unreachable!("a command got an answer of another kind: {other:?}"),
    }
}

pub(super) fn index(answer: Answer) -> Index {
    match answer {
        Answer::Committed { index } | Answer::Readable { index } | Answer::Applied { index, .. } => index,
        other => unreachable!("a call for an index got the answer {other:?}"),
    }
}

pub(super) fn snapshotted(answer: Answer) -> Arc<SnapshotMeta> {
    match answer {
        Answer::Snapshotted(meta) => meta,
        other => unreachable!("a call for a snapshot got the answer {other:?}"),
    }
}
