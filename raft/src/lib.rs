//! The Raft protocol and a complete Raft server, both without input and output (sans-IO).
//!
//! The crate has two entry points. The second entry point calls the first entry point:
//!
//! - [`Node::step`] is the protocol: elections, replication, membership, reads, leadership transfers. This
//!   function takes an [`Input`], changes the state of the node, and appends [`Effect`]s to the caller's
//!   buffer. The driver (the program that calls this function) carries out the effects.
//! - [`Server::step`] is a complete server. In addition to the protocol, the server handles client calls (each
//!   call has exactly one outcome), the state machine, snapshots and statistics. This function takes an
//!   [`Event`], and appends [`Action`]s to the caller's buffer. The driver carries out the actions. For the
//!   actions on the stores and on the state machine, the driver uses the executors in [`execute`]. The
//!   executors call the user's implementations of the traits in [`store`].
//!
//! This crate never reads a clock, draws a random number, starts a thread, uses the network or opens a file.
//! The driver may carry out each effect and action immediately.
//!
//! To read the source, begin with `node/io.rs`, then read `node.rs` and `role/follower.rs`.

#![no_std]
// A new variant of the protocol must be considered in every match. Code that only observes the
// protocol may ignore new variants, so other crates do not have this rule.
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod checksum;
mod config;
mod configuration;
mod display;
mod entry;
pub mod execute;
mod log;
mod membership;
mod message;
mod node;
mod quorum;
pub mod recover;
mod role;
pub mod server;
pub mod store;
mod timeout;
mod types;

pub use config::{CacheLimits, Config, ConfigError, Settings};
pub use configuration::{
    Change, Configuration, ConfigurationError, Member, Suffrage, UncheckedConfiguration,
};
pub use entry::{AppendedAt, Data, Entries, Entry, Extended, Payload};
pub use log::{Log, LogImage};
pub use message::{
    AppendEntries, AppendEntriesResponse, Dialect, InstallSnapshot, InstallSnapshotResponse, Request,
    RequestPreVote, RequestPreVoteResponse, RequestVote, RequestVoteResponse, Response, SnapshotMeta,
    TimeoutNow, TimeoutNowResponse,
};
pub use node::Node;
pub use node::boot::Boot;
pub use node::io::{
    ClientRequest, Deadline, DeadlineReason, Effect, Effects, HardState, Ignored, Input, LogOp, ReadPath,
    Refusal, RoleName, SnapshotPiece, StoreJob, Unsupported, Write,
};
pub use quorum::{VoteResult, Voters};
pub use role::leader::progress::{Flow, Progress, SnapshotProgress};
pub use server::Server;
pub use server::io::{Action, Answer, Batch, Call, Event, Halt, Leader, Outcome, Reloadable, RequestError};
pub use server::observed::{NoQuorum, Observed};
pub use server::stats::{LatestConfiguration, Stats};
pub use timeout::Entropy;
pub use types::{
    ClusterId, Index, LogId, NodeId, RequestId, RpcId, ServerAddress, ServerId, Span, Term, Time, Token,
};
