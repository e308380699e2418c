//! Terms never fall: not while a server runs, and not below what it told anybody before a crash.

use crate::check::ghost::{Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;

const WATCHES: Facts = Facts::TERM.or(Facts::BOOTED).or(Facts::TERM_AHEAD);

/// Terms are monotonic (T1).
pub(crate) const CHECK: Check = Check::new("term_monotonic", "thesis §3.3", Column::Ghosts, WATCHES, judge);

fn judge(ledger: &Ledger, facts: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ledger.step;
    let (slot, was, now, said) = (step.slot, step.was.term, step.now.term, step.told);
    if facts.touches(Facts::BOOTED) {
        let exposed = ledger.subject().exposed;
        if exposed <= now {
            return None;
        }
        return say(format_args!("{slot} starts at {now}, but others have heard {exposed} from it"));
    }
    if now < said {
        return say(format_args!("{slot} is at {now} and says {said}"));
    }
    if now < was {
        return say(format_args!("{slot} went back from {was} to {now}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, Tale};
    use wavetank_raft::Term;

    #[test]
    fn a_term_that_nobody_heard_may_be_lost() {
        let mut tale = Tale::three(&CHECK);
        tale.pose(N1, |posed| posed.glimpse.term = Term(5));
        tale.crash(N1);
        tale.boot(N1);
        tale.elect(N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn a_term_that_somebody_heard_may_not() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.crash(N2);
        tale.boot_with_vote(N2, 1, None);
        tale.speaks("n2 starts at t1, but others have heard t2");
    }

    #[test]
    fn a_term_does_not_fall_in_between() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 4);
        tale.pose(N3, |posed| posed.glimpse.term = Term(3));
        tale.speaks("n3 went back from t4 to t3");
    }

    #[test]
    fn a_message_does_not_run_ahead() {
        let mut tale = Tale::three(&CHECK);
        tale.campaign(N1, 2);
        tale.pose(N1, |posed| posed.glimpse.term = Term(3));
        let reply = tale.granting(N2, wavetank_raft::RpcId(1), 4);
        tale.step(N1, &wavetank_raft::Event::Timer, |_| {}, vec![reply]);
        tale.speaks("n1 is at t3 and says t4");
    }
}
