//! Who has just heard a leader takes no part in the election of another: it gives no vote, promises
//! none, and does not enter the candidate's term. Leases count on it, and a server that was cut off
//! disturbs nobody by it.
//!
//! A crash ends no such promise, and neither does a newer term that came by another way.

use super::{Check, Column};
use crate::ledger::{Exposure, Facts, Ledger, Took};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{NodeId, Span};

/// Promised silence is kept.
#[derive(Debug, Default)]
pub struct PromisedSilenceIsKept(u64);

/// What a server did although it had just heard a leader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Did {
    /// It gave a vote.
    Voted,
    /// It said that it would vote.
    Promised,
    /// It entered the candidate's term.
    Followed,
}

/// A silence that was broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Broken {
    /// By whom.
    pub slot: Slot,
    /// The leader it had heard.
    pub leader: NodeId,
    /// How long ago, by its own clock.
    pub ago: Span,
    /// For how long it is to be silent.
    pub silence: Span,
    /// Who asked.
    pub candidate: NodeId,
    /// What it did.
    pub did: Did,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, leader, ago, silence, candidate, did } = self;
        let did = match did {
            Did::Voted => "votes for",
            Did::Promised => "would vote for",
            Did::Followed => "enters the term of",
        };
        write!(f, "{slot}, which heard {leader} {ago} ago and is to be silent for {silence}, {did} {candidate}")
    }
}

impl Check for PromisedSilenceIsKept {
    const NAME: &'static str = "promised_silence_is_kept";
    const SECTION: &'static str = "thesis §4.2.3, §6.4.1";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::VOTE_ASKED.or(Facts::PRE_VOTE);
    type Breach = Broken;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Broken> {
        let step = &ledger.step;
        let (Took::VoteRequest { from: candidate, transfer: false, .. }
        | Took::PreVoteRequest { from: candidate, .. }) = step.took
        else {
            return None;
        };
        let heard = ledger.subject().heard.filter(|heard| heard.leader != candidate)?;
        if heard.until <= step.clock {
            return None;
        }
        self.0 += 1;
        let did = if step.was.vote != step.now.vote && step.now.vote == Some(candidate) {
            Did::Voted
        } else if step.exposures.contains(&Exposure::PreGrant { to: candidate }) {
            Did::Promised
        } else if step.was.term != step.now.term {
            Did::Followed
        } else {
            return None;
        };
        let (ago, silence) = (step.clock.since(heard.at), heard.until.since(heard.at));
        Some(Broken { slot: step.slot, leader: heard.leader, ago, silence, candidate, did })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Posed, SILENCE, Tale};
    use wavetank_raft::{
        Action, Event, LogId, Request, RequestPreVote, RequestPreVoteResponse, RequestVote, Response, RpcId,
        Term,
    };

    const AT_ONCE: Span = Span::ms(99);

    /// Everybody hears N1, and then so much time passes.
    fn after(span: Span) -> Tale<PromisedSilenceIsKept> {
        let mut tale = Tale::three();
        tale.settle(N1, 2);
        tale.clock = tale.clock + span;
        tale
    }

    fn asks(leadership_transfer: bool) -> Event {
        let request = RequestVote { term: Term(3), last_log: LogId::ZERO, leadership_transfer };
        Event::Request { from: N2.node(), rpc: RpcId(9), request: Request::RequestVote(request) }
    }

    #[test]
    fn once_the_leader_is_silent_votes_are_free() {
        let mut tale = after(SILENCE);
        tale.elect(N2, 3);
        tale.is_unspoken();
    }

    #[test]
    fn a_voter_that_keeps_silent_does_nothing() {
        let mut tale = after(AT_ONCE);
        tale.step(N3, &asks(false), |_| {}, Vec::new());
        tale.is_quiet();
    }

    #[test]
    fn no_vote_is_given_beside_a_leader() {
        let mut tale = after(AT_ONCE);
        tale.grant(N3, 3, N2);
        tale.speaks("n3, which heard n1 99.000ms ago and is to be silent for 100.000ms, votes for n2");
    }

    #[test]
    fn nor_promised() {
        let mut tale = after(AT_ONCE);
        let request = Request::RequestPreVote(RequestPreVote { term: Term(3), last_log: LogId::ZERO });
        let event = Event::Request { from: N2.node(), rpc: RpcId(9), request };
        let response = Response::RequestPreVote(RequestPreVoteResponse { term: Term(3), granted: true });
        let yes = Action::Reply { to: N2.node(), rpc: RpcId(9), response };
        tale.step(N3, &event, |_| {}, vec![yes]);
        tale.speaks("n3, which heard n1 99.000ms ago and is to be silent for 100.000ms, would vote for n2");
    }

    #[test]
    fn nor_a_term_taken() {
        let enter = |posed: &mut Posed| (posed.glimpse.term, posed.glimpse.leader) = (Term(3), None);
        let mut tale = after(AT_ONCE);
        tale.step(N3, &asks(false), enter, Vec::new());
        tale.speaks("n3, which heard n1 99.000ms ago and is to be silent for 100.000ms, enters the term of n2");
    }

    #[test]
    fn a_crash_or_a_newer_term_is_no_way_out() {
        let mut crashed = after(AT_ONCE);
        crashed.crash(N3);
        crashed.boot(N3);
        crashed.grant(N3, 3, N2);
        crashed.speaks("n3, which heard n1 99.000ms ago");

        let mut led_on = after(AT_ONCE);
        led_on.pose(N3, |posed| (posed.glimpse.term, posed.glimpse.leader) = (Term(3), None));
        led_on.grant(N3, 3, N2);
        led_on.speaks("n3, which heard n1 99.000ms ago");
    }

    #[test]
    fn a_leader_may_hand_over_and_may_come_back() {
        let mut tale = after(AT_ONCE);
        let enter = |posed: &mut Posed| {
            (posed.glimpse.term, posed.glimpse.vote) = (Term(3), Some(N2.node()));
        };
        tale.step(N3, &asks(true), enter, Vec::new());
        tale.grant(N3, 4, N1);
        tale.is_unspoken();
    }
}
