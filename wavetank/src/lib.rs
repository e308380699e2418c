//! Raft for Rust, and the simulator that tests it: one crate to import.
//!
//! - [`node`]: a Raft server on tokio, TCP and files, with HashiCorp Raft's API. It needs the feature `node`, which is
//!   on by default.
//! - [`tank`]: the deterministic simulator. It runs a state machine of yours, or Raft itself, through seeded storms.
//! - [`raft`]: the protocol as a pure function, and the types that both of them share.
//!
//! What most programs need stands at the root: [`Raft`] and its configuration for a service, [`Storm`] and
//! [`run_storms`] for its tests.
//!
//! ```
//! use wavetank::{Config, Configuration, Member};
//!
//! let members = vec![Member::voter("n1", "127.0.0.1:7001"), Member::voter("n2", "127.0.0.1:7002")];
//! let configuration = Configuration::new(members).expect("names and addresses differ");
//! assert_eq!(configuration.members().count(), 2);
//! assert!(!Config::default().pre_vote_disabled);
//! ```

#[cfg(feature = "node")]
pub use wavetank_node as node;
pub use wavetank_raft as raft;
pub use wavetank_sim as tank;

#[cfg(feature = "node")]
pub use wavetank_node::{Applied, Error, Leadership, Raft, RaftState, StartError};
pub use wavetank_raft::{
    Config, Configuration, Data, Index, Member, ReadPath, ServerAddress, ServerId, Span, Suffrage, Term,
};
pub use wavetank_sim::{Plan, Storm, run_storms};
