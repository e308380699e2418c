//! A leader sends each other member a heartbeat about once in a heartbeat interval (thesis §3.4).
//!
//! Without heartbeats, a follower regards its leader as dead and campaigns. Each append counts as a
//! heartbeat, with one exception. A server of HashiCorp Raft answers only some appends while its state
//! machine is busy: appends without entries, without a position and without a commit index (HashiCorp's
//! `processHeartbeat`). Therefore only these appends count for a server that the leader knows as a server of
//! HashiCorp Raft. The check runs when a timer of a leader fires.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const SECTION: &str = "thesis §3.4, HashiCorp's processHeartbeat";
const NEEDS: Parts = Parts::ROLE.or(Parts::CONFIGURATION).or(Parts::MESSAGES).or(Parts::SERVER);

pub(crate) const CHECK: Check =
    Check::new("leaders_send_heartbeats", SECTION, JudgeLevel::Steps, Facts::LEADER_TIMER, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (idx, leader, now) = (ghost.step.idx, ghost.subject(), ghost.step.clock);
    let interval = leader.limits.heartbeat_interval;
    let (to, last) = leader.heartbeats.missing(now, interval)?;
    let kind = if leader.knows_as_hashicorp(to) { "bare heartbeat" } else { "heartbeat" };
    violated(format_args!(
        "the leader {idx} has sent {to} no {kind} for {}, although its heartbeat interval is {interval}",
        now.since(last)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, LIMITS, N1, N2, N3};
    use crate::plan::server_set::ServerIdx;
    use wavetank_raft::{
        Action, AppendEntries, Entries, Event, Index, LogId, Request, RequestVoteResponse, Response, RpcId,
        Term,
    };

    const LAST: LogId = LogId { term: Term(1), index: Index(1) };

    /// n1 leads.
    fn leader() -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture
    }

    /// n1 leads and knows that n2 is a server of HashiCorp Raft.
    fn leader_of_hashicorp() -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.boot_as_hashicorp(N2);
        fixture.settle(N1, 2);
        let response = RequestVoteResponse { term: Term(2), granted: true, refused_for_term: false };
        let event =
            Event::Response { from: N2.node(), rpc: RpcId(1), response: Response::RequestVote(response) };
        fixture.step(N1, &event, |_| {}, Vec::new());
        fixture
    }

    /// One heartbeat interval later, n1 sends these servers a heartbeat with this position.
    fn beat(fixture: &mut Fixture, to: &[ServerIdx], prev: LogId) {
        fixture.clock = fixture.clock + LIMITS.heartbeat_interval;
        let send = |fixture: &mut Fixture, to: &ServerIdx| {
            let (entries, leader_commit) = (Entries::default(), Index::ZERO);
            let request =
                Request::AppendEntries(AppendEntries { term: Term(2), prev, entries, leader_commit });
            Action::Send { to: to.node(), rpc: fixture.rpc(), request }
        };
        let sends = to.iter().map(|to| send(fixture, to)).collect();
        fixture.step(N1, &Event::Timer, |_| {}, sends);
    }

    #[test]
    fn a_heartbeat_for_each_member_every_second_interval_is_enough() {
        let mut fixture = leader();
        for _ in 0..8 {
            beat(&mut fixture, &[N2], LAST);
            beat(&mut fixture, &[N3], LogId::ZERO);
        }
        fixture.expect_holds();
    }

    #[test]
    fn a_member_without_heartbeats_is_named() {
        let mut fixture = leader();
        for _ in 0..8 {
            beat(&mut fixture, &[N2], LAST);
        }
        fixture.expect_violation("the leader n1 has sent n3 no heartbeat for ");
    }

    #[test]
    fn a_server_of_hashicorp_needs_bare_heartbeats() {
        let mut bare = leader_of_hashicorp();
        for _ in 0..8 {
            beat(&mut bare, &[N2, N3], LAST);
            beat(&mut bare, &[N2], LogId::ZERO);
        }
        bare.expect_holds();

        let mut others = leader_of_hashicorp();
        for _ in 0..8 {
            beat(&mut others, &[N2, N3], LAST);
        }
        others.expect_violation("the leader n1 has sent n2 no bare heartbeat for ");
    }

    #[test]
    fn a_leader_that_was_stopped_may_handle_another_timer_first() {
        let mut fixture = leader();
        beat(&mut fixture, &[N2, N3], LAST);
        for _ in 0..20 {
            fixture.clock = fixture.clock + LIMITS.heartbeat_interval;
        }
        beat(&mut fixture, &[], LAST);
        beat(&mut fixture, &[N2, N3], LAST);
        beat(&mut fixture, &[N2, N3], LAST);
        fixture.expect_holds();
    }
}
