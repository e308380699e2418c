//! About once in a heartbeat interval, a leader sends each server of HashiCorp Raft a bare heartbeat: a
//! heartbeat without a position and without a commit index (HashiCorp's `processHeartbeat`).
//!
//! While the state machine of a HashiCorp Raft server works, the server answers only bare heartbeats. A
//! server that receives no bare heartbeats in this time assumes that the leader has failed, and campaigns.
//! The check runs at every append from a leader to a server if the leader knows that this server runs
//! HashiCorp Raft.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const SECTION: &str = "HashiCorp's processHeartbeat";
const NEEDS: Parts = Parts::ROLE.or(Parts::MESSAGES).or(Parts::SERVER);

pub(crate) const CHECK: Check =
    Check::new("busy_servers_get_heartbeats", SECTION, JudgeLevel::Steps, Facts::SENT_TO_HASHICORP, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (idx, leader, now) = (ghost.step.idx, ghost.subject(), ghost.step.clock);
    let interval = leader.limits.heartbeat_interval;
    let (to, last) = leader.bare_heartbeats.missing(now, interval)?;
    violated(format_args!(
        "{idx} sent {to}, a server of HashiCorp Raft, no bare heartbeat for {}, but the interval is {interval}",
        now.since(last)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, LIMITS, N1, N2};
    use wavetank_raft::{Action, AppendEntries, Dialect, Entries, Event, Index, LogId, Request, Term};

    /// n1 leads and knows that n2 is a server of HashiCorp Raft.
    fn leader() -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        let speaks = Event::PeerSpeaks { peer: N2.node(), dialect: Dialect::HashiCorp };
        fixture.step(N1, &speaks, |_| {}, Vec::new());
        fixture
    }

    /// One heartbeat interval later, n1 sends n2 a heartbeat with this position.
    fn beat(fixture: &mut Fixture, prev: LogId) {
        fixture.clock = fixture.clock + LIMITS.heartbeat_interval;
        let append =
            AppendEntries { term: Term(2), prev, entries: Entries::default(), leader_commit: Index::ZERO };
        let (rpc, request) = (fixture.rpc(), Request::AppendEntries(append));
        let send = Action::Send { to: N2.node(), rpc, request };
        fixture.step(N1, &Event::Timer, |_| {}, vec![send]);
    }

    const LAST: LogId = LogId { term: Term(1), index: Index(1) };

    #[test]
    fn a_bare_heartbeat_every_second_interval_is_enough() {
        let mut fixture = leader();
        for _ in 0..8 {
            beat(&mut fixture, LAST);
            beat(&mut fixture, LogId::ZERO);
        }
        fixture.expect_holds();
    }

    #[test]
    fn heartbeats_with_a_position_are_not_enough() {
        let mut fixture = leader();
        for _ in 0..8 {
            beat(&mut fixture, LAST);
        }
        fixture.expect_violation("n1 sent n2, a server of HashiCorp Raft, no bare heartbeat for 60.000ms");
    }

    #[test]
    fn a_leader_that_was_stopped_may_send_another_append_first() {
        let mut fixture = leader();
        beat(&mut fixture, LogId::ZERO);
        for _ in 0..20 {
            fixture.clock = fixture.clock + LIMITS.heartbeat_interval;
        }
        beat(&mut fixture, LAST);
        beat(&mut fixture, LogId::ZERO);
        beat(&mut fixture, LAST);
        fixture.expect_holds();
    }
}
