//! The unanswered calls: the calls of this server's users, and the calls of this server's peers.

use crate::transport::Replier;
use std::collections::VecDeque;
use tokio::sync::oneshot;
use wavetank_raft::{Call, Outcome, RequestId, RpcId};

/// The maximum number of unanswered calls of peers. Above this number, the server drops the oldest call,
/// because the peer no longer waits for the answer.
const REMEMBERED: usize = 4096;

/// The sender for the outcome of a call.
pub(crate) type OutcomeSender = oneshot::Sender<Outcome>;

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
    reply: OutcomeSender,
    bytes: u64,
}

impl PendingCalls {
    /// Adds a call and returns the number of the call. `bytes` is the size of the call in bytes.
    pub(crate) fn open(&mut self, reply: OutcomeSender, bytes: u64) -> RequestId {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            u32::try_from(self.places.len() - 1).expect("the number of open calls has a much lower limit")
        });
        self.serial = self.serial.wrapping_add(1);
        let request = RequestId(u64::from(self.serial) << 32 | u64::from(place));
        self.places[place as usize] = Some(PendingCall { request, reply, bytes });
        self.bytes += bytes;
        request
    }

    /// Removes the call `request`, and sends the outcome to the caller. Has no effect if the call is not
    /// pending.
    pub(crate) fn answer(&mut self, request: RequestId, outcome: Outcome) {
        let place = request.0 as u32;
        let Some(slot) = self.places.get_mut(place as usize) else { return };
        if let Some(open) = slot.take_if(|open| open.request == request) {
            self.free.push(place);
            self.bytes -= open.bytes;
            let _ = open.reply.send(outcome);
        }
    }

    /// The number of pending calls.
    pub(crate) const fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// The sum of the sizes of all pending calls, in bytes.
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
    use wavetank_raft::{Answer, Response, TimeoutNowResponse};

    #[test]
    fn a_call_is_answered_once_and_its_number_is_not_used_again() {
        let mut calls = PendingCalls::default();
        let (reply, mut answer) = oneshot::channel();
        let first = calls.open(reply, 7);
        assert_eq!((calls.len(), calls.bytes()), (1, 7));
        calls.answer(first, Ok(Answer::Done));
        assert_eq!(answer.try_recv(), Ok(Ok(Answer::Done)));
        assert_eq!((calls.len(), calls.bytes()), (0, 0));

        let (reply, mut answer) = oneshot::channel();
        let second = calls.open(reply, 1);
        assert_ne!(first, second);
        calls.answer(first, Ok(Answer::Done));
        assert!(answer.try_recv().is_err());
        assert_eq!(calls.len(), 1);
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
