//! Identifiers of single faults: the faults of a run can be recorded, and a plan can be limited to
//! some of them.
//!
//! A fault is identified by its number in its random stream. The number counts draws, not faults: if
//! one fault is left out, the identifiers of the others still name the same draws, even if the run
//! continues differently.

use crate::plan::fault_kind::{Reactive, Scheduled};
use crate::plan::named::named;
use crate::plan::server_set::ServerIdx;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Identifies one fault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum FaultId {
    /// A scheduled fault, and how many of its kind were due before it.
    Scheduled(Scheduled, u32),
    /// A reactive fault, and how many times its trigger was met before.
    Reactive(Reactive, u32),
    /// A crash between two actions of a step of this server, and how many steps it took before.
    Between(ServerIdx, u32),
    /// A fault of a message, and how many messages went from the first server to the second before.
    Message(MessageFault, ServerIdx, ServerIdx, u32),
    /// The loss of messages in flight when this server crashes (or when links are cut, for the number
    /// after the last server), and how many crashes or cuts there were before.
    OnWay(u8, u32),
}

/// The kinds of faults of one message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum MessageFault {
    /// Later messages overtake the message.
    Reorder,
    /// The message is very late.
    Late,
    /// The message is lost.
    Loss,
    /// The message is delivered twice.
    Duplicate,
    /// The message is held back.
    Hold,
    /// Bits of the message flip.
    Corrupt,
}

named! {
    /// A family of faults that networks, disks and state machines count.
    Fault {
        /// A message was lost because its link was cut.
        Cut = "cut",
        /// A message was lost by chance.
        Loss = "loss",
        /// A message was delivered twice.
        Duplicate = "duplicate",
        /// Later messages overtook a message.
        Reorder = "reorder",
        /// A message was very late.
        Late = "late",
        /// A message was held back.
        Hold = "hold",
        /// A crash or a cut lost the messages in flight.
        OnWay = "on_way",
        /// A message was rejected because bits of it had flipped.
        Corrupt = "corrupt",
        /// A sync stalled.
        Stall = "stall",
        /// A crash left part of a write.
        TornWrite = "torn_write",
        /// A crash left some of the queued writes, but not all.
        CutQueue = "cut_queue",
        /// A write failed.
        WriteFailure = "write_failure",
        /// The answer to a read came late.
        LateRead = "late_read",
        /// A state machine stalled.
        MachineStall = "machine_stall",
    }
}

/// Decides which faults may happen, and records those that did.
#[derive(Clone, Debug, Default)]
pub struct FaultFilter {
    only: Option<BTreeSet<FaultId>>,
    taken: Option<Vec<FaultId>>,
}

impl FaultId {
    /// The name of its kind in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheduled(kind, _) => kind.name(),
            Self::Reactive(reactive, _) => reactive.name(),
            Self::Between(..) => "crash_between",
            Self::OnWay(..) => "on_way",
            Self::Message(message_fault, ..) => match message_fault {
                MessageFault::Reorder => "reorder",
                MessageFault::Late => "late",
                MessageFault::Loss => "loss",
                MessageFault::Duplicate => "duplicate",
                MessageFault::Hold => "hold",
                MessageFault::Corrupt => "corrupt",
            },
        }
    }
}

impl FaultFilter {
    /// Allows only these faults, or all of them. Nothing is recorded yet.
    #[must_use]
    pub const fn new(only: Option<BTreeSet<FaultId>>) -> Self {
        Self { only, taken: None }
    }

    /// Records the faults that happen from here on.
    pub fn record(&mut self) {
        self.taken.get_or_insert_default();
    }

    /// Whether this fault may happen. If so, it is recorded as having happened.
    pub fn allow(&mut self, fault_id: FaultId) -> bool {
        let may = self.only.as_ref().is_none_or(|only| only.contains(&fault_id));
        if may && let Some(taken) = &mut self.taken {
            taken.push(fault_id);
        }
        may
    }

    /// The faults that have happened since recording began.
    #[must_use]
    pub fn taken(&self) -> &[FaultId] {
        self.taken.as_deref().unwrap_or_default()
    }
}

impl fmt::Display for FaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::Scheduled(_, number) | Self::Reactive(_, number) => write!(f, "{name} #{number}"),
            Self::Between(idx, number) => write!(f, "{name} {idx} #{number}"),
            Self::OnWay(of, number) => write!(f, "{name} {of} #{number}"),
            Self::Message(_, from, to, number) => write!(f, "{name} {from}>{to} #{number}"),
        }
    }
}
