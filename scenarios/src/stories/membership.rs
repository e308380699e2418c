//! Membership: servers that are added, removed and replaced while commands are proposed.

use super::plan_tweaks::no_shutdown_on_remove;
use crate::dsl::{Cluster, election_timeouts};
use wavetank_raft::{Leader, ReadPath, Refusal, RequestError, Term};

stories![
    /// A new server first catches up as a nonvoter. Then the server becomes a voter and counts towards a
    /// majority.
    #[cluster(spares = 1)]
    fn a_new_server_catches_up_before_it_votes(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [new_server] = cluster.spares();
        cluster.propose_many(leader, &["one", "two", "three"]).until_committed("three");

        let joining = cluster.add_voter_staged(leader, new_server);
        cluster.until_granted(joining);
        cluster.until_converged();
        cluster.expect_committed(&["one", "two", "three"]);

        let [a, b] = cluster.followers_of(leader);
        cluster.crash(a);
        cluster.propose(leader, "with the newcomer").until_committed("with the newcomer");
        cluster.expect_voters(leader, &[leader, a, b, new_server]);
    }

    /// A removed follower does not disturb the cluster, even if the follower never learns of the removal.
    fn a_removed_follower_disturbs_nobody(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [removed, stays] = cluster.followers_of(leader);
        let term = cluster.term_of(leader);
        cluster.isolate(removed);
        let leaving = cluster.remove(leader, removed);
        cluster.until_granted(leaving);

        cluster.heal();
        cluster.until_passed(election_timeouts(20));

        cluster.expect_leads(leader);
        cluster.expect_term(leader, term);
        cluster.expect_voters(leader, &[leader, stays]);
        cluster.propose(leader, "without it").until_committed("without it");
    }

    /// When a leader removes itself, the leader leads until the removal is committed. Then another server
    /// becomes the leader.
    fn a_leader_removes_itself(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [a, b] = cluster.followers_of(old);
        cluster.propose(old, "before").until_committed("before");

        let leaving = cluster.remove(old, old);
        cluster.until_granted(leaving);

        let new = cluster.until_leader_other_than(old);
        cluster.expect_voters(new, &[a, b]);
        cluster.propose(new, "after").until_committed("after");
        cluster.until_converged();
        cluster.expect_committed(&["before", "after"]);
    }

    /// The leader of the majority undoes a membership change that only a minority has stored.
    #[cluster(spares = 1)]
    fn a_change_in_a_minority_is_undone(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [a, b] = cluster.followers_of(old);
        let [new_server] = cluster.spares();
        cluster.partition(&[old, new_server], &[a, b]);
        let joining = cluster.add_voter(old, new_server);

        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "kept").until_committed("kept");

        cluster.heal();
        cluster.until_refused(joining);
        cluster.until_converged();
        cluster.expect_voters(old, &[old, a, b]);
        cluster.expect_committed(&["kept"]);
    }

    /// While a membership change is not committed, the leader refuses a second change. After the commit, the
    /// leader accepts the second change.
    #[cluster(spares = 2)]
    fn membership_changes_happen_one_at_a_time(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [one, another] = cluster.spares();
        cluster.deafen(leader);
        let first = cluster.add_voter(leader, one);

        let second = cluster.add_voter(leader, another);
        cluster.until_refused(second);

        cluster.heal();
        cluster.until_granted(first);
        let third = cluster.add_voter(leader, another);
        cluster.until_granted(third);
        cluster.until_converged();
    }

    /// A nonvoter has every entry, and counts neither for a commit nor for an election.
    #[cluster(servers = 2, spares = 1)]
    fn a_nonvoter_counts_in_no_majority(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [other] = cluster.followers_of(old);
        let [nonvoter] = cluster.spares();
        let joining = cluster.add_nonvoter(old, nonvoter);
        cluster.until_granted(joining);
        cluster.crash(other);
        cluster.propose(old, "command for nonvoters").until_stored(nonvoter, "command for nonvoters");

        cluster.until_steps_down(old);
        cluster.expect_no_leader_for(election_timeouts(10));
        cluster.expect_not_committed("command for nonvoters");

        cluster.restart(other);
        cluster.until_leader();
        cluster.until_converged();
        cluster.expect_committed(&["command for nonvoters"]);
    }

    /// All members are replaced in one change through a joint configuration. The new members have every
    /// command.
    #[cluster(spares = 3)]
    fn all_members_are_replaced_at_once(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let new_servers: [_; 3] = cluster.spares();
        cluster.propose(old, "before").until_committed("before");

        let exchange = cluster.change_members(old, &new_servers);
        cluster.until_granted(exchange);

        let new = cluster.until_leader_among(&new_servers);
        cluster.expect_voters(new, &new_servers);
        cluster.propose(new, "after").until_committed("after");
        cluster.until_converged();
        cluster.expect_committed(&["before", "after"]);
    }

    /// While the configuration is joint, a commit needs a majority of the old voters and a majority of the new
    /// voters.
    #[cluster(spares = 3)]
    fn a_joint_configuration_needs_both_majorities(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [a, b] = cluster.followers_of(old);
        let new_servers: [_; 3] = cluster.spares();
        cluster.partition(&new_servers, &[old, a, b]);

        let exchange = cluster.change_members(old, &new_servers);
        cluster.propose(old, "needs both").until_stored(a, "needs both");
        cluster.until_steps_down(old);
        cluster.expect_not_committed("needs both");

        cluster.heal();
        cluster.until_leader();
        cluster.until_refused(exchange);
        cluster.until_converged();
        cluster.expect_committed(&["needs both"]);
    }

    /// An isolated server is removed, and comes back with its old configuration. This server cannot lead,
    /// because no server in the old configuration votes for this server.
    #[cluster(spares = 1)]
    fn a_server_with_an_old_configuration_cannot_lead(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [forgotten, other] = cluster.followers_of(leader);
        let [new_server] = cluster.spares();
        cluster.isolate(forgotten);
        let joining = cluster.add_voter(leader, new_server);
        cluster.until_granted(joining);
        let leaving = cluster.remove(leader, forgotten);
        cluster.until_granted(leaving);
        cluster.crash(leader);

        cluster.heal();

        let new = cluster.until_leader_other_than(leader);
        cluster.expect([other, new_server].contains(&new), "a member leads");
        cluster.restart(leader);
        cluster.until_converged();
    }

    /// A cluster grows from one server to five, and shrinks back to the first server.
    #[cluster(servers = 1, spares = 4)]
    fn a_cluster_grows_to_five_and_shrinks_back(cluster: &mut Cluster) {
        let first = cluster.until_leader();
        let new_servers: [_; 4] = cluster.spares();
        for (new_server, command) in new_servers.into_iter().zip(["two", "three", "four", "five"]) {
            let joining = cluster.add_voter_staged(first, new_server);
            cluster.until_granted(joining);
            cluster.propose(first, command).until_committed(command);
        }
        cluster.until_converged();

        for (new_server, command) in
            new_servers.into_iter().zip(["four again", "three again", "two again", "one"])
        {
            let leaving = cluster.remove(first, new_server);
            cluster.until_granted(leaving);
            cluster.propose(first, command).until_committed(command);
        }

        new_servers.into_iter().for_each(|new_server| cluster.crash(new_server));
        cluster.propose(first, "alone").until_acknowledged("alone");
        cluster.expect_voters(first, &[first]);
    }

    /// Every server is replaced, one after another, while clients propose commands.
    #[cluster(spares = 3)]
    fn every_server_is_replaced_under_load(cluster: &mut Cluster) {
        let old: [_; 3] = cluster.initial_members();
        let new: [_; 3] = cluster.spares();
        let commands =
            ["first", "second", "third"].map(|swap| [1, 2].map(|half| format!("{swap} swap {half}")));
        for ((leaves, comes), [one, two]) in old.into_iter().zip(new).zip(&commands) {
            let leader = cluster.until_leader();
            cluster.propose(leader, one);
            let joining = cluster.add_voter_staged(leader, comes);
            cluster.until_granted(joining);

            cluster.propose(leader, two);
            let leaving = cluster.remove(leader, leaves);
            cluster.until_granted(leaving);
        }

        let leader = cluster.until_leader_among(&new);
        cluster.expect_voters(leader, &new);
        cluster.until_converged();
        cluster.expect_committed(&commands.as_flattened().iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// If only half of the servers receive a removal, the removal is not committed.
    #[cluster(servers = 4)]
    fn a_removal_without_a_majority_is_not_committed(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [a, b, c] = cluster.followers_of(old);
        cluster.partition(&[old, a], &[b, c]);

        let leaving = cluster.remove(old, a);

        cluster.until_steps_down(old);
        cluster.until_refused(leaving);
        cluster.heal();
        let leader = cluster.until_leader();
        cluster.propose(leader, "agreed").until_converged();
        cluster.expect_committed(&["agreed"]);
    }

    /// After the removal of an isolated server, the cluster tolerates the loss of one more server.
    #[cluster(servers = 4)]
    fn after_a_removal_a_smaller_majority_is_enough(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [lost, a, b] = cluster.followers_of(leader);
        cluster.isolate(lost);
        let leaving = cluster.remove(leader, lost);
        cluster.until_granted(leaving);

        cluster.crash(a);
        cluster.propose(leader, "two of three").until_acknowledged("two of three");

        cluster.heal();
        cluster.expect_not_led_by(lost, election_timeouts(10));
        cluster.expect_leads(leader);
        cluster.expect_voters(leader, &[leader, a, b]);
    }

    /// If a single server adds an unreachable voter, the single server commits nothing until the new voter can
    /// be reached.
    #[cluster(servers = 1, spares = 1)]
    fn an_absent_new_voter_stops_a_single_server(cluster: &mut Cluster) {
        let only = cluster.until_leader();
        let [absent] = cluster.spares();
        cluster.isolate(absent);

        let joining = cluster.add_voter(only, absent);
        cluster.propose(only, "needs two");
        cluster.until_steps_down(only);
        cluster.until_refused(joining);
        cluster.expect_no_leader_for(election_timeouts(10));
        cluster.expect_not_committed("needs two");

        cluster.heal();
        cluster.until_leads(only).until_converged();
        cluster.expect_committed(&["needs two"]);
        cluster.expect_voters(absent, &[only, absent]);
    }

    /// A new server that does not catch up gets no vote, and does not block the next membership change.
    #[cluster(spares = 2)]
    fn a_new_server_that_is_too_slow_gets_no_vote(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [a, b] = cluster.followers_of(leader);
        let [slow, quick] = cluster.spares();
        cluster.isolate(slow);

        let joining = cluster.add_voter_staged(leader, slow);
        cluster.propose(leader, "meanwhile").until_acknowledged("meanwhile");
        cluster.until_refused_because(joining, &RequestError::Refused(Refusal::TooSlow));
        cluster.expect_voters(leader, &[leader, a, b]);
        cluster.expect_nonvoters(leader, &[slow]);

        let joining = cluster.add_voter_staged(leader, quick);
        cluster.until_granted(joining);
        cluster.expect_voters(leader, &[leader, a, b, quick]);
    }

    /// A leader that demotes itself is replaced by another leader. The old leader stays in the cluster as a
    /// nonvoter.
    #[cluster(plan_tweak = no_shutdown_on_remove)]
    fn a_leader_demotes_itself(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [a, b] = cluster.followers_of(old);
        cluster.propose(old, "before").until_committed("before");

        let demotion = cluster.demote(old, old);
        cluster.until_granted(demotion);

        let new = cluster.until_leader_other_than(old);
        cluster.until_follows(old, new);
        cluster.propose(new, "after").until_converged();
        cluster.expect_voters(old, &[a, b]);
        cluster.expect_nonvoters(old, &[old]);
        cluster.expect_committed(&["before", "after"]);
    }

    /// The cluster commits entries without a demoted server. After a promotion, the server counts for a
    /// majority again.
    fn a_demoted_server_is_promoted_again(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [nonvoter, other] = cluster.followers_of(leader);
        let demotion = cluster.demote(leader, nonvoter);
        cluster.until_granted(demotion);
        cluster.crash(nonvoter);
        cluster.propose(leader, "two of two").until_acknowledged("two of two");

        cluster.restart(nonvoter);
        let joining = cluster.add_voter(leader, nonvoter);
        cluster.until_granted(joining);

        cluster.crash(other);
        cluster.propose(leader, "two of three").until_acknowledged("two of three");
        cluster.until_converged();
        cluster.expect_committed(&["two of two", "two of three"]);
    }

    /// A removed leader that continues to run refuses all commands, and never leads again.
    #[cluster(plan_tweak = no_shutdown_on_remove)]
    fn a_removed_leader_refuses_commands(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [a, b] = cluster.followers_of(old);
        let leaving = cluster.remove(old, old);
        cluster.until_granted(leaving);
        let new = cluster.until_leader_other_than(old);

        cluster.propose(old, "old leader's command");

        cluster.until_failed("old leader's command");
        cluster.expect_not_led_by(old, election_timeouts(20));
        cluster.propose(new, "new leader's command").until_converged();
        cluster.expect_leads(new);
        cluster.expect_voters(new, &[a, b]);
        cluster.expect_committed(&["new leader's command"]);
    }

    /// Two operators read the same configuration, and each operator removes a server. The leader refuses the
    /// second removal, because the configuration has changed.
    fn a_change_based_on_an_old_configuration_is_refused(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [a, b] = cluster.followers_of(leader);
        let seen = cluster.configuration_index(leader);
        let first = cluster.remove_since(leader, a, seen);
        cluster.until_granted(first);

        let second = cluster.remove_since(leader, b, seen);

        let latest = cluster.configuration_index(leader);
        let why = Refusal::ConfigurationChanged { since: seen, latest };
        cluster.until_refused_because(second, &RequestError::Refused(why));
        cluster.expect_voters(leader, &[leader, b]);
        let third = cluster.remove_since(leader, b, latest);
        cluster.until_granted(third);
        cluster.expect_voters(leader, &[leader]);
    }

    /// After a leader has changed its address, the followers name the leader with the new address.
    fn a_leader_is_named_with_its_new_address(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [follower, other] = cluster.followers_of(leader);
        for address in ["here:1", "there:2"] {
            let move_on = cluster.change_address(leader, leader, address);
            cluster.until_granted(move_on);
        }
        cluster.until_converged();

        let read = cluster.read(follower, ReadPath::Index);

        let here = Leader { id: leader.id(), address: "there:2".into() };
        cluster.until_refused_because(read, &RequestError::NotLeader(Some(here)));
        cluster.expect_leads(leader);
        cluster.expect_voters(leader, &[leader, follower, other]);
    }

    /// A blank server does not campaign. The server waits until a leader adds the server to a cluster.
    #[cluster(spares = 1)]
    fn a_blank_server_waits_to_be_added(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [blank] = cluster.spares();
        cluster.propose(leader, "before").until_committed("before");
        cluster.until_passed(election_timeouts(20));
        cluster.expect_term(blank, Term(0));

        let joining = cluster.add_voter_staged(leader, blank);
        cluster.until_granted(joining);

        cluster.until_converged();
        cluster.expect_leads(leader);
        cluster.expect_term(blank, cluster.term_of(leader));
        cluster.expect_committed(&["before"]);
    }
];
