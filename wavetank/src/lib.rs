//! A Raft library for Rust, and a simulator that tests the library. This crate exports the library and the
//! simulator.
//!
//! - [`node`]: a Raft server on tokio, TCP and files, with HashiCorp Raft's API. This module needs the
//!   feature `node`, which is on by default.
//! - [`tank`]: the deterministic simulator. The simulator runs your state machine, or Raft itself, in storms.
//!   A storm is a run with random faults, and one seed determines the run.
//! - [`machine`]: state machines with typed commands. The same type runs on a node and in storms.
//! - [`raft`]: the protocol as a pure function, and the types that the node and the simulator share.
//!
//! Storms for state machines with typed commands need the feature `storms`, which is on by default.
//!
//! The root module has the names that most programs need: [`Raft`] and the configuration for a service, and
//! [`Storm`] and [`run_storms`] for the tests of the service. [`prelude`] has the names that a service and its
//! tests need most often, for `use wavetank::prelude::*;`.
//!
//! ```
//! use wavetank::{Config, Configuration, Member};
//!
//! let members = vec![Member::voter("n1", "127.0.0.1:7001"), Member::voter("n2", "127.0.0.1:7002")];
//! let configuration = Configuration::new(members).expect("names and addresses differ");
//! assert_eq!(configuration.members().count(), 2);
//! assert!(!Config::default().pre_vote_disabled);
//! ```

pub use wavetank_machine as machine;
#[cfg(feature = "node")]
pub use wavetank_node as node;
pub use wavetank_raft as raft;
pub use wavetank_sim as tank;

#[cfg(feature = "node")]
pub mod prelude;

pub use wavetank_machine::{DecodeError, Digest, Replicated, Request, Sessions, StateMachine};
#[cfg(feature = "node")]
pub use wavetank_node::{
    Applied, CallError, CallLimit, Lag, LatestConfiguration, Leader, Leadership, LogDisk, Missing, Observer,
    PeerStatus, Place, Raft, RaftBuilder, RaftState, StartError, Stats, store, transport,
};
pub use wavetank_raft::store::{
    Command, Fsm, FsmSnapshot, LogStore, SnapshotReader, SnapshotSink, SnapshotSource, SnapshotStore,
    SnapshotWriter, StableStore, StoreError, StoreErrorKind,
};
pub use wavetank_raft::{
    Config, Configuration, Data, Halt, Index, Member, Observed, ReadPath, Refusal, Reloadable, ServerAddress,
    ServerId, SnapshotMeta, Span, Suffrage, Term,
};
#[cfg(feature = "storms")]
pub use wavetank_sim::harness::storms::{Storms, storms};
#[cfg(feature = "storms")]
pub use wavetank_sim::harness::story::{PendingCommand, Story};
pub use wavetank_sim::{Plan, ServerIdx, Storm, run_storms};
