//! The statistics of a server, under HashiCorp's keys.

use crate::configuration::Configuration;
use crate::node::io::RoleName;
use crate::types::{Index, LogId, Span, Term};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A server's state in numbers. [`Stats::pairs`] prints it as HashiCorp's `Stats()` does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stats {
    /// The role.
    pub state: RoleName,
    /// The term.
    pub term: Term,
    /// The last entry, or the snapshot's last.
    pub last_log: LogId,
    /// The commit index.
    pub commit_index: Index,
    /// The last index that the state machine reported as applied.
    pub applied_index: Index,
    /// Entries given to the state machine and not reported as applied yet.
    pub fsm_pending: u64,
    /// The last entry of the newest snapshot.
    pub last_snapshot: LogId,
    /// The protocol version spoken.
    pub protocol_version: u8,
    /// The latest configuration and its index.
    pub latest_configuration: Option<(Index, Arc<Configuration>)>,
    /// Voters other than this server; zero if it is not one.
    pub num_peers: u64,
    /// The time since the last contact with a leader; `None` if there was none. Zero on the leader.
    pub last_contact: Option<Span>,
}

impl Stats {
    /// HashiCorp's keys with their values, in its order.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let configuration = self.latest_configuration.as_ref();
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
            ("latest_configuration_index", configuration.map_or(0, |(index, _)| index.0).to_string()),
            ("latest_configuration", configuration.map_or_else(String::new, |(_, c)| c.to_string())),
            ("num_peers", self.num_peers.to_string()),
            ("last_contact", self.last_contact.map_or_else(|| "never".to_string(), |span| span.to_string())),
        ]
    }
}
