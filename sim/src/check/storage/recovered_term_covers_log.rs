//! When a server starts, its term is not lower than the term of any entry in its log (thesis §3.3, §3.8). The
//! reason is that the vote record reaches the disk before the entries of the same write.
//!
//! The check runs at every start of a server with entries.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

pub(crate) const CHECK: Check =
    Check::new("recovered_term_covers_log", "thesis §3.3, §3.8", JudgeLevel::Outcomes, Facts::BOOTED, judge)
        .needing(Parts::TERM.or(Parts::VOTE).or(Parts::LOG));

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (idx, term, log) = (ghost.step.idx, ghost.step.recovered.hard.term, &ghost.subject().log);
    if log.is_empty() {
        return None;
    }
    *witnessed += 1;
    let last = log.last();
    if last.term <= term {
        return None;
    }
    violated(format_args!("{idx} starts in {term}, but its log ends at {last}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1};

    fn starts_in(term: u64) -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.sync(N1);
        fixture.crash(N1);
        fixture.boot_with_vote(N1, term, None);
        fixture
    }

    #[test]
    fn a_term_of_the_last_entry_or_later_is_legal() {
        starts_in(2).expect_holds();
        starts_in(3).expect_holds();
    }

    #[test]
    fn an_earlier_term_is_not() {
        starts_in(1).expect_violation("n1 starts in t1, but its log ends at t2.i2");
    }
}
