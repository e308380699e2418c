//! A server hands its state machine each command with extensions and each restored state exactly as the log
//! contains them (HashiCorp Raft's `ApplyLog` and `Restore`).
//!
//! The check runs whenever a server hands its state machine an entry of these two kinds. The checks of client
//! answers (`clients::kv::judges`) judge all other commands.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

pub(crate) const CHECK: Check = Check::new(
    "entries_arrive_unchanged",
    "HashiCorp Raft, ApplyLog",
    JudgeLevel::History,
    Facts::HANDED,
    judge,
)
.needing(Parts::LOG);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ghost.step;
    *witnessed += u64::from(step.special);
    let index = step.altered?;
    violated(format_args!(
        "{} hands its state machine an entry that differs from the entry in its log at {index}",
        step.idx
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1};
    use std::sync::Arc;
    use wavetank_raft::{Action, Batch, Entry, Event, Extended, Index, Payload, Term};

    fn extended(extensions: &[u8]) -> Payload {
        Payload::Extended(Arc::new(Extended { data: [7].as_slice().into(), extensions: extensions.into() }))
    }

    /// A leader appends a command with extensions, and hands this command to its state machine.
    fn handed(payload: Payload) -> Fixture {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.append(N1, vec![extended(b"abc")]);
        let entries = vec![Entry::new(Term(2), Index(3), payload)];
        fixture.step(N1, &Event::Timer, |_| {}, vec![Action::Apply(Batch { entries })]);
        fixture
    }

    #[test]
    fn the_same_extensions_arrive() {
        handed(extended(b"abc")).expect_holds();
    }

    #[test]
    fn other_extensions_arrive() {
        handed(extended(b"ab")).expect_violation(
            "n1 hands its state machine an entry that differs from the entry in its log at i3",
        );
    }
}
