//! Consecutive configurations cannot decide without each other: every quorum of the one meets
//! every quorum of the other.

use crate::check::ghost::{Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;

/// Consecutive configurations overlap (M2).
pub(crate) const CHECK: Check =
    Check::new("configurations_overlap", "thesis §4.1, §4.3", Column::Steps, Facts::CHANGED, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    let leader = ledger.step.slot;
    ledger.step.changed.iter().find_map(|(before, now)| {
        let (before, now) = ((*before)?.conf, now.conf);
        *witnessed += 1;
        let (one, other) = before.disjoint_quorums(now)?;
        say(format_args!("{leader} went from {before} to {now}: {one:?} and {other:?} can each decide alone"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, N4, Tale, voters};
    use wavetank_raft::Payload;

    #[test]
    fn one_more_overlaps() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N2, N3, N4]))]);
        tale.is_quiet();
    }

    #[test]
    fn one_for_two_does_not() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.append(N1, vec![Payload::Configuration(voters(&[N1, N4]))]);
        tale.speaks("n1 went from n1 n2 n3 to n1 n4: {n2 n3} and {n1 n4} can each decide alone");
    }
}
