//! A server that was removed and got a new disk campaigns only if the log of the server has all entries that
//! were committed before the server got the new disk, or if the latest configuration in this log does not
//! name the server (thesis §4.1; docs/names.md).
//!
//! In a log that lacks some of these entries, a configuration that names the server means the server with its
//! old disk. In a configuration that does not name the server, the server has no vote, but may campaign until
//! the server knows that its removal is committed (thesis §4.2.2). The check runs whenever a server with a
//! new disk starts a campaign.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const NEEDS: Parts = Parts::ROLE.or(Parts::TERM).or(Parts::COMMIT).or(Parts::LOG).or(Parts::CONFIGURATION);

pub(crate) const CHECK: Check =
    Check::new("new_disk_catches_up", "thesis §4.1", JudgeLevel::History, Facts::CAMPAIGNED, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let exchanged_at = ghost.subject().new_disk_at?;
    *witnessed += 1;
    let (idx, term, last) = (ghost.step.idx, ghost.step.now.term, ghost.step.was.last);
    let is_named = ghost.subject().log.conf().is_none_or(|latest| latest.conf.members.contains(idx));
    if exchanged_at <= last.index || !is_named {
        return None;
    }
    violated(format_args!(
        "{idx} campaigns at {term} with a log that ends at {last}, \
         but the entry {exchanged_at} was committed before {idx} got its new disk"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, N4, voters};
    use crate::plan::server_set::ServerIdx;
    use wavetank_raft::{Entry, Event, Index, LogOp, Payload, Term};

    /// n4, which is no member, gets a new disk when i2 is committed. Then n4 campaigns with this many
    /// entries. The first entry makes `voter` the only member.
    fn campaigns_with(entries: u64, voter: ServerIdx) -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.ghost.crashed(N4, true);
        fixture.boot(N4);
        let members = Entry::new(Term(1), Index(1), Payload::Configuration(voters(&[voter])));
        let rest = (2..=entries).map(|index| Entry::new(Term(2), Index(index), Payload::Noop));
        let log: Vec<_> = [members].into_iter().chain(rest).collect();
        let write = fixture.write(None, LogOp::Append(log.into()));
        fixture.step(N4, &Event::Timer, |_| {}, vec![write]);
        fixture.sync(N4);
        fixture.campaign(N4, 3);
        fixture
    }

    #[test]
    fn with_the_entries_before_the_exchange_it_campaigns() {
        campaigns_with(2, N4).expect_holds();
        campaigns_with(3, N4).expect_holds();
    }

    #[test]
    fn with_fewer_entries_it_does_not() {
        campaigns_with(1, N4).expect_violation(
            "n4 campaigns at t3 with a log that ends at t1.i1, but the entry i2 was committed before n4 got its new disk",
        );
    }

    #[test]
    fn without_a_vote_it_may_campaign() {
        campaigns_with(1, N1).expect_holds();
    }

    /// n2 has a configuration with n4 in memory only. After a crash of n2, n4 is not a member.
    #[test]
    fn a_configuration_that_a_crash_removed_names_nobody() {
        let new_disk_at = |crashes: bool| {
            let mut fixture = Fixture::three(&CHECK);
            fixture.settle(N1, 2);
            let members = Payload::Configuration(voters(&[N1, N2, N3, N4]));
            let write = fixture.write(None, LogOp::Append([Entry::new(Term(2), Index(3), members)].into()));
            fixture.step(N2, &Event::Timer, |_| {}, vec![write]);
            if crashes {
                fixture.crash(N2);
            }
            fixture.ghost.crashed(N4, true);
            fixture.ghost.ghost_server(N4).new_disk_at
        };
        assert_eq!([new_disk_at(false), new_disk_at(true)], [None, Some(Index(2))]);
    }

    /// n2 has a configuration with n4 on its disk, and a newer one without n4 in a write. After a crash of n2, this
    /// write may be on the disk.
    #[test]
    fn a_removal_that_may_be_on_a_disk_counts() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        for (index, members) in [(3, &[N1, N2, N3, N4][..]), (4, &[N1, N2, N3])] {
            let members = Payload::Configuration(voters(members));
            let write =
                fixture.write(None, LogOp::Append([Entry::new(Term(2), Index(index), members)].into()));
            fixture.step(N2, &Event::Timer, |_| {}, vec![write]);
            if index == 3 {
                fixture.sync(N2);
            }
        }
        fixture.crash(N2);
        fixture.ghost.crashed(N4, true);
        assert_eq!(fixture.ghost.ghost_server(N4).new_disk_at, Some(Index(2)));
    }
}
