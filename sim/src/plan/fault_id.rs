//! Identifiers of single faults. A run can record its faults, and a plan can allow only some of them.
//!
//! The identifier of a fault is its number in its random stream. The number counts draws, not faults.
//! If one fault is left out, the other identifiers still name the same draws, even if the rest of the
//! run changes.

use crate::plan::fault_kind::{Reactive, Scheduled};
use crate::plan::named::named;
use crate::plan::server_set::ServerIdx;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The identifier of one fault. Its number counts from zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum FaultId {
    /// A scheduled fault, and the number of faults of its kind that were due before it.
    Scheduled(Scheduled, u32),
    /// A reactive fault, and the number of times that its trigger occurred before.
    Reactive(Reactive, u32),
    /// A crash of this server between two actions of a step, and the number of steps that the server took
    /// before.
    Between(ServerIdx, u32),
    /// A fault of one message: the fault, the sender, the receiver, and the number of messages that the
    /// sender had sent to the receiver before.
    Message(MessageFault, ServerIdx, ServerIdx, u32),
    /// The loss of messages in flight at a crash or at a cut of links. The first number is the index of the
    /// crashed server; at a cut, it is the number of servers. The second number counts the earlier crashes or
    /// cuts of this kind.
    OnWay(u8, u32),
}

/// A kind of fault that affects one message.
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
    /// A kind of fault that networks, disks and state machines count.
    Fault {
        /// A message was lost because its link was cut.
        Cut = "cut",
        /// A message was lost because it was sent to a wrong address. The message is also counted as `cut`.
        WrongAddress = "wrong_address",
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
        /// A crash kept some of the queued writes and lost the others.
        CutQueue = "cut_queue",
        /// A write failed.
        WriteFailure = "write_failure",
        /// The result of a read was delivered late.
        LateRead = "late_read",
        /// A state machine stalled.
        MachineStall = "machine_stall",
    }
}

/// Decides whether a fault may happen, and records the faults that happened.
#[derive(Clone, Debug, Default)]
pub struct FaultFilter {
    only: Option<BTreeSet<FaultId>>,
    taken: Option<Vec<FaultId>>,
}

impl FaultId {
    /// The name of this fault's kind in reports.
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
    /// Creates a filter that allows only the faults in `only`, or all faults if `only` is `None`. The
    /// filter does not record yet.
    #[must_use]
    pub const fn new(only: Option<BTreeSet<FaultId>>) -> Self {
        Self { only, taken: None }
    }

    /// Starts to record the faults that happen.
    pub fn record(&mut self) {
        self.taken.get_or_insert_default();
    }

    /// Returns whether this fault may happen. If it may, and recording is on, the fault is recorded.
    pub fn allow(&mut self, fault_id: FaultId) -> bool {
        let may = self.only.as_ref().is_none_or(|only| only.contains(&fault_id));
        if may && let Some(taken) = &mut self.taken {
            taken.push(fault_id);
        }
        may
    }

    /// The faults that happened since recording began, in the order of their times.
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
