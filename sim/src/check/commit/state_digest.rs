//! All state machines that have applied the same entries have the same state. The state is the same whether a
//! state machine applied the log or loaded a snapshot (thesis §3.6.3, §5.1).
//!
//! The check runs whenever a state machine applies entries, takes a snapshot or loads a snapshot.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const WATCHES: Facts = Facts::APPLIED.or(Facts::CAPTURED).or(Facts::RESTORED);

pub(crate) const CHECK: Check =
    Check::new("state_digest", "thesis §3.6.3, §5.1", JudgeLevel::Outcomes, WATCHES, judge)
        .needing(Parts::NONE);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (index, digest) = ghost.step.state?;
    let (idx, before) = (ghost.step.idx, ghost.history.state_at(index)?);
    if before.digest == digest {
        return None;
    }
    violated(format_args!("{idx} and {} have different states after {index}", before.by))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};
    use wavetank_raft::{Index, LogId, Term};

    #[test]
    fn equal_states_are_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.applied(N1, 1, 3, 33);
        fixture.applied(N2, 1, 3, 33);
        fixture.restored(N3, LogId::new(Term(1), Index(3)), 33);
        fixture.applied(N2, 4, 4, 44);
        fixture.expect_holds();
    }

    #[test]
    fn a_different_state_is_not() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.applied(N1, 1, 3, 33);
        fixture.restored(N3, LogId::new(Term(1), Index(3)), 34);
        fixture.expect_violation("n3 and n1 have different states after i3");
    }
}
