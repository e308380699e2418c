//! A schedule of an exploration, and the text form of the schedule. The text stays valid if the code changes
//! after the search.

use super::bounds::Bounds;
use super::fingerprint::SERVERS_MAX;
use super::state::Move;
use super::stimulus::{ModelMessage, Stimulus};
use super::transition_cache::{StimulusCode, TransitionCache};
use crate::explore::call_id::CallId;
use crate::observe::MessageRef;
use crate::observe::trace::{UNKNOWN, message as describe};
use crate::plan::server_set::ServerIdx;
use crate::subject::Wavetank;
use std::fmt;
use std::str::FromStr;
use wavetank_raft::{NodeId, Term};

/// A sequence of steps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// The bounds of the search.
    pub bounds: Bounds,
    /// True if the search used the reduction [`Reductions::disks`](super::search::Reductions::disks).
    pub disk_reduction: bool,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

impl Schedule {
    /// Returns an error if a step names a server that the bounds do not have. The error names the step.
    pub(crate) fn validate(&self) -> Result<(), String> {
        let servers = self.bounds.servers();
        for step in &self.steps {
            if let Some(idx) = step.servers().find(|&idx| !servers.contains(idx)) {
                return Err(format!(
                    "the step `{step}` names {idx}, but there are only {} servers",
                    servers.len()
                ));
            }
        }
        Ok(())
    }
}

/// One event of an exploration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A server's election timeout expired.
    TimeOut(ServerIdx),
    /// A leader stepped down.
    Resign(ServerIdx),
    /// A leader sent a heartbeat or announced a commit.
    Beat(ServerIdx),
    /// A server's oldest pending write became durable.
    Persist(ServerIdx),
    /// A server's disk stopped writing. The disk writes again after the next crash of the server.
    Hang(ServerIdx),
    /// A server crashed and restarted.
    Crash(ServerIdx),
    /// A client sent a command to a server.
    Propose(ServerIdx),
    /// An operator asked the first server to add the second server as a voter.
    Add(ServerIdx, ServerIdx),
    /// An operator asked the first server to remove the second server.
    Remove(ServerIdx, ServerIdx),
    /// A message was delivered.
    Deliver(MessageId),
    /// A message was delivered, and a copy stayed in flight.
    Duplicate(MessageId),
    /// A message was lost.
    Drop(MessageId),
}

/// Identifies one message of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageId {
    /// The call to which the message belongs.
    pub call_id: CallId,
    /// True if the message is the response to the call.
    pub answers: bool,
    /// The content of the message, in the form that traces show.
    pub content: String,
}

impl MessageId {
    /// Returns the identity of a message.
    #[must_use]
    pub fn of(message: &ModelMessage) -> Self {
        match message {
            ModelMessage::Request { call_id, request } => {
                let content = describe::<Wavetank>(MessageRef::Request(request), UNKNOWN);
                Self { call_id: *call_id, answers: false, content }
            }
            ModelMessage::Response { call_id, response } => {
                let content = describe::<Wavetank>(MessageRef::Response(response), UNKNOWN);
                Self { call_id: *call_id, answers: true, content }
            }
        }
    }
}

impl Step {
    /// Returns the servers that the step names.
    fn servers(&self) -> impl Iterator<Item = ServerIdx> {
        let (one, other) = match self {
            Self::TimeOut(idx)
            | Self::Resign(idx)
            | Self::Beat(idx)
            | Self::Persist(idx)
            | Self::Hang(idx)
            | Self::Crash(idx)
            | Self::Propose(idx) => (*idx, None),
            Self::Add(idx, other) | Self::Remove(idx, other) => (*idx, Some(*other)),
            Self::Deliver(message) | Self::Duplicate(message) | Self::Drop(message) => {
                (message.call_id.from, Some(message.call_id.to))
            }
        };
        std::iter::once(one).chain(other)
    }

    /// Returns the one or two steps that correspond to a move of the search.
    pub(super) fn of(cache: &TransitionCache, by: Move) -> Vec<Self> {
        let message_id = |message: u32| MessageId::of(cache.message(message));
        match by {
            Move::Local(idx, code) => vec![Self::local(cache, idx, code)],
            Move::LocalHang(idx, code) => vec![Self::Hang(idx), Self::local(cache, idx, code)],
            Move::Deliver(message) => vec![Self::Deliver(message_id(message))],
            Move::DeliverHang(message) => {
                vec![Self::Hang(cache.message(message).to()), Self::Deliver(message_id(message))]
            }
            Move::Duplicate(message) => vec![Self::Duplicate(message_id(message))],
            Move::Drop(message) => vec![Self::Drop(message_id(message))],
        }
    }

