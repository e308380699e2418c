//! Raft as a pure function of state, time and input, and the sans-IO server around it.
//!
//! Two entry points, one inside the other:
//!
//! - [`Node::step`] is the protocol: elections, replication, membership, reads, transfers. It takes
//!   an [`Input`], changes a plain value, and returns [`Effect`]s for its driver.
//! - [`Server::step`] is a complete server: client calls with exactly one outcome each, the state
//!   machine, snapshots, statistics. It takes an [`Event`] and returns [`Action`]s. The two
//!   executors of [`execute`] carry them out on the four traits of [`store`].
//!
//! Nothing here reads a clock, draws a random number, spawns, sends, opens or prints. Every
//! effect and action may be carried out the moment it is seen.
//!
//! Where to read first: [`io`](Input), then `node.rs`, then `role/follower.rs`.

#![no_std]
// A new variant of the protocol must be considered in every match. Code that only observes the protocol
// ignores what it does not know, so this rule holds in this crate alone.
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

pub use config::{Config, ConfigError, Settings};
pub use configuration::{
    Change, Configuration, ConfigurationError, Member, Suffrage, UncheckedConfiguration,
};
pub use entry::{Data, Entries, Entry, Extended, Payload};
pub use log::{Log, LogImage};
pub use message::{
    AppendEntries, AppendEntriesResponse, InstallSnapshot, InstallSnapshotResponse, Request, RequestPreVote,
    RequestPreVoteResponse, RequestVote, RequestVoteResponse, Response, SnapshotMeta, TimeoutNow,
    TimeoutNowResponse,
};
pub use node::Node;
pub use node::boot::Boot;
pub use node::io::{
    ClientRequest, Deadline, DeadlineReason, Effect, Effects, HardState, Ignored, Input, LogOp, ReadPath,
    Refusal, RoleName, SnapshotPiece, StoreJob, Write,
};
pub use quorum::{VoteResult, Voters};
pub use role::leader::progress::{Flow, Progress, SnapshotProgress};
pub use server::Server;
pub use server::io::{
    Action, Answer, Batch, Call, Dialect, Error, Event, Halt, Observed, Outcome, Reloadable,
};
pub use server::stats::Stats;
pub use timeout::Entropy;
pub use types::{Index, LogId, NodeId, RequestId, RpcId, ServerAddress, ServerId, Span, Term, Time, Token};
