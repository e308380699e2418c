//! A server whose store failed sends no promise until the server restarts, because the content of its disk is
//! unknown (thesis §3.8).
//!
//! The check runs whenever a server sends a promise.

use crate::check::ghost::{Facts, Ghost};
use crate::check::storage::persist_before_send::PROMISES;
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

pub(crate) const CHECK: Check =
    Check::new("silent_after_disk_error", "thesis §3.8", JudgeLevel::Steps, PROMISES, judge)
        .needing(Parts::MESSAGES);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    if !ghost.subject().store_failed {
        return None;
    }
    let (idx, promise) = (ghost.step.idx, ghost.step.promises.first()?);
    violated(format_args!("{idx} {promise} after its store failed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2};
    use wavetank_raft::Event;
    use wavetank_raft::store::{StoreError, StoreErrorKind};

    fn fail(fixture: &mut Fixture) {
        let error = StoreError::new(StoreErrorKind::Io, "log");
        fixture.step(N2, &Event::StoreFailed(error), |_| {}, Vec::new());
    }

    #[test]
    fn a_server_that_promises_nothing_is_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fail(&mut fixture);
        fixture.crash(N2);
        fixture.boot(N2);
        fixture.replicate(N1, N2, 0);
        fixture.expect_holds();
    }

    #[test]
    fn a_promise_after_the_failure_is_not() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fail(&mut fixture);
        fixture.replicate(N1, N2, 0);
        fixture.expect_violation("n2 acknowledged t2.i2 in t2 after its store failed");
    }
}
