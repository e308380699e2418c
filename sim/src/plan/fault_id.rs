//! Single things that go wrong, each by its place in its own stream: what a run did can be written
//! down, and of a plan's chances only some can be let happen.
//!
//! A place is a number of draws of one stream, not a number of happenings: with one mishap left out
//! the others still mean the same draws, however differently the run goes on.

use crate::plan::fault_kind::{Reactive, Scheduled};
use crate::plan::named::named;
use crate::plan::server_set::ServerIdx;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Something that goes wrong once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum FaultId {
    /// An act by the clock: so many of its kind were due before.
    Scheduled(Scheduled, u32),
    /// An occasion that is taken: so many were there before.
    Reactive(Reactive, u32),
    /// A crash between the actions of a step of this server: so many steps were before.
    Between(ServerIdx, u32),
    /// A message goes astray: so many went from the first server to the second before.
    Message(MessageFault, ServerIdx, ServerIdx, u32),
    /// A crash of this server (or a cut, for the number behind the last server) takes along what is
    /// under way: so many were before.
    OnWay(u8, u32),
}

/// What goes wrong with a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum MessageFault {
    /// It is overtaken.
    Reorder,
    /// It is very late.
    Late,
    /// It is lost.
    Loss,
    /// It comes twice.
    Duplicate,
    /// It is held back.
    Hold,
    /// Bits of it flip.
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
        /// A message was overtaken by others.
        Reorder = "reorder",
        /// A message was very late.
        Late = "late",
        /// A message was held back.
        Hold = "hold",
        /// A crash or a cut took along what was under way.
        OnWay = "on_way",
        /// A message was rejected because bits of it had flipped.
        Corrupt = "corrupt",
        /// A sync stalled.
        Stall = "stall",
        /// A crash left a part of a write.
        TornWrite = "torn_write",
        /// A crash left something of a queue and not all of it.
        CutQueue = "cut_queue",
        /// A write failed.
        WriteFailure = "write_failure",
        /// The answer to a read came late.
        LateRead = "late_read",
        /// A state machine stalled.
        MachineStall = "machine_stall",
    }
}

/// Which mishaps are let happen, and a list of those that did.
#[derive(Clone, Debug, Default)]
pub struct FaultFilter {
    only: Option<BTreeSet<FaultId>>,
    taken: Option<Vec<FaultId>>,
}

impl FaultId {
    /// The name of its family in reports.
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
    /// Only these, or all; none has happened yet, and nothing is written down.
    #[must_use]
    pub const fn new(only: Option<BTreeSet<FaultId>>) -> Self {
        Self { only, taken: None }
    }

    /// Writes down what happens from here on.
    pub fn record(&mut self) {
        self.taken.get_or_insert_default();
    }

    /// Whether this may happen. If it may, it does.
    pub fn allow(&mut self, fault_id: FaultId) -> bool {
        let may = self.only.as_ref().is_none_or(|only| only.contains(&fault_id));
        if may && let Some(taken) = &mut self.taken {
            taken.push(fault_id);
        }
        may
    }

    /// What has happened since it is written down.
    #[must_use]
    pub fn taken(&self) -> &[FaultId] {
        self.taken.as_deref().unwrap_or_default()
    }
}

impl fmt::Display for FaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::Scheduled(_, place) | Self::Reactive(_, place) => write!(f, "{name} #{place}"),
            Self::Between(idx, place) => write!(f, "{name} {idx} #{place}"),
            Self::OnWay(of, place) => write!(f, "{name} {of} #{place}"),
            Self::Message(_, from, to, place) => write!(f, "{name} {from}>{to} #{place}"),
        }
    }
}
