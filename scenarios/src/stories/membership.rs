//! Who belongs: stories of servers that are taken in, left out, and exchanged while others speak.

use super::plan_tweaks::living_on;
use crate::dsl::{Stage, election_timeouts};
use wavetank_raft::{Error, ReadPath, Refusal, Term};

stories![
    /// A new server catches up without a vote before it gets one, and then counts.
    #[cluster(spares = 1)]
    fn a_newcomer_catches_up_before_it_counts(s: &mut Stage) {
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

    /// A follower that was removed is not missed, and disturbs nobody although it is never told.
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

    /// A leader that removes itself leads until that is committed, and another takes over.
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

    /// A change that reached only a minority is undone by the leader of the others.
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

    /// While a change is not committed there is no other; afterwards there may be.
    #[cluster(spares = 2)]
    fn changes_come_one_at_a_time(s: &mut Stage) {
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

    /// A server without a vote has every word, and counts for nothing.
    #[cluster(servers = 2, spares = 1)]
    fn a_nonvoter_counts_for_nothing(s: &mut Stage) {
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

    /// All members are exchanged at once, through a joint membership, and every word is handed on.
    #[cluster(spares = 3)]
    fn all_members_are_exchanged(s: &mut Stage) {
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

    /// While the membership is joint, both the old and the new majority are needed.
    #[cluster(spares = 3)]
    fn a_joint_membership_needs_both_majorities(s: &mut Stage) {
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

    /// A server that was removed while it was away and has come back with its old membership cannot
    /// lead: nobody whom it knows would follow.
    #[cluster(spares = 1)]
    fn a_server_from_the_past_cannot_lead(s: &mut Stage) {
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

    /// A cluster grows from one server to five, and shrinks back to the one that it began with.
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

    /// Every server is exchanged for another, one after the other, while words go on coming.
    #[cluster(spares = 3)]
    fn every_server_is_swapped_under_load(s: &mut Stage) {
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

    /// A removal that only half of the servers hear of is not made until more do.
    #[cluster(servers = 4)]
    fn a_removal_without_a_majority_is_not_made(s: &mut Stage) {
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

    /// With a server that was cut off removed, the loss of one more is borne.
    #[cluster(servers = 4)]
    fn after_a_removal_fewer_are_enough(s: &mut Stage) {
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

    /// A voter that is added at once and is not there stops a cluster of one, until it comes.
    #[cluster(servers = 1, spares = 1)]
    fn a_voter_that_is_not_there_is_waited_for(s: &mut Stage) {
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

    /// A newcomer that does not catch up gets no vote, and stands in nobody's way.
    #[cluster(spares = 2)]
    fn a_newcomer_too_slow_gets_no_vote(s: &mut Stage) {
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

    /// A leader that takes its own vote hands over, and listens from then on.
    #[cluster(plan_tweak = living_on)]
    fn a_leader_takes_its_own_vote(s: &mut Stage) {
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

    /// A server without its vote is not missed, and counts again once it has it back.
    fn a_lost_vote_comes_back(s: &mut Stage) {
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

    /// A leader that was removed and lives on follows nobody, leads nobody, and names its heir.
    #[cluster(plan_tweak = living_on)]
    fn a_removed_leader_sends_its_clients_on(s: &mut Stage) {
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

    /// Of two operators who saw the same membership, the second one is told that it has changed.
    fn a_change_on_an_old_basis_is_not_made(s: &mut Stage) {
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

    /// A leader that has moved is named with its new address by those that follow it.
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

    /// A blank server waits to be taken in, however long it takes, and has nothing to say meanwhile.
    #[cluster(spares = 1)]
    fn a_blank_server_waits(s: &mut Stage) {
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
