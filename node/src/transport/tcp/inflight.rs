//! The entries on their way to a peer, so that the same entries do not travel twice at a time.
//!
//! A leader sends entries again when a heartbeat shows that they have not arrived. Over a slow link they
//! are still on their way, and each copy would delay all later entries.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use wavetank_raft::{LogId, Request, Term};

/// The term of a call, and the position before its first entry.
type Position = (Term, LogId);

/// The calls with entries that wait in the queue of a connection or for an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Inflight(Arc<Mutex<BTreeSet<Position>>>);

/// A call with entries that is on its way until this is dropped.
#[derive(Debug)]
pub(super) struct OnItsWay {
    inflight: Inflight,
    position: Position,
}

impl Inflight {
    /// Notes that a call is on its way. Returns `Err` if one with the same first entry is. A call
    /// without entries is not noted.
    pub(super) fn begin(&self, request: &Request) -> Result<Option<OnItsWay>, AlreadyOnItsWay> {
        let position = match request {
            Request::AppendEntries(append) if !append.entries.is_empty() => (append.term, append.prev),
            Request::AppendEntries(_)
            | Request::RequestVote(_)
            | Request::RequestPreVote(_)
            | Request::InstallSnapshot(_)
            | Request::TimeoutNow(_) => return Ok(None),
        };
        let is_new = self.0.lock().expect("no code panics while it holds the positions").insert(position);
        if is_new { Ok(Some(OnItsWay { inflight: self.clone(), position })) } else { Err(AlreadyOnItsWay) }
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let mut positions = self.inflight.0.lock().expect("no code panics while it holds the positions");
        positions.remove(&self.position);
    }
}

/// A call with the same first entry is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct AlreadyOnItsWay;
