//! A server that receives a message from the leader of its term follows that leader (thesis §3.4).
//!
//! The check runs after every AppendEntries or InstallSnapshot request of the current term.

use crate::check::ghost::{Consumed, Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;
use wavetank_raft::RoleName;

const NEEDS: Parts = Parts::MESSAGES.or(Parts::ROLE).or(Parts::TERM).or(Parts::LEADER);

pub(crate) const CHECK: Check =
    Check::new("leader_is_obeyed", "thesis §3.4", JudgeLevel::History, Facts::CONTACT, judge).needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ghost.step;
    let (Consumed::Append { from: leader, .. } | Consumed::Snapshot { from: leader, .. }) = step.consumed
    else {
        return None;
    };
    let idx = step.idx;
    if !ghost.subject().is_up() || leader == idx.node() {
        return None;
    }
    *witnessed += 1;
    let (term, role, follows) = (step.now.term, step.now.role, step.now.leader);
    if role == RoleName::Follower && follows == Some(leader) {
        return None;
    }
    let follows = follows.map_or_else(|| "nobody".to_owned(), |leader| leader.to_string());
    violated(format_args!(
        "{idx} received a message from {leader}, the leader of {term}, but {idx} is a {role:?} and follows {follows}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};
    use crate::plan::server_set::ServerIdx;
    use wavetank_raft::{AppendEntries, Event, Index, LogId, Request, RpcId, Term};

    fn heartbeat(from: ServerIdx, term: u64) -> Event {
        let append = AppendEntries {
            term: Term(term),
            prev: LogId::ZERO,
            entries: [].into(),
            leader_commit: Index(0),
        };
        Event::Request { from: from.node(), rpc: RpcId(3), request: Request::AppendEntries(append) }
    }

    #[test]
    fn a_follower_follows() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.expect_holds();
    }

    #[test]
    fn a_candidate_gives_way_to_the_winner() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.set_view(N2, |scripted| scripted.view.role = RoleName::Candidate);
        fixture.step(N2, &heartbeat(N1, 2), |_| {}, Vec::new());
        fixture.expect_violation(
            "n2 received a message from n1, the leader of t2, but n2 is a Candidate and follows nobody",
        );
    }

    #[test]
    fn an_older_leader_need_not_be_obeyed() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.settle(N2, 3);
        fixture.step(N3, &heartbeat(N1, 2), |_| {}, Vec::new());
        fixture.expect_holds();
    }
}
