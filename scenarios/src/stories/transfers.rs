//! Who takes over: stories of leaders that hand over, or try to, or are told to by nobody.

use super::plan_tweaks::without_trailing_logs;
use crate::dsl::{Stage, election_timeouts};
use wavetank_raft::{Error, ReadPath, Refusal};

stories![
    /// A transfer target that lags is brought up to date first, and nothing that was acknowledged is
    /// lost.
    fn a_lagging_transfer_target_catches_up_first(s: &mut Stage) {
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

    /// A leader refuses to transfer its leadership to a nonvoter, to a server outside the cluster and
    /// to itself.
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

    /// A leader that is the only voter has no transfer target, and goes on leading.
    #[cluster(servers = 1, spares = 1)]
    fn a_single_voter_has_no_transfer_target(s: &mut Stage) {
        let only = s.until_leader();
        let [listener] = s.spares();
        let listening = s.add_nonvoter(only, listener);
        s.until_granted(listening);

        let transfer = s.hand_over(only);

        s.until_refused_because(transfer, &Error::Refused(Refusal::NoTarget));
        s.propose(only, "as before").until_acknowledged("as before");
        s.expect_leads(only);
    }

    /// During a leadership transfer, a second transfer and a membership change are refused.
    fn leadership_is_transferred_to_one_at_a_time(s: &mut Stage) {
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

    /// A leadership transfer that fails ends within its timeout, and the leader accepts commands as
    /// before.
    fn a_failed_transfer_changes_nothing(s: &mut Stage) {
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

    /// When no target is named, the follower with the most entries becomes the transfer target.
    #[cluster(servers = 5)]
    fn the_most_up_to_date_follower_is_the_transfer_target(s: &mut Stage) {
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

    /// A TimeoutNow request that comes too late, or from a server that does not lead, is ignored.
    fn a_stale_timeout_now_is_ignored(s: &mut Stage) {
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

    /// A server that is being removed is refused as a transfer target, although its removal is not
    /// committed yet.
    fn a_server_being_removed_is_no_transfer_target(s: &mut Stage) {
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

    /// A leader that is deposed during a leadership transfer accepts commands when it leads again.
    fn a_transfer_ends_with_its_leadership(s: &mut Stage) {
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

    /// A leader that has sent TimeoutNow has no lease any more, because the request may be obeyed late;
    /// it reads by asking a majority.
    fn there_is_no_lease_after_timeout_now(s: &mut Stage) {
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

    /// A transfer target that lacks compacted entries is sent a snapshot before it is told to campaign.
    #[cluster(plan_tweak = without_trailing_logs)]
    fn a_transfer_target_that_needs_a_snapshot_gets_it_first(s: &mut Stage) {
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
