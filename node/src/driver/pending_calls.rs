//! The unanswered calls: the calls of this server's users, and the calls of this server's peers.

use crate::error::CallError;
use crate::transport::Replier;
use std::collections::VecDeque;
use tokio::sync::oneshot;
use wavetank_raft::{Answer, Call, NoQuorum, Outcome, RequestError, RequestId, RpcId};

/// The maximum number of unanswered calls of peers. Above this number, the server drops the oldest call,
/// because the peer no longer waits for the answer.
const REMEMBERED: usize = 4096;

/// The result of a call, as the handle returns it.
pub(crate) type CallResult = Result<Answer, CallError>;

/// The effect on a waiting call if there is no quorum of the voters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) enum OnNoQuorum {
    /// The call continues to wait.
    #[default]
    Wait,
    /// The call ends with [`CallError::NoQuorum`].
    End,
}

/// The caller of a call: the sender of the result, and the effect of a missing quorum.
#[derive(Debug)]
pub(crate) struct Caller {
    reply: oneshot::Sender<CallResult>,
    on_no_quorum: OnNoQuorum,
}

impl Caller {
    /// Makes the caller of `call`, and the receiver for the result. If the call needs no quorum, `on_no_quorum`
    /// has no effect.
    pub(crate) fn of(call: &Call, on_no_quorum: OnNoQuorum) -> (Self, oneshot::Receiver<CallResult>) {
        let on_no_quorum = if needs_quorum(call) { on_no_quorum } else { OnNoQuorum::Wait };
        let (reply, result) = oneshot::channel();
        (Self { reply, on_no_quorum }, result)
    }

    /// Ends the call if there is no quorum and the caller does not wait for a quorum. Otherwise returns the
    /// caller.
    pub(crate) fn unless_missing(self, no_quorum: Option<&NoQuorum>) -> Option<Self> {
        match no_quorum {
            Some(reason) if self.on_no_quorum == OnNoQuorum::End => {
                let error = CallError::NoQuorum { reason: reason.clone(), is_unknown: false };
                self.send(Err(error));
                None
            }
            Some(_) | None => Some(self),
        }
    }

    /// Sends the result. The caller may have dropped its future.
    fn send(self, result: CallResult) {
        let _ = self.reply.send(result);
    }
}

const fn needs_quorum(call: &Call) -> bool {
    match call {
        Call::Bootstrap(_) | Call::Snapshot | Call::Reload(_) | Call::Shutdown => false,
        Call::Apply(_)
        | Call::ApplyLog { .. }
        | Call::Barrier
        | Call::VerifyLeader
        | Call::Read(_)
        | Call::Change { .. }
        | Call::AddVoterStaged { .. }
        | Call::Transfer { .. }
        | Call::Restore(_) => true,
    }
}

/// The calls of users that have no outcome yet. Each call has a number of 64 bits. The lower half of the
/// number is the position of the call in a table. The upper half is a serial number, so a later call at the
/// same position has another number.
#[derive(Debug, Default)]
pub(crate) struct PendingCalls {
    places: Vec<Option<PendingCall>>,
    free: Vec<u32>,
    serial: u32,
    bytes: u64,
}

#[derive(Debug)]
struct PendingCall {
    request: RequestId,
    caller: Caller,
    bytes: u64,
}

impl PendingCalls {
    /// Adds a call and returns the number of the call. `bytes` is the size of the call in bytes.
    pub(crate) fn open(&mut self, caller: Caller, bytes: u64) -> RequestId {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            u32::try_from(self.places.len() - 1)
                .expect("the limit of open calls is far below the largest u32")
        });
        self.serial = self.serial.wrapping_add(1);
        let request = RequestId(u64::from(self.serial) << 32 | u64::from(place));
        self.places[place as usize] = Some(PendingCall { request, caller, bytes });
        self.bytes += bytes;
        request
    }

    /// Removes the call `request`, and sends the outcome to the caller. If there is no quorum and the caller does
    /// not wait for a quorum, [`CallError::NoQuorum`] replaces the errors `LeadershipLost` and `NotLeader(None)`.
    /// Has no effect if the call is not pending.
    pub(crate) fn answer(&mut self, request: RequestId, outcome: Outcome, no_quorum: Option<&NoQuorum>) {
        let place = request.0 as u32;
        let Some(slot) = self.places.get_mut(place as usize) else { return };
        if let Some(open) = slot.take_if(|open| open.request == request) {
            self.free.push(place);
            self.bytes -= open.bytes;
            let result = match (outcome, open.caller.on_no_quorum, no_quorum) {
                (
                    Err(error @ (RequestError::LeadershipLost | RequestError::NotLeader(None))),
                    OnNoQuorum::End,
                    Some(reason),
                ) => {
                    let is_unknown = error == RequestError::LeadershipLost;
                    Err(CallError::NoQuorum { reason: reason.clone(), is_unknown })
                }
                (outcome, OnNoQuorum::End | OnNoQuorum::Wait, _) => outcome.map_err(CallError::from),
            };
            open.caller.send(result);
        }
    }

    /// Ends each call whose caller does not wait for a quorum, with the reason `reason`.
    pub(crate) fn end_without_quorum(&mut self, reason: &NoQuorum) {
        for (place, slot) in (0..).zip(&mut self.places) {
            if let Some(open) = slot.take_if(|open| open.caller.on_no_quorum == OnNoQuorum::End) {
                self.free.push(place);
                self.bytes -= open.bytes;
                open.caller.send(Err(CallError::NoQuorum { reason: reason.clone(), is_unknown: true }));
            }
        }
    }

    /// Returns the number of pending calls.
    pub(crate) const fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Returns the sum of the sizes of all pending calls, in bytes.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Returns the size of the call's command or state, in bytes. Returns zero for any other call.
