//! A schedule: a run as a list of choices.
//!
//! A plan leaves the order of events to random streams. A schedule states the order: the message that arrives
//! next, the timer that fires, the disk job that ends, the server that crashes. Each element names its object
//! by an identity that does not depend on the other elements, so an element can be left out. If the object of
//! an element does not exist in a replay, the element is skipped and counted.
//!
//! A world records the schedule of any run ([`World::record_schedule`](crate::World::record_schedule)) and
//! plays a schedule ([`World::play`](crate::World::play)). Faults of links, pauses of machines and losses of
//! messages need no element of their own: a message that no element delivers is lost.

mod identities;
mod label;
mod renumber;
mod text;

pub(crate) use identities::Identities;
pub use label::Label;
pub use text::ElementError;

use crate::disk::fault::{DiskFault, MachineFault};
use crate::observe::network_change::NetworkChange;
use crate::plan::rng::Draw;
use crate::plan::server_set::{ServerIdx, ServerSet};
use std::fmt;
use wavetank_raft::{Call, DeadlineReason, Index, RpcId, Span, Term, Time, Token};

/// One choice of a run, with the virtual time of the choice. An element is serialised as a line of text.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Element {
    /// The virtual time of the choice, in microseconds. In a replay, an element never happens before this
    /// time or before the previous element.
    pub at: Time,
    /// The choice.
    pub choice: Choice,
}

/// A choice of the next event.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Choice {
    /// A message arrives. The same message may arrive more than once.
    Deliver {
        /// The message.
        message: MessageId,
        /// A random word that selects the flipped bits of the message; `None` if no bit flips.
        flips: Option<u64>,
    },
    /// The timer of a server fires for this reason. Virtual time advances to the server's deadline.
    Fire(ServerIdx, DeadlineReason),
    /// The running jobs of a disk end. The id names the last of these jobs.
    Finish(ServerIdx, JobId),
    /// A server learns the result of a read. If the id is `None`, the server learns that a write has failed.
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
    /// A server crashes while it executes the actions of the next element. The server executes only this
    /// number of the actions.
    Interrupt(ServerIdx, usize),
    /// A server crashes.
    Crash(ServerIdx),
    /// A server crashes and its disk is erased.
    Wipe(ServerIdx),
    /// A server and its disk are lost for ever.
    Lose(ServerIdx),
    /// A server starts.
    Start(ServerIdx),
    /// A server pauses.
    Pause(ServerIdx),
    /// A paused server resumes.
    Resume(ServerIdx),
    /// A disk is damaged. The draw selects the location of the damage.
    Damage(ServerIdx, DiskFault, Draw),
    /// A server crashes and gets a new disk. The messages to the old machine are lost.
    NewDisk(ServerIdx),
    /// A state machine has this fault from now on.
    BreakMachine(ServerIdx, MachineFault),
    /// A server moves to an address that no server had before.
    Move(ServerIdx),
    /// Two servers exchange their addresses.
    ExchangeAddresses(ServerIdx, ServerIdx),
    /// A full disk has free space again.
    FreeSpace(ServerIdx),
    /// Links are cut or restored.
    Network(NetworkChange),
    /// A clock jumps forward.
    Jump(ServerIdx, Span),
    /// A clock stops for this span.
    Freeze(ServerIdx, Span),
    /// The rate of a clock changes to this many parts per million faster than virtual time; a negative number
    /// means slower.
    Drift(ServerIdx, i32),
    /// All faults end. These servers stay down for ever.
    Heal(ServerSet),
    /// The clients begin no new operations.
    Rest,
}

/// Decides what a run does when the object of an element does not exist.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Fit {
    /// The element is skipped.
    Exact,
    /// The element takes a similar object: another message of the same kind between the same servers, or
    /// another job of the same disk. If there is no similar object, the element is skipped. Therefore an
    /// element still has an object when other elements were left out, and terms and numbers have changed.
    Similar,
    /// The element takes a similar object, as with `Similar`, but some timers that are not due are skipped: a
    /// timer that only maintains the state of a server, and a timer that is due after a timer of a leader.
    /// Therefore a part of a schedule can be left out together with its time. No later timer lets so much time
    /// pass that a leader loses its lease.
    Punctual,
    /// The element takes a similar object, as with `Similar`, but no message arrives twice. The element takes
    /// the oldest similar message that has not arrived and that is not older than the named message. If a
    /// timer that only maintains the state of a server is due before the named timer, that timer fires first,
    /// without an element of its own. Therefore a part of a schedule can be repeated.
    Repeating,
}

