//! A server votes once per term, across crashes.

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
        format!(
            "{} gave {to} its vote in {term}, and now gives it to {} in {}",
            call_id.to, call_id.from, call_id.term
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::scripted_cluster::{N1, N2, N3, call, expect_rows};
    use wavetank_raft::{LogId, Request, RequestVote, RequestVoteResponse};

    /// The breach when `n3` answers after it voted for `n1` in term 2.
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
            ("the same one again", answers(N1, 2, true), None),
            ("none", answers(N2, 2, false), None),
            ("one of a newer term", answers(N2, 3, true), None),
            (
                "another",
                answers(N2, 2, true),
                Some("n3 gave n1 its vote in t2, and now gives it to n2 in t2"),
            ),
            (
                "one of an older term",
                answers(N1, 1, true),
                Some("n3 gave n1 its vote in t2, and now gives it to n1 in t1"),
            ),
        ]);
    }
}
