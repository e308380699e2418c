//! A server votes at most once per term, even if the server crashes and restarts.

use crate::explore::stimulus::ModelMessage;
use crate::plan::server_set::ServerIdx;
use wavetank_raft::{Response, Term};

pub(crate) fn breach(
    given: Option<(Term, ServerIdx)>,
    call: &ModelMessage,
    response: &Response,
) -> Option<String> {
    let Response::RequestVote(vote) = response else { return None };
    let (call_id, (term, to)) = (call.call_id(), given?);
    let again = vote.granted && (call_id.term < term || call_id.term == term && call_id.from != to);
    again.then(|| {
        format!("{} voted for {to} in {term}, and then for {} in {}", call_id.to, call_id.from, call_id.term)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::scripted_cluster::{N1, N2, N3, call, expect_rows};
    use wavetank_raft::{LogId, Request, RequestVote, RequestVoteResponse};

    /// The breach when `n3` answers a vote request after it voted for `n1` in term 2.
    fn answers(from: ServerIdx, term: u64, granted: bool) -> Option<String> {
        let asked = RequestVote { term: Term(term), last_log: LogId::ZERO, leadership_transfer: false };
        let message =
            ModelMessage::Request { call_id: call(from, N3, term), request: Request::RequestVote(asked) };
        let response =
            Response::RequestVote(RequestVoteResponse { term: Term(term), granted, refused_for_term: false });
        breach(Some((Term(2), N1)), &message, &response)
    }

    #[test]
    fn a_term_has_one_vote() {
        expect_rows(&[
            ("the same vote again", answers(N1, 2, true), None),
            ("no vote", answers(N2, 2, false), None),
            ("a vote of a newer term", answers(N2, 3, true), None),
            (
                "another vote of the term",
                answers(N2, 2, true),
                Some("n3 voted for n1 in t2, and then for n2 in t2"),
            ),
            (
                "a vote of an older term",
                answers(N1, 1, true),
                Some("n3 voted for n1 in t2, and then for n1 in t1"),
            ),
        ]);
    }
}
