//! State machines with typed commands.
//!
//! A [`StateMachine`] is a type with commands, queries and replies. Commands, queries and replies are encoded
//! with serde and postcard. By default, serde and postcard also make the snapshots and the digest of the
//! state; a type can override these methods. [`Replicated`] runs the type on a node. The simulator of
//! `wavetank-sim` runs the same type in storms.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use wavetank_machine::StateMachine;
//!
//! #[derive(Clone, Default, Serialize, Deserialize)]
//! struct Counter(u64);
//!
//! impl StateMachine for Counter {
//!     type Command = u64;
//!     type Query = ();
//!     type Reply = u64;
//!
//!     fn apply(&mut self, amount: u64) -> u64 {
//!         self.0 += amount;
//!         self.0
//!     }
//!
//!     fn query(&self, (): ()) -> u64 {
//!         self.0
//!     }
//! }
//!
//! let mut counter = Counter::default();
//! assert_eq!((counter.apply(2), counter.query(())), (2, 2));
//! ```

mod codec;
mod digest;
mod replicated;
mod sessions;

pub use codec::{DecodeError, decode, encode};
pub use digest::Digest;
pub use replicated::{Captured, Replicated};
pub use sessions::{Request, Sessions};

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::io::Write as _;
use wavetank_raft::store::{SnapshotReader, SnapshotWriter, StoreError, StoreErrorKind};

/// A replicated state machine.
///
/// 1. The same commands in the same order lead to the same state and the same replies on every server.
///    Therefore [`apply`](Self::apply) reads no clock, draws no random number, and does not depend on the
///    order of a hash map.
/// 2. [`query`](Self::query) does not change the state.
/// 3. A state that was saved and restored gives the same replies as the original state.
pub trait StateMachine: Clone + Serialize + DeserializeOwned + 'static {
    /// The type of the commands. A command may change the state.
    type Command: Clone + Debug + Serialize + DeserializeOwned + 'static;
    /// The type of the queries. A query does not change the state.
    type Query: Clone + Debug + Serialize + DeserializeOwned + 'static;
    /// The type of the replies to commands and to queries.
    type Reply: Clone + Debug + Serialize + DeserializeOwned + 'static;

    /// Executes a command and returns the reply.
    fn apply(&mut self, command: Self::Command) -> Self::Reply;

    /// Answers a query from the current state.
    fn query(&self, query: Self::Query) -> Self::Reply;

    /// Writes the state into a snapshot. By default, the state is written in postcard's format.
    ///
    /// # Errors
    /// Returns an error if the store fails, or if serde cannot serialise the state.
    fn save(&self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        let mut buffered = std::io::BufWriter::new(writer);
        let written = postcard::to_io(self, &mut buffered).map(|_| ());
        // The error of the writer says more than the error of postcard.
        buffered.flush()?;
        written.map_err(|error| {
            StoreError::new(StoreErrorKind::Io, format!("the state cannot be serialised: {error}"))
        })
    }

    /// Replaces the state with the state of a snapshot.
    ///
    /// # Errors
    /// Returns an error if the store fails, or if the snapshot is not a state of this type. In that case the
    /// state must not change.
    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        let bytes = reader.read_all()?;
        *self = decode(&bytes).map_err(|error| {
            let what = format!("the snapshot of {} bytes cannot be decoded: {error}", bytes.len());
            StoreError::new(StoreErrorKind::Corrupt, what)
        })?;
        Ok(())
    }

    /// Returns the digest of the state. Equal states must have equal digests. By default, [`Digest::of`]
    /// hashes the state; for a state with a `HashSet`, override this method, because the order of the items in
    /// a set matters there. The simulator compares the digests of servers that have applied the same commands.
    fn digest(&self) -> Digest {
        Digest::of(self)
    }

    /// Puts the identity of a request into the command of the request, and returns the command. `client` is
    /// the number of the client, and `sequence` is the number of the command among the commands of this
    /// client. A repeated request has the same identity as the first request. Only a state machine that
    /// recognises repeated requests needs this method; see [`Sessions`]. By default, the command does not
    /// change.
    #[must_use]
    fn identify(command: Self::Command, client: u64, sequence: u64) -> Self::Command {
        let _ = (client, sequence);
        command
    }
}
