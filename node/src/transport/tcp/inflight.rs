//! The entries that are being sent to a peer. The same entries are not sent twice at the same time.
//!
//! A leader sends entries again when a heartbeat shows that the entries have not arrived. Over a slow link,
//! the first copy may still be in flight. A second copy delays all later entries.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use wavetank_raft::{AppendEntries, LogId, Term};

/// A pair of the term of a call and the log id before the first entry of the call.
type Position = (Term, LogId);

/// The positions of the calls with entries that are in flight. Such a call is in the queue of a connection,
/// or waits for an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Inflight(Arc<Mutex<BTreeSet<Position>>>);

/// Marks a call with entries as in flight. The call counts as in flight until this value is dropped.
#[derive(Debug)]
pub(super) struct OnItsWay {
    inflight: Inflight,
    position: Position,
}

impl Inflight {
    /// Records that a call is in flight. Returns `None` if a call with the same term and the same `prev` is
    /// already in flight.
    pub(super) fn begin(&self, call: &AppendEntries) -> Option<OnItsWay> {
        let position = (call.term, call.prev);
        let is_new = self.0.lock().expect("no code panics while the positions are locked").insert(position);
        is_new.then(|| OnItsWay { inflight: self.clone(), position })
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let mut positions = self.inflight.0.lock().expect("no code panics while the positions are locked");
        positions.remove(&self.position);
    }
}
