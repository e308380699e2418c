//! A schedule: a run as a list of choices.
//!
//! A plan leaves the order of events to random streams. A schedule states it: which message arrives next,
//! which timer fires, which disk job ends, which server crashes. Each element names its object by an
//! identity that does not depend on the other elements, so an element can be left out. On replay, an element
//! whose object does not exist is skipped and counted.
//!
//! A world records the schedule of any run ([`World::record_schedule`](crate::World::record_schedule)) and
//! plays a schedule ([`World::play`](crate::World::play)). Faults of links, pauses of machines and losses of
//! messages need no element of their own: a message that no element delivers is lost.

mod identities;
mod label;
mod text;

pub(crate) use identities::Identities;
pub use label::Label;
pub use text::ElementError;

use crate::disk::fault::{DiskFault, MachineFault};
use crate::observe::network_change::NetworkChange;
use crate::plan::rng::Draw;
use crate::plan::server_set::{ServerIdx, ServerSet};
use wavetank_raft::{Call, DeadlineReason, Index, RpcId, Span, Term, Time, Token};

/// One choice of a run, with the virtual time at which it was made. It is serialised as a line of text.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Element {
    /// The virtual time in microseconds. On replay, an element never happens earlier than this, and never
    /// earlier than the element before it.
    pub at: Time,
    /// The choice.
    pub choice: Choice,
}

/// A choice: what happens next.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Choice {
    /// A message arrives. It may arrive more than once.
    Deliver {
        /// The message.
        message: MessageId,
        /// The word that selects the bits of the message that flip on the way; `None` if none flips.
        flips: Option<u64>,
    },
    /// The timer of a server fires, for this reason. The time moves on to the server's deadline.
    Fire(ServerIdx, DeadlineReason),
    /// The running jobs of a disk end. This job is the last one of them.
    Finish(ServerIdx, JobId),
    /// The result of a read reaches its server, or the news that a write has failed (`None`).
    Hear(ServerIdx, Option<RpcId>),
    /// The current work of a state machine ends.
    Work(ServerIdx, WorkId),
    /// A server takes the commands that were collected for it.
    Batch(ServerIdx),
    /// A request of a client reaches its server.
    Ask(AskId),
    /// A reply reaches its client.
    Reply(AskId),
    /// An operator calls a server.
    Call(ServerIdx, Box<Call>),
    /// A server crashes while it executes the actions of the next element: only the first few are executed.
    Interrupt(ServerIdx, usize),
    /// A server crashes.
    Crash(ServerIdx),
    /// A server crashes and its disk is erased.
    Wipe(ServerIdx),
    /// A server and its disk are lost for ever.
    Lose(ServerIdx),
    /// A server starts.
    Start(ServerIdx),
    /// A server is paused.
    Pause(ServerIdx),
    /// A paused server goes on.
    Resume(ServerIdx),
    /// A disk is damaged. The draw selects the place.
    Damage(ServerIdx, DiskFault, Draw),
    /// A server crashes and gets a new disk. The messages to the old machine are lost.
    NewDisk(ServerIdx),
    /// A state machine has this fault from now on.
    BreakMachine(ServerIdx, MachineFault),
    /// A server moves to an address that no server had before.
    Move(ServerIdx),
    /// Two servers exchange their addresses.
    ExchangeAddresses(ServerIdx, ServerIdx),
    /// A full disk has space again.
    FreeSpace(ServerIdx),
    /// Links are cut or restored.
    Network(NetworkChange),
    /// A clock jumps forward.
    Jump(ServerIdx, Span),
    /// A clock stands still for this long.
    Freeze(ServerIdx, Span),
    /// A clock runs faster by this many parts per million, or slower if the number is negative.
    Drift(ServerIdx, i32),
    /// All faults end. These servers stay down for ever.
    Heal(ServerSet),
    /// The clients begin no more operations.
    Rest,
}

/// Decides what a run does when the object of an element does not exist.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Fit {
    /// The element is skipped.
    Exact,
    /// The element takes a similar object: another message of the same kind between the same servers, or
    /// another job of the same disk. If there is none, it is skipped. With this, elements still fit after
    /// others were left out and terms and numbers have changed.
    Similar,
}

