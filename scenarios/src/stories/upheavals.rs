//! Who belongs when everything goes wrong at once: stories of memberships that are changed, undone
//! and handed on while leaders come and go.

use super::plan_tweaks::without_pre_vote;
use crate::dsl::{Stage, election_timeouts};
use wavetank_raft::{Error, Refusal};

stories![
    /// Two leaders each have an uncommitted membership change, and only the change that a majority can
    /// store is committed.
    #[cluster(servers = 5, spares = 2)]
    fn only_one_of_two_concurrent_changes_is_committed(s: &mut Stage) {
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

    /// A new leader refuses membership changes before its first commit: until then it may not know the
    /// latest committed change.
    #[cluster(spares = 1)]
    fn a_change_before_the_first_commit_is_refused(s: &mut Stage) {
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

    /// If a new leader changed the membership before its first commit, the old leader could return with
    /// a majority of its own and undo what was committed. This is the bug found in single-server
    /// changes in 2015.
    #[cluster(servers = 4, spares = 1)]
    fn an_early_change_would_allow_two_majorities(s: &mut Stage) {
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

    /// A membership change that reached a majority is committed by a new leader, which was never asked
    /// for it.
    #[cluster(spares = 1)]
    fn a_new_leader_commits_an_inherited_change(s: &mut Stage) {
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

    /// A server knows of no commit of two membership changes, and only the one that was not committed
    /// is undone.
    #[cluster(servers = 5, spares = 2)]
    fn only_the_uncommitted_of_two_changes_is_undone(s: &mut Stage) {
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

    /// After the power failed on all servers, each server knows all voters and nonvoters again.
    #[cluster(spares = 2)]
    fn the_configuration_survives_a_power_failure(s: &mut Stage) {
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

    /// A removed server is added again with what is on its disk, and catches up.
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

    /// A server that lost its disk is removed first, and is added again as a blank server.
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

    /// A nonvoter never leads, even when it has every entry and is the only server left.
    #[cluster(spares = 1)]
    fn a_nonvoter_never_leads(s: &mut Stage) {
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

    /// A promoted server that does not know of its promotion yet grants its vote where the vote is
    /// needed.
    #[cluster(servers = 2, spares = 1)]
    fn a_promoted_server_votes_before_it_knows_of_it(s: &mut Stage) {
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

    /// A promotion that its leader had not finished is dropped by the next leader, and can be started
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

    /// A server that was removed long ago wins no election, although the servers that it knows still
    /// run.
    #[cluster(spares = 3)]
    fn a_server_removed_long_ago_wins_no_election(s: &mut Stage) {
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

    /// When the leader that entered a joint configuration is gone, the next leader leaves it.
    #[cluster(spares = 2)]
    fn a_joint_configuration_is_left_by_the_next_leader(s: &mut Stage) {
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

    /// A joint configuration that only a minority stored is undone as a whole.
    #[cluster(spares = 2)]
    fn a_joint_configuration_in_a_minority_is_undone(s: &mut Stage) {
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

    /// When a leader of two servers removes itself and crashes before the other hears of it, the other
    /// cannot lead until the removed server is back.
    #[cluster(servers = 2)]
    fn a_server_restarts_to_have_its_own_removal_committed(s: &mut Stage) {
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

    /// A server that was removed while it was isolated has a high term; when it is added again, it
    /// costs one election and no more.
    #[cluster(plan_tweak = without_pre_vote)]
    fn a_removed_server_with_a_high_term_costs_one_election(s: &mut Stage) {
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
