//! The request of an operation on a typed state machine, and the text of the request in traces.

use super::describe_reply;
use crate::clients::callers::{OperationAnswer, Wanted};
use crate::engine::workload::Want;
use std::fmt;
use wavetank_machine::{StateMachine, encode};
use wavetank_raft::{Data, ReadPath};

/// A command or a query of a typed state machine.
pub struct MachineWant<T: StateMachine> {
    kind: WantKind<T>,
    bytes: Data,
}

enum WantKind<T: StateMachine> {
    /// The values are the command and the number of the operation. The client sends the number in the
    /// extensions of the command.
    Command(T::Command, u64),
    /// The values are the query and the read path. `None`: the server reads its local state, which may be old.
    Query(T::Query, Option<ReadPath>),
}

impl<T: StateMachine> MachineWant<T> {
    pub(super) fn command(command: T::Command, operation: u64) -> Self {
        Self { bytes: encode(&command), kind: WantKind::Command(command, operation) }
    }

    pub(super) fn query(query: T::Query, path: Option<ReadPath>) -> Self {
        Self { bytes: encode(&query), kind: WantKind::Query(query, path) }
    }

    /// Returns the encoded command or query.
    #[must_use]
    pub const fn bytes(&self) -> &Data {
        &self.bytes
    }

    /// True if the request is a command.
    #[must_use]
    pub const fn is_command(&self) -> bool {
        matches!(self.kind, WantKind::Command(..))
    }

    /// Returns the read path of a query. Returns `None` for a command, and for a read of the local state.
    #[must_use]
    pub const fn path(&self) -> Option<ReadPath> {
        match self.kind {
            WantKind::Command(..) => None,
            WantKind::Query(_, path) => path,
        }
    }
}

/// Returns the number of the operation from the extensions of a command. Returns `None` if the extensions are
/// not such a number.
pub(super) fn operation_of(extensions: &[u8]) -> Option<u64> {
    extensions.try_into().ok().map(u64::from_le_bytes)
}

impl<T: StateMachine> Wanted for MachineWant<T> {
    fn want(&self) -> Want {
        let data = Data::clone(&self.bytes);
        match self.kind {
            WantKind::Command(_, operation) => {
                Want::ApplyLog { data, extensions: operation.to_le_bytes()[..].into() }
            }
            WantKind::Query(_, Some(path)) => Want::Read(path, data),
            WantKind::Query(_, None) => Want::Stale(data),
        }
    }

    fn fmt_answer(answer: &OperationAnswer, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match answer {
            OperationAnswer::Applied(index, reply) => {
                write!(f, ": {} at {index}", describe_reply::<T>(reply))
            }
            OperationAnswer::Got(reply) => write!(f, ": {}", describe_reply::<T>(reply)),
        }
    }
}

impl<T: StateMachine> Clone for MachineWant<T> {
    fn clone(&self) -> Self {
        let kind = match &self.kind {
            WantKind::Command(command, operation) => WantKind::Command(command.clone(), *operation),
            WantKind::Query(query, path) => WantKind::Query(query.clone(), *path),
        };
        Self { kind, bytes: Data::clone(&self.bytes) }
    }
}

impl<T: StateMachine> fmt::Debug for MachineWant<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T: StateMachine> fmt::Display for MachineWant<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            WantKind::Command(command, _) => write!(f, "{command:?}"),
            WantKind::Query(query, Some(ReadPath::Index)) => write!(f, "read {query:?}"),
            WantKind::Query(query, Some(ReadPath::Lease)) => write!(f, "lease-read {query:?}"),
            WantKind::Query(query, Some(ReadPath::Verify)) => write!(f, "verify-read {query:?}"),
            WantKind::Query(query, None) => write!(f, "stale-read {query:?}"),
        }
    }
}
