//! The request of an operation on the store, and the text of the request in traces.

use super::KvOperation;
use crate::clients::callers::{OperationAnswer, Wanted};
use crate::clients::kv::wire::{self, Command, CommandOutcome, Got, Response, quoted};
use crate::engine::workload::Want;
use std::fmt;
use wavetank_raft::{Data, ReadPath};

/// A command or a read for one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KvWant {
    /// The key that the operation reads or writes.
    pub key: u32,
    /// The encoded [`Command`], or the encoded query.
    pub want: Want,
}

impl KvWant {
    /// Creates the request to apply a command.
    #[must_use]
    pub fn write(command: &Command<'_>) -> Self {
        Self { key: command.key, want: Want::Apply(command.encode()) }
    }

    /// Creates the request to apply a command with extensions.
    #[must_use]
    pub fn extended_write(command: &Command<'_>) -> Self {
        let (data, extensions) = wire::extended(command);
        Self { key: command.key, want: Want::ApplyLog { data, extensions } }
    }

    /// Creates the request to read a key by this path. If `path` is `None`, the server reads its local state,
    /// which may be old.
    #[must_use]
    pub fn read(key: u32, path: Option<ReadPath>) -> Self {
        let query = wire::query(key);
        let want = match path {
            Some(path) => Want::Read(path, query),
            None => Want::Stale(query),
        };
        Self { key, want }
    }
}

impl KvOperation {
    /// Returns the command, if the operation is a write.
    #[must_use]
    pub fn command(&self) -> Option<Command<'_>> {
        self.bytes().map(decoded)
    }

    /// Returns the bytes of the command, if the operation is a write.
    #[must_use]
    pub const fn bytes(&self) -> Option<&Data> {
        match &self.wanted.want {
            Want::Apply(bytes) | Want::ApplyLog { data: bytes, .. } => Some(bytes),
            Want::Read(..) | Want::Stale(_) => None,
        }
    }
}

fn decoded(bytes: &Data) -> Command<'_> {
    Command::decode(bytes).expect("clients send commands")
}

impl Wanted for KvWant {
    fn want(&self) -> Want {
        self.want.clone()
    }

    fn fmt_answer(answer: &OperationAnswer, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match answer {
            OperationAnswer::Applied(index, bytes) => match Response::decode(bytes) {
                Some(Response { outcome: CommandOutcome::Done, effective }) => {
                    write!(f, ": took effect at {effective}, answered at {index}")
                }
                Some(Response { outcome: CommandOutcome::Mismatch, .. }) => {
                    write!(f, ": mismatch, answered at {index}")
                }
                Some(Response { outcome: CommandOutcome::Outdated, .. }) => {
                    write!(f, ": outdated, answered at {index}")
                }
                Some(Response { outcome: CommandOutcome::Malformed, .. }) | None => {
                    write!(f, ": not understood, answered at {index}")
                }
            },
            OperationAnswer::Got(bytes) => match Got::decode(bytes) {
                Some(got) => {
                    write!(f, ": {} of {}, state {}", quoted(got.value), got.version, got.applied)
                }
                None => write!(f, ": not understood"),
            },
        }
    }
}

impl fmt::Display for KvWant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key;
        match &self.want {
            Want::Apply(bytes) | Want::ApplyLog { data: bytes, .. } => decoded(bytes).fmt(f),
            Want::Read(ReadPath::Index, _) => write!(f, "read k{key}"),
            Want::Read(ReadPath::Lease, _) => write!(f, "lease-read k{key}"),
            Want::Read(ReadPath::Verify, _) => write!(f, "verify-read k{key}"),
            Want::Stale(_) => write!(f, "stale-read k{key}"),
        }
    }
}