/// Decides the order of events in a run.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
pub enum EventOrder {
    /// The random streams decide.
    #[default]
    Drawn,
    /// The random streams decide, and [`Run::schedule`](crate::runner::Run::schedule) has the schedule.
    Recorded,
    /// This schedule decides. The run ends with its last element.
    Scheduled(Fit, Vec<Element>),
}

impl EventOrder {
    /// The order of this schedule. Each line is the text of an element.
    ///
    /// # Panics
    /// Panics if a line is not an element.
    #[must_use]
    pub fn scheduled(lines: &[&str]) -> Self {
        let element = |line: &&str| line.parse().unwrap_or_else(|error| panic!("{error}"));
        Self::Scheduled(Fit::Exact, lines.iter().map(element).collect())
    }
}

/// Identifies a message between servers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MessageId {
    /// The call to which the message belongs.
    pub call: CallId,
    /// 0 for the request itself, otherwise the number of the response: a request that arrives twice is
    /// answered twice.
    pub answer: u32,
}

/// Identifies a call of one server to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId {
    /// The caller.
    pub from: ServerIdx,
    /// The callee.
    pub to: ServerIdx,
    /// The term of the caller.
    pub term: Term,
    /// The kind of the request.
    pub kind: CallKind,
    /// The number of the call among all of the same caller, callee, term and kind, from 1.
    pub ordinal: u32,
}

/// The kind of a request between servers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CallKind {
    /// `AppendEntries` with entries.
    Append,
    /// `AppendEntries` without entries.
    Heartbeat,
    /// `RequestVote`.
    Vote,
    /// `RequestPreVote`.
    PreVote,
    /// `InstallSnapshot`.
    Snapshot,
    /// `TimeoutNow`.
    TimeoutNow,
    /// A message of another protocol, by its label.
    Labelled(Label),
}

/// Identifies a job of a disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum JobId {
    /// A write, by its token.
    Write(Token),
    /// A read, or a write of a piece of a snapshot, by its ticket.
    Other(RpcId),
}

/// Identifies the work of a state machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WorkId {
    /// Applying entries up to this one.
    Apply(Index),
    /// Taking a snapshot that ends with this entry.
    TakeSnapshot(Index),
    /// Loading the snapshot that ends with this entry.
    Restore(Index),
}

/// Identifies a request of a client, and its reply.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AskId {
    /// The client.
    pub client: u16,
    /// The number of the request among all of this client, from 1.
    pub ordinal: u32,
}

impl Choice {
    /// Returns the server that acts or is acted upon, if it is a single one.
    #[must_use]
    pub const fn server(&self) -> Option<ServerIdx> {
        match self {
            Self::Deliver { message, .. } => Some(message.to()),
            Self::Fire(idx, _)
            | Self::Finish(idx, _)
            | Self::Hear(idx, _)
            | Self::Work(idx, _)
            | Self::Batch(idx)
            | Self::Call(idx, _)
            | Self::Interrupt(idx, _)
            | Self::Crash(idx)
            | Self::Wipe(idx)
            | Self::Lose(idx)
            | Self::Start(idx)
            | Self::Pause(idx)
            | Self::Resume(idx)
            | Self::Damage(idx, ..)
            | Self::FreeSpace(idx)
            | Self::NewDisk(idx)
            | Self::BreakMachine(idx, _)
            | Self::Move(idx)
            | Self::Jump(idx, _)
            | Self::Freeze(idx, _)
            | Self::Drift(idx, _) => Some(*idx),
            Self::Ask(_)
            | Self::Reply(_)
            | Self::ExchangeAddresses(..)
            | Self::Network(_)
            | Self::Heal(_)
            | Self::Rest => None,
        }
    }
}

impl MessageId {
    /// Returns the server that receives the message.
    #[must_use]
    pub const fn to(&self) -> ServerIdx {
        if self.answer == 0 { self.call.to } else { self.call.from }
    }
}
