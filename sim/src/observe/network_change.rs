//! Changes of the links between servers.

use crate::plan::server_set::{ServerIdx, ServerSet};

/// A change of the links between servers.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum NetworkChange {
    /// All links between the two sets are cut, in both directions.
    Partition(ServerSet, ServerSet),
    /// All links from the first set to the second set are cut.
    CutOneWay(ServerSet, ServerSet),
    /// The link from the first server to the second server is cut. The other direction does not change.
    Cut(ServerIdx, ServerIdx),
    /// The link from the first server to the second server is restored. The other direction does not change.
    Mend(ServerIdx, ServerIdx),
    /// All links are restored.
    HealAll,
}
