//! A Raft node: HashiCorp Raft's API on tokio, TCP and files.
//!
//! [`Raft`] is the handle of a server, and [`Raft::builder`] starts a server. This crate re-exports all types
//! that its API takes or returns, so a service needs only this crate. [`prelude`] has the types that most
//! services need.
//!
//! This crate connects the protocol to sockets, threads, files and the clock. The protocol is in the crate
//! `wavetank-raft`. The simulator runs the same protocol code.

mod address;
mod cluster;
mod driver;
mod error;
mod handle;
mod panic;
pub mod prelude;
pub mod store;
pub mod transport;
pub mod wire;

pub use address::{AddressError, AddressFormat};
pub use driver::disk::LogDisk;
pub use driver::observer::Observer;
pub use driver::peer_status::{Lag, PeerStatus};
pub use driver::state::RaftState;
pub use driver::status::{Leadership, Stats};
pub use driver::worker_queue::Place;
pub use error::{CallError, StartError};
pub use handle::{Applied, CallLimit, Missing, Raft, RaftBuilder, has_existing_state, recover_cluster};

pub use wavetank_raft::Stats as ServerStats;
pub use wavetank_raft::execute::{Recovered, Storage};
pub use wavetank_raft::store::{
    Command, Fsm, FsmSnapshot, LogStore, SnapshotReader, SnapshotSink, SnapshotSource, SnapshotStore,
    SnapshotWriter, StableStore, StoreError, StoreErrorKind,
};
pub use wavetank_raft::{
    AppendEntries, AppendEntriesResponse, AppendedAt, ClusterId, Config, ConfigError, Configuration,
    ConfigurationError, Data, Dialect, Entries, Entry, Halt, HardState, Ignored, Index, InstallSnapshot,
    InstallSnapshotResponse, LatestConfiguration, Leader, LogId, LogOp, Member, NoQuorum, NodeId, Observed,
    Payload, Refusal, Reloadable, Request, RequestPreVote, RequestPreVoteResponse, RequestVote,
    RequestVoteResponse, Response, RoleName, RpcId, ServerAddress, ServerId, Settings, SnapshotMeta, Span,
    Suffrage, Term, Time, TimeoutNow, TimeoutNowResponse, Token, UncheckedConfiguration, Unsupported, Write,
};
