//! Nothing is said before what it asserts is on disk: terms, votes, entries.

use super::Stated;
use crate::check::persist_before_send::PersistBeforeSend;
use crate::explore::disk::Disk;
use crate::explore::stimulus::Letter;
use wavetank_raft::{AppendEntries, LogId, Request, Response, Term};

pub(crate) const STATED: Stated = Stated::of::<PersistBeforeSend>();

/// A candidate's term, and its vote for itself, are on disk before it asks for others'.
pub(crate) fn call(disk: &Disk, request: &Request) -> Option<String> {
    match request {
        Request::RequestVote(ask) => {
            let own = disk.record.vote.is_some() || ask.term < disk.record.term;
            (disk.record.term < ask.term || !own)
                .then(|| format!("votes are asked for in {}, and on disk is {:?}", ask.term, disk.record))
        }
        Request::AppendEntries(_)
        | Request::RequestPreVote(_)
        | Request::InstallSnapshot(_)
        | Request::TimeoutNow(_) => None,
    }
}

/// An answer's term is on disk; so are the vote that is given and the entries that are acknowledged.
pub(crate) fn answer(disk: &Disk, call: &Letter, response: &Response) -> Option<String> {
    let (Letter::Call { name, request }, record) = (call, disk.record) else { return None };
    let (term, what) = match (response, request) {
        (Response::RequestVote(vote), _) => {
            let given = record.term != vote.term || record.vote == Some(name.from.node());
            (vote.term, (vote.granted && !given).then(|| format!("{} has its vote", name.from)))
        }
        (Response::AppendEntries(append), Request::AppendEntries(sent)) => {
            let missing = append.success.then(|| first_missing(disk, sent)).flatten();
            (append.term, missing.map(|id| format!("{id} is there")))
        }
        (
            Response::AppendEntries(_)
            | Response::RequestPreVote(_)
            | Response::InstallSnapshot(_)
            | Response::TimeoutNow(_),
            _,
        ) => (Term(0), None),
    };
    let early = (record.term < term).then(|| format!("its term is {term}"));
    early.or(what).map(|what| format!("{} says that {what}, and it is not on disk", name.to))
}

/// What a success says is there, and is not. Of what was appended and cut off again by a newer leader
/// nobody speaks: the answer is then of an older term than the disk.
fn first_missing(disk: &Disk, sent: &AppendEntries) -> Option<LogId> {
    if sent.term < disk.record.term {
        return None;
    }
    let prev = Some(sent.prev).filter(|prev| *prev != LogId::ZERO);
    prev.into_iter().chain(sent.entries.iter().map(|entry| entry.id)).find(|id| !disk.holds(*id))
}
