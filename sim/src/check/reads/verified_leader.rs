//! If a server says that it led after it was asked, that is true: no newer leader had been elected
//! when it was asked.

use crate::check::ghost::{Asked, Facts, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;

/// Leadership is verified.
pub(crate) const CHECK: Check =
    Check::new("verified_leader", "thesis §6.4", Column::Ghosts, Facts::READABLE, judge);

/// Whether a newer term had a leader when this was asked.
pub(crate) fn is_outdated(asked: &Asked) -> bool {
    asked.term < asked.led
}

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    let slot = ledger.step.slot;
    // What a lease shows is judged with the lease.
    ledger.step.allowed.iter().map(|allowed| &allowed.asked).filter(|asked| !asked.leased).find_map(|asked| {
        *witnessed += 1;
        if !is_outdated(asked) {
            return None;
        }
        let Asked { request, term, led, .. } = asked;
        say(format_args!(
            "{slot} answers {request} as leader of {term}; when it was asked, {led} had a leader"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, Tale};
    use wavetank_raft::{Answer, ReadPath};

    #[test]
    fn an_election_after_the_question_does_not_matter() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.read(N1, 50, ReadPath::Verify);
        tale.campaign(N2, 3);
        tale.usurp(N2, 3);
        tale.allow(N1, 50, Answer::Done);
        tale.is_quiet();
    }

    #[test]
    fn one_before_the_question_does() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.campaign(N2, 3);
        tale.usurp(N2, 3);
        tale.read(N1, 50, ReadPath::Verify);
        tale.allow(N1, 50, Answer::Done);
        tale.speaks("n1 answers r50 as leader of t2; when it was asked, t3 had a leader");
    }
}
