//! A transfer of leadership: only to a voter that has everything, only in its term, nothing is
//! proposed meanwhile, and it ends with the leadership at the latest.

use super::{Check, Column};
use crate::ledger::{Exposure, Facts, Ledger, Took};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{Index, NodeId, RoleName, Term};

/// Transfers keep their discipline (T10).
#[derive(Debug, Default)]
pub struct TransferDiscipline(u64);

/// How a transfer went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Undisciplined {
    /// The target has no vote.
    NotVoter {
        /// The leader.
        leader: Slot,
        /// The target.
        target: NodeId,
    },
    /// The target is not known to have everything.
    Behind {
        /// The leader.
        leader: Slot,
        /// The target.
        target: NodeId,
        /// What it is known to have.
        matched: Option<Index>,
        /// Where the leader's log ends.
        last: Index,
    },
    /// A call of an older term was obeyed.
    Stale {
        /// By whom.
        slot: Slot,
        /// The call's term.
        said: Term,
        /// The server's.
        was: Term,
    },
    /// Something was proposed while leadership was being handed over.
    Proposed {
        /// The leader.
        leader: Slot,
        /// Where it stands.
        index: Index,
    },
    /// It is still pending though the leadership is gone.
    Hangs {
        /// Who led.
        slot: Slot,
        /// What it is now.
        role: RoleName,
    },
}

impl fmt::Display for Undisciplined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotVoter { leader, target } => {
                write!(f, "{leader} hands over to {target}, which has no vote")
            }
            Self::Behind { leader, target, matched: Some(matched), last } => {
                write!(f, "{leader} hands over to {target}, which has {matched} of {last}")
            }
            Self::Behind { leader, target, matched: None, .. } => {
                write!(f, "{leader} hands over to {target}, which does not follow it")
            }
            Self::Stale { slot, said, was } => {
                write!(f, "{slot} at {was} obeyed a call of {said} to campaign")
            }
            Self::Proposed { leader, index } => {
                write!(f, "{leader} appended a proposal at {index} while handing over")
            }
            Self::Hangs { slot, role } => {
                write!(f, "{slot} is a {role:?} and has not answered who asked it to hand over")
            }
        }
    }
}

impl TransferDiscipline {
    fn called(&mut self, ledger: &Ledger) -> Option<Undisciplined> {
        let step = &ledger.step;
        let leader = step.slot;
        step.exposures.iter().find_map(|exposure| {
            let Exposure::TimeoutNow { to: target } = *exposure else { return None };
            self.0 += 1;
            let votes = |slot| step.now_conf.is_some_and(|placed| placed.conf.voters().contains(slot));
            if !Slot::of(target).is_some_and(votes) {
                return Some(Undisciplined::NotVoter { leader, target });
            }
            // What the leader appends in the same step, to leave a joint configuration, comes after.
            let last = step.was.last.index;
            let matched = ledger.subject().follower(target).map(|follower| follower.matched);
            matched.is_none_or(|matched| matched < last).then_some(Undisciplined::Behind { leader, target, matched, last })
        })
    }

    fn pending(&mut self, ledger: &Ledger) -> Option<Undisciplined> {
        let step = &ledger.step;
        if ledger.subject().transfers.is_empty() {
            return None;
        }
        self.0 += 1;
        if !step.now.leads() {
            return Some(Undisciplined::Hangs { slot: step.slot, role: step.now.role });
        }
        let (_, index) = step.appended?;
        step.proposals.then_some(Undisciplined::Proposed { leader: step.slot, index })
    }
}

impl Check for TransferDiscipline {
    const NAME: &'static str = "transfer_discipline";
    const SECTION: &'static str = "thesis §3.10";
    const COLUMN: Column = Column::Steps;
    const WATCHES: Facts = Facts::SENT_TIMEOUT_NOW.or(Facts::TIMEOUT_NOW).or(Facts::TRANSFER);
    type Breach = Undisciplined;

