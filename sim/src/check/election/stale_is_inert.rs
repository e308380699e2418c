//! A message of an older term changes nothing. The receiver may only answer the message with the newer term
//! (thesis §3.3).
//!
//! The check runs at every message whose term is older than the receiver's term.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use std::fmt;

const NEEDS: Parts =
    Parts::MESSAGES.or(Parts::ROLE).or(Parts::TERM).or(Parts::VOTE).or(Parts::COMMIT).or(Parts::LOG);

pub(crate) const CHECK: Check =
    Check::new("stale_is_inert", "thesis §3.3", JudgeLevel::Steps, Facts::STALE, judge).needing(NEEDS);

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ghost.step;
    let (was, now) = (&step.was, &step.now);
    let did = if (was.term, was.vote, was.role) != (now.term, now.vote, now.role) {
        "changed the term, vote or role of the receiver"
    } else if was.last != now.last || step.appended.is_some() || !step.removed.is_empty() {
        "changed the log of the receiver"
    } else if was.commit != now.commit {
        "changed the commit index of the receiver"
    } else if !step.promises.is_empty() {
        "was granted or acknowledged"
    } else if 1 < step.messages {
        "caused more than one message"
    } else if facts.touches(Facts::PROGRESS) {
        return moved(ghost);
    } else {
        return None;
    };
    not_inert(ghost, format_args!("{did}"))
}

/// Returns a message if the leader changed its match index of a peer.
fn moved(ghost: &Ghost) -> Option<String> {
    let step = &ghost.step;
    // The membership may have changed since the leader was last inspected, so peers are found by name.
    let moved = ghost.subject().followers.iter().find(|now| {
        let before = step.followers_before.iter().find(|before| before.node == now.node);
        before.is_some_and(|before| before.matched != now.matched)
    });
    let peer = moved.filter(|_| step.kept_leading())?.node;
    not_inert(ghost, format_args!("changed the match index that the receiver keeps for {peer}"))
}

fn not_inert(ghost: &Ghost, did: fmt::Arguments<'_>) -> Option<String> {
    let (idx, term, message) = (ghost.step.idx, ghost.step.was.term, ghost.step.message_term()?);
    violated(format_args!("a message of the older term {message} reached {idx} at {term} and {did}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};
    use wavetank_raft::{AppendEntries, Event, Index, LogId, Request, RequestVote, RpcId, Term};

    fn stale_append() -> Event {
        let append =
            AppendEntries { term: Term(2), prev: LogId::ZERO, entries: [].into(), leader_commit: Index(9) };
        Event::Request { from: N1.node(), rpc: RpcId(77), request: Request::AppendEntries(append) }
    }

    fn fixture() -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.settle(N2, 3);
        fixture
    }

    #[test]
    fn a_stale_message_gets_a_refusal() {
        let mut fixture = fixture();
        fixture.step(N3, &stale_append(), |_| {}, Vec::new());
        fixture.expect_holds();
    }

    #[test]
    fn a_stale_message_moves_no_commit_index() {
        let mut fixture = fixture();
        fixture.propose(N2, 1);
        fixture.replicate(N2, N3, 3);
        fixture.step(N3, &stale_append(), |scripted| scripted.view.commit = Index(4), Vec::new());
        fixture
            .expect_violation("a message of the older term t2 reached n3 at t3 and changed the commit index");
    }

    #[test]
    fn a_stale_append_is_not_acknowledged() {
        let mut fixture = fixture();
        let yes = fixture.acknowledgement(N1, N3, RpcId(77));
        fixture.step(N3, &stale_append(), |_| {}, vec![yes]);
        fixture.expect_violation(
            "a message of the older term t2 reached n3 at t3 and was granted or acknowledged",
        );
    }

    #[test]
    fn a_stale_request_gets_no_vote() {
        let mut fixture = fixture();
        let last_log = LogId::new(Term(9), Index(9));
        let request = RequestVote { term: Term(2), last_log, leadership_transfer: false };
        let event =
            Event::Request { from: N1.node(), rpc: RpcId(77), request: Request::RequestVote(request) };
        let grant = fixture.granting(N1, RpcId(77), 2);
        fixture.step(N3, &event, |_| {}, vec![grant]);
        fixture.expect_violation(
            "a message of the older term t2 reached n3 at t3 and was granted or acknowledged",
        );
    }

    #[test]
    fn a_stale_response_changes_no_progress() {
        let mut fixture = fixture();
        let response = wavetank_raft::AppendEntriesResponse {
            term: Term(2),
            success: true,
            last_log: Index(3),
            no_retry_backoff: false,
            hint: None,
        };
        let response = wavetank_raft::Response::AppendEntries(response);
        let event = Event::Response { from: N3.node(), rpc: RpcId(5), response };
        fixture.step(N2, &event, |scripted| scripted.followers[1].matched = Index(9), Vec::new());
        fixture
            .expect_violation("a message of the older term t2 reached n2 at t3 and changed the match index");
    }
}
