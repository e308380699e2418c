//! What was boot_from, in words that outlast the search.

use super::bounds::Bounds;
use super::fingerprint::SERVERS_MAX;
use super::state::Move;
use super::stimulus::{ModelMessage, Stimulus};
use super::transition_cache::{StimulusCode, TransitionCache};
use crate::explore::call_id::CallId;
use crate::observe::Carried;
use crate::observe::trace::carried;
use crate::plan::server_set::ServerIdx;
use std::fmt;
use std::str::FromStr;
use wavetank_raft::{NodeId, Term};

/// What happened, step by step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Within which bounds.
    pub bounds: Bounds,
    /// Whether writes are on disk at once when no crash can come any more.
    pub disk_reduction: bool,
    /// What.
    pub steps: Vec<Step>,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A server's patience was over.
    TimeOut(ServerIdx),
    /// A leader gave up.
    Resign(ServerIdx),
    /// A leader spoke unasked.
    Beat(ServerIdx),
    /// A server's oldest write was on disk.
    Persist(ServerIdx),
    /// From here on a server's disk writes nothing, until it dies.
    Hang(ServerIdx),
    /// A server died and started again.
    Crash(ServerIdx),
    /// A client calls_made a server.
    Propose(ServerIdx),
    /// An operator calls_made the first for the second to be a voter.
    Add(ServerIdx, ServerIdx),
    /// An operator calls_made the first for the second to go.
    Remove(ServerIdx, ServerIdx),
    /// A letter arrived.
    Deliver(MessageRef),
    /// A letter arrived, and was still on its way.
    Duplicate(MessageRef),
    /// A letter was lost.
    Drop(MessageRef),
}

/// A letter, so that it can be told from all others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageRef {
    /// The call that it is, or answers.
    pub call_id: CallId,
    /// Whether it is the answer.
    pub answers: bool,
    /// What it says.
    pub words: String,
}

impl MessageRef {
    /// A letter in words.
    #[must_use]
    pub fn of(message: &ModelMessage) -> Self {
        match message {
            ModelMessage::Request { call_id, request } => {
                Self { call_id: *call_id, answers: false, words: carried(Carried::Request(request)) }
            }
            ModelMessage::Response { call_id, response } => {
                Self { call_id: *call_id, answers: true, words: carried(Carried::Response(response)) }
            }
        }
    }
}

impl Step {
    /// A move of a search, in one step or two.
    pub(super) fn of(cache: &TransitionCache, by: Move) -> Vec<Self> {
        let message_ref = |message: u32| MessageRef::of(cache.message(message));
        match by {
            Move::Local(idx, code) => vec![Self::local(cache, idx, code)],
            Move::LocalHang(idx, code) => vec![Self::Hang(idx), Self::local(cache, idx, code)],
            Move::Deliver(message) => vec![Self::Deliver(message_ref(message))],
            Move::DeliverHang(message) => {
                vec![Self::Hang(cache.message(message).to()), Self::Deliver(message_ref(message))]
            }
            Move::Duplicate(message) => vec![Self::Duplicate(message_ref(message))],
            Move::Drop(message) => vec![Self::Drop(message_ref(message))],
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
            Stimulus::Take(_) => unreachable!("a letter is nobody's own doing"),
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
            Self::Deliver(message_ref) => write!(f, "deliver {message_ref}"),
            Self::Duplicate(message_ref) => write!(f, "again   {message_ref}"),
            Self::Drop(message_ref) => write!(f, "drop    {message_ref}"),
        }
    }
}

impl fmt::Display for MessageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.answers { "answer" } else { "call" };
        write!(f, "{kind} {}: {}", self.call_id, self.words)
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let nonsense = || format!("`{text}` is no step");
        let (verb, rest) = text.split_once(' ').ok_or_else(nonsense)?;
        let rest = rest.trim_start();
        let (idx, other) = rest.split_once(' ').map_or((rest, None), |(idx, other)| (idx, Some(other)));
        let one = || if other.is_none() { idx_of(idx) } else { None };
        let two = || idx_of(idx).zip(other.and_then(idx_of));
        let message_ref = || MessageRef::parse(rest);
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
            "deliver" => message_ref().map(Self::Deliver),
            "again" => message_ref().map(Self::Duplicate),
            "drop" => message_ref().map(Self::Drop),
            _ => None,
        }
        .ok_or_else(nonsense)
    }
}

fn idx_of(text: &str) -> Option<ServerIdx> {
    ServerIdx::of(NodeId::of(text)).filter(|idx| idx.at() < SERVERS_MAX)
}

impl MessageRef {
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(' ')?;
        let (call_id, words) = rest.split_once(": ")?;
        let answers = match kind {
            "answer" => true,
            "call" => false,
            _ => return None,
        };
        Some(Self { call_id: parse_call_id(call_id)?, answers, words: words.to_owned() })
    }
}

/// `n1>n2 t3 #1`, and from the second life on `life 2`.
fn parse_call_id(text: &str) -> Option<CallId> {
    let mut words = text.split(' ');
    let (from, to) = words.next()?.split_once('>')?;
    let term = Term(words.next()?.strip_prefix('t')?.parse().ok()?);
    let ordinal = words.next()?.strip_prefix('#')?.parse().ok()?;
    let life = match (words.next(), words.next()) {
        (None, None) => 1,
        (Some("life"), Some(life)) => life.parse().ok()?,
        (None | Some(_), None | Some(_)) => return None,
    };
    Some(CallId { from: idx_of(from)?, to: idx_of(to)?, life, term, ordinal })
}
