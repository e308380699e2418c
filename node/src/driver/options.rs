//! Options of the driver. Other servers do not notice them.

use crate::driver::worker_queue::Place;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Options {
    /// The length of the queue of proposals.
    pub(crate) queue: usize,
    /// The most calls without an answer; beyond this, proposals stay in the queue.
    pub(crate) open_calls: usize,
    /// The most bytes of calls without an answer; beyond this, proposals stay in the queue.
    pub(crate) open_bytes: u64,
    /// The place where the log is written and snapshots are read.
    pub(crate) log: Place,
    /// The place where the state machine runs.
    pub(crate) fsm: Place,
}

impl Default for Options {
    fn default() -> Self {
        Self { queue: 1024, open_calls: 8192, open_bytes: 256 << 20, log: Place::Thread, fsm: Place::Thread }
    }
}
