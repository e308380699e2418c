//! What a server starts from.

use crate::log::LogImage;
use crate::message::SnapshotMeta;
use crate::node::io::HardState;
use crate::timeout::Entropy;
use alloc::sync::Arc;

/// What a server starts from: what its stores still have, and what tells this start apart.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Boot {
    /// What timeouts are drawn from.
    pub entropy: Entropy,
    /// Larger at every start of this server; keeps its calls apart from those of earlier starts.
    pub incarnation: u32,
    /// The vote record.
    pub hard_state: HardState,
    /// The log.
    pub log: LogImage,
    /// The newest snapshot.
    pub snapshot: Option<Arc<SnapshotMeta>>,
}
