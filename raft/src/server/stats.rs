//! The statistics of a server, under the same keys as in HashiCorp Raft.

use crate::configuration::Configuration;
use crate::node::io::RoleName;
use crate::types::{Index, LogId, Span, Term};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// The latest configuration of the cluster. The text form shows only the configuration, without the index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LatestConfiguration {
    /// The index of the configuration in the log. A change of the membership can name this index as
    /// `prev_index`.
    pub index: Index,
    /// The newest configuration in the log of this server: the members and their suffrage. The configuration
    /// may not be committed yet.
    pub configuration: Arc<Configuration>,
}

impl fmt::Display for LatestConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.configuration)
    }
}

/// The statistics of a server at one moment. [`Stats::pairs`] returns the statistics in the form of
/// HashiCorp's `Stats()`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stats {
    /// The role of the server.
    pub state: RoleName,
    /// The current term.
    pub term: Term,
    /// The position of the last entry of the log. If the log is empty, the value is the position of the last
    /// entry of the snapshot.
    pub last_log: LogId,
    /// The index of the last entry that this server knows to be committed.
    pub commit_index: Index,
    /// The index of the last entry that the state machine reported as applied.
    pub applied_index: Index,
    /// The number of entries that were handed to the state machine but not reported as applied yet.
    pub fsm_pending: u64,
    /// The position of the last entry that the newest snapshot includes; zero if there is no snapshot.
    pub last_snapshot: LogId,
    /// The protocol version in use, 2 or 3.
    pub protocol_version: u8,
    /// The latest configuration, committed or not; `None` if no configuration is known.
    pub latest_configuration: Option<LatestConfiguration>,
    /// The number of other voters; zero if this server is not a voter.
    pub num_peers: u64,
    /// The duration since the last contact with the leader. The duration is zero on the leader itself, and
    /// `None` if no leader is known.
    pub last_contact: Option<Duration>,
}

impl Stats {
    /// Returns each key of HashiCorp's `Stats()` with its value, in the order of HashiCorp Raft.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let configuration = self.latest_configuration.as_ref();
        let never = || "never".to_string();
        alloc::vec![
            ("state", self.state.to_string()),
            ("term", self.term.0.to_string()),
            ("last_log_index", self.last_log.index.0.to_string()),
            ("last_log_term", self.last_log.term.0.to_string()),
            ("commit_index", self.commit_index.0.to_string()),
            ("applied_index", self.applied_index.0.to_string()),
            ("fsm_pending", self.fsm_pending.to_string()),
            ("last_snapshot_index", self.last_snapshot.index.0.to_string()),
            ("last_snapshot_term", self.last_snapshot.term.0.to_string()),
            ("protocol_version", self.protocol_version.to_string()),
            ("protocol_version_min", "2".to_string()),
            ("protocol_version_max", "3".to_string()),
            ("snapshot_version_min", "1".to_string()),
            ("snapshot_version_max", "1".to_string()),
            ("latest_configuration_index", configuration.map_or(0, |latest| latest.index.0).to_string()),
            ("latest_configuration", configuration.map_or_else(String::new, ToString::to_string)),
            ("num_peers", self.num_peers.to_string()),
            (
                "last_contact",
                self.last_contact.map(Span::from_duration).map_or_else(never, |it| it.to_string())
            ),
        ]
    }
}