    fn judge(&mut self, ledger: &Ledger, facts: Facts) -> Option<Undisciplined> {
        let step = &ledger.step;
        if let Took::TimeoutNow { term: Some(said) } = step.took
            && facts.touches(Facts::CAMPAIGNED)
            && said < step.was.term
        {
            return Some(Undisciplined::Stale { slot: step.slot, said, was: step.was.term });
        }
        self.called(ledger).or_else(|| self.pending(ledger))
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, N4, Tale};
    use wavetank_raft::{
        Action, Call, Error, Event, Request, RequestId, Response, RpcId, TimeoutNow, TimeoutNowResponse,
    };

    fn tale() -> Tale<TransferDiscipline> {
        let mut tale = Tale::three();
        tale.settle(N1, 2);
        tale
    }

    fn call(target: Slot) -> Action {
        let request = Request::TimeoutNow(TimeoutNow { term: Some(Term(2)) });
        Action::Send { to: target.node(), rpc: RpcId(5), request }
    }

    fn asked(tale: &mut Tale<TransferDiscipline>) {
        let event = Event::Call { request: RequestId(70), call: Call::Transfer { target: None } };
        tale.step(N1, &event, |_| {}, Vec::new());
    }

    #[test]
    fn a_whole_transfer() {
        let mut tale = tale();
        asked(&mut tale);
        tale.step(N1, &Event::Timer, |_| {}, vec![call(N2)]);
        let outcome = Ok(wavetank_raft::Answer::Done);
        let done = Action::Answer { request: RequestId(70), outcome };
        let depose = |posed: &mut crate::check::tale::Posed| posed.glimpse.role = RoleName::Follower;
        tale.step(N1, &Event::Timer, depose, vec![done]);
        tale.is_quiet();
    }

    #[test]
    fn the_target_votes_and_has_everything() {
        let mut stranger = tale();
        stranger.step(N1, &Event::Timer, |_| {}, vec![call(N4)]);
        stranger.speaks("n1 hands over to n4, which has no vote");

        let mut behind = tale();
        behind.propose(N1, 1);
        behind.step(N1, &Event::Timer, |_| {}, vec![call(N3)]);
        behind.speaks("n1 hands over to n3, which has i2 of i3");
    }

    #[test]
    fn nothing_is_proposed_meanwhile() {
        let mut tale = tale();
        asked(&mut tale);
        tale.propose(N1, 1);
        tale.speaks("n1 appended a proposal at i3 while handing over");
    }

    #[test]
    fn after_a_refusal_all_is_as_before() {
        let mut tale = tale();
        asked(&mut tale);
        let refusal = Action::Answer { request: RequestId(70), outcome: Err(Error::EnqueueTimeout) };
        tale.step(N1, &Event::Timer, |_| {}, vec![refusal]);
        tale.propose(N1, 1);
        tale.is_quiet();
    }

    #[test]
    fn it_does_not_outlive_the_leadership() {
        let mut tale = tale();
        asked(&mut tale);
        tale.pose(N1, |posed| posed.glimpse.role = RoleName::Follower);
        tale.speaks("n1 is a Follower and has not answered");
    }

    #[test]
    fn a_call_of_an_older_term_is_not_obeyed() {
        let mut tale = tale();
        let request = Request::TimeoutNow(TimeoutNow { term: Some(Term(1)) });
        let event = Event::Request { from: N1.node(), rpc: RpcId(5), request };
        let response = Response::TimeoutNow(TimeoutNowResponse { accepted: false });
        let refuse = Action::Reply { to: N1.node(), rpc: RpcId(5), response };
        tale.step(N3, &event, |_| {}, vec![refuse]);
        tale.is_unspoken();
        tale.step(N3, &event, |posed| posed.glimpse.role = RoleName::Candidate, Vec::new());
        tale.speaks("n3 at t2 obeyed a call of t1");
    }
}
