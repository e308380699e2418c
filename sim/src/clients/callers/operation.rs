//! One operation of one client, from invocation to end, as judges and traces see it.

use crate::engine::workload::{Reply, Want};
use crate::observe::OperationEnd;
use crate::plan::server_set::ServerIdx;
use std::fmt;
use wavetank_raft::{Answer, Data, Index, RequestError, Time};

/// An operation of a client, with its outcome once it has one.
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
    /// The position of its invocation in the order of all invocations and ends.
    pub order: u64,
    /// How it ended, if it has.
    pub end: Option<Completion>,
}

/// What an operation asks for. It is displayed as in `put k1 = "a"`.
pub trait Wanted: Clone + fmt::Debug + fmt::Display + 'static {
    /// What is asked of a server.
    fn want(&self) -> Want;

    /// Displays the answer to an operation, as in `: done`.
    ///
    /// # Errors
    /// Those of the formatter.
    fn fmt_answer(answer: &OperationAnswer, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// How an operation ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Completion {
    /// When it ended.
    pub at: Time,
    /// The position of its end in the order of all invocations and ends.
    pub order: u64,
    /// The outcome that its client knows.
    pub ending: OperationEnd,
    /// The answer, if it was done.
    pub answer: Option<OperationAnswer>,
}

/// The answer to an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OperationAnswer {
    /// A command: the entry at this index applied it, with this response.
    Applied(Index, Data),
    /// A read: what the query returned.
    Got(Data),
}

impl<W> Operation<W> {
    /// The answer, if there was one.
    #[must_use]
    pub fn answer(&self) -> Option<&OperationAnswer> {
        self.end.as_ref()?.answer.as_ref()
    }

    /// Whether it ended this way.
    #[must_use]
    pub fn ended(&self, ending: OperationEnd) -> bool {
        self.end.as_ref().is_some_and(|end| end.ending == ending)
    }
}

/// The form in traces.
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
            Some(Completion { answer: Some(answer), .. }) => W::fmt_answer(answer, f),
            Some(Completion { ending: OperationEnd::Ok, .. }) => write!(f, ": done"),
            Some(Completion { ending: OperationEnd::Failed, .. }) => write!(f, ": refused"),
            Some(Completion { ending: OperationEnd::Unknown, .. }) => write!(f, ": unknown"),
            None => Ok(()),
        }
    }
}

impl Wanted for Want {
    fn want(&self) -> Want {
        self.clone()
    }

    fn fmt_answer(answer: &OperationAnswer, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match answer {
            OperationAnswer::Applied(index, response) => {
                write!(f, ": \"{}\", said {index}", response.escape_ascii())
            }
            OperationAnswer::Got(answer) => write!(f, ": \"{}\"", answer.escape_ascii()),
        }
    }
}

/// What a reply means to a client.
pub(super) enum ReplyMeaning {
    /// It was done.
    Answered(OperationAnswer),
    /// It was not done, for certain; this server may lead.
    Refused(Option<ServerIdx>),
    /// It may have been done.
    Unknown,
}

impl From<Reply> for ReplyMeaning {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Answered(Ok(Answer::Applied { index, response })) => {
                Self::Answered(OperationAnswer::Applied(index, response))
            }
            // Another kind of answer is wrong for a command, and a judge has already reported it.
            Reply::Answered(Ok(_)) | Reply::Broken => Self::Unknown,
            Reply::Value(Ok(value)) => Self::Answered(OperationAnswer::Got(value)),
            Reply::Answered(Err(
                RequestError::LeadershipLost
                | RequestError::AbortedByRestore
                | RequestError::Shutdown
                | RequestError::Store(_),
            )) => Self::Unknown,
            // A read changes nothing, so any error of a read is a refusal.
            Reply::Answered(Err(error)) | Reply::Value(Err(error)) => Self::Refused(leader(&error)),
        }
    }
}

/// The leader that an error names.
fn leader(error: &RequestError) -> Option<ServerIdx> {
    if let RequestError::NotLeader(Some(leader)) = error { ServerIdx::of(leader.id.node()) } else { None }
}
