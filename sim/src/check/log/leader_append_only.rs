//! Leader Append-Only: a leader never overwrites or removes an entry of its log, and a leader appends only
//! entries of its own term (thesis §3.5).
//!
//! The check runs whenever the log of a leader changes.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const WATCHES: Facts = Facts::CUT.or(Facts::APPENDED);

pub(crate) const CHECK: Check =
    Check::new("leader_append_only", "thesis §3.5", JudgeLevel::History, WATCHES, judge)
        .needing(Parts::ROLE.or(Parts::TERM).or(Parts::LOG));

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ghost.step;
    if !step.now.leads() {
        return None;
    }
    *witnessed += 1;
    let (leader, term) = (step.idx, step.now.term);
    if let Some(gone) = step.removed.last() {
        let from = gone.index;
        return violated(format_args!("{leader} leads {term} and removed its own entries from {from} on"));
    }
    let entry = ghost.subject().log.last();
    if step.appended.is_none() || entry.term == term {
        return None;
    }
    violated(format_args!("{leader} leads {term}, but appended {entry}, which has another term"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};
    use wavetank_raft::{Entry, Event, Index, LogOp, Payload, Term};

    #[test]
    fn a_leader_appends_and_a_follower_truncates() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.propose(N1, 2);
        fixture.elect(N2, 3);
        fixture.replicate(N2, N1, 1);
        fixture.expect_holds();
    }

    #[test]
    fn a_leader_does_not_cut() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N3, 2);
        fixture.propose(N3, 2);
        let again = Entry::new(Term(2), Index(3), Payload::Noop);
        let write = fixture.write(None, LogOp::Replace([again].into()));
        fixture.step(N3, &Event::Timer, |_| {}, vec![write]);
        fixture.expect_violation("n3 leads t2 and removed its own entries from i3 on");
    }

    #[test]
    fn a_leader_appends_only_its_own_term() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N3, 2);
        let old = Entry::new(Term(1), Index(3), Payload::Noop);
        let write = fixture.write(None, LogOp::Append([old].into()));
        fixture.step(N3, &Event::Timer, |_| {}, vec![write]);
        fixture.expect_violation("n3 leads t2, but appended t1.i3, which has another term");
    }
}
