//! The data with which a server starts.

use crate::log::LogImage;
use crate::message::SnapshotMeta;
use crate::node::io::HardState;
use crate::timeout::Entropy;
use crate::types::LogId;
use alloc::sync::Arc;

/// The data with which a server starts: the content of its stores, and numbers that distinguish this start
/// from earlier starts.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Boot {
    /// The seed of the random timeouts.
    pub entropy: Entropy,
    /// The number of this start. The number must be larger than the number of each earlier start of this
    /// server. Then a late response to an old request cannot match a new request.
    pub incarnation: u32,
    /// The vote record that was stored last.
    pub hard_state: HardState,
    /// The stored log.
    pub log: LogImage,
    /// The description of the newest snapshot; `None` if there is no snapshot.
    pub snapshot: Option<Arc<SnapshotMeta>>,
    /// The position in the last [`LogOp::CatchUp`](crate::LogOp::CatchUp); zero if no such operation was
    /// stored. The server does not campaign before its log reaches this position.
    pub catch_up: LogId,
}
