//! A server sends no message that depends on a term, a vote or an entry that is not durable yet.

use crate::check::vote_record;
use crate::explore::disk::ModelDisk;
use crate::explore::stimulus::ModelMessage;
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{AppendEntries, LogId, Request, Response};

/// Tests a request for votes: the term of the candidate and the candidate's vote for itself must be durable.
/// Returns the violation in words, or `None`.
pub(crate) fn call(idx: ServerIdx, disk: &ModelDisk, request: &Request) -> Option<String> {
    let (Request::RequestVote(ask), record) = (request, disk.record) else { return None };
    let own = record.vote.is_some() || ask.term < record.term;
    (record.term < ask.term || !own).then(|| {
        format!("{idx} asked for votes in {}, but its disk contains {}", ask.term, vote_record(record))
    })
}

/// Tests a response: the term of the response, a granted vote and acknowledged entries must be durable.
/// Returns the violation in words, or `None`.
pub(crate) fn answer(disk: &ModelDisk, call: &ModelMessage, response: &Response) -> Option<String> {
    let (ModelMessage::Request { call_id, request }, record) = (call, disk.record) else { return None };
    let (term, what) = match (response, request) {
        (Response::RequestVote(vote), _) => {
            let given = record.term != vote.term || record.vote == Some(call_id.from.node());
            (vote.term, (vote.granted && !given).then(|| format!("voted for {}, but the vote", call_id.from)))
        }
        (Response::AppendEntries(append), Request::AppendEntries(sent)) => {
            let missing = append.success.then(|| first_missing(disk, sent)).flatten();
            (append.term, missing.map(|id| format!("acknowledged {id}, but the entry")))
        }
        _ => return None,
    };
    let early = (record.term < term).then(|| format!("answered in {term}, but the term"));
    early.or(what).map(|what| format!("{0} {what} is not on the disk of {0}", call_id.to))
}

/// Returns the id of the first acknowledged entry that is not durable. Entries that a newer leader has
/// truncated do not count. In that case the term of the request is older than the term on the disk. Returns
/// `None` if all acknowledged entries are durable.
fn first_missing(disk: &ModelDisk, sent: &AppendEntries) -> Option<LogId> {
    if sent.term < disk.record.term {
        return None;
    }
    let prev = Some(sent.prev).filter(|prev| *prev != LogId::ZERO);
    prev.into_iter().chain(sent.entries.iter().map(|entry| entry.id)).find(|id| !disk.holds(*id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::scripted_cluster::{N1, N2, call as call_id, expect_rows, id};
    use wavetank_raft::{
        AppendEntriesResponse, Entry, HardState, Index, Payload, RequestVote, RequestVoteResponse, Term,
    };

    /// A disk with this hard state, and entries of terms 1, 2 and so on.
    fn disk(term: u64, vote: Option<ServerIdx>, entries: u64) -> ModelDisk {
        let record = HardState { term: Term(term), vote: vote.map(ServerIdx::node) };
        let log = (1..=entries).map(|at| Entry::new(Term(at), Index(at), Payload::Barrier)).collect();
        ModelDisk { record, log, ..ModelDisk::default() }
    }

    fn ask(term: u64) -> Request {
        let last_log = id(1, 1);
        Request::RequestVote(RequestVote { term: Term(term), last_log, leadership_transfer: false })
    }

    #[test]
    fn a_candidate_asks_when_its_own_vote_is_on_disk() {
        let early = |record: &str| Some(format!("n1 asked for votes in t2, but its disk contains {record}"));
        for (case, disk, expected) in [
            ("it is", disk(2, Some(N1), 1), None),
            ("the disk is in a newer term", disk(3, None, 1), None),
            ("its term is not", disk(1, Some(N1), 1), early("t1 with a vote for n1")),
            ("its vote is not", disk(2, None, 1), early("t2 without a vote")),
        ] {
            assert_eq!(call(N1, &disk, &ask(2)), expected, "{case}");
        }
    }

    #[test]
    fn a_vote_is_given_when_it_is_on_disk() {
        let message = ModelMessage::Request { call_id: call_id(N1, N2, 2), request: ask(2) };
        let of = |disk: &ModelDisk, granted| {
            let response = RequestVoteResponse { term: Term(2), granted, refused_for_term: false };
            answer(disk, &message, &Response::RequestVote(response))
        };
        expect_rows(&[
            ("it is", of(&disk(2, Some(N1), 1), true), None),
            ("it is refused", of(&disk(2, None, 1), false), None),
            (
                "it is not",
                of(&disk(2, None, 1), true),
                Some("n2 voted for n1, but the vote is not on the disk of n2"),
            ),
            (
                "the term is not",
                of(&disk(1, None, 1), false),
                Some("n2 answered in t2, but the term is not on the disk of n2"),
            ),
        ]);
    }

    #[test]
    fn entries_are_acknowledged_when_they_are_on_disk() {
        let sent = AppendEntries {
            term: Term(2),
            prev: id(1, 1),
            entries: [Entry::new(Term(2), Index(2), Payload::Barrier)].into(),
            leader_commit: Index(0),
        };
        let message =
            ModelMessage::Request { call_id: call_id(N1, N2, 2), request: Request::AppendEntries(sent) };
        let of = |disk: &ModelDisk, term, success| {
            let (no_retry_backoff, hint) = (false, None);
            let (term, last_log) = (Term(term), Index(2));
            let response = AppendEntriesResponse { term, success, last_log, no_retry_backoff, hint };
            answer(disk, &message, &Response::AppendEntries(response))
        };
        let missing = |id: &str| format!("n2 acknowledged {id}, but the entry is not on the disk of n2");
        expect_rows(&[
            ("they are", of(&disk(2, None, 2), 2, true), None),
            ("they are refused", of(&disk(2, None, 0), 2, false), None),
            ("the last entry is not", of(&disk(2, None, 1), 2, true), Some(&missing("t2.i2"))),
            ("the entry before them is not", of(&disk(2, None, 0), 2, true), Some(&missing("t1.i1"))),
            ("a newer leader has cut them off", of(&disk(3, None, 0), 2, true), None),
        ]);
    }
}
