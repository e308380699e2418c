//! A leader answers a read under a lease only if a quorum of the voters have answered the leader within the length
//! of a lease, and promise silence (thesis §4.2.3, §6.4.1). A voter that promises silence gives no other server a vote
//! for some time after a message from the leader, even if the voter restarts in this time.
//!
//! Servers of HashiCorp Raft make no such promise. Therefore a leader has a lease only if the other voters
//! are a quorum. An implementation that excludes the check `promised_silence_is_kept` makes no promise. The
//! check runs at every read under a lease.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::ServerSet;
use crate::subject::Parts;

const NEEDS: Parts = Parts::ROLE.or(Parts::CONFIGURATION).or(Parts::SERVER);

pub(crate) const CHECK: Check =
    Check::new("lease_rests_on_promises", "thesis §4.2.3, §6.4.1", JudgeLevel::Steps, Facts::READABLE, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (idx, step) = (ghost.step.idx, &ghost.step);
    let read = step.allowed.iter().find(|allowed| allowed.asked.leased)?;
    // The leader uses its lease when it gets the request. The answer may come after a change of the membership.
    let conf = read.asked.conf?;
    *witnessed += 1;
    // The leader itself needs no promise: after its own restart, it has no lease.
    let promising = conf.voters().and(read.asked.answered).minus(ghost.without_promise);
    let promising = promising.or(conf.voters().and(ServerSet::only(idx)));
    if conf.is_quorum(promising) {
        return None;
    }
    let request = read.asked.request;
    violated(format_args!(
        "{idx} answers {request} under a lease, but only the voters {promising} have answered and promise silence, not a quorum of {}",
        conf.voters()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, LIMITS, N1, N2, N3, voters};
    use crate::plan::server_set::ServerIdx;
    use wavetank_raft::{Answer, Index, ReadPath, Span};

    /// n1 leads and answers a read under a lease. The servers in the list are restarted without a promise before.
    fn read_with(silent: &[ServerIdx]) -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        for idx in silent {
            fixture.boot_without_promise(*idx);
        }
        fixture.settle(N1, 2);
        fixture.read(N1, 50, ReadPath::Lease);
        fixture.allow(N1, 50, Answer::Readable { index: Index(2) });
        fixture
    }

    #[test]
    fn two_of_three_promises_are_enough() {
        read_with(&[]).expect_holds();
        read_with(&[N3]).expect_holds();
        read_with(&[N1]).expect_holds();
    }

    #[test]
    fn the_promise_of_the_leader_alone_is_not_enough() {
        read_with(&[N2, N3])
            .expect_violation("n1 answers r50 under a lease, but only the voters n1 have answered");
    }

    #[test]
    fn old_answers_renew_no_lease() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.clock = fixture.clock + LIMITS.lease + Span(1);
        fixture.read(N1, 50, ReadPath::Lease);
        fixture.allow(N1, 50, Answer::Readable { index: Index(2) });
        fixture.expect_violation("n1 answers r50 under a lease, but only the voters n1 have answered");
    }

    #[test]
    fn the_voters_at_the_request_count() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.boot_without_promise(N2);
        fixture.settle(N1, 2);
        fixture.read(N1, 50, ReadPath::Lease);
        // A change of the membership removes n3 before the answer.
        fixture.set_view(N1, |scripted| scripted.configuration = Some((Index(2), voters(&[N1, N2]))));
        fixture.allow(N1, 50, Answer::Readable { index: Index(2) });
        fixture.expect_holds();
    }
}
