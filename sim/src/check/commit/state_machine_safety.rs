//! State Machine Safety: what one server commits at an index, every server commits there.

use crate::check::ghost::{Committed, Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;
use wavetank_raft::LogId;

/// State Machine Safety (S1).
pub(crate) const CHECK: Check =
    Check::new("state_machine_safety", "thesis §3.6.3", Column::Outcomes, Facts::COMMIT, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (step, log) = (&ledger.step, &ledger.subject().log);
    if step.now.commit <= step.was.commit {
        return None;
    }
    let (index, before) = ledger.history.first_difference(log, step.now.commit)?;
    let Committed { link, term, by } = before;
    let (slot, was) = (step.slot, LogId::new(link.term, index));
    let Some(link) = log.link(index) else {
        return say(format_args!(
            "{slot} committed something else at {index}, where {by} had committed another {was} in {term}"
        ));
    };
    let entry = LogId::new(link.term, index);
    say(format_args!("{slot} committed {entry}, where {by} had committed another {was} in {term}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, Tale};

    #[test]
    fn one_truth() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.settle(N3, 3);
        tale.is_quiet();
    }

    #[test]
    fn two_truths() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.commit(N1, 2);
        tale.elect(N2, 3);
        tale.commit(N2, 2);
        tale.speaks("n2 committed t3.i2, where n1 had committed another t2.i2 in t2");
    }
}
