//! The entries on their way to a peer, so that the same entries do not travel twice at a time.
//!
//! A leader sends entries again when a heartbeat shows that they have not arrived. Over a slow link they
//! are still on their way, and each copy would delay all later entries.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use wavetank_raft::{AppendEntries, LogId, Term};

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
    /// Notes that a call is on its way. `None` if a call with the same first entry is.
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