    fn local(cache: &TransitionCache, idx: ServerIdx, code: StimulusCode) -> Self {
        match cache.stimulus(code) {
            Stimulus::TimeOut => Self::TimeOut(idx),
            Stimulus::Resign => Self::Resign(idx),
            Stimulus::Beat => Self::Beat(idx),
            Stimulus::Persist => Self::Persist(idx),
            Stimulus::Propose => Self::Propose(idx),
            Stimulus::Crash => Self::Crash(idx),
            Stimulus::Add(other) => Self::Add(idx, other),
            Stimulus::Remove(other) => Self::Remove(idx, other),
            Stimulus::Deliver(_) => unreachable!("a delivery is not a local move"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeOut(idx) => write!(f, "timeout {idx}"),
            Self::Resign(idx) => write!(f, "resign  {idx}"),
            Self::Beat(idx) => write!(f, "beat    {idx}"),
            Self::Persist(idx) => write!(f, "persist {idx}"),
            Self::Hang(idx) => write!(f, "hang    {idx}"),
            Self::Crash(idx) => write!(f, "crash   {idx}"),
            Self::Propose(idx) => write!(f, "propose {idx}"),
            Self::Add(idx, other) => write!(f, "add     {idx} {other}"),
            Self::Remove(idx, other) => write!(f, "remove  {idx} {other}"),
            Self::Deliver(message_id) => write!(f, "deliver {message_id}"),
            Self::Duplicate(message_id) => write!(f, "again   {message_id}"),
            Self::Drop(message_id) => write!(f, "drop    {message_id}"),
        }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.answers { "answer" } else { "call" };
        write!(f, "{kind} {}: {}", self.call_id, self.content)
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let nonsense = || format!("`{text}` is not a step of a schedule");
        let (verb, rest) = text.split_once(' ').ok_or_else(nonsense)?;
        let rest = rest.trim_start();
        let (idx, other) = rest.split_once(' ').map_or((rest, None), |(idx, other)| (idx, Some(other)));
        let one = || if other.is_none() { idx_of(idx) } else { None };
        let two = || idx_of(idx).zip(other.and_then(idx_of));
        let message_id = || MessageId::parse(rest);
        match verb {
            "timeout" => one().map(Self::TimeOut),
            "resign" => one().map(Self::Resign),
            "beat" => one().map(Self::Beat),
            "persist" => one().map(Self::Persist),
            "hang" => one().map(Self::Hang),
            "crash" => one().map(Self::Crash),
            "propose" => one().map(Self::Propose),
            "add" => two().map(|(idx, other)| Self::Add(idx, other)),
            "remove" => two().map(|(idx, other)| Self::Remove(idx, other)),
            "deliver" => message_id().map(Self::Deliver),
            "again" => message_id().map(Self::Duplicate),
            "drop" => message_id().map(Self::Drop),
            _ => None,
        }
        .ok_or_else(nonsense)
    }
}

fn idx_of(text: &str) -> Option<ServerIdx> {
    ServerIdx::of(NodeId::of(text)).filter(|idx| idx.at() < SERVERS_MAX)
}

impl MessageId {
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(' ')?;
        let (call_id, content) = rest.split_once(": ")?;
        let answers = match kind {
            "answer" => true,
            "call" => false,
            _ => return None,
        };
        Some(Self { call_id: parse_call_id(call_id)?, answers, content: content.to_owned() })
    }
}

/// Parses a call identity such as `n1>n2 t3 #1`. If the caller has restarted, the number of the caller's life
/// follows, for example ` life 2`. Returns `None` if the text is not a call identity.
fn parse_call_id(text: &str) -> Option<CallId> {
    let mut parts = text.split(' ');
    let (from, to) = parts.next()?.split_once('>')?;
    let term = Term(parts.next()?.strip_prefix('t')?.parse().ok()?);
    let ordinal = parts.next()?.strip_prefix('#')?.parse().ok()?;
    let life = match (parts.next(), parts.next()) {
        (None, None) => 1,
        (Some("life"), Some(life)) => life.parse().ok()?,
        (None | Some(_), None | Some(_)) => return None,
    };
    Some(CallId { from: idx_of(from)?, to: idx_of(to)?, life, term, ordinal })
}
