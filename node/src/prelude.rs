//! The names that most services need: `use wavetank_node::prelude::*;`.

pub use crate::store::{FileSnapshotStore, InmemSnapshotStore, InmemStore, RedbStore, WalStore};
pub use crate::transport::{InmemNetwork, TcpTransport, Transport};
pub use crate::{Applied, CallError, CallLimit, Leader, Leadership, Raft, RaftState, StartError};
pub use crate::{Command, Fsm, FsmSnapshot, SnapshotReader, SnapshotWriter, StoreError, StoreErrorKind};
pub use crate::{Config, Configuration, Data, Index, Member, ServerAddress, ServerId, Suffrage, Term};
