//! One operation of one client, from the invocation to the end, as judges and traces get it.

use crate::kv::wire::{Command, Got, Outcome, Response, Verb};
use crate::observe::Ending;
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Bytes, Index, ReadPath, Time};

/// An operation.
#[derive(Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its number, unique in the run, from 1 on.
    pub number: u64,
    /// Whose it is.
    pub client: u16,
    /// The key that it is about.
    pub key: u32,
    /// What is wanted.
    pub aim: Aim,
    /// When it began.
    pub invoked: Time,
    /// The place of its beginning among the beginnings and ends of all operations.
    pub order: u64,
    /// How it ended, if it has.
    pub end: Option<End>,
}

/// What an operation wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Aim {
    /// To apply a command ([`Command`]).
    Write(Bytes),
    /// To read the key's value.
    Read {
        /// By this path; `None` for the local state, however old.
        path: Option<ReadPath>,
        /// From this server and no other.
        pinned: Option<Slot>,
    },
}

/// How an operation ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    /// When.
    pub at: Time,
    /// The place of its end among the beginnings and ends of all operations.
    pub order: u64,
    /// How.
    pub ending: Ending,
    /// What it was told, if it was told anything.
    pub answer: Option<Told>,
}

/// What an operation was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// A command: applied by the entry at this index, with this response.
    Applied(Index, Bytes),
    /// A read: this is there ([`Got`]).
    Got(Bytes),
}

impl Operation {
    /// The command, if it is a write.
    #[must_use]
    pub fn command(&self) -> Option<Command<'_>> {
        self.bytes().map(|bytes| Command::decode(bytes).expect("clients send commands"))
    }

    /// The command as it was sent, if it is a write.
    #[must_use]
    pub const fn bytes(&self) -> Option<&Bytes> {
        match &self.aim {
            Aim::Write(bytes) => Some(bytes),
            Aim::Read { .. } => None,
        }
    }

    /// What it was told, if it was told anything.
    #[must_use]
    pub fn told(&self) -> Option<&Told> {
        self.end.as_ref()?.answer.as_ref()
    }

    /// Whether it has come to this end.
    #[must_use]
    pub fn ended(&self, ending: Ending) -> bool {
        self.end.as_ref().is_some_and(|end| end.ending == ending)
    }
}

/// As it is told in traces.
impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{} #{} ", self.client, self.number)?;
        match &self.aim {
            Aim::Write(_) => self.fmt_command(f)?,
            Aim::Read { path, pinned } => {
                match path {
                    Some(ReadPath::Index) => write!(f, "read k{}", self.key)?,
                    Some(ReadPath::Lease) => write!(f, "lease-read k{}", self.key)?,
                    Some(ReadPath::Verify) => write!(f, "verify-read k{}", self.key)?,
                    None => write!(f, "stale-read k{}", self.key)?,
                }
                if let Some(slot) = pinned {
                    write!(f, " at {slot}")?;
                }
            }
        }
        match &self.end {
            Some(end) => end.fmt(f),
            None => Ok(()),
        }
    }
}

impl Operation {
    fn fmt_command(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(command) = self.command() else { return Ok(()) };
        match command.verb {
            Verb::Put(value) => write!(f, "put k{} = {}", self.key, Text(value))?,
            Verb::Append(value) => write!(f, "append k{} + {}", self.key, Text(value))?,
            Verb::Cas { expected, new } => {
                write!(f, "cas k{} {} -> {}", self.key, Text(expected), Text(new))?;
            }
            Verb::Delete => write!(f, "delete k{}", self.key)?,
        }
        write!(f, " (s{}.{})", command.session, command.sequence)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ending, &self.answer) {
            (Ending::Ok, Some(told)) => told.fmt(f),
            (Ending::Ok, None) => write!(f, ": done"),
            (Ending::Failed, _) => write!(f, ": refused"),
            (Ending::Unknown, _) => write!(f, ": unknown"),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied(index, bytes) => match Response::decode(bytes) {
                Some(Response { outcome: Outcome::Done, effective }) => {
                    write!(f, ": done by {effective}, said {index}")
                }
                Some(Response { outcome: Outcome::Mismatch, .. }) => write!(f, ": mismatch, said {index}"),
                Some(Response { outcome: Outcome::Outdated, .. }) => write!(f, ": outdated, said {index}"),
                Some(Response { outcome: Outcome::Malformed, .. }) | None => {
                    write!(f, ": not understood, said {index}")
                }
            },
            Self::Got(bytes) => match Got::decode(bytes) {
                Some(got) => write!(f, ": {} of {}, state {}", Text(got.value), got.version, got.applied),
                None => write!(f, ": not understood"),
            },
        }
    }
}

/// A value in quotes.
pub(in crate::kv) struct Text<'a>(pub(in crate::kv) &'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}
