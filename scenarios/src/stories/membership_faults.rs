//! Membership under faults: configurations that are changed, undone and inherited while leaders change.

use super::plan_tweaks::without_pre_vote;
use crate::dsl::{Cluster, election_timeouts};
use wavetank_raft::{Refusal, RequestError};

stories![
    /// Two leaders each have an uncommitted membership change, and only the change that a majority stores is
    /// committed.
    #[cluster(servers = 5, spares = 2)]
    fn only_one_of_two_concurrent_changes_is_committed(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [with_it, a, b, c] = cluster.followers_of(old);
        let [lost, kept] = cluster.spares();
        cluster.partition(&[old, with_it, lost], &[a, b, c, kept]);
        let in_vain = cluster.add_voter(old, lost);

        let new = cluster.until_leader_other_than(old);
        cluster.deafen(new);
        let made = cluster.add_voter(new, kept);
        cluster.until_voters(a, &[old, with_it, a, b, c, kept]);
        cluster.expect_pending(made);
        cluster.heal();

        cluster.until_refused(in_vain);
        cluster.until_leader();
        cluster.until_converged();
        cluster.expect_voters(with_it, &[old, with_it, a, b, c, kept]);
        cluster.expect_nonvoters(lost, &[]);
    }

    /// A new leader refuses membership changes before its first commit, because the leader may lack the
    /// latest committed change.
    #[cluster(spares = 1)]
    fn a_change_before_the_first_commit_is_refused(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [new_server] = cluster.spares();
        cluster.crash(old);

        let new = cluster.until_elected();
        let early = cluster.add_voter(new, new_server);
        cluster.until_refused_because(early, &RequestError::Refused(Refusal::NoCommitInTerm));

        cluster.until_leads(new);
        let joining = cluster.add_voter(new, new_server);
        cluster.until_granted(joining);
        cluster.restart(old);
        cluster.until_converged();
    }

    /// A new leader must not change the membership before its first commit. Otherwise, the old leader could
    /// return with a majority of its own and undo committed entries. This bug of single-server changes was
    /// found in 2015.
    #[cluster(servers = 4, spares = 1)]
    fn an_early_change_would_allow_two_majorities(cluster: &mut Cluster) {
        let one = cluster.until_leader();
        let five: [_; 1] = cluster.spares();
        let others: [_; 3] = cluster.followers_of(one);
        cluster.partition(&[one, five[0]], &others);
        cluster.add_voter(one, five[0]);
        cluster.propose(one, "in vain").until_stored(five[0], "in vain");

        let two = cluster.until_elected_among(&others);
        let early = cluster.remove(two, one);
        cluster.until_refused_because(early, &RequestError::Refused(Refusal::NoCommitInTerm));
        cluster.until_leads(two);
        let leaving = cluster.remove(two, one);
        cluster.propose(two, "kept").until_acknowledged("kept");
        cluster.until_granted(leaving);

        let [three, four] = cluster.others_among(&others, two);
        cluster.heal();
        cluster.partition(&[one, five[0], four], &[two, three]);
        cluster.expect_not_led_by(one, election_timeouts(20));

        cluster.heal();
        let leader = cluster.until_leader();
        cluster.until_voters(leader, &others);
        cluster.propose(leader, "also kept").until_converged();
        cluster.expect_committed(&["kept", "also kept"]);
    }

    /// A new leader commits a membership change that the previous leader began and that a majority has stored.
    #[cluster(spares = 1)]
    fn a_new_leader_commits_an_inherited_change(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [a, b] = cluster.followers_of(old);
        let [new_server] = cluster.spares();
        cluster.deafen(old);
        let joining = cluster.add_voter(old, new_server);
        for other in [a, b] {
            cluster.until_voters(other, &[old, a, b, new_server]);
        }
        cluster.crash(old);
        cluster.until_refused(joining);

        cluster.heal();
        let new = cluster.until_leader();
        cluster.propose(new, "three of four").until_acknowledged("three of four");

        cluster.restart(old);
        cluster.until_converged();
        cluster.expect_voters(new, &[old, a, b, new_server]);
        cluster.expect_committed(&["three of four"]);
    }

    /// A server has two membership changes and does not know whether the changes are committed. Only the
    /// change that was not committed is undone.
    #[cluster(servers = 5, spares = 2)]
    fn only_the_uncommitted_of_two_changes_is_undone(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [witness, a, b, c] = cluster.followers_of(old);
        let [kept, lost] = cluster.spares();
        let first = cluster.add_voter(old, kept);
        cluster.until_granted(first);
        cluster.until_converged();

        cluster.partition(&[old, witness, lost], &[a, b, c, kept]);
        let second = cluster.add_voter(old, lost);
        cluster.propose(old, "behind it").until_stored(witness, "behind it");
        cluster.crash(old);
        cluster.crash(witness);
        cluster.until_refused(second);
        cluster.restart(witness);
        cluster.expect_voters(witness, &[old, witness, a, b, c, kept, lost]);

        cluster.until_leader_among(&[a, b, c, kept]);
        cluster.heal();
        cluster.until_voters(witness, &[old, witness, a, b, c, kept]);
        cluster.restart(old);
        cluster.until_converged();
        cluster.expect_voters(old, &[old, witness, a, b, c, kept]);
        cluster.expect_not_committed("behind it");
    }

    /// After a power failure on all servers, each server still knows all voters and nonvoters.
    #[cluster(spares = 2)]
    fn the_configuration_survives_a_power_failure(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [nonvoter, voter] = cluster.spares();
        let all: [_; 3] = cluster.initial_members();
        let joining = cluster.add_nonvoter(leader, nonvoter);
        cluster.until_granted(joining);
        let joining = cluster.add_voter(leader, voter);
        cluster.until_granted(joining);
        cluster.until_converged();

        cluster.crash_all();
        cluster.restart_all();

        for idx in all.into_iter().chain([nonvoter, voter]) {
            cluster.expect_voters(idx, &[all[0], all[1], all[2], voter]);
            cluster.expect_nonvoters(idx, &[nonvoter]);
        }
        let leader = cluster.until_leader();
        cluster.propose(leader, "afterwards").until_converged();
        cluster.expect_committed(&["afterwards"]);
    }

    /// A removed server is added again. The server still has its old disk, and catches up.
    fn a_server_rejoins_with_its_old_disk(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [removed, other] = cluster.followers_of(leader);
        cluster.propose(leader, "with it").until_converged();
        let leaving = cluster.remove(leader, removed);
        cluster.until_granted(leaving);
        cluster.crash(removed);
        cluster.propose(leader, "without it").until_committed("without it");

        cluster.restart(removed);
        let joining = cluster.add_voter_staged(leader, removed);
        cluster.until_granted(joining);

        cluster.crash(other);
        cluster.propose(leader, "with it again").until_acknowledged("with it again");
        cluster.until_converged();
        cluster.expect_committed(&["with it", "without it", "with it again"]);
    }

    /// A server that lost its disk is removed first, and is added again as a blank server.
    fn a_server_rejoins_with_a_blank_disk(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [wiped, other] = cluster.followers_of(leader);
        cluster.propose(leader, "lost disk's data").until_converged();
        cluster.wipe(wiped);
        let leaving = cluster.remove(leader, wiped);
        cluster.until_granted(leaving);

        cluster.restart(wiped);
        cluster.expect_unreadable(wiped, "lost disk's data");
        let joining = cluster.add_voter_staged(leader, wiped);
        cluster.until_granted(joining);

        cluster.crash(other);
        cluster.propose(leader, "new disk's data").until_acknowledged("new disk's data");
        cluster.until_converged();
        cluster.expect_committed(&["lost disk's data", "new disk's data"]);
    }

    /// A removed server loses its disk and restarts as a blank server. The leader sends no entries from before
    /// the removal to the blank server.
    fn a_new_disk_gets_no_entries_from_before_the_removal(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [removed, _] = cluster.followers_of(leader);
        cluster.propose(leader, "old disk's data").until_converged();
        let leaving = cluster.remove(leader, removed);
        cluster.until_granted(leaving);

        cluster.wipe(removed);
        cluster.restart(removed);
        cluster.until_passed(election_timeouts(3));
        cluster.expect_not_stored(removed, "old disk's data");
        cluster.expect_unreadable(removed, "old disk's data");

        let joining = cluster.add_voter_staged(leader, removed);
        cluster.until_granted(joining);
        cluster.propose(leader, "new disk's data").until_converged();
        cluster.expect_readable(removed, "old disk's data");
        cluster.expect_committed(&["old disk's data", "new disk's data"]);
    }

    /// A nonvoter never leads, even when it has every entry and is the only running server.
    #[cluster(spares = 1)]
    fn a_nonvoter_never_leads(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [nonvoter] = cluster.spares();
        let joining = cluster.add_nonvoter(leader, nonvoter);
        cluster.until_granted(joining);
        cluster.propose(leader, "heard").until_converged();
        let term = cluster.term_of(nonvoter);

        cluster.crash_all();
        cluster.restart(nonvoter);

        cluster.expect_no_leader_for(election_timeouts(20));
        cluster.expect_term(nonvoter, term);
        cluster.restart_all();
        cluster.until_leader();
        cluster.until_converged();
        cluster.expect_committed(&["heard"]);
    }

    /// A promoted server does not know of its promotion yet. The server still grants a vote that the
    /// candidate needs.
    #[cluster(servers = 2, spares = 1)]
    fn a_promoted_server_votes_before_it_knows_of_it(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [other] = cluster.followers_of(old);
        let [unaware] = cluster.spares();
        let joining = cluster.add_nonvoter(old, unaware);
        cluster.until_granted(joining);
        cluster.until_converged();
        cluster.cut_one_way(old, unaware);
        let promotion = cluster.add_voter(old, unaware);
        cluster.until_granted(promotion);
        cluster.expect_nonvoters(unaware, &[unaware]);

        cluster.crash(old);

        cluster.until_leads(other);
        cluster.propose(other, "two of three").until_acknowledged("two of three");
        cluster.expect_voters(unaware, &[old, other, unaware]);
    }

    /// The next leader drops a promotion that the old leader had not finished. An operator can start the
    /// promotion again.
    #[cluster(spares = 1)]
    fn a_promotion_ends_with_its_leader(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [new_server] = cluster.spares();
        cluster.isolate(new_server);
        let joining = cluster.add_voter_staged(old, new_server);
        cluster.propose(old, "with a listener").until_acknowledged("with a listener");
        cluster.expect_pending(joining);
        cluster.crash(old);
        cluster.until_refused(joining);

        let new = cluster.until_leader();
        cluster.expect_nonvoters(new, &[new_server]);
        cluster.heal();
        let again = cluster.add_voter_staged(new, new_server);
        cluster.until_granted(again);

        cluster.restart(old);
        cluster.until_converged();
        cluster.expect_nonvoters(old, &[]);
        cluster.expect_committed(&["with a listener"]);
    }

    /// A server that was removed long ago wins no election, although the servers that once voted for this
    /// server still run.
    #[cluster(spares = 3)]
    fn a_server_removed_long_ago_wins_no_election(cluster: &mut Cluster) {
        let first = cluster.until_leader();
        let [a, b] = cluster.followers_of(first);
        let news: [_; 3] = cluster.spares();
        cluster.crash(first);
        for (leaves, comes) in [first, a, b].into_iter().zip(news) {
            let leader = cluster.until_leader();
            let joining = cluster.add_voter_staged(leader, comes);
            cluster.until_granted(joining);
            let leaving = cluster.remove(leader, leaves);
            cluster.until_granted(leaving);
        }
        let leader = cluster.until_leader_among(&news);
        let term = cluster.term_of(leader);

        cluster.restart(first);
        cluster.expect_not_led_by(first, election_timeouts(20));

        cluster.expect_leads(leader);
        cluster.expect_term(leader, term);
        cluster.expect_voters(leader, &news);
        cluster.propose(leader, "nothing happened").until_converged();
        cluster.expect_committed(&["nothing happened"]);
    }

    /// If a leader crashes while the configuration is joint, the next leader completes the change to the new
    /// configuration.
    #[cluster(spares = 2)]
    fn a_joint_configuration_is_left_by_the_next_leader(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [stays, leaves] = cluster.followers_of(old);
        let [comes, also_comes] = cluster.spares();
        cluster.deafen(old);
        let exchange = cluster.change_members(old, &[stays, comes, also_comes]);
        cluster.until_joint(stays).until_joint(leaves);
        cluster.crash(old);
        cluster.until_refused(exchange);

        cluster.heal();
        let new = cluster.until_leader_among(&[stays, comes, also_comes]);
        cluster.until_voters(new, &[stays, comes, also_comes]);

        cluster.propose(new, "afterwards").until_committed("afterwards");
        cluster.restart(old);
        cluster.expect_not_led_by(old, election_timeouts(10));
        cluster.expect_leads(new);
    }

    /// If only a minority stores a joint configuration, the next leader undoes the whole change.
    #[cluster(spares = 2)]
    fn a_joint_configuration_in_a_minority_is_undone(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [a, b] = cluster.followers_of(old);
        let new_servers: [_; 2] = cluster.spares();
        cluster.partition(&[old, new_servers[0], new_servers[1]], &[a, b]);
        let exchange = cluster.change_members(old, &[old, new_servers[0], new_servers[1]]);
        cluster.until_joint(new_servers[0]);

        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "kept").until_committed("kept");

        cluster.heal();
        cluster.until_refused(exchange);
        cluster.until_converged();
        cluster.expect_voters(old, &[old, a, b]);
        cluster.expect_committed(&["kept"]);
    }

    /// In a cluster of two servers, the leader removes itself, and crashes before the other server receives
    /// the removal. The other server cannot lead until the removed server is back.
    #[cluster(servers = 2)]
    fn a_server_restarts_to_have_its_own_removal_committed(cluster: &mut Cluster) {
        let leaving = cluster.until_leader();
        let [other] = cluster.followers_of(leaving);
        cluster.propose(leaving, "before").until_converged();
        cluster.isolate(leaving);
        cluster.remove(leaving, leaving);
        cluster.propose(leaving, "behind it").until_stored(leaving, "behind it");
        cluster.crash(leaving);

        cluster.expect_no_leader_for(election_timeouts(10));
        cluster.heal();
        cluster.restart(leaving);

        cluster.until_leads(other);
        cluster.expect_voters(other, &[other]);
        cluster.propose(other, "alone").until_acknowledged("alone");
        cluster.expect_committed(&["before", "behind it", "alone"]);
    }

    /// A server that was removed during an isolation has a high term. When the server is added again, the
    /// server causes exactly one election.
    #[cluster(plan_tweak = without_pre_vote)]
    fn a_removed_server_with_a_high_term_costs_one_election(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [away, _] = cluster.followers_of(old);
        cluster.isolate(away);
        let leaving = cluster.remove(old, away);
        cluster.until_granted(leaving);
        cluster.until_passed(election_timeouts(20));
        let term = cluster.term_of(away);
        cluster.expect_later_term(away, cluster.term_of(old));

        cluster.heal();
        cluster.add_nonvoter(old, away);
        cluster.until_term_above(old, cluster.term_of(old));

        let new = cluster.until_leader();
        cluster.expect_later_term(new, term);
        cluster.propose(new, "quiet again").until_acknowledged("quiet again");
        cluster.expect_not_led_by(away, election_timeouts(20));
        cluster.expect_leads(new);
    }
];
