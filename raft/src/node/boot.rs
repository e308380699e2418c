//! The input of a server's start.

use crate::log::LogImage;
use crate::message::SnapshotMeta;
use crate::node::io::HardState;
use crate::timeout::Entropy;
use alloc::sync::Arc;

/// The input of a server's start: the content of its stores, and numbers that distinguish this
/// start from earlier ones.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Boot {
    /// The seed of the timeouts.
    pub entropy: Entropy,
    /// Larger at every start of this server, so that its requests differ from those of earlier
    /// starts.
    pub incarnation: u32,
    /// The vote record.
    pub hard_state: HardState,
    /// The log.
    pub log: LogImage,
    /// The newest snapshot.
    pub snapshot: Option<Arc<SnapshotMeta>>,
}
