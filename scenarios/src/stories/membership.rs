//! Who belongs: stories of servers that are taken in, left out, and exchanged while others speak.

use super::plan_tweaks::living_on;
use crate::dsl::{Stage, election_timeouts};
use wavetank_raft::{Error, ReadPath, Refusal, Term};

stories![
    /// A new server catches up as a nonvoter before it becomes a voter, and then counts towards a
    /// majority.
    #[cluster(spares = 1)]
    fn a_new_server_catches_up_before_it_votes(s: &mut Stage) {
        let leader = s.until_leader();
        let [newcomer] = s.spares();
        s.propose_many(leader, &["one", "two", "three"]).until_committed("three");

        let joining = s.add_voter_staged(leader, newcomer);
        s.until_granted(joining);
        s.until_converged();
        s.expect_committed(&["one", "two", "three"]);

        let [a, b] = s.followers_of(leader);
        s.crash(a);
        s.propose(leader, "with the newcomer").until_committed("with the newcomer");
        s.expect_voters(leader, &[leader, a, b, newcomer]);
    }

    /// A removed follower that is never told of its removal does not disturb the cluster.
    fn a_removed_follower_disturbs_nobody(s: &mut Stage) {
        let leader = s.until_leader();
        let [removed, stays] = s.followers_of(leader);
        let term = s.term_of(leader);
        s.isolate(removed);
        let leaving = s.remove(leader, removed);
        s.until_granted(leaving);

        s.heal();
        s.until_passed(election_timeouts(20));

        s.expect_leads(leader);
        s.expect_term(leader, term);
        s.expect_voters(leader, &[leader, stays]);
        s.propose(leader, "without it").until_committed("without it");
    }

    /// A leader that removes itself leads until the removal is committed, and then another server takes
    /// over.
    fn a_leader_removes_itself(s: &mut Stage) {
        let old = s.until_leader();
        let [a, b] = s.followers_of(old);
        s.propose(old, "before").until_committed("before");

        let leaving = s.remove(old, old);
        s.until_granted(leaving);

        let new = s.until_leader_other_than(old);
        s.expect_voters(new, &[a, b]);
        s.propose(new, "after").until_committed("after");
        s.until_converged();
        s.expect_committed(&["before", "after"]);
    }

    /// A membership change that only a minority stored is undone by the leader of the majority.
    #[cluster(spares = 1)]
    fn a_change_in_a_minority_is_undone(s: &mut Stage) {
        let old = s.until_leader();
        let [a, b] = s.followers_of(old);
        let [newcomer] = s.spares();
        s.part(&[old, newcomer], &[a, b]);
        let joining = s.add_voter(old, newcomer);

        let new = s.until_leader_other_than(old);
        s.propose(new, "kept").until_committed("kept");

        s.heal();
        s.until_refused(joining);
        s.until_converged();
        s.expect_voters(old, &[old, a, b]);
        s.expect_committed(&["kept"]);
    }

    /// While a membership change is not committed, another one is refused; afterwards it is accepted.
    #[cluster(spares = 2)]
    fn membership_changes_happen_one_at_a_time(s: &mut Stage) {
        let leader = s.until_leader();
        let [one, another] = s.spares();
        s.deafen(leader);
        let first = s.add_voter(leader, one);

        let second = s.add_voter(leader, another);
        s.until_refused(second);

        s.heal();
        s.until_granted(first);
        let third = s.add_voter(leader, another);
        s.until_granted(third);
        s.until_converged();
    }

    /// A nonvoter has every entry, and counts neither for a commit nor for an election.
    #[cluster(servers = 2, spares = 1)]
    fn a_nonvoter_counts_in_no_majority(s: &mut Stage) {
        let old = s.until_leader();
        let [other] = s.followers_of(old);
        let [listener] = s.spares();
        let joining = s.add_nonvoter(old, listener);
        s.until_granted(joining);
        s.crash(other);
        s.propose(old, "heard by the listener").until_stored(listener, "heard by the listener");

        s.until_steps_down(old);
        s.expect_no_leader_for(election_timeouts(10));
        s.expect_not_committed("heard by the listener");

        s.restart(other);
        s.until_leader();
        s.until_converged();
        s.expect_committed(&["heard by the listener"]);
    }

    /// All members are replaced at once through a joint configuration, and the new members have every
    /// command.
    #[cluster(spares = 3)]
    fn all_members_are_replaced_at_once(s: &mut Stage) {
        let old = s.until_leader();
        let newcomers: [_; 3] = s.spares();
        s.propose(old, "before").until_committed("before");

        let exchange = s.change_members(old, &newcomers);
        s.until_granted(exchange);

        let new = s.until_leader_among(&newcomers);
        s.expect_voters(new, &newcomers);
        s.propose(new, "after").until_committed("after");
        s.until_converged();
        s.expect_committed(&["before", "after"]);
    }

    /// While the configuration is joint, a commit needs the old and the new majority.
    #[cluster(spares = 3)]
    fn a_joint_configuration_needs_both_majorities(s: &mut Stage) {
        let old = s.until_leader();
        let [a, b] = s.followers_of(old);
        let newcomers: [_; 3] = s.spares();
        s.part(&newcomers, &[old, a, b]);

        let exchange = s.change_members(old, &newcomers);
        s.propose(old, "needs both").until_stored(a, "needs both");
        s.until_steps_down(old);
        s.expect_not_committed("needs both");

        s.heal();
        s.until_leader();
        s.until_refused(exchange);
        s.until_converged();
        s.expect_committed(&["needs both"]);
    }

    /// A server that was removed while it was isolated comes back with its old configuration and cannot
    /// lead: no server that it knows votes for it.
    #[cluster(spares = 1)]
    fn a_server_with_an_old_configuration_cannot_lead(s: &mut Stage) {
        let leader = s.until_leader();
        let [forgotten, other] = s.followers_of(leader);
        let [newcomer] = s.spares();
        s.isolate(forgotten);
        let joining = s.add_voter(leader, newcomer);
        s.until_granted(joining);
        let leaving = s.remove(leader, forgotten);
        s.until_granted(leaving);
        s.crash(leader);

        s.heal();

        let new = s.until_leader_other_than(leader);
        s.expect([other, newcomer].contains(&new), "a member leads");
        s.restart(leader);
        s.until_converged();
    }

    /// A cluster grows from one server to five, and shrinks back to the server that it began with.
    #[cluster(servers = 1, spares = 4)]
    fn a_cluster_grows_to_five_and_shrinks_back(s: &mut Stage) {
        let first = s.until_leader();
        let newcomers: [_; 4] = s.spares();
        for (newcomer, word) in newcomers.into_iter().zip(["two", "three", "four", "five"]) {
            let joining = s.add_voter_staged(first, newcomer);
            s.until_granted(joining);
            s.propose(first, word).until_committed(word);
        }
        s.until_converged();

        for (newcomer, word) in newcomers.into_iter().zip(["four again", "three again", "two again", "one"]) {
            let leaving = s.remove(first, newcomer);
            s.until_granted(leaving);
            s.propose(first, word).until_committed(word);
        }

        newcomers.into_iter().for_each(|newcomer| s.crash(newcomer));
        s.propose(first, "alone").until_acknowledged("alone");
        s.expect_voters(first, &[first]);
    }

    /// Every server is replaced, one after the other, while commands keep coming.
    #[cluster(spares = 3)]
    fn every_server_is_replaced_under_load(s: &mut Stage) {
        let old: [_; 3] = s.everybody();
        let new: [_; 3] = s.spares();
        let words = ["first", "second", "third"].map(|swap| [1, 2].map(|half| format!("{swap} swap {half}")));
        for ((leaves, comes), [one, two]) in old.into_iter().zip(new).zip(&words) {
            let leader = s.until_leader();
            s.propose(leader, one);
            let joining = s.add_voter_staged(leader, comes);
            s.until_granted(joining);

            s.propose(leader, two);
            let leaving = s.remove(leader, leaves);
            s.until_granted(leaving);
        }

        let leader = s.until_leader_among(&new);
        s.expect_voters(leader, &new);
        s.until_converged();
        s.expect_committed(&words.as_flattened().iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// A removal that only half of the servers hear of is not committed.
    #[cluster(servers = 4)]
    fn a_removal_without_a_majority_is_not_committed(s: &mut Stage) {
        let old = s.until_leader();
        let [a, b, c] = s.followers_of(old);
        s.part(&[old, a], &[b, c]);

        let leaving = s.remove(old, a);

        s.until_steps_down(old);
        s.until_refused(leaving);
        s.heal();
        let leader = s.until_leader();
        s.propose(leader, "agreed").until_converged();
        s.expect_committed(&["agreed"]);
    }

    /// After the removal of a server that was isolated, the cluster tolerates the loss of one more.
    #[cluster(servers = 4)]
    fn after_a_removal_a_smaller_majority_is_enough(s: &mut Stage) {
        let leader = s.until_leader();
        let [lost, a, b] = s.followers_of(leader);
        s.isolate(lost);
        let leaving = s.remove(leader, lost);
        s.until_granted(leaving);

        s.crash(a);
        s.propose(leader, "two of three").until_acknowledged("two of three");

        s.heal();
        s.expect_not_led_by(lost, election_timeouts(10));
        s.expect_leads(leader);
        s.expect_voters(leader, &[leader, a, b]);
    }

    /// When a single server adds a voter that is not reachable, it commits nothing until that voter
    /// comes.
    #[cluster(servers = 1, spares = 1)]
    fn an_absent_new_voter_stops_a_single_server(s: &mut Stage) {
        let only = s.until_leader();
        let [absent] = s.spares();
        s.isolate(absent);

        let joining = s.add_voter(only, absent);
        s.propose(only, "needs two");
        s.until_steps_down(only);
        s.until_refused(joining);
        s.expect_no_leader_for(election_timeouts(10));
        s.expect_not_committed("needs two");

        s.heal();
        s.until_leads(only).until_converged();
        s.expect_committed(&["needs two"]);
        s.expect_voters(absent, &[only, absent]);
    }

    /// A new server that does not catch up gets no vote, and does not block the next membership change.
    #[cluster(spares = 2)]
    fn a_new_server_that_is_too_slow_gets_no_vote(s: &mut Stage) {
        let leader = s.until_leader();
        let [a, b] = s.followers_of(leader);
        let [slow, quick] = s.spares();
        s.isolate(slow);

        let joining = s.add_voter_staged(leader, slow);
        s.propose(leader, "meanwhile").until_acknowledged("meanwhile");
        s.until_refused_because(joining, &Error::Refused(Refusal::TooSlow));
        s.expect_voters(leader, &[leader, a, b]);
        s.expect_listeners(leader, &[slow]);

        let joining = s.add_voter_staged(leader, quick);
        s.until_granted(joining);
        s.expect_voters(leader, &[leader, a, b, quick]);
    }

    /// A leader that demotes itself is followed by another leader, and stays in the cluster as a
    /// nonvoter.
    #[cluster(plan_tweak = living_on)]
    fn a_leader_demotes_itself(s: &mut Stage) {
        let old = s.until_leader();
        let [a, b] = s.followers_of(old);
        s.propose(old, "before").until_committed("before");

        let demotion = s.demote(old, old);
        s.until_granted(demotion);

        let new = s.until_leader_other_than(old);
        s.until_follows(old, new);
        s.propose(new, "after").until_converged();
        s.expect_voters(old, &[a, b]);
        s.expect_listeners(old, &[old]);
        s.expect_committed(&["before", "after"]);
    }

    /// The cluster commits without a demoted server, and counts the server again after its promotion.
    fn a_demoted_server_is_promoted_again(s: &mut Stage) {
        let leader = s.until_leader();
        let [listener, other] = s.followers_of(leader);
        let demotion = s.demote(leader, listener);
        s.until_granted(demotion);
        s.crash(listener);
        s.propose(leader, "two of two").until_acknowledged("two of two");

        s.restart(listener);
        let joining = s.add_voter(leader, listener);
        s.until_granted(joining);

        s.crash(other);
        s.propose(leader, "two of three").until_acknowledged("two of three");
        s.until_converged();
        s.expect_committed(&["two of two", "two of three"]);
    }

    /// A leader that was removed and keeps running refuses commands and never leads again.
    #[cluster(plan_tweak = living_on)]
    fn a_removed_leader_refuses_commands(s: &mut Stage) {
        let old = s.until_leader();
        let [a, b] = s.followers_of(old);
        let leaving = s.remove(old, old);
        s.until_granted(leaving);
        let new = s.until_leader_other_than(old);

        s.propose(old, "to the one that left");

        s.until_failed("to the one that left");
        s.expect_not_led_by(old, election_timeouts(20));
        s.propose(new, "to the heir").until_converged();
        s.expect_leads(new);
        s.expect_voters(new, &[a, b]);
        s.expect_committed(&["to the heir"]);
    }

    /// When two operators saw the same configuration and both remove a server, the second one is told
    /// that the configuration has changed.
    fn a_change_based_on_an_old_configuration_is_refused(s: &mut Stage) {
        let leader = s.until_leader();
        let [a, b] = s.followers_of(leader);
        let seen = s.membership_of(leader);
        let first = s.remove_since(leader, a, seen);
        s.until_granted(first);

        let second = s.remove_since(leader, b, seen);

        let latest = s.membership_of(leader);
        let why = Refusal::ConfigurationChanged { since: seen, latest };
        s.until_refused_because(second, &Error::Refused(why));
        s.expect_voters(leader, &[leader, b]);
        let third = s.remove_since(leader, b, latest);
        s.until_granted(third);
        s.expect_voters(leader, &[leader]);
    }

    /// After a leader has changed its address, its followers name it with the new address.
    fn a_leader_is_named_with_its_new_address(s: &mut Stage) {
        let leader = s.until_leader();
        let [follower, other] = s.followers_of(leader);
        for address in ["here:1", "there:2"] {
            let move_on = s.readdress(leader, leader, address);
            s.until_granted(move_on);
        }
        s.until_converged();

        let read = s.read(follower, ReadPath::Index);

        let here = (leader.id(), "there:2".into());
        s.until_refused_because(read, &Error::NotLeader(Some(here)));
        s.expect_leads(leader);
        s.expect_voters(leader, &[leader, follower, other]);
    }

    /// A blank server waits to be added, however long that takes, and does not campaign meanwhile.
    #[cluster(spares = 1)]
    fn a_blank_server_waits_to_be_added(s: &mut Stage) {
        let leader = s.until_leader();
        let [blank] = s.spares();
        s.propose(leader, "before").until_committed("before");
        s.until_passed(election_timeouts(20));
        s.expect_term(blank, Term(0));

        let joining = s.add_voter_staged(leader, blank);
        s.until_granted(joining);

        s.until_converged();
        s.expect_leads(leader);
        s.expect_term(blank, s.term_of(leader));
        s.expect_committed(&["before"]);
    }
];
