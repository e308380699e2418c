//! How a server is driven.

use crate::driver::worker_queue::Place;

/// Options of the driver. They are invisible to other servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// The length of the queue of proposals. When it is full, callers wait, or get
    /// [`Error::Overloaded`](crate::Error::Overloaded).
    pub queue: usize,
    /// The most calls without an answer; beyond this, proposals stay in the queue.
    pub open_calls: usize,
    /// The most bytes of calls without an answer; beyond this, proposals stay in the queue.
    pub open_bytes: u64,
    /// The place where the log is written and snapshots are read. A log in memory is always written
    /// inline, since waking a thread takes longer.
    pub log: Place,
    /// The place where the state machine runs.
    pub fsm: Place,
}

impl Default for Options {
    fn default() -> Self {
        Self { queue: 1024, open_calls: 8192, open_bytes: 256 << 20, log: Place::Thread, fsm: Place::Thread }
    }
}