pub(crate) fn weight(call: &Call) -> u64 {
    match call {
        Call::Apply(data) | Call::Restore(data) => data.len() as u64,
        Call::ApplyLog { data, extensions } => (data.len() + extensions.len()) as u64,
        _ => 0,
    }
}

/// The unanswered calls of peers. These calls have consecutive numbers.
#[derive(Debug, Default)]
pub(crate) struct Repliers {
    first: u64,
    waiting: VecDeque<Option<Replier>>,
}

impl Repliers {
    /// Adds a peer's call, and returns the number of the call.
    pub(crate) fn open(&mut self, replier: Replier) -> RpcId {
        if REMEMBERED <= self.waiting.len() {
            self.waiting.pop_front();
            self.first += 1;
        }
        self.waiting.push_back(Some(replier));
        RpcId(self.first + self.waiting.len() as u64 - 1)
    }

    /// Removes the call `rpc`, and returns the replier of the call. Returns `None` if the call is not
    /// pending.
    pub(crate) fn take(&mut self, rpc: RpcId) -> Option<Replier> {
        let at = usize::try_from(rpc.0.checked_sub(self.first)?).ok()?;
        let replier = self.waiting.get_mut(at)?.take();
        while self.waiting.front().is_some_and(Option::is_none) {
            self.waiting.pop_front();
            self.first += 1;
        }
        replier
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use wavetank_raft::{Response, TimeoutNowResponse};

    #[test]
    fn a_call_is_answered_once_and_its_number_is_not_used_again() {
        let mut calls = PendingCalls::default();
        let caller = || Caller::of(&Call::Barrier, OnNoQuorum::Wait);
        let (one, mut answer) = caller();
        let first = calls.open(one, 7);
        assert_eq!((calls.len(), calls.bytes()), (1, 7));
        calls.answer(first, Ok(Answer::Done), None);
        assert_eq!(answer.try_recv(), Ok(Ok(Answer::Done)));
        assert_eq!((calls.len(), calls.bytes()), (0, 0));

        let (two, mut answer) = caller();
        let second = calls.open(two, 1);
        assert_ne!(first, second);
        calls.answer(first, Ok(Answer::Done), None);
        assert!(answer.try_recv().is_err());
        assert_eq!(calls.len(), 1);
    }

    #[test]
    fn a_call_that_does_not_wait_for_a_quorum_ends_with_the_reason() {
        let mut calls = PendingCalls::default();
        let reason = NoQuorum { silent: vec!["n2".into()], lost_entries: Vec::new() };
        let of = |is_unknown| CallError::NoQuorum { reason: reason.clone(), is_unknown };
        let lost = || Err(RequestError::LeadershipLost);
        for (call, on_no_quorum, ended) in [
            (Call::Barrier, OnNoQuorum::End, of(true)),
            (Call::Barrier, OnNoQuorum::Wait, CallError::LeadershipLost),
            (Call::Snapshot, OnNoQuorum::End, CallError::LeadershipLost),
        ] {
            let (caller, mut result) = Caller::of(&call, on_no_quorum);
            let request = calls.open(caller, 3);
            calls.answer(request, lost(), Some(&reason));
            assert_eq!(result.try_recv(), Ok(Err(ended.clone())), "{call:?} {on_no_quorum:?}");

            let (caller, mut result) = Caller::of(&call, on_no_quorum);
            let request = calls.open(caller, 3);
            calls.end_without_quorum(&reason);
            let ends = result.try_recv().is_ok();
            assert_eq!(ends, ended == of(true), "{call:?} {on_no_quorum:?}");
            calls.answer(request, lost(), None);
            assert_eq!((calls.len(), calls.bytes()), (0, 0));

            let (caller, mut result) = Caller::of(&call, on_no_quorum);
            let goes_on = caller.unless_missing(Some(&reason)).is_some();
            assert_eq!(goes_on, !ends);
            assert_eq!(result.try_recv() == Ok(Err(of(false))), ends);
        }
    }

    #[test]
    fn unanswered_calls_of_peers_are_forgotten() {
        let mut repliers = Repliers::default();
        let heard = Arc::new(AtomicU64::new(0));
        let replier = || {
            let heard = heard.clone();
            Replier::new(move |_| {
                heard.fetch_add(1, Ordering::Relaxed);
            })
        };
        let first = repliers.open(replier());
        let second = repliers.open(replier());
        let response = Response::TimeoutNow(TimeoutNowResponse { accepted: true });
        repliers.take(second).unwrap().reply(response);
        assert!(repliers.take(second).is_none());
        for _ in 0..REMEMBERED {
            repliers.open(replier());
        }
        assert!(repliers.take(first).is_none());
        assert_eq!(repliers.waiting.len(), REMEMBERED);
        assert_eq!(heard.load(Ordering::Relaxed), 1);
    }
}
