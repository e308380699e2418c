//! A leader sends a few heartbeats to a server that the leader has removed. If the removed server has the
//! entry of the removal, the leader also tells the server that this entry is committed (thesis §4.2.3). A
//! server that knows of its removal does not campaign.
//!
//! The check runs at the first deadline of a leader after the leader has committed a removal and has had time
//! for several heartbeats.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::ServerIdx;
use crate::subject::Parts;

const NEEDS: Parts = Parts::MESSAGES
    .or(Parts::ROLE)
    .or(Parts::TERM)
    .or(Parts::COMMIT)
    .or(Parts::LOG)
    .or(Parts::CONFIGURATION)
    .or(Parts::SERVER);

pub(crate) const CHECK: Check =
    Check::new("removed_server_is_told", "thesis §4.2.3", JudgeLevel::Steps, Facts::REMOVED, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (idx, removal, ghost_server) = (ghost.step.idx, ghost.step.removal?, ghost.subject());
    let (node, at) = (removal.node, removal.at);
    *witnessed += 1;
    if removal.messages == 0 {
        return violated(format_args!(
            "{idx} removed {node} at {at}, but has sent {node} no heartbeat since then"
        ));
    }
    // A commit index comes with an entry that both logs still have. The removed server may have lost its disk.
    let has = |removed| at <= ghost.ghost_server(removed).log.last().index;
    let knows = removal.is_acknowledged(ghost.step.clock, &ghost_server.limits)
        && ghost_server.log.base().index <= at
        && ServerIdx::of(node).is_some_and(has);
    if removal.is_told || !knows {
        return None;
    }
    violated(format_args!(
        "{idx} removed {node} at {at}, but has not told {node} that the removal is committed"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, voters};
    use wavetank_raft::{Action, AppendEntries, Event, Index, LogId, Payload, Request, Term, Time};

    /// n1 has removed n3 at i3 and committed the removal at time 0.
    fn removed() -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        fixture.replicate(N1, N2, 2);
        fixture.commit(N1, 3);
        fixture
    }

    fn heartbeat(fixture: &mut Fixture, ms: u64, commit: Option<u64>) {
        fixture.clock = Time(ms * 1_000);
        let (prev, entries) = (LogId::new(Term(2), Index(2)), [].into());
        let rpc = fixture.rpc();
        let send = commit.map(|commit| Action::Send {
            to: N3.node(),
            rpc,
            request: Request::AppendEntries(AppendEntries {
                term: Term(2),
                prev,
                entries,
                leader_commit: Index(commit),
            }),
        });
        fixture.step(N1, &Event::Timer, |_| {}, send.into_iter().collect());
    }

    #[test]
    fn a_server_that_is_behind_gets_heartbeats() {
        let mut fixture = removed();
        heartbeat(&mut fixture, 10, Some(2));
        heartbeat(&mut fixture, 61, None);
        fixture.expect_holds();
    }

    #[test]
    fn a_server_that_gets_nothing_is_not_told() {
        let mut fixture = removed();
        heartbeat(&mut fixture, 61, None);
        fixture.expect_violation("n1 removed n3 at i3, but has sent n3 no heartbeat since then");
    }

    #[test]
    fn a_server_with_the_entry_is_told_of_the_commit() {
        let told = |commit, is_wiped| {
            let mut fixture = removed();
            fixture.replicate(N1, N3, 2);
            fixture.set_matched(N1, N3, Index(3));
            if is_wiped {
                fixture.ghost.crashed(N3, true);
            }
            heartbeat(&mut fixture, 10, Some(commit));
            heartbeat(&mut fixture, 61, None);
            fixture
        };
        told(3, false).expect_holds();
        told(2, false)
            .expect_violation("n1 removed n3 at i3, but has not told n3 that the removal is committed");
        told(2, true).expect_holds();
    }
}
