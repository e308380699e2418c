//! A commit index lies within the log, never falls while a server runs, and never starts below
//! its snapshot.

use crate::check::ghost::{Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;

const WATCHES: Facts = Facts::COMMIT.or(Facts::COMMIT_ODD).or(Facts::BOOTED);

/// Commit is bounded and monotonic (C1).
pub(crate) const CHECK: Check =
    Check::new("commit_is_bounded", "thesis §3.5", Column::Ghosts, WATCHES, judge);

fn judge(ledger: &Ledger, facts: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ledger.step;
    let (slot, was, commit) = (step.slot, step.was.commit, step.now.commit);
    let (last, snapshot) = (step.now.last.index, step.now.snapshot.index);
    if facts.touches(Facts::BOOTED) && commit < snapshot {
        return say(format_args!("{slot} starts with commit index {commit} and a snapshot of {snapshot}"));
    }
    if last < commit {
        return say(format_args!("{slot} has committed {commit}, but its log ends at {last}"));
    }
    if commit < was {
        return say(format_args!("{slot} took its commit index back from {was} to {commit}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, Tale};

    #[test]
    fn it_rises_and_a_crash_forgets_it() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.crash(N2);
        tale.boot(N2);
        tale.commit(N2, 1);
        tale.is_quiet();
    }

    #[test]
    fn it_does_not_fall() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.commit(N1, 1);
        tale.speaks("n1 took its commit index back from i2 to i1");
    }

    #[test]
    fn it_is_within_the_log() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.commit(N2, 3);
        tale.speaks("n2 has committed i3, but its log ends at i2");
    }
}
