//! Runs a [`StateMachine`] on a node.

use crate::{DecodeError, StateMachine, decode, encode};
use std::any::type_name;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use wavetank_raft::Data;
use wavetank_raft::store::{Command, Fsm, FsmSnapshot, SnapshotReader, SnapshotWriter, StoreError};

/// A [`StateMachine`] as the state machine of a node. Clones share one state: give one clone to the node, and
/// query another clone.
///
/// A command that cannot be decoded stops the server with a message. The command stays in the log. If a
/// program that knows the command is started later, the server applies the command. The server does not skip
/// the command, because the server's state must not differ from the states of the other servers.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use wavetank_machine::{Replicated, StateMachine};
/// # use wavetank_raft::store::{Command, Fsm};
/// # use wavetank_raft::{Index, Term};
/// # #[derive(Clone, Default, Serialize, Deserialize)]
/// # struct Counter(u64);
/// # impl StateMachine for Counter {
/// #     type Command = u64;
/// #     type Query = ();
/// #     type Reply = u64;
/// #     fn apply(&mut self, amount: u64) -> u64 {
/// #         self.0 += amount;
/// #         self.0
/// #     }
/// #     fn query(&self, (): ()) -> u64 {
/// #         self.0
/// #     }
/// # }
/// let mut counter = Replicated::new(Counter::default());
/// let reader = counter.clone();
/// // The node does this when the command is committed.
/// let data = Replicated::<Counter>::encode_command(&40);
/// let response = counter.apply(&Command { index: Index(1), term: Term(1), data: &data, extensions: &[] });
/// assert_eq!(Replicated::<Counter>::decode_reply(&response), Ok(40));
/// assert_eq!(reader.query(()), 40);
/// ```
pub struct Replicated<T>(Arc<RwLock<T>>);

/// The captured state of a [`Replicated`], for a snapshot.
pub struct Captured<T>(T);

impl<T: StateMachine> Replicated<T> {
    /// Makes the state machine of a node from a [`StateMachine`].
    pub fn new(machine: T) -> Self {
        Self(Arc::new(RwLock::new(machine)))
    }

    /// Returns the bytes of a command, for `Raft::apply`. The argument has the type that the servers decode.
    ///
    /// # Panics
    /// Panics if the command's own implementation of `Serialize` returns an error, or writes a sequence without
    /// a length.
    #[must_use]
    pub fn encode_command(command: &T::Command) -> Data {
        encode(command)
    }

    /// Returns the reply to a command from the response of `Raft::apply`.
    ///
    /// # Errors
    /// Returns an error if the response is not exactly one reply of this state machine.
    pub fn decode_reply(response: &[u8]) -> Result<T::Reply, DecodeError> {
        decode(response)
    }

    /// Answers a query from the local state. For a linearizable read, wait for `Raft::read_index` first.
    pub fn query(&self, query: T::Query) -> T::Reply {
        self.0.read().unwrap_or_else(PoisonError::into_inner).query(query)
    }
}

impl<T: StateMachine> Fsm for Replicated<T> {
    type Snapshot = Captured<T>;

    fn apply(&mut self, command: &Command<'_>) -> Data {
        let decoded = decode(command.data).unwrap_or_else(|error| {
            panic!(
                "the command at {} cannot be decoded as `{}`: {error}; another version of the program may \
                 have written the command; the log keeps the command",
                command.index,
                type_name::<T::Command>(),
            )
        });
        encode(&self.0.write().unwrap_or_else(PoisonError::into_inner).apply(decoded))
    }

    fn snapshot(&mut self) -> Result<Captured<T>, StoreError> {
        Ok(Captured(self.0.read().unwrap_or_else(PoisonError::into_inner).clone()))
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).restore(reader)
    }
}

impl<T: StateMachine> FsmSnapshot for Captured<T> {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        self.0.save(writer)
    }
}

impl<T> Clone for Replicated<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Replicated<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replicated").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Captured<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavetank_raft::store::SnapshotSink;
    use wavetank_raft::store::inmem::InmemSource;
    use wavetank_raft::{Index, Term};

    #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
    struct Words(Vec<String>);

    impl StateMachine for Words {
        type Command = Option<String>;
        type Query = usize;
        type Reply = usize;

        fn apply(&mut self, word: Option<String>) -> usize {
            self.0.extend(word);
            self.0.len()
        }

        fn query(&self, at: usize) -> usize {
            self.0.get(at).map_or(0, String::len)
        }
    }

    struct Bytes(Vec<u8>);

    impl SnapshotSink for Bytes {
        fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
    }

    fn restored(machine: &mut Replicated<Words>, bytes: &[u8]) -> Result<(), String> {
        let mut source = InmemSource::new(bytes.into());
        machine.restore(&mut SnapshotReader::new(&mut source)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_saved_state_is_restored() {
        let (mut one, mut other) = (Replicated::new(Words::default()), Replicated::new(Words::default()));
        let data = Replicated::<Words>::encode_command(&Some("a word".to_owned()));
        one.apply(&Command { index: Index(1), term: Term(1), data: &data, extensions: &[] });
        let mut bytes = Bytes(Vec::new());
        let mut captured = one.snapshot().expect("a clone cannot fail");
        captured.persist(&mut SnapshotWriter::new(&mut bytes)).expect("memory does not fail");
        restored(&mut other, &bytes.0).expect("the bytes are whole");
        assert_eq!((one.query(0), other.query(0)), (6, 6));
    }

    #[test]
    fn a_snapshot_that_is_no_state_changes_nothing() {
        let mut machine = Replicated::new(Words(vec!["kept".to_owned()]));
        let refusal = restored(&mut machine, &[]).expect_err("there is no length");
        assert!(refusal.starts_with("the snapshot of 0 bytes cannot be decoded: "), "{refusal}");
        let refusal = restored(&mut machine, &[0, 1]).expect_err("a byte is left over");
        assert!(refusal.contains("unread bytes: 1"), "{refusal}");
        // The snapshot claims a word of 2^30 bytes.
        assert!(restored(&mut machine, &[1, 0x80, 0x80, 0x80, 0x80, 0x04, b'a']).is_err());
        assert_eq!(machine.query(0), 4);
    }

    /// Integers without a suffix are `i32` if nothing else decides, and postcard writes signed integers in
    /// another way.
    #[test]
    fn a_command_is_encoded_with_the_type_that_servers_decode() {
        #[derive(Clone, serde::Serialize, serde::Deserialize)]
        struct Echo;

        impl StateMachine for Echo {
            type Command = (u8, u64);
            type Query = ();
            type Reply = (u64, u8);

            fn apply(&mut self, (one, other): (u8, u64)) -> (u64, u8) {
                (other, one)
            }

            fn query(&self, (): ()) -> (u64, u8) {
                (0, 0)
            }
        }

        let data = Replicated::<Echo>::encode_command(&(3, 300));
        let command = Command { index: Index(1), term: Term(1), data: &data, extensions: &[] };
        let response = Replicated::new(Echo).apply(&command);
        assert_eq!(Replicated::<Echo>::decode_reply(&response), Ok((300, 3)));
        assert_ne!(data, encode(&(3, 300)));
    }

    #[test]
    #[should_panic(expected = "the command at i7 cannot be decoded as `core::option::Option")]
    fn a_command_of_another_version_stops_the_server() {
        let data = encode(&9_u8);
        let mut machine = Replicated::new(Words::default());
        machine.apply(&Command { index: Index(7), term: Term(1), data: &data, extensions: &[] });
    }
}
