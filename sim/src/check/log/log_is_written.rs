//! The log in memory equals the log that the writes of the server produce (thesis §3.8). Therefore the server
//! has requested a write for every entry in memory. The check compares the last entries of the two logs.
//!
//! The check runs whenever the log of a server changes.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const WATCHES: Facts = Facts::UNWRITTEN.or(Facts::APPENDED);

pub(crate) const CHECK: Check =
    Check::new("log_is_written", "thesis §3.8", JudgeLevel::Steps, WATCHES, judge).needing(Parts::LOG);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (idx, memory, writes) = (ghost.step.idx, ghost.step.now.last, ghost.subject().log.last());
    if memory == writes {
        return None;
    }
    violated(format_args!("{idx} has a log up to {memory} in memory, but its writes end at {writes}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1};
    use wavetank_raft::{Index, LogId, Term};

    #[test]
    fn every_entry_has_its_write() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.expect_holds();
    }

    #[test]
    fn an_entry_without_a_write_is_reported() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.set_view(N1, |scripted| scripted.view.last = LogId::new(Term(2), Index(3)));
        fixture.expect_violation("n1 has a log up to t2.i3 in memory, but its writes end at t2.i2");
    }
}
