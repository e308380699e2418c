//! One operation of one client, from the invocation to the end, as judges and traces get it.

use crate::engine::workload::{Reply, Want};
use crate::observe::OperationEnd;
use crate::plan::server_set::ServerIdx;
use std::fmt;
use wavetank_raft::{Answer, Data, Error, Index, Time};

/// An operation.
#[derive(Clone, PartialEq, Eq)]
pub struct Operation<W> {
    /// Its number, unique in the run, from 1 on.
    pub number: u64,
    /// The client that began it.
    pub client: u16,
    /// The one server that this client asks; `None` for a client that looks for the leader.
    pub pinned: Option<ServerIdx>,
    /// What it asks for.
    pub wanted: W,
    /// When it began.
    pub invoked: Time,
    /// The place of its beginning among the beginnings and ends of all operations.
    pub order: u64,
    /// How it ended, if it has.
    pub end: Option<End>,
}

/// What an operation asks for. It is displayed as in `put k1 = "a"`.
pub trait Wanted: Clone + fmt::Debug + fmt::Display + 'static {
    /// What is asked of a server.
    fn want(&self) -> Want;

    /// Displays what an operation was told, as in `: done`.
    ///
    /// # Errors
    /// Those of the formatter.
    fn fmt_told(told: &Told, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// How an operation ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    /// When it ended.
    pub at: Time,
    /// The place of its end among the beginnings and ends of all operations.
    pub order: u64,
    /// What its client knows of it.
    pub ending: OperationEnd,
    /// What it was told, if it was done.
    pub answer: Option<Told>,
}

/// What an operation was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// A command: the entry at this index applied it, with this response.
    Applied(Index, Data),
    /// A read: what the query returned.
    Got(Data),
}

impl<W> Operation<W> {
    /// What it was told, if it was told anything.
    #[must_use]
    pub fn told(&self) -> Option<&Told> {
        self.end.as_ref()?.answer.as_ref()
    }

    /// Whether it has come to this end.
    #[must_use]
    pub fn ended(&self, ending: OperationEnd) -> bool {
        self.end.as_ref().is_some_and(|end| end.ending == ending)
    }
}

/// As traces tell it.
impl<W: Wanted> fmt::Debug for Operation<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<W: Wanted> fmt::Display for Operation<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{} #{} {}", self.client, self.number, self.wanted)?;
        if let Some(idx) = self.pinned {
            write!(f, " at {idx}")?;
        }
        match &self.end {
            Some(End { answer: Some(told), .. }) => W::fmt_told(told, f),
            Some(End { ending: OperationEnd::Ok, .. }) => write!(f, ": done"),
            Some(End { ending: OperationEnd::Failed, .. }) => write!(f, ": refused"),
            Some(End { ending: OperationEnd::Unknown, .. }) => write!(f, ": unknown"),
            None => Ok(()),
        }
    }
}

impl Wanted for Want {
    fn want(&self) -> Want {
        self.clone()
    }

    fn fmt_told(told: &Told, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match told {
            Told::Applied(index, response) => write!(f, ": \"{}\", said {index}", response.escape_ascii()),
            Told::Got(answer) => write!(f, ": \"{}\"", answer.escape_ascii()),
        }
    }
}

/// What a reply means to a client.
pub(super) enum LeaderContact {
    /// It was done.
    Told(Told),
    /// It was not done, for certain; this server may lead.
    Refused(Option<ServerIdx>),
    /// It may have been done.
    Doubt,
}

impl From<Reply> for LeaderContact {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Answered(Ok(Answer::Applied { index, response })) => {
                Self::Told(Told::Applied(index, response))
            }
            // Another answer is none to a command: a judge has said so already.
            Reply::Answered(Ok(_)) | Reply::Broken => Self::Doubt,
            Reply::Value(Ok(value)) => Self::Told(Told::Got(value)),
            Reply::Answered(Err(
                Error::LeadershipLost | Error::AbortedByRestore | Error::Shutdown | Error::Store(_),
            )) => Self::Doubt,
            // A read changes nothing, so that any error of a read is a refusal.
            Reply::Answered(Err(error)) | Reply::Value(Err(error)) => Self::Refused(leader(&error)),
        }
    }
}

/// The server that an error points to.
fn leader(error: &Error) -> Option<ServerIdx> {
    if let Error::NotLeader(Some((id, _))) = error { ServerIdx::of(id.node()) } else { None }
}
