//! If the state machine of a server fails to load a snapshot, the server stops and hands this state machine
//! no more entries (thesis §5.1). The failed load destroys the state, so the server must not apply later
//! entries.
//!
//! The check judges each load of a snapshot that fails in a running server.

use crate::check::ghost::{Facts, Ghost, Stop};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

pub(crate) const CHECK: Check =
    Check::new("failed_load_stops", "thesis §5.1", JudgeLevel::Steps, Facts::LOAD_FAILED, judge)
        .needing(Parts::NONE);

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let idx = ghost.step.idx;
    if facts.touches(Facts::HANDED) {
        return violated(format_args!(
            "{idx} applies entries to a state machine that has failed to load a snapshot"
        ));
    }
    if ghost.subject().halting == Some(Stop::Store) {
        return None;
    }
    violated(format_args!("{idx} continues after its state machine has failed to load a snapshot"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1};
    use wavetank_raft::store::{StoreError, StoreErrorKind};
    use wavetank_raft::{Action, Batch, Event, Halt};

    fn after_a_failed_load(actions: impl FnOnce(&Fixture, StoreError) -> Vec<Action>) -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        let failure = StoreError::new(StoreErrorKind::Io, "the state machine");
        let actions = actions(&fixture, failure.clone());
        fixture.step(N1, &Event::Restored(Err(failure)), |_| {}, actions);
        fixture
    }

    #[test]
    fn a_stop_is_legal() {
        after_a_failed_load(|_, failure| vec![Action::Halt(Halt::Store(failure))]).expect_holds();
    }

    #[test]
    fn a_server_that_continues_is_not() {
        after_a_failed_load(|_, _| Vec::new())
            .expect_violation("n1 continues after its state machine has failed to load a snapshot");
    }

    #[test]
    fn entries_are_not_applied_to_a_lost_state() {
        let apply = |fixture: &Fixture, _| {
            let entries = fixture.scripted(N1).entries[..1].to_vec();
            vec![Action::Apply(Batch { entries })]
        };
        after_a_failed_load(apply)
            .expect_violation("n1 applies entries to a state machine that has failed to load a snapshot");
    }
}
