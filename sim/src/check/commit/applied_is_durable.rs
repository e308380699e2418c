//! A server applies only entries that are on its own disk (thesis §3.8).
//!
//! Raft itself does not require this property. This library guarantees the property. Therefore a state
//! machine with its own files is never ahead of the log. The check runs whenever a server hands entries to
//! its state machine.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

pub(crate) const CHECK: Check =
    Check::new("applied_is_durable", "thesis §3.8", JudgeLevel::Steps, Facts::HANDED, judge)
        .needing(Parts::LOG);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (_, index, _) = ghost.step.handed?;
    let (idx, ghost_server) = (ghost.step.idx, ghost.subject());
    if ghost_server.log.link(index).is_none_or(|link| ghost_server.disk_holds(index, link)) {
        return None;
    }
    let disk = ghost_server.disk.log.last();
    violated(format_args!("{idx} applies up to {index}, but its disk has a log up to {disk}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2};
    use wavetank_raft::{Action, Batch, Event};

    #[test]
    fn durable_entries_may_be_applied() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.deliver(N1, N2, 0);
        let entries = fixture.scripted(N2).entries.clone();
        let apply = |entries| vec![Action::Apply(Batch { entries })];
        fixture.step(N2, &Event::Timer, |_| {}, apply(entries[..1].to_vec()));
        fixture.expect_holds();
        fixture.step(N2, &Event::Timer, |_| {}, apply(entries[1..].to_vec()));
        fixture.expect_violation("n2 applies up to i2, but its disk has a log up to t1.i1");
    }
}