/// The reason why a run skipped an element of its schedule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SkipReason {
    /// The object of the element does not exist.
    NoObject,
    /// The element names a message, and the servers use another protocol.
    OtherProtocol,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoObject => "its object does not exist",
            Self::OtherProtocol => "its message belongs to another protocol",
        })
    }
}

/// Decides the order of events in a run.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
pub enum EventOrder {
    /// The random streams decide.
    #[default]
    Drawn,
    /// The random streams decide, and [`Run::schedule`](crate::runner::Run::schedule) has the schedule.
    Recorded,
    /// The random streams of the plan's seed decide up to an observation. After this observation, the streams
    /// of another seed decide.
    Branched {
        /// The number of the observation.
        step: u64,
        /// The other seed.
        seed: u64,
    },
    /// This schedule decides the order. The run ends with the last element of the schedule.
    Scheduled(Fit, Vec<Element>),
    /// This schedule decides the order up to the last element of the schedule. Then all faults end, the
    /// random streams decide, and the healed servers must make progress as at the end of a storm.
    HealedAfter(Fit, Vec<Element>),
}

impl EventOrder {
    /// Makes an order from a schedule. Each line is the text of an element.
    ///
    /// # Panics
    /// Panics if a line is not an element.
    #[must_use]
    pub fn scheduled(lines: &[&str]) -> Self {
        Self::Scheduled(Fit::Exact, parsed(lines))
    }

    /// Makes an order from a schedule after which all faults end. Each line is the text of an element.
    ///
    /// # Panics
    /// Panics if a line is not an element.
    #[must_use]
    pub fn healed_after(lines: &[&str]) -> Self {
        Self::HealedAfter(Fit::Exact, parsed(lines))
    }

    /// Returns the schedule; an empty list if the random streams decide from the beginning.
    #[must_use]
    pub fn elements(&self) -> &[Element] {
        match self {
            Self::Scheduled(_, elements) | Self::HealedAfter(_, elements) => elements,
            Self::Drawn | Self::Recorded | Self::Branched { .. } => &[],
        }
    }
}

fn parsed(lines: &[&str]) -> Vec<Element> {
    lines.iter().map(|line| line.parse().unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// Identifies a message between servers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MessageId {
    /// The call to which the message belongs.
    pub call: CallId,
    /// Zero for the request itself. For a response, the number of the response, from 1: a request that
    /// arrives twice has two responses.
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
    /// The number of the call among all calls of the same caller, callee, term and kind, from 1.
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
    /// A message of another protocol, with this label.
    Labelled(Label),
}

/// Identifies a job of a disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum JobId {
    /// A write with this token.
    Write(Token),
    /// A read, or a write of a piece of a snapshot, with this ticket.
    Other(RpcId),
}

/// Identifies the work of a state machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WorkId {
    /// The state machine applies the entries up to this one.
    Apply(Index),
    /// The state machine takes a snapshot that ends with this entry.
    TakeSnapshot(Index),
    /// The state machine loads the snapshot that ends with this entry.
    Restore(Index),
}

/// Identifies a request of a client, and the reply to the request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AskId {
    /// The client.
    pub client: u16,
    /// The number of the request among all requests of this client, from 1.
    pub ordinal: u32,
}

impl CallKind {
    /// True if the tank does not read the content of the message.
    pub(crate) const fn is_labelled(self) -> bool {
        matches!(self, Self::Labelled(_))
    }
}

impl Choice {
    /// Returns the server that the choice concerns. Returns `None` if the choice does not concern exactly one
    /// server.
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

impl Choice {
    /// Returns the servers that the choice names.
    pub(crate) fn servers(&self) -> Vec<ServerIdx> {
        match self {
            Self::Deliver { message, .. } => vec![message.call.from, message.call.to],
            Self::ExchangeAddresses(one, other) => vec![*one, *other],
            choice => choice.server().into_iter().collect(),
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
