//! Who belongs when everything goes wrong at once: stories of memberships that are changed, undone
//! and handed on while leaders come and go.

use super::plan_tweaks::without_pre_vote;
use crate::dsl::{Stage, election_timeouts};
use wavetank_raft::{Error, Refusal};

stories![
    /// Two leaders have a change under way each, and only the one that can be agreed upon is made.
    #[cluster(servers = 5, spares = 2)]
    fn of_two_changes_under_way_one_is_made(s: &mut Stage) {
        let old = s.until_leader();
        let [with_it, a, b, c] = s.followers_of(old);
        let [lost, kept] = s.spares();
        s.part(&[old, with_it, lost], &[a, b, c, kept]);
        let in_vain = s.add_voter(old, lost);

        let new = s.until_leader_other_than(old);
        s.deafen(new);
        let made = s.add_voter(new, kept);
        s.until_voters(a, &[old, with_it, a, b, c, kept]);
        s.expect_open(made);
        s.heal();

        s.until_refused(in_vain);
        s.until_leader();
        s.until_converged();
        s.expect_voters(with_it, &[old, with_it, a, b, c, kept]);
        s.expect_listeners(lost, &[]);
    }

    /// A new leader changes nothing before it has committed something: it may not know yet what was
    /// changed before.
    #[cluster(spares = 1)]
    fn no_change_before_the_first_commit(s: &mut Stage) {
        let old = s.until_leader();
        let [newcomer] = s.spares();
        s.crash(old);

        let new = s.until_elected();
        let early = s.add_voter(new, newcomer);
        s.until_refused_because(early, &Error::Refused(Refusal::NoCommitInTerm));

        s.until_leads(new);
        let joining = s.add_voter(new, newcomer);
        s.until_granted(joining);
        s.restart(old);
        s.until_converged();
    }

    /// The bug of 2015: were a new leader allowed to change the membership at once, the old one could
    /// come back with a majority of its own, and undo what was committed.
    #[cluster(servers = 4, spares = 1)]
    fn the_bug_of_2015(s: &mut Stage) {
        let one = s.until_leader();
        let five: [_; 1] = s.spares();
        let others: [_; 3] = s.followers_of(one);
        s.part(&[one, five[0]], &others);
        s.add_voter(one, five[0]);
        s.propose(one, "in vain").until_stored(five[0], "in vain");

        let two = s.until_elected_among(&others);
        let early = s.remove(two, one);
        s.until_refused_because(early, &Error::Refused(Refusal::NoCommitInTerm));
        s.until_leads(two);
        let leaving = s.remove(two, one);
        s.propose(two, "kept").until_acknowledged("kept");
        s.until_granted(leaving);

        let [three, four] = s.others_among(&others, two);
        s.heal();
        s.part(&[one, five[0], four], &[two, three]);
        s.expect_not_led_by(one, election_timeouts(20));

        s.heal();
        let leader = s.until_leader();
        s.until_voters(leader, &others);
        s.propose(leader, "also kept").until_converged();
        s.expect_committed(&["kept", "also kept"]);
    }

    /// A change that reached a majority is committed by a leader that was never asked for it.
    #[cluster(spares = 1)]
    fn a_change_is_inherited(s: &mut Stage) {
        let old = s.until_leader();
        let [a, b] = s.followers_of(old);
        let [newcomer] = s.spares();
        s.deafen(old);
        let joining = s.add_voter(old, newcomer);
        for heir in [a, b] {
            s.until_voters(heir, &[old, a, b, newcomer]);
        }
        s.crash(old);
        s.until_refused(joining);

        s.heal();
        let new = s.until_leader();
        s.propose(new, "three of four").until_acknowledged("three of four");

        s.restart(old);
        s.until_converged();
        s.expect_voters(new, &[old, a, b, newcomer]);
        s.expect_committed(&["three of four"]);
    }

    /// Of two changes that a server does not know to be committed, only the one that was not is undone.
    #[cluster(servers = 5, spares = 2)]
    fn only_the_later_of_two_changes_is_undone(s: &mut Stage) {
        let old = s.until_leader();
        let [witness, a, b, c] = s.followers_of(old);
        let [kept, lost] = s.spares();
        let first = s.add_voter(old, kept);
        s.until_granted(first);
        s.until_converged();

        s.part(&[old, witness, lost], &[a, b, c, kept]);
        let second = s.add_voter(old, lost);
        s.propose(old, "behind it").until_stored(witness, "behind it");
        s.crash(old);
        s.crash(witness);
        s.until_refused(second);
        s.restart(witness);
        s.expect_voters(witness, &[old, witness, a, b, c, kept, lost]);

        s.until_leader_among(&[a, b, c, kept]);
        s.heal();
        s.until_voters(witness, &[old, witness, a, b, c, kept]);
        s.restart(old);
        s.until_converged();
        s.expect_voters(old, &[old, witness, a, b, c, kept]);
        s.expect_not_committed("behind it");
    }

    /// Who belongs is known to all again after the power failed everywhere, with a vote or without.
    #[cluster(spares = 2)]
    fn the_membership_outlives_a_power_failure(s: &mut Stage) {
        let leader = s.until_leader();
        let [listener, voter] = s.spares();
        let all: [_; 3] = s.everybody();
        let listening = s.add_nonvoter(leader, listener);
        s.until_granted(listening);
        let joining = s.add_voter(leader, voter);
        s.until_granted(joining);
        s.until_converged();

        s.crash_all();
        s.restart_all();

        for slot in all.into_iter().chain([listener, voter]) {
            s.expect_voters(slot, &[all[0], all[1], all[2], voter]);
            s.expect_listeners(slot, &[listener]);
        }
        let leader = s.until_leader();
        s.propose(leader, "afterwards").until_converged();
        s.expect_committed(&["afterwards"]);
    }

    /// A server that was removed comes back with what was on its disk, and catches up.
    fn a_server_rejoins_with_its_old_disk(s: &mut Stage) {
        let leader = s.until_leader();
        let [prodigal, other] = s.followers_of(leader);
        s.propose(leader, "with it").until_converged();
        let leaving = s.remove(leader, prodigal);
        s.until_granted(leaving);
        s.crash(prodigal);
        s.propose(leader, "without it").until_committed("without it");

        s.restart(prodigal);
        let joining = s.add_voter_staged(leader, prodigal);
        s.until_granted(joining);

        s.crash(other);
        s.propose(leader, "with it again").until_acknowledged("with it again");
        s.until_converged();
        s.expect_committed(&["with it", "without it", "with it again"]);
    }

    /// A server that lost its disk is taken out first, and comes back as one that has nothing.
    fn a_server_rejoins_with_a_blank_disk(s: &mut Stage) {
        let leader = s.until_leader();
        let [unlucky, other] = s.followers_of(leader);
        s.propose(leader, "on its lost disk").until_converged();
        s.wipe(unlucky);
        let leaving = s.remove(leader, unlucky);
        s.until_granted(leaving);

        s.restart(unlucky);
        s.expect_unreadable(unlucky, "on its lost disk");
        let joining = s.add_voter_staged(leader, unlucky);
        s.until_granted(joining);

        s.crash(other);
        s.propose(leader, "on its new disk").until_acknowledged("on its new disk");
        s.until_converged();
        s.expect_committed(&["on its lost disk", "on its new disk"]);
    }

    /// One that only listens never leads, though it has everything and is all that is left.
    #[cluster(spares = 1)]
    fn a_listener_never_leads(s: &mut Stage) {
        let leader = s.until_leader();
        let [listener] = s.spares();
        let listening = s.add_nonvoter(leader, listener);
        s.until_granted(listening);
        s.propose(leader, "heard").until_converged();
        let term = s.term_of(listener);

        s.crash_all();
        s.restart(listener);

        s.expect_no_leader_for(election_timeouts(20));
        s.expect_term(listener, term);
        s.restart_all();
        s.until_leader();
        s.until_converged();
        s.expect_committed(&["heard"]);
    }

    /// A server that has a vote and does not know it yet gives it all the same, where it is needed.
    #[cluster(servers = 2, spares = 1)]
    fn a_vote_counts_before_its_owner_knows_of_it(s: &mut Stage) {
        let old = s.until_leader();
        let [heir] = s.followers_of(old);
        let [unaware] = s.spares();
        let listening = s.add_nonvoter(old, unaware);
        s.until_granted(listening);
        s.until_converged();
        s.cut_one_way(old, unaware);
        let promotion = s.add_voter(old, unaware);
        s.until_granted(promotion);
        s.expect_listeners(unaware, &[unaware]);

        s.crash(old);

        s.until_leads(heir);
        s.propose(heir, "two of three").until_acknowledged("two of three");
        s.expect_voters(unaware, &[old, heir, unaware]);
    }

    /// A server on its way to a vote does not get it from a new leader, and can be sent on its way
    /// again.
    #[cluster(spares = 1)]
    fn a_promotion_ends_with_its_leader(s: &mut Stage) {
        let old = s.until_leader();
        let [newcomer] = s.spares();
        s.isolate(newcomer);
        let joining = s.add_voter_staged(old, newcomer);
        s.propose(old, "with a listener").until_acknowledged("with a listener");
        s.expect_open(joining);
        s.crash(old);
        s.until_refused(joining);

        let new = s.until_leader();
        s.expect_listeners(new, &[newcomer]);
        s.heal();
        let again = s.add_voter_staged(new, newcomer);
        s.until_granted(again);

        s.restart(old);
        s.until_converged();
        s.expect_listeners(old, &[]);
        s.expect_committed(&["with a listener"]);
    }

    /// The first server of long ago finds nobody to elect it, though those it knows are still there.
    #[cluster(spares = 3)]
    fn the_first_of_long_ago_finds_no_majority(s: &mut Stage) {
        let first = s.until_leader();
        let [a, b] = s.followers_of(first);
        let news: [_; 3] = s.spares();
        s.crash(first);
        for (leaves, comes) in [first, a, b].into_iter().zip(news) {
            let leader = s.until_leader();
            let joining = s.add_voter_staged(leader, comes);
            s.until_granted(joining);
            let leaving = s.remove(leader, leaves);
            s.until_granted(leaving);
        }
        let leader = s.until_leader_among(&news);
        let term = s.term_of(leader);

        s.restart(first);
        s.expect_not_led_by(first, election_timeouts(20));

        s.expect_leads(leader);
        s.expect_term(leader, term);
        s.expect_voters(leader, &news);
        s.propose(leader, "nothing happened").until_converged();
        s.expect_committed(&["nothing happened"]);
    }

    /// A joint membership is left by the next leader, if the one that entered it is gone.
    #[cluster(spares = 2)]
    fn a_joint_membership_is_left_by_the_next_leader(s: &mut Stage) {
        let old = s.until_leader();
        let [stays, leaves] = s.followers_of(old);
        let [comes, too] = s.spares();
        s.deafen(old);
        let exchange = s.change_members(old, &[stays, comes, too]);
        s.until_joint(stays).until_joint(leaves);
        s.crash(old);
        s.until_refused(exchange);

        s.heal();
        let new = s.until_leader_among(&[stays, comes, too]);
        s.until_voters(new, &[stays, comes, too]);

        s.propose(new, "afterwards").until_committed("afterwards");
        s.restart(old);
        s.expect_not_led_by(old, election_timeouts(10));
        s.expect_leads(new);
    }

    /// A joint membership that only its leader knew of is undone as a whole.
    #[cluster(spares = 2)]
    fn a_joint_membership_in_a_minority_is_undone(s: &mut Stage) {
        let old = s.until_leader();
        let [a, b] = s.followers_of(old);
        let newcomers: [_; 2] = s.spares();
        s.part(&[old, newcomers[0], newcomers[1]], &[a, b]);
        let exchange = s.change_members(old, &[old, newcomers[0], newcomers[1]]);
        s.until_joint(newcomers[0]);

        let new = s.until_leader_other_than(old);
        s.propose(new, "kept").until_committed("kept");

        s.heal();
        s.until_refused(exchange);
        s.until_converged();
        s.expect_voters(old, &[old, a, b]);
        s.expect_committed(&["kept"]);
    }

    /// One that is leaving and alone knows of it must lead once more, for nobody else can.
    #[cluster(servers = 2)]
    fn the_one_that_is_leaving_is_needed(s: &mut Stage) {
        let leaving = s.until_leader();
        let [heir] = s.followers_of(leaving);
        s.propose(leaving, "before").until_converged();
        s.isolate(leaving);
        s.remove(leaving, leaving);
        s.propose(leaving, "behind it").until_stored(leaving, "behind it");
        s.crash(leaving);

        s.expect_no_leader_for(election_timeouts(10));
        s.heal();
        s.restart(leaving);

        s.until_leads(heir);
        s.expect_voters(heir, &[heir]);
        s.propose(heir, "alone").until_acknowledged("alone");
        s.expect_committed(&["before", "behind it", "alone"]);
    }

    /// A server that was removed while it was away has raised its term in vain: let in again, it costs
    /// one election, and no more.
    #[cluster(plan_tweak = without_pre_vote)]
    fn a_high_term_from_outside_is_taken_in(s: &mut Stage) {
        let old = s.until_leader();
        let [away, _] = s.followers_of(old);
        s.isolate(away);
        let leaving = s.remove(old, away);
        s.until_granted(leaving);
        s.until_passed(election_timeouts(20));
        let term = s.term_of(away);
        s.expect_later_term(away, s.term_of(old));

        s.heal();
        s.add_nonvoter(old, away);
        s.until_term_above(old, s.term_of(old));

        let new = s.until_leader();
        s.expect_later_term(new, term);
        s.propose(new, "quiet again").until_acknowledged("quiet again");
        s.expect_not_led_by(away, election_timeouts(20));
        s.expect_leads(new);
    }
];
