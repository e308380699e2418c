//! Only what is on a server's own disk is handed to its state machine.
//!
//! Raft itself would allow more; this core promises it, so that a state machine that keeps its own
//! files never knows more than the log beside it.

use crate::check::ghost::{Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;

/// What is applied is durable.
pub(crate) const CHECK: Check =
    Check::new("applied_is_durable", "thesis §3.8", Column::Steps, Facts::HANDED, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (_, index, _) = ledger.step.handed?;
    let (slot, shadow) = (ledger.step.slot, ledger.subject());
    if shadow.log.link(index).is_none_or(|link| shadow.disk_holds(index, link)) {
        return None;
    }
    let disk = shadow.disk.log.last();
    say(format_args!("{slot} applies up to {index}, but on its disk the log ends at {disk}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, Tale};
    use wavetank_raft::{Action, Batch, Event};

    #[test]
    fn after_the_disk() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.deliver(N1, N2, 0);
        let entries = tale.posed(N2).entries.clone();
        let apply = |entries| vec![Action::Apply(Batch { entries })];
        tale.step(N2, &Event::Timer, |_| {}, apply(entries[..1].to_vec()));
        tale.is_quiet();
        tale.step(N2, &Event::Timer, |_| {}, apply(entries[1..].to_vec()));
        tale.speaks("n2 applies up to i2, but on its disk the log ends at t1.i1");
    }
}
