//! HashiCorp's messages as structs. Each struct lists all fields of a message in the order in which the
//! fields are sent.

use super::entry::Log;
use super::error::WireError;
use super::fields::{Field, Raw, StructEncoding, go_struct};
use super::pack::Packer;
use super::unpack::Unpacker;

go_struct! {
    /// HashiCorp's Go struct `AppendEntriesRequest`.
    AppendEntriesRequest<'i> {
        "Addr" addr: Raw<'i> = 2,
        "Entries" entries: Option<Vec<Log<'i>>> = 7,
        "ID" id: Raw<'i> = 1,
        "Leader" leader: Raw<'i> = 4,
        "LeaderCommitIndex" leader_commit_index: u64 = 8,
        "PrevLogEntry" prev_log_entry: u64 = 5,
        "PrevLogTerm" prev_log_term: u64 = 6,
        "ProtocolVersion" protocol_version: i64 = 0,
        "Term" term: u64 = 3,
    }
    beyond {
        "To" to: Raw<'i>,
        "Wavetank" dialect: u64,
        "Cluster" cluster: u64,
    }
}

go_struct! {
    /// HashiCorp's Go struct `AppendEntriesResponse`.
    AppendEntriesResponse<'i> {
        "Addr" addr: Raw<'i> = 2,
        "ID" id: Raw<'i> = 1,
        "LastLog" last_log: u64 = 4,
        "NoRetryBackoff" no_retry_backoff: bool = 6,
        "ProtocolVersion" protocol_version: i64 = 0,
        "Success" success: bool = 5,
        "Term" term: u64 = 3,
    }
    beyond {
        "To" to: Raw<'i>,
        "Wavetank" dialect: u64,
        "Cluster" cluster: u64,
        "HintIndex" hint_index: u64,
        "HintTerm" hint_term: u64,
    }
}

go_struct! {
    /// HashiCorp's Go struct `RequestVoteRequest`.
    RequestVoteRequest<'i> {
        "Addr" addr: Raw<'i> = 2,
        "Candidate" candidate: Raw<'i> = 4,
        "ID" id: Raw<'i> = 1,
        "LastLogIndex" last_log_index: u64 = 5,
        "LastLogTerm" last_log_term: u64 = 6,
        "LeadershipTransfer" leadership_transfer: bool = 7,
        "ProtocolVersion" protocol_version: i64 = 0,
        "Term" term: u64 = 3,
    }
    beyond {
        "To" to: Raw<'i>,
        "Wavetank" dialect: u64,
        "Cluster" cluster: u64,
    }
}

go_struct! {
    /// HashiCorp's Go struct `RequestVoteResponse`.
    RequestVoteResponse<'i> {
        "Addr" addr: Raw<'i> = 2,
        "Granted" granted: bool = 5,
        "ID" id: Raw<'i> = 1,
        "Peers" peers: Raw<'i> = 4,
        "ProtocolVersion" protocol_version: i64 = 0,
        "Term" term: u64 = 3,
    }
    beyond {
        "To" to: Raw<'i>,
        "Wavetank" dialect: u64,
        "Cluster" cluster: u64,
        "RefusedForTerm" refused_for_term: bool,
    }
}

go_struct! {
    /// HashiCorp's Go struct `RequestPreVoteRequest`.
    RequestPreVoteRequest<'i> {
        "Addr" addr: Raw<'i> = 2,
        "ID" id: Raw<'i> = 1,
        "LastLogIndex" last_log_index: u64 = 4,
        "LastLogTerm" last_log_term: u64 = 5,
        "ProtocolVersion" protocol_version: i64 = 0,
        "Term" term: u64 = 3,
    }
    beyond {
        "To" to: Raw<'i>,
        "Wavetank" dialect: u64,
        "Cluster" cluster: u64,
    }
}

go_struct! {
    /// HashiCorp's Go struct `RequestPreVoteResponse`.
    RequestPreVoteResponse<'i> {
        "Addr" addr: Raw<'i> = 2,
        "Granted" granted: bool = 4,
        "ID" id: Raw<'i> = 1,
        "ProtocolVersion" protocol_version: i64 = 0,
        "Term" term: u64 = 3,
    }
    beyond {
        "To" to: Raw<'i>,
        "Wavetank" dialect: u64,
        "Cluster" cluster: u64,
    }
}

go_struct! {
    /// HashiCorp's Go struct `InstallSnapshotRequest`. The bytes of the snapshot follow after this message.
    /// `size` is the number of these bytes.
    InstallSnapshotRequest<'i> {
        "Addr" addr: Raw<'i> = 2,
        "Configuration" configuration: Raw<'i> = 9,
        "ConfigurationIndex" configuration_index: u64 = 10,
        "ID" id: Raw<'i> = 1,
        "LastLogIndex" last_log_index: u64 = 6,
        "LastLogTerm" last_log_term: u64 = 7,
        "Leader" leader: Raw<'i> = 5,
        "Peers" peers: Raw<'i> = 8,
        "ProtocolVersion" protocol_version: i64 = 0,
        "Size" size: i64 = 11,
        "SnapshotVersion" snapshot_version: i64 = 3,
        "Term" term: u64 = 4,
    }
    beyond {
        "To" to: Raw<'i>,
        "Wavetank" dialect: u64,
        "Cluster" cluster: u64,
        "Checksum" checksum: u64,
    }
}

go_struct! {
    /// HashiCorp's Go struct `InstallSnapshotResponse`.
    InstallSnapshotResponse<'i> {
        "Addr" addr: Raw<'i> = 2,
        "ID" id: Raw<'i> = 1,
        "ProtocolVersion" protocol_version: i64 = 0,
        "Success" success: bool = 4,
        "Term" term: u64 = 3,
    }
    beyond {
        "To" to: Raw<'i>,
        "Wavetank" dialect: u64,
        "Cluster" cluster: u64,
        "NextOffset" next_offset: u64,
    }
}

go_struct! {
    /// HashiCorp's Go struct `TimeoutNowRequest`.
    TimeoutNowRequest<'i> {
        "Addr" addr: Raw<'i> = 2,
        "ID" id: Raw<'i> = 1,
        "ProtocolVersion" protocol_version: i64 = 0,
    }
    beyond {
        "To" to: Raw<'i>,
        "Wavetank" dialect: u64,
        "Cluster" cluster: u64,
        "Term" term: u64,
    }
}

go_struct! {
    /// HashiCorp's Go struct `TimeoutNowResponse`.
    TimeoutNowResponse<'i> {
        "Addr" addr: Raw<'i> = 2,
        "ID" id: Raw<'i> = 1,
        "ProtocolVersion" protocol_version: i64 = 0,
    }
    beyond {
        "To" to: Raw<'i>,
        "Wavetank" dialect: u64,
        "Cluster" cluster: u64,
        "Accepted" accepted: bool,
    }
}
