//! One operation of one client, from its beginning to its end, in the form that checks and traces read.

use crate::engine::workload::{Reply, Want};
use crate::observe::OperationEnd;
use crate::plan::server_set::ServerIdx;
use std::fmt;
use wavetank_raft::{Answer, Data, Index, RequestError, Time};

/// An operation of a client, with its outcome if the operation has ended.
#[derive(Clone, PartialEq, Eq)]
pub struct Operation<W> {
    /// The number of the operation, from 1. No other operation of the run has this number.
    pub number: u64,
    /// The number of the client that began the operation.
    pub client: u16,
    /// The only server that this client asks. `None` for a client that looks for the leader.
    pub pinned: Option<ServerIdx>,
    /// The request of the operation.
    pub wanted: W,
    /// The virtual time at which the operation began.
    pub invoked: Time,
    /// The position of the operation's beginning in the order of all beginnings and ends of operations.
    pub order: u64,
    /// The end of the operation. `None` while the operation is open.
    pub end: Option<Completion>,
}

/// The request of an operation. The text form of the request is, for example, `put k1 = "a"`.
pub trait Wanted: Clone + fmt::Debug + fmt::Display + 'static {
    /// Returns the request in the form that is sent to a server.
    fn want(&self) -> Want;

    /// Prints the answer to an operation, for example `: done`.
    ///
    /// # Errors
    /// Returns the errors of the formatter.
    fn fmt_answer(answer: &OperationAnswer, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// The end of an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Completion {
    /// The virtual time at which the operation ended.
    pub at: Time,
    /// The position of the operation's end in the order of all beginnings and ends of operations.
    pub order: u64,
    /// The outcome, as far as the client knows the outcome.
    pub ending: OperationEnd,
    /// The answer, if the operation succeeded.
    pub answer: Option<OperationAnswer>,
}

/// The answer to an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OperationAnswer {
    /// The answer to a command: the index of its entry, and the response of the state machine.
    Applied(Index, Data),
    /// The answer to a read: the result of the query.
    Got(Data),
}

impl<W> Operation<W> {
    /// Returns the answer, if the operation has an answer.
    #[must_use]
    pub fn answer(&self) -> Option<&OperationAnswer> {
        self.end.as_ref()?.answer.as_ref()
    }

    /// True if the operation has ended with this outcome.
    #[must_use]
    pub fn ended(&self, ending: OperationEnd) -> bool {
        self.end.as_ref().is_some_and(|end| end.ending == ending)
    }
}

/// Prints the operation in the form that traces show.
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
                write!(f, ": \"{}\", answered at {index}", response.escape_ascii())
            }
            OperationAnswer::Got(answer) => write!(f, ": \"{}\"", answer.escape_ascii()),
        }
    }
}

/// The meaning of a reply to a client.
pub(super) enum ReplyMeaning {
    /// The request was executed.
    Answered(OperationAnswer),
    /// The request was certainly not executed. The value is the leader that the refusal names. `None` if the
    /// refusal names no leader.
    Refused(Option<ServerIdx>),
    /// The request may have been executed.
    Unknown,
}

impl From<Reply> for ReplyMeaning {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Answered(Ok(Answer::Applied { index, response })) => {
                Self::Answered(OperationAnswer::Applied(index, response))
            }
            // Another kind of answer is wrong for a command. A check has already reported such an answer.
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

/// Returns the leader that an error names. Returns `None` if the error names no leader.
fn leader(error: &RequestError) -> Option<ServerIdx> {
    if let RequestError::NotLeader(Some(leader)) = error { ServerIdx::of(leader.id.node()) } else { None }
}
