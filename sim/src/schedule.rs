//! A schedule: a run as a list of choices.
//!
//! A plan leaves the order of events to random streams. A schedule states the order: the message that arrives
//! next, the timer that fires, the disk job that ends, the server that crashes. Most elements have an object:
//! the message, the timer, the disk job or the server that the element names. The identity of the object does
//! not depend on the other elements, so a schedule may omit any element. If the object of an element does not
//! exist in a replay, the element is skipped and counted.
//!
//! A world records the schedule of any run ([`World::record_schedule`](crate::World::record_schedule)) and
//! plays a schedule ([`World::play`](crate::World::play)). Faults of links, stalls of state machines and
//! losses of messages need no elements: a message is lost if no element delivers the message.

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
    /// The virtual time of the choice, in microseconds. In a replay, the choice happens at this time or later,
    /// and after the choice of the previous element.
    pub at: Time,
    /// The choice that happens at this time.
    pub choice: Choice,
}

/// A choice of the next event.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Choice {
    /// A message arrives. The same message may arrive more than once.
    Deliver {
        /// The message that arrives.
        message: MessageId,
        /// A random word that selects the flipped bits of the message; `None` if no bit flips.
        flips: Option<u64>,
    },
    /// The timer of a server fires for this reason. If the server's deadline is in the future, virtual time
    /// first advances to this deadline.
    Fire(ServerIdx, DeadlineReason),
    /// The running jobs of a disk end together. The id names the last of these jobs.
    Finish(ServerIdx, JobId),
    /// A server learns the result of the read with this id. If the id is `None`, the server learns that a
    /// write has failed.
    Hear(ServerIdx, Option<RpcId>),
    /// The state machine of a server ends its current work. The id names this work.
    Work(ServerIdx, WorkId),
    /// A server receives the batch of client commands that the tank has collected for the server.
    Batch(ServerIdx),
    /// A request of a client reaches the server that the client calls.
    Ask(AskId),
    /// The reply to a request reaches the client of the request.
    Reply(AskId),
    /// An operator calls a server.
    Call(ServerIdx, Box<Call>),
    /// A server crashes while the server executes the actions of the next element. The server executes this
    /// number of actions before the crash.
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
    /// The disk of a server is damaged. The draw selects the location of the damage.
    Damage(ServerIdx, DiskFault, Draw),
    /// A server crashes and gets a new, empty disk. The messages that are on the way to the server are lost.
    NewDisk(ServerIdx),
    /// The state machine of a server gets this fault.
    BreakMachine(ServerIdx, MachineFault),
    /// A server moves to an address that no server had before.
    Move(ServerIdx),
    /// Two servers exchange their addresses.
    ExchangeAddresses(ServerIdx, ServerIdx),
    /// A full disk has free space again.
    FreeSpace(ServerIdx),
    /// Links are cut or restored.
    Network(NetworkChange),
    /// The clock of a server jumps forward by this span.
    Jump(ServerIdx, Span),
    /// The clock of a server stops for this span.
    Freeze(ServerIdx, Span),
    /// The clock of a server now runs faster than virtual time by this number of parts per million. A
    /// negative number means slower.
    Drift(ServerIdx, i32),
    /// All faults end. These servers stay down for ever.
    Heal(ServerSet),
    /// From this choice on, the clients begin no new operations.
    Rest,
}

/// The rule for an element whose object does not exist in a replay. A replay skips the element, or plays the
/// element with a similar object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Fit {
    /// The replay skips every element whose object does not exist.
    Exact,
    /// The replay uses a similar object: another message of the same kind between the same servers, another
    /// job of the same disk, or another request of the same client. If there is no similar object, the replay
    /// skips the element. So an element still has an object after other elements were left out, although
    /// terms and numbers have changed.
    Similar,
    /// The replay uses a similar object, as with `Similar`, but skips a timer that is not due yet in two cases.
    /// In the first case, the timer only maintains the state of its server. In the second case, a timer of a
    /// leader on another server is due earlier. Otherwise such a timer could advance virtual time so far that
    /// the leader loses its lease. The shrinker can thus remove a part of a schedule together with the virtual
    /// time that the part takes.
    Punctual,
    /// The replay uses a similar object, as with `Similar`, but no message arrives twice. The similar message
    /// is the oldest message that has not arrived and that is not older than the named message. If the server
    /// has an earlier timer that only maintains the state of the server, this timer fires first, without an
    /// element of its own. So a schedule can contain the same part several times.
    Repeating,
}

/// The reason why a run skipped an element of its schedule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SkipReason {
    /// The object of the element does not exist.
    NoObject,
    /// The element names a message of another protocol than the protocol of the servers.
    OtherProtocol,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoObject => "the object of the element does not exist",
            Self::OtherProtocol => "the message of the element belongs to another protocol",
        })
    }
}

/// The source that decides the order of events in a run.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
pub enum EventOrder {
    /// The random streams decide.
    #[default]
    Drawn,
    /// The random streams decide. [`Run::schedule`](crate::runner::Run::schedule) has the recorded schedule.
    Recorded,
    /// The random streams of the plan's seed decide up to an observation. After this observation, the streams
    /// of another seed decide.
    Branched {
        /// The number of the observation.
        step: u64,
        /// The seed of the streams after the observation.
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

    /// Makes an order from a schedule. All faults end after the last element of the schedule. Each line is
    /// the text of an element.
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
    /// Zero for the request of the call. For a response, the number of the response among all responses to
    /// this request, from 1. A request that arrives twice has two responses.
    pub answer: u32,
}

/// Identifies a call of one server to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId {
    /// The server that sends the request.
    pub from: ServerIdx,
    /// The server that receives the request.
    pub to: ServerIdx,
    /// The term of the sender.
    pub term: Term,
    /// The kind of the request.
    pub kind: CallKind,
    /// The number of the call among all calls with the same sender, receiver, term and kind, from 1.
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
    /// A job with this ticket: a read of the log, or the write of a piece of a snapshot.
    Other(RpcId),
}

/// Identifies the work of a state machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WorkId {
    /// The state machine applies the entries up to this index.
    Apply(Index),
    /// The state machine takes a snapshot. The last entry of the snapshot has this index.
    TakeSnapshot(Index),
    /// The state machine loads a snapshot. The last entry of the snapshot has this index.
    Restore(Index),
}

/// Identifies a request of a client, and the reply to the request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AskId {
    /// The number of the client.
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
    /// Returns the servers that the choice names. For the choices `Network` and `Heal`, the list is empty.
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
