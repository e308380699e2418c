//! The entries that are being sent to a peer. The same entries are not sent twice at the same time.
//!
//! A leader sends entries again when a heartbeat shows that they have not arrived. Over a slow link, the
//! first copy may still be in flight, and each further copy would delay all later entries.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use wavetank_raft::{AppendEntries, LogId, Term};

/// The term of a call, and the position before the first entry of the call.
type Position = (Term, LogId);

/// The calls with entries that are in the queue of a connection or wait for an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Inflight(Arc<Mutex<BTreeSet<Position>>>);

/// A call with entries that is in flight until this value is dropped.
#[derive(Debug)]
pub(super) struct OnItsWay {
    inflight: Inflight,
    position: Position,
}

impl Inflight {
    /// Records that a call is in flight. Returns `None` if a call with the same first entry is already in
    /// flight.
    pub(super) fn begin(&self, call: &AppendEntries) -> Option<OnItsWay> {
        let position = (call.term, call.prev);
        let is_new = self.0.lock().expect("no code panics while it holds the positions").insert(position);
        is_new.then(|| OnItsWay { inflight: self.clone(), position })
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let mut positions = self.inflight.0.lock().expect("no code panics while it holds the positions");
        positions.remove(&self.position);
    }
}
