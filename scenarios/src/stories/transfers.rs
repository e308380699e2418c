//! Leadership transfers that succeed, fail or are refused, and forged TimeoutNow requests.

use super::plan_tweaks::without_trailing_logs;
use crate::dsl::{Cluster, election_timeouts};
use wavetank_raft::{ReadPath, Refusal, RequestError};

stories![
    /// A transfer target that lags is brought up to date first, and no acknowledged command is lost.
    fn a_lagging_transfer_target_catches_up_first(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [target, _] = cluster.followers_of(old);
        cluster.isolate(target);
        let commands: Vec<String> = (1..=50).map(|number| format!("missed {number}")).collect();
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        cluster.propose_many(old, &commands).until_acknowledged("missed 50");

        cluster.heal();
        let transfer = cluster.transfer(old, target);
        cluster.until_leads(target).until_granted(transfer);

        cluster.propose(target, "afterwards").until_converged();
        cluster.expect_committed(&[&commands[..], &["afterwards"]].concat());
    }

    /// A leader refuses to transfer its leadership to a nonvoter, to a server outside the cluster and
    /// to itself.
    #[cluster(spares = 2)]
    fn leadership_goes_only_to_another_voter(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [nonvoter, nonmember] = cluster.spares();
        let term = cluster.term_of(leader);
        let joining = cluster.add_nonvoter(leader, nonvoter);
        cluster.until_granted(joining);

        let refusals = [
            (nonvoter, Refusal::UnknownTarget(nonvoter.node())),
            (nonmember, Refusal::UnknownTarget(nonmember.node())),
            (leader, Refusal::TransferToSelf),
        ];
        for (target, why) in refusals {
            let transfer = cluster.transfer(leader, target);
            cluster.until_refused_because(transfer, &RequestError::Refused(why));
        }

        cluster.until_passed(election_timeouts(5));
        cluster.expect_leads(leader);
        cluster.expect_term(leader, term);
        cluster.propose(leader, "as before").until_acknowledged("as before");
    }

    /// A leader that is the only voter has no transfer target, and continues to lead.
    #[cluster(servers = 1, spares = 1)]
    fn a_single_voter_has_no_transfer_target(cluster: &mut Cluster) {
        let only = cluster.until_leader();
        let [nonvoter] = cluster.spares();
        let joining = cluster.add_nonvoter(only, nonvoter);
        cluster.until_granted(joining);

        let transfer = cluster.transfer_to_any(only);

        cluster.until_refused_because(transfer, &RequestError::Refused(Refusal::NoTarget));
        cluster.propose(only, "as before").until_acknowledged("as before");
        cluster.expect_leads(only);
    }

    /// During a leadership transfer, the leader refuses a second transfer and a membership change.
    fn leadership_is_transferred_to_one_at_a_time(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [absent, ready] = cluster.followers_of(leader);
        cluster.isolate(absent);
        cluster.propose(leader, "missed").until_acknowledged("missed");
        let first = cluster.transfer(leader, absent);

        let second = cluster.transfer(leader, ready);
        let leaving = cluster.remove(leader, absent);
        for early in [second, leaving] {
            cluster.until_refused_because(early, &RequestError::LeadershipTransferInProgress);
        }

        cluster.until_refused_because(first, &RequestError::Refused(Refusal::TransferTimeout));
        let third = cluster.transfer(leader, ready);
        cluster.until_leads(ready).until_granted(third);
    }

    /// A failed leadership transfer ends within the timeout for transfers. Afterwards, the leader accepts
    /// commands as before.
    fn a_failed_transfer_changes_nothing(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [dead, _] = cluster.followers_of(leader);
        let term = cluster.term_of(leader);
        cluster.crash(dead);
        let transfer = cluster.transfer(leader, dead);
        cluster.propose(leader, "too early").until_failed("too early");

        cluster.within(election_timeouts(1));
        cluster.until_refused_because(transfer, &RequestError::Refused(Refusal::TransferTimeout));

        cluster.propose(leader, "in time").until_acknowledged("in time");
        cluster.expect_leads(leader);
        cluster.expect_term(leader, term);
        cluster.restart(dead);
        cluster.until_converged();
        cluster.expect_committed(&["in time"]);
    }

    /// When the caller names no target, the follower with the most entries becomes the transfer target.
    #[cluster(servers = 5)]
    fn the_most_up_to_date_follower_is_the_transfer_target(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [behind, best, also_behind, away] = cluster.followers_of(old);
        for idx in [behind, also_behind] {
            cluster.cut(old, idx);
        }
        cluster.propose(old, "for a majority").until_stored(away, "for a majority");
        cluster.crash(away);
        cluster.reconnect(old, behind);
        cluster.until_acknowledged("for a majority");

        cluster.cut(old, behind);
        cluster.propose(old, "for the best").until_knows_stored(old, best, "for the best");
        cluster.transfer_to_any(old);

        cluster.until_term_above(best, cluster.term_of(old));
        cluster.heal();
        cluster.until_leads(best).until_converged();
        cluster.expect_committed(&["for a majority", "for the best"]);
    }

    /// A server ignores a TimeoutNow request if the request arrives too late, or if the sender does not lead.
    fn a_stale_timeout_now_is_ignored(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [a, b] = cluster.followers_of(old);
        let late = cluster.term_of(old);
        cluster.crash(old);
        let new = cluster.until_leader_other_than(old);
        let [other] = cluster.others_among(&[a, b], new);
        let term = cluster.term_of(new);

        cluster.deliver_timeout_now(old, other, late);
        cluster.deliver_timeout_now(old, other, term);
        cluster.deliver_timeout_now(new, other, late);
        cluster.deliver_timeout_now(other, new, term);

        cluster.until_passed(election_timeouts(5));
        cluster.expect_leads(new);
        cluster.expect_term(other, term);
        cluster.propose(new, "undisturbed").until_acknowledged("undisturbed");
    }

    /// A leader refuses to transfer its leadership to a server that is being removed, although the removal is
    /// not committed yet.
    fn a_server_being_removed_is_no_transfer_target(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [leaves, stays] = cluster.followers_of(leader);
        cluster.deafen(leader);
        let leaving = cluster.remove(leader, leaves);

        let transfer = cluster.transfer(leader, leaves);
        cluster
            .until_refused_because(transfer, &RequestError::Refused(Refusal::UnknownTarget(leaves.node())));
        cluster.expect_pending(leaving);

        cluster.heal();
        cluster.until_granted(leaving);
        cluster.expect_leads(leader);
        let transfer = cluster.transfer_to_any(leader);
        cluster.until_leads(stays).until_granted(transfer);
        cluster.expect_voters(stays, &[leader, stays]);
    }

    /// A leader is deposed during a leadership transfer. When this server leads again, the server accepts
    /// commands.
    fn a_transfer_ends_with_its_leadership(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [target, absent] = cluster.followers_of(leader);
        cluster.isolate(absent);
        cluster.propose(leader, "missed").until_acknowledged("missed");
        let transfer = cluster.transfer(leader, absent);
        cluster.deliver_timeout_now(leader, target, cluster.term_of(leader));

        cluster.until_leads(target).until_granted(transfer);
        let back = cluster.transfer(target, leader);
        cluster.until_leads(leader).until_granted(back);

        cluster.propose(leader, "afterwards").until_acknowledged("afterwards");
        cluster.heal();
        cluster.until_converged();
        cluster.expect_committed(&["missed", "afterwards"]);
    }

    /// A leader that has sent TimeoutNow no longer has a lease, because the receiver may still start an
    /// election. The leader refuses a read under a lease. It answers other reads after a majority has confirmed
    /// that it leads.
    fn there_is_no_lease_after_timeout_now(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [target, _] = cluster.followers_of(leader);
        cluster.propose(leader, "kept").until_converged();
        let read = cluster.read(leader, ReadPath::Lease);
        cluster.within(election_timeouts(0)).until_granted(read);
        cluster.isolate(target);
        let transfer = cluster.transfer(leader, target);

        cluster.until_refused_because(transfer, &RequestError::Refused(Refusal::TransferTimeout));
        let read = cluster.read(leader, ReadPath::Lease);
        cluster.until_refused_because(read, &RequestError::Refused(Refusal::NoLease));

        let read = cluster.read(leader, ReadPath::Index);
        cluster.until_granted(read);
        cluster.expect_readable(leader, "kept");
    }

    /// The leader sends a snapshot to a transfer target that lacks compacted entries, and then tells the
    /// target to campaign.
    #[cluster(plan_tweak = without_trailing_logs)]
    fn a_transfer_target_that_needs_a_snapshot_gets_it_first(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [target, _] = cluster.followers_of(old);
        cluster.isolate(target);
        cluster.propose_many(old, &["one", "two", "three"]).until_acknowledged("three");
        let taken = cluster.snapshot(old);
        cluster.until_granted(taken);
        cluster.until_compacted_beyond(old, target);

        cluster.heal();
        let transfer = cluster.transfer(old, target);

        cluster.until_leads(target).until_granted(transfer);
        cluster.expect_installed(target);
        cluster.until_converged();
        cluster.expect_committed(&["one", "two", "three"]);
    }
];
