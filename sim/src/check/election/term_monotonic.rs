//! The term of a server never falls while the server runs. After a restart, the term is at least the newest
//! term that the server has sent (thesis §3.3).
//!
//! The check runs at every change of a term, every start, and every message with a term newer than the
//! sender's term.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const WATCHES: Facts = Facts::TERM.or(Facts::BOOTED).or(Facts::TERM_AHEAD);

pub(crate) const CHECK: Check =
    Check::new("term_monotonic", "thesis §3.3", JudgeLevel::History, WATCHES, judge).needing(Parts::TERM);

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let step = &ghost.step;
    let (idx, was, now, said) = (step.idx, step.was.term, step.now.term, step.sent_term);
    if facts.touches(Facts::BOOTED) {
        let announced = ghost.subject().announced_term;
        if announced <= now {
            return None;
        }
        return violated(format_args!("{idx} starts in {now}, but has sent {announced}"));
    }
    if now < said {
        return violated(format_args!("{idx} is in {now}, but sends a message of {said}"));
    }
    if now < was {
        return violated(format_args!("{idx} lowered its term from {was} to {now}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};
    use wavetank_raft::Term;

    #[test]
    fn an_unsent_term_may_be_lost() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.set_view(N1, |scripted| scripted.view.term = Term(5));
        fixture.crash(N1);
        fixture.boot(N1);
        fixture.elect(N1, 2);
        fixture.expect_holds();
    }

    #[test]
    fn a_sent_term_may_not_be_lost() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.crash(N2);
        fixture.boot_with_vote(N2, 1, None);
        fixture.expect_violation("n2 starts in t1, but has sent t2");
    }

    #[test]
    fn a_term_does_not_fall_while_a_server_runs() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 4);
        fixture.set_view(N3, |scripted| scripted.view.term = Term(3));
        fixture.expect_violation("n3 lowered its term from t4 to t3");
    }

    #[test]
    fn a_message_carries_no_newer_term_than_its_sender() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.campaign(N1, 2);
        fixture.set_view(N1, |scripted| scripted.view.term = Term(3));
        let reply = fixture.granting(N2, wavetank_raft::RpcId(1), 4);
        fixture.step(N1, &wavetank_raft::Event::Timer, |_| {}, vec![reply]);
        fixture.expect_violation("n1 is in t3, but sends a message of t4");
    }
}
