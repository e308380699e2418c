//! Identifiers of single faults. A run can record its faults, and a plan can allow only some faults.
//!
//! The identifier of a fault contains the number of the fault in its random stream. The number counts draws,
//! not faults. If one fault is left out, the other identifiers still name the same draws, even if the rest of
//! the run changes.

use crate::plan::fault_kind::{Reactive, Scheduled};
use crate::plan::named::named;
use crate::plan::server_set::ServerIdx;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The identifier of one fault. The number in an identifier counts from zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum FaultId {
    /// A scheduled fault. The number counts the earlier times at which a fault of this kind was due.
    Scheduled(Scheduled, u32),
    /// A reactive fault. The number counts the earlier occurrences of the fault's trigger.
    Reactive(Reactive, u32),
    /// A crash of this server between two actions of a step. The number counts the earlier steps of the
    /// server.
    Between(ServerIdx, u32),
    /// A fault of one message: the kind of the fault, the sender, the receiver, and the number of earlier
    /// messages from this sender to this receiver.
    Message(MessageFault, ServerIdx, ServerIdx, u32),
    /// The loss of messages in flight at a crash or at a cut of links. At a crash, the first number is the
    /// index of the crashed server. At a cut, the first number is the number of servers. The second number
    /// counts the earlier crashes of this server, or the earlier cuts.
    OnWay(u8, u32),
}

/// A kind of fault that affects one message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum MessageFault {
    /// Later messages overtake the message.
    Reorder,
    /// The network delays the message for much longer than usual.
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
        /// A message was lost because the link was cut.
        Cut = "cut",
        /// A message was lost because the sender used a wrong address. The message is also counted as `cut`.
        WrongAddress = "wrong_address",
        /// A message was lost by chance.
        Loss = "loss",
        /// A message was delivered twice.
        Duplicate = "duplicate",
        /// A message was overtaken by later messages.
        Reorder = "reorder",
        /// A message was very late.
        Late = "late",
        /// A message was held back.
        Hold = "hold",
        /// A crash or a cut lost the messages in flight.
        OnWay = "on_way",
        /// A message was rejected because bits of the message had flipped.
        Corrupt = "corrupt",
        /// A sync stalled.
        Stall = "stall",
        /// A crash left part of a write.
        TornWrite = "torn_write",
        /// A crash kept some of the queued writes and lost the other writes.
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
    /// Returns the name of this fault's kind in reports.
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
    /// Creates a filter that allows only the faults in `only`, or all faults if `only` is `None`. The filter
    /// records no faults before the first call of [`FaultFilter::record`].
    #[must_use]
    pub const fn new(only: Option<BTreeSet<FaultId>>) -> Self {
        Self { only, taken: None }
    }

    /// Starts to record the faults that happen.
    pub fn record(&mut self) {
        self.taken.get_or_insert_default();
    }

    /// Returns true if this fault may happen. In this case, also records the fault if [`FaultFilter::record`]
    /// was called before.
    pub fn allow(&mut self, fault_id: FaultId) -> bool {
        let may = self.only.as_ref().is_none_or(|only| only.contains(&fault_id));
        if may && let Some(taken) = &mut self.taken {
            taken.push(fault_id);
        }
        may
    }

    /// Returns the faults that happened since the call of [`FaultFilter::record`], in the order in which they
    /// happened.
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
