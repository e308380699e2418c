//! What was found, in words that outlast the search.

use super::bounds::Bounds;
use super::fingerprint::MOST;
use super::model::{Code, Model};
use super::state::Move;
use super::stimulus::{Letter, Stimulus};
use crate::explore::call_id::Name;
use crate::observe::Carried;
use crate::observe::trace::carried;
use crate::plan::server_set::Slot;
use std::fmt;
use std::str::FromStr;
use wavetank_raft::{NodeId, Term};

/// What happened, step by step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Within which bounds.
    pub bounds: Bounds,
    /// Whether writes are on disk at once when no crash can come any more.
    pub calm: bool,
    /// What.
    pub steps: Vec<Step>,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A server's patience was over.
    TimeOut(Slot),
    /// A leader gave up.
    Resign(Slot),
    /// A leader spoke unasked.
    Beat(Slot),
    /// A server's oldest write was on disk.
    Persist(Slot),
    /// From here on a server's disk writes nothing, until it dies.
    Hang(Slot),
    /// A server died and started again.
    Crash(Slot),
    /// A client asked a server.
    Propose(Slot),
    /// An operator asked the first for the second to be a voter.
    Add(Slot, Slot),
    /// An operator asked the first for the second to go.
    Remove(Slot, Slot),
    /// A letter arrived.
    Deliver(Post),
    /// A letter arrived, and was still on its way.
    Duplicate(Post),
    /// A letter was lost.
    Drop(Post),
}

/// A letter, so that it can be told from all others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Post {
    /// The call that it is, or answers.
    pub name: Name,
    /// Whether it is the answer.
    pub answers: bool,
    /// What it says.
    pub words: String,
}

impl Post {
    /// A letter in words.
    #[must_use]
    pub fn of(letter: &Letter) -> Self {
        match letter {
            Letter::Call { name, request } => {
                Self { name: *name, answers: false, words: carried(Carried::Request(request)) }
            }
            Letter::Answer { name, response } => {
                Self { name: *name, answers: true, words: carried(Carried::Response(response)) }
            }
        }
    }
}

impl Step {
    /// A move of a search, in one step or two.
    pub(super) fn of(model: &Model, by: Move) -> Vec<Self> {
        let post = |letter: u32| Post::of(model.letter(letter));
        match by {
            Move::Local(slot, code) => vec![Self::local(model, slot, code)],
            Move::HangLocal(slot, code) => vec![Self::Hang(slot), Self::local(model, slot, code)],
            Move::Deliver(letter) => vec![Self::Deliver(post(letter))],
            Move::HangDeliver(letter) => {
                vec![Self::Hang(model.letter(letter).to()), Self::Deliver(post(letter))]
            }
            Move::Duplicate(letter) => vec![Self::Duplicate(post(letter))],
            Move::Drop(letter) => vec![Self::Drop(post(letter))],
        }
    }

    fn local(model: &Model, slot: Slot, code: Code) -> Self {
        match model.stimulus(code) {
            Stimulus::TimeOut => Self::TimeOut(slot),
            Stimulus::Resign => Self::Resign(slot),
            Stimulus::Beat => Self::Beat(slot),
            Stimulus::Persist => Self::Persist(slot),
            Stimulus::Propose => Self::Propose(slot),
            Stimulus::Crash => Self::Crash(slot),
            Stimulus::Add(other) => Self::Add(slot, other),
            Stimulus::Remove(other) => Self::Remove(slot, other),
            Stimulus::Take(_) => unreachable!("a letter is nobody's own doing"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeOut(slot) => write!(f, "timeout {slot}"),
            Self::Resign(slot) => write!(f, "resign  {slot}"),
            Self::Beat(slot) => write!(f, "beat    {slot}"),
            Self::Persist(slot) => write!(f, "persist {slot}"),
            Self::Hang(slot) => write!(f, "hang    {slot}"),
            Self::Crash(slot) => write!(f, "crash   {slot}"),
            Self::Propose(slot) => write!(f, "propose {slot}"),
            Self::Add(slot, other) => write!(f, "add     {slot} {other}"),
            Self::Remove(slot, other) => write!(f, "remove  {slot} {other}"),
            Self::Deliver(post) => write!(f, "deliver {post}"),
            Self::Duplicate(post) => write!(f, "again   {post}"),
            Self::Drop(post) => write!(f, "drop    {post}"),
        }
    }
}

impl fmt::Display for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.answers { "answer" } else { "call" };
        write!(f, "{kind} {}: {}", self.name, self.words)
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let nonsense = || format!("`{text}` is no step");
        let (verb, rest) = text.split_once(' ').ok_or_else(nonsense)?;
        let rest = rest.trim_start();
        let (slot, other) = rest.split_once(' ').map_or((rest, None), |(slot, other)| (slot, Some(other)));
        let one = || if other.is_none() { slot_of(slot) } else { None };
        let two = || slot_of(slot).zip(other.and_then(slot_of));
        let post = || Post::parse(rest);
        match verb {
            "timeout" => one().map(Self::TimeOut),
            "resign" => one().map(Self::Resign),
            "beat" => one().map(Self::Beat),
            "persist" => one().map(Self::Persist),
            "hang" => one().map(Self::Hang),
            "crash" => one().map(Self::Crash),
            "propose" => one().map(Self::Propose),
            "add" => two().map(|(slot, other)| Self::Add(slot, other)),
            "remove" => two().map(|(slot, other)| Self::Remove(slot, other)),
            "deliver" => post().map(Self::Deliver),
            "again" => post().map(Self::Duplicate),
            "drop" => post().map(Self::Drop),
            _ => None,
        }
        .ok_or_else(nonsense)
    }
}

fn slot_of(text: &str) -> Option<Slot> {
    Slot::of(NodeId::of(text)).filter(|slot| slot.at() < MOST)
}

impl Post {
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(' ')?;
        let (name, words) = rest.split_once(": ")?;
        let answers = match kind {
            "answer" => true,
            "call" => false,
            _ => return None,
        };
        Some(Self { name: name_of(name)?, answers, words: words.to_owned() })
    }
}

/// `n1>n2 t3 #1`, and from the second life on `life 2`.
fn name_of(text: &str) -> Option<Name> {
    let mut words = text.split(' ');
    let (from, to) = words.next()?.split_once('>')?;
    let term = Term(words.next()?.strip_prefix('t')?.parse().ok()?);
    let ordinal = words.next()?.strip_prefix('#')?.parse().ok()?;
    let life = match (words.next(), words.next()) {
        (None, None) => 1,
        (Some("life"), Some(life)) => life.parse().ok()?,
        (None | Some(_), None | Some(_)) => return None,
    };
    Some(Name { from: slot_of(from)?, to: slot_of(to)?, life, term, ordinal })
}
