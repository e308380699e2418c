//! Who takes over: stories of leaders that hand over, or try to, or are told to by nobody.

use super::plan_tweaks::without_trailing_logs;
use crate::dsl::{Stage, election_timeouts};
use wavetank_raft::{Error, ReadPath, Refusal};

stories![
    /// An heir that lags is first brought up to date, and nothing that was acknowledged is lost.
    fn an_heir_that_lags_catches_up_first(s: &mut Stage) {
        let old = s.until_leader();
        let [heir, _] = s.followers_of(old);
        s.isolate(heir);
        let words: Vec<String> = (1..=50).map(|number| format!("missed {number}")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        s.propose_many(old, &words).until_acknowledged("missed 50");

        s.heal();
        let transfer = s.transfer(old, heir);
        s.until_leads(heir).until_granted(transfer);

        s.propose(heir, "afterwards").until_converged();
        s.expect_committed(&[&words[..], &["afterwards"]].concat());
    }

    /// Leadership goes neither to one that only listens, nor to a stranger, nor to whoever has it.
    #[cluster(spares = 2)]
    fn leadership_goes_only_to_another_voter(s: &mut Stage) {
        let leader = s.until_leader();
        let [listener, stranger] = s.spares();
        let term = s.term_of(leader);
        let listening = s.add_nonvoter(leader, listener);
        s.until_granted(listening);

        let refusals = [
            (listener, Refusal::UnknownTarget(listener.node())),
            (stranger, Refusal::UnknownTarget(stranger.node())),
            (leader, Refusal::TransferToSelf),
        ];
        for (target, why) in refusals {
            let transfer = s.transfer(leader, target);
            s.until_refused_because(transfer, &Error::Refused(why));
        }

        s.until_passed(election_timeouts(5));
        s.expect_leads(leader);
        s.expect_term(leader, term);
        s.propose(leader, "as before").until_acknowledged("as before");
    }

    /// A leader that is alone has nobody to hand over to, and leads on.
    #[cluster(servers = 1, spares = 1)]
    fn a_lonely_leader_has_no_heir(s: &mut Stage) {
        let only = s.until_leader();
        let [listener] = s.spares();
        let listening = s.add_nonvoter(only, listener);
        s.until_granted(listening);

        let transfer = s.hand_over(only);

        s.until_refused_because(transfer, &Error::Refused(Refusal::NoTarget));
        s.propose(only, "as before").until_acknowledged("as before");
        s.expect_leads(only);
    }

    /// While leadership is being handed over to one it is not handed to another, and no change is made.
    fn leadership_is_handed_to_one_at_a_time(s: &mut Stage) {
        let leader = s.until_leader();
        let [absent, ready] = s.followers_of(leader);
        s.isolate(absent);
        s.propose(leader, "missed").until_acknowledged("missed");
        let first = s.transfer(leader, absent);

        let second = s.transfer(leader, ready);
        let leaving = s.remove(leader, absent);
        for early in [second, leaving] {
            s.until_refused_because(early, &Error::LeadershipTransferInProgress);
        }

        s.until_refused_because(first, &Error::Refused(Refusal::TransferTimeout));
        let third = s.transfer(leader, ready);
        s.until_leads(ready).until_granted(third);
    }

    /// A transfer that comes to nothing ends in its time, and words are taken as before.
    fn a_transfer_that_fails_leaves_all_as_it_was(s: &mut Stage) {
        let leader = s.until_leader();
        let [dead, _] = s.followers_of(leader);
        let term = s.term_of(leader);
        s.crash(dead);
        let transfer = s.transfer(leader, dead);
        s.propose(leader, "too early").until_failed("too early");

        s.within(election_timeouts(1));
        s.until_refused_because(transfer, &Error::Refused(Refusal::TransferTimeout));

        s.propose(leader, "in time").until_acknowledged("in time");
        s.expect_leads(leader);
        s.expect_term(leader, term);
        s.restart(dead);
        s.until_converged();
        s.expect_committed(&["in time"]);
    }

    /// Whoever has the most is the heir, if none is named.
    #[cluster(servers = 5)]
    fn the_best_is_the_heir(s: &mut Stage) {
        let old = s.until_leader();
        let [behind, best, also_behind, away] = s.followers_of(old);
        for slot in [behind, also_behind] {
            s.cut(old, slot);
        }
        s.propose(old, "for a majority").until_stored(away, "for a majority");
        s.crash(away);
        s.mend(old, behind);
        s.until_acknowledged("for a majority");

        s.cut(old, behind);
        s.propose(old, "for the best").until_knows_stored(old, best, "for the best");
        s.hand_over(old);

        s.until_term_above(best, s.term_of(old));
        s.heal();
        s.until_leads(best).until_converged();
        s.expect_committed(&["for a majority", "for the best"]);
    }

    /// A call to campaign that comes too late, or from somebody who does not lead, is ignored.
    fn a_late_call_to_campaign_is_ignored(s: &mut Stage) {
        let old = s.until_leader();
        let [a, b] = s.followers_of(old);
        let late = s.term_of(old);
        s.crash(old);
        let new = s.until_leader_other_than(old);
        let [other] = s.others_among(&[a, b], new);
        let term = s.term_of(new);

        s.call_to_campaign(old, other, late);
        s.call_to_campaign(old, other, term);
        s.call_to_campaign(new, other, late);
        s.call_to_campaign(other, new, term);

        s.until_passed(election_timeouts(5));
        s.expect_leads(new);
        s.expect_term(other, term);
        s.propose(new, "undisturbed").until_acknowledged("undisturbed");
    }

    /// One that is being removed is no heir, although its removal is not agreed yet.
    fn one_that_is_leaving_is_no_heir(s: &mut Stage) {
        let leader = s.until_leader();
        let [leaves, stays] = s.followers_of(leader);
        s.deafen(leader);
        let leaving = s.remove(leader, leaves);

        let transfer = s.transfer(leader, leaves);
        s.until_refused_because(transfer, &Error::Refused(Refusal::UnknownTarget(leaves.node())));
        s.expect_open(leaving);

        s.heal();
        s.until_granted(leaving);
        s.expect_leads(leader);
        let transfer = s.hand_over(leader);
        s.until_leads(stays).until_granted(transfer);
        s.expect_voters(stays, &[leader, stays]);
    }

    /// A leader deposed while it hands over has nothing of that left when it leads again.
    fn a_transfer_does_not_outlive_its_leadership(s: &mut Stage) {
        let leader = s.until_leader();
        let [heir, absent] = s.followers_of(leader);
        s.isolate(absent);
        s.propose(leader, "missed").until_acknowledged("missed");
        let transfer = s.transfer(leader, absent);
        s.call_to_campaign(leader, heir, s.term_of(leader));

        s.until_leads(heir).until_granted(transfer);
        let back = s.transfer(heir, leader);
        s.until_leads(leader).until_granted(back);

        s.propose(leader, "afterwards").until_acknowledged("afterwards");
        s.heal();
        s.until_converged();
        s.expect_committed(&["missed", "afterwards"]);
    }

    /// Once a leader has called another to campaign it has no lease any more: the call may be obeyed
    /// late. It reads by asking a majority.
    fn there_is_no_lease_after_a_call_to_campaign(s: &mut Stage) {
        let leader = s.until_leader();
        let [heir, _] = s.followers_of(leader);
        s.propose(leader, "kept").until_converged();
        let read = s.read(leader, ReadPath::Lease);
        s.within(election_timeouts(0)).until_granted(read);
        s.isolate(heir);
        let transfer = s.transfer(leader, heir);

        s.until_refused_because(transfer, &Error::Refused(Refusal::TransferTimeout));
        let read = s.read(leader, ReadPath::Lease);
        s.until_refused_because(read, &Error::Refused(Refusal::NoLease));

        let read = s.read(leader, ReadPath::Index);
        s.until_granted(read);
        s.expect_readable(leader, "kept");
    }

    /// An heir that lacks what is compacted is sent a snapshot before it is told to campaign.
    #[cluster(plan_tweak = without_trailing_logs)]
    fn an_heir_that_needs_a_snapshot_gets_it_first(s: &mut Stage) {
        let old = s.until_leader();
        let [heir, _] = s.followers_of(old);
        s.isolate(heir);
        s.propose_many(old, &["one", "two", "three"]).until_acknowledged("three");
        let taken = s.snapshot(old);
        s.until_granted(taken);
        s.until_compacted_beyond(old, heir);

        s.heal();
        let transfer = s.transfer(old, heir);

        s.until_leads(heir).until_granted(transfer);
        s.expect_installed(heir);
        s.until_converged();
        s.expect_committed(&["one", "two", "three"]);
    }
];
