//! A message of an older term changes nothing: at most it is answered with the newer term.

use super::{Check, Column};
use crate::ledger::{Facts, Follower, Ledger, Step};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Term, NodeId};

/// Stale traffic is inert (T2).
#[derive(Debug, Default)]
pub struct StaleIsInert(u64);

/// What a stale message did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StaleDid {
    /// To whom.
    pub slot: Slot,
    /// The server's term.
    pub term: Term,
    /// The message's term.
    pub message: Term,
    /// What.
    pub did: Did,
}

/// What may not follow from a stale message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Did {
    /// Another term, vote or role.
    Standing,
    /// Another log.
    Log,
    /// Another commit index.
    Commit,
    /// A promise to somebody.
    Promise,
    /// More than one message.
    Messages,
    /// Another belief about a follower.
    Match(NodeId),
}

impl fmt::Display for StaleDid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, term, message, did } = self;
        write!(f, "a message of {message} reached {slot} at {term} and ")?;
        match did {
            Did::Standing => write!(f, "changed its term, vote or role"),
            Did::Log => write!(f, "changed its log"),
            Did::Commit => write!(f, "moved its commit index"),
            Did::Promise => write!(f, "was granted or acknowledged"),
            Did::Messages => write!(f, "caused more than one message"),
            Did::Match(peer) => write!(f, "moved its belief about {peer}"),
        }
    }
}

/// What a step that took a stale message should not have done.
#[must_use]
pub fn judged(step: &Step, followers: &[Follower]) -> Option<Did> {
    let (was, now) = (&step.was, &step.now);
    if (was.term, was.vote, was.role) != (now.term, now.vote, now.role) {
        return Some(Did::Standing);
    }
    if was.last != now.last || step.appended.is_some() || !step.gone.is_empty() {
        return Some(Did::Log);
    }
    if was.commit != now.commit {
        return Some(Did::Commit);
    }
    if !step.exposures.is_empty() {
        return Some(Did::Promise);
    }
    if 1 < step.messages {
        return Some(Did::Messages);
    }
    // Peers may have come and gone since the leader was last looked at.
    let moved = followers.iter().find(|now| {
        let before = step.followers_before.iter().find(|before| before.node == now.node);
        before.is_some_and(|before| before.matched != now.matched)
    });
    moved.filter(|_| step.kept_leading()).map(|now| Did::Match(now.node))
}

impl Check for StaleIsInert {
    const NAME: &'static str = "stale_is_inert";
    const SECTION: &'static str = "thesis §3.3";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::STALE;
    type Breach = StaleDid;

    fn judge(&mut self, ledger: &Ledger, facts: Facts) -> Option<StaleDid> {
        self.0 += 1;
        let step = &ledger.step;
        let followers: &[Follower] =
            if facts.touches(Facts::PROGRESS) { &ledger.subject().followers } else { &[] };
        let did = judged(step, followers)?;
        Some(StaleDid { slot: step.slot, term: step.was.term, message: step.message_term()?, did })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale};
    use wavetank_raft::{AppendEntries, Event, Index, LogId, Request, RequestVote, RpcId};

    fn stale_append() -> Event {
        let append = AppendEntries { term: Term(2), prev: LogId::ZERO, entries: [].into(), leader_commit: Index(9) };
        Event::Request { from: N1.node(), rpc: RpcId(77), request: Request::AppendEntries(append) }
    }

    fn tale() -> Tale<StaleIsInert> {
        let mut tale = Tale::three();
        tale.settle(N1, 2);
        tale.settle(N2, 3);
        tale
    }

    #[test]
    fn a_refusal_is_all_it_gets() {
        let mut tale = tale();
        tale.step(N3, &stale_append(), |_| {}, Vec::new());
        tale.is_quiet();
    }

    #[test]
    fn it_moves_no_commit_index() {
        let mut tale = tale();
        tale.propose(N2, 1);
        tale.replicate(N2, N3, 3);
        tale.step(N3, &stale_append(), |posed| posed.glimpse.commit = Index(4), Vec::new());
        tale.speaks("a message of t2 reached n3 at t3 and moved its commit index");
    }

    #[test]
    fn it_is_not_acknowledged() {
        let mut tale = tale();
        let yes = tale.yes(N1, N3, RpcId(77));
        tale.step(N3, &stale_append(), |_| {}, vec![yes]);
        tale.speaks("a message of t2 reached n3 at t3 and was granted or acknowledged");
    }

    #[test]
    fn it_gets_no_vote() {
        let mut tale = tale();
        let last_log = LogId::new(Term(9), Index(9));
        let request = RequestVote { term: Term(2), last_log, leadership_transfer: false };
        let event =
            Event::Request { from: N1.node(), rpc: RpcId(77), request: Request::RequestVote(request) };
        let grant = tale.granting(N1, RpcId(77), 2);
        tale.step(N3, &event, |_| {}, vec![grant]);
        tale.speaks("a message of t2 reached n3 at t3 and was granted or acknowledged");
    }

    #[test]
    fn a_stale_answer_moves_no_belief() {
        let mut tale = tale();
        let response = wavetank_raft::AppendEntriesResponse {
            term: Term(2),
            success: true,
            last_log: Index(3),
            no_retry_backoff: false,
            hint: None,
        };
        let response = wavetank_raft::Response::AppendEntries(response);
        let event = Event::Response { from: N3.node(), rpc: RpcId(5), response };
        tale.step(N2, &event, |posed| posed.followers[1].matched = Index(9), Vec::new());
        tale.speaks("a message of t2 reached n2 at t3 and moved its belief about n3");
    }
}
