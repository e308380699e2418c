//! How a server is driven.

use crate::driver::worker_queue::Place;

/// How a server is driven. Nothing of it is visible to other servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Proposals that wait to be taken in. Who comes later waits for room, or is refused as
    /// [`Error::Overloaded`](crate::Error::Overloaded).
    pub queue: usize,
    /// Calls that are in and not answered; beyond this, proposals stay in the queue.
    pub open_calls: usize,
    /// Bytes of calls that are in and not answered; beyond this, proposals stay in the queue.
    pub open_bytes: u64,
    /// Where the log is written and snapshots are read. One in memory is written on the spot: waking
    /// a thread takes longer.
    pub log: Place,
    /// Where the state machine works.
    pub fsm: Place,
}

impl Default for Options {
    fn default() -> Self {
        Self { queue: 1024, open_calls: 8192, open_bytes: 256 << 20, log: Place::Thread, fsm: Place::Thread }
    }
}
