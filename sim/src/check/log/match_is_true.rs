//! What a leader believes to match on a follower is on that follower's disk.

use crate::check::ghost::{Facts, Follower, Ledger};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;
use wavetank_raft::Index;

/// Match is true (L4).
pub(crate) const CHECK: Check =
    Check::new("match_is_true", "thesis §3.5", Column::Ghosts, Facts::PROGRESS, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    let followers = &ledger.subject().followers;
    news(&ledger.step.followers_before, followers).find_map(|belief| one(ledger, belief, witnessed))
}

/// The beliefs that are new.
fn news<'a>(before: &'a [Follower], now: &'a [Follower]) -> impl Iterator<Item = &'a Follower> {
    now.iter().filter(move |follower| {
        let known = before.iter().find(|known| known.node == follower.node);
        known.map_or(Index::ZERO, |known| known.matched) < follower.matched
    })
}

fn one(ledger: &Ledger, belief: &Follower, witnessed: &mut u64) -> Option<String> {
    let Follower { node: follower, matched, .. } = *belief;
    let link = ledger.subject().log.link(matched).or_else(|| ledger.history.link(matched))?;
    let shadow = ledger.shadow_of(follower)?;
    *witnessed += 1;
    let (leader, term) = (ledger.step.slot, ledger.step.now.term);
    // A server that has said that it is in a newer term may have dropped what it had; and a disk
    // that was lost whole no longer holds what it held.
    let excused = term < shadow.exposed || matched <= shadow.lost;
    if shadow.disk_holds(matched, link) || excused {
        return None;
    }
    let disk = shadow.disk.log.last();
    say(format_args!(
        "{leader}, leader of {term}, believes that {follower} has its log up to {matched}; \
         on its disk the log ends at {disk} or is another one"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, Tale};

    #[test]
    fn a_durable_match_is_true() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn what_is_only_in_memory_does_not_match() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.deliver(N1, N2, 0);
        tale.hear_match(N1, N2, Index(2));
        tale.speaks(
            "n1, leader of t2, believes that n2 has its log up to i2; on its disk the log ends at t1.i1",
        );
    }

    #[test]
    fn another_log_of_the_same_length_does_not_match() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N2, 2);
        tale.elect(N1, 3);
        tale.hear_match(N1, N2, Index(2));
        tale.speaks("n1, leader of t3, believes that n2 has its log up to i2");
    }

    #[test]
    fn who_has_gone_on_to_a_newer_term_is_excused() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        let rpc = tale.deliver(N1, N2, 0);
        tale.sync(N2);
        let yes = tale.yes(N1, N2, rpc);
        tale.step(N2, &wavetank_raft::Event::Timer, |_| {}, vec![yes]);
        tale.elect(N3, 3);
        tale.replicate(N3, N2, 1);
        tale.hear_match(N1, N2, Index(2));
        tale.is_quiet();
    }
}
