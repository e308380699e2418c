//! The options of the driver. These options have no effect on other servers.

use crate::driver::worker_queue::Place;
use crate::error::StartError;
use crate::transport::Limits;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use wavetank_raft::{Entropy, Settings};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Options {
    /// The maximum number of proposals in the queue.
    pub(crate) queue: usize,
    /// The maximum number of unanswered calls. While this number of calls is unanswered, further proposals
    /// stay in the queue.
    pub(crate) open_calls: usize,
    /// The maximum size of all unanswered calls, in bytes. At or above this size, further proposals stay in
    /// the queue.
    pub(crate) open_bytes: u64,
    /// The place where the server writes the log, and stores and reads snapshots.
    pub(crate) log: Place,
    /// The place where the state machine runs.
    pub(crate) fsm: Place,
    /// The seed of the random election timeouts.
    pub(crate) entropy: Entropy,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue: 1024,
            open_calls: 8192,
            open_bytes: 256 << 20,
            log: Place::Thread,
            fsm: Place::Thread,
            entropy: Entropy(RandomState::new().build_hasher().finish()),
        }
    }
}

impl Options {
    /// Checks that the limits of the configuration, of these options and of the transport fit each other.
    /// `max_message_bytes` is the maximum size of the transport's messages; `None` means no maximum. Returns
    /// [`StartError::Limits`] for the first limit that is too large.
    pub(crate) fn check(
        &self,
        settings: &Settings,
        max_message_bytes: Option<u64>,
    ) -> Result<(), StartError> {
        const MESSAGE: &str = "message_bytes of the transport minus 512 KiB";
        let message = max_message_bytes.map_or(u64::MAX, |most| most.saturating_sub(Limits::OVERHEAD_BYTES));
        let rules = [
            ("max_command_bytes", settings.max_command_bytes, MESSAGE, message),
            ("max_append_bytes", settings.max_append_bytes, MESSAGE, message),
            ("max_command_bytes", settings.max_command_bytes, "open_bytes_max", self.open_bytes),
            ("the minimum number of open calls", 1, "open_calls_max", self.open_calls as u64),
        ];
        match rules.into_iter().find(|(_, value, _, bound)| bound < value) {
            Some((limit, value, other, bound)) => Err(StartError::Limits { limit, value, other, bound }),
            None => Ok(()),
        }
    }
}
