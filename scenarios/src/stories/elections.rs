//! Who leads: stories of votes that are given, split, refused and remembered.

use super::plan_tweaks::without_pre_vote;
use crate::dsl::{Stage, election_timeouts};

stories![
    /// Three new servers elect one leader, and a command proposed to it is committed on all three.
    fn three_servers_elect_a_leader(s: &mut Stage) {
        let leader = s.until_leader();
        s.propose(leader, "first").until_committed("first");

        s.until_converged();
        s.expect_committed(&["first"]);
        s.expect_leads(leader);
    }

    /// A single server is its own majority: it leads, and after a crash it leads again in a new term.
    #[cluster(servers = 1)]
    fn a_single_server_leads_alone(s: &mut Stage) {
        let only = s.until_leader();
        s.propose(only, "before").until_committed("before");
        let term = s.term_of(only);

        s.crash(only);
        s.restart(only);

        s.until_leader();
        s.expect_later_term(only, term);
        s.propose(only, "after").until_committed("after");
        s.expect_committed(&["before", "after"]);
    }

    /// When all servers campaign at the same moment, none wins, and random timeouts separate them in a
    /// later round.
    #[cluster(plan_tweak = without_pre_vote)]
    fn a_split_vote_is_tried_again(s: &mut Stage) {
        s.pause_all();
        s.until_passed(election_timeouts(1));
        s.resume_all();

        s.until_all_are_candidates();

        let leader = s.until_leader();
        s.propose(leader, "settled").until_committed("settled");
        s.until_converged();
    }

    /// A server that missed a committed entry can raise the term, but cannot lead in it.
    #[cluster(plan_tweak = without_pre_vote)]
    fn a_stale_candidate_only_raises_the_term(s: &mut Stage) {
        let old = s.until_leader();
        let [the_stale_one, the_other] = s.followers_of(old);
        s.isolate(the_stale_one);
        s.propose(old, "missed").until_committed("missed");
        s.until_term_above(the_stale_one, s.term_of(old));

        s.crash(old);
        s.heal();

        let new = s.until_leader_other_than(old);
        s.expect(new == the_other, "the one that has the entry leads");
        s.until_converged();
        s.expect_committed(&["missed"]);
    }

    /// One entry of a newer term outweighs a long log suffix of an older term.
    fn a_longer_but_older_log_loses(s: &mut Stage) {
        let the_long_one = s.until_leader();
        s.isolate(the_long_one);
        s.propose_many(the_long_one, &["lost 1", "lost 2", "lost 3", "lost 4", "lost 5"]);
        s.until_stored(the_long_one, "lost 5");

        let the_newer_one = s.until_leader_other_than(the_long_one);
        s.propose(the_newer_one, "kept").until_committed("kept");
        s.crash_all();

        s.heal();
        s.restart(the_long_one);
        s.restart(the_newer_one);
        let leader = s.until_leader();
        s.expect(leader == the_newer_one, "the newer log leads");
        s.until_converged();
        s.expect_committed(&["kept"]);
    }

    /// When two logs end in the same term, the server with the longer log leads.
    fn with_equal_terms_the_longer_log_wins(s: &mut Stage) {
        let old = s.until_leader();
        let [the_shorter, the_longer] = s.followers_of(old);
        s.propose(old, "shared").until_converged();
        s.cut(old, the_shorter);
        s.propose(old, "kept by two").until_stored(the_longer, "kept by two");
        s.crash(old);

        s.until_leads(the_longer);
        s.until_follows(the_shorter, the_longer);
        s.until_converged();
        s.expect_committed(&["shared", "kept by two"]);
    }

    /// A voter that crashes after its vote is on disk, and before anybody hears of the vote, does not
    /// vote again in that term.
    fn a_vote_survives_a_crash(s: &mut Stage) {
        let (voter, candidate, term) = s.until_a_vote_is_on_disk();
        s.crash(voter);
        s.crash(candidate);

        s.restart(voter);

        let leader = s.until_leader();
        s.expect_later_term(leader, term);
        s.restart(candidate);
        s.until_converged();
    }

    /// A crashed leader is replaced, and after its restart it has everything that was acknowledged.
    fn a_crashed_leader_is_replaced(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_committed("kept");
        s.crash(old);

        let new = s.until_leader_other_than(old);
        s.propose(new, "also kept").until_committed("also kept");

        s.restart(old);
        s.until_converged();
        s.expect_committed(&["kept", "also kept"]);
        s.expect_leads(new);
    }

    /// A leader that is paused for a while is deposed, and after it resumes it refuses the command that
    /// it was given meanwhile.
    fn a_paused_leader_wakes_up_deposed(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_committed("kept");
        s.pause(old);

        let new = s.until_leader_other_than(old);
        s.propose(new, "also kept").until_committed("also kept");
        s.propose(old, "said to the sleeper");

        s.resume(old);
        s.until_failed("said to the sleeper");
        s.until_converged();
        s.expect_committed(&["kept", "also kept"]);
    }

    /// A leader that restarts before anybody misses it does not go on leading in its old term.
    fn a_restarted_leader_does_not_keep_its_term(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_committed("kept");
        let term = s.term_of(old);

        s.crash(old);
        s.restart(old);

        let leader = s.until_leader();
        s.expect_later_term(leader, term);
        s.until_converged();
        s.expect_committed(&["kept"]);
    }

    /// With pre-vote, a server that was isolated for long comes back without an election.
    fn with_pre_vote_a_return_costs_no_election(s: &mut Stage) {
        let leader = s.until_leader();
        let [the_lonely_one, _] = s.followers_of(leader);
        let term = s.term_of(leader);
        s.isolate(the_lonely_one);
        s.until_passed(election_timeouts(20));
        s.propose(leader, "meanwhile").until_committed("meanwhile");

        s.heal();

        s.until_converged();
        s.expect_leads(leader);
        s.expect_term(leader, term);
    }

    /// Without pre-vote, a server that was isolated for long comes back with a high term and deposes
    /// the leader; nothing is lost.
    #[cluster(plan_tweak = without_pre_vote)]
    fn without_pre_vote_a_return_costs_an_election(s: &mut Stage) {
        let old = s.until_leader();
        let [the_lonely_one, _] = s.followers_of(old);
        let term = s.term_of(old);
        s.isolate(the_lonely_one);
        s.until_passed(election_timeouts(20));
        s.propose(old, "meanwhile").until_committed("meanwhile");

        s.heal();

        s.until_term_above(old, term);
        s.until_leader();
        s.until_converged();
        s.expect_committed(&["meanwhile"]);
    }

    /// One server of three cannot lead, however long it tries; with pre-vote, its term does not even
    /// grow.
    fn a_minority_never_leads(s: &mut Stage) {
        let leader = s.until_leader();
        let [the_last_one, the_other] = s.followers_of(leader);
        let term = s.term_of(leader);
        s.crash(leader);
        s.crash(the_other);

        s.expect_no_leader_for(election_timeouts(20));
        s.expect_term(the_last_one, term);

        s.restart(the_other);
        s.until_leader();
        s.until_converged();
    }

    /// When two servers cannot hear each other, neither leads, and the old leader steps down soon.
    #[cluster(servers = 2)]
    fn two_partitioned_servers_have_no_leader(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_committed("kept");
        s.isolate(old);

        s.until_steps_down(old);
        s.expect_no_leader_for(election_timeouts(10));

        s.heal();
        let leader = s.until_leader();
        s.propose(leader, "also kept").until_committed("also kept");
        s.until_converged();
        s.expect_committed(&["kept", "also kept"]);
    }

    /// Ten leaders follow one another, each is isolated after its first command, and no command is
    /// lost.
    fn no_command_is_lost_among_ten_leaders(s: &mut Stage) {
        let words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
        for word in words {
            let leader = s.until_leader();
            s.propose(leader, word).until_committed(word);

            s.isolate(leader);
            s.until_leader_other_than(leader);
            s.heal();
        }

        s.until_converged();
        s.expect_committed(&words);
    }

    /// A leader transfers its leadership to the server that it was told to, and no server has to time
    /// out first.
    fn a_leader_transfers_its_leadership(s: &mut Stage) {
        let old = s.until_leader();
        let [heir, _] = s.followers_of(old);
        s.propose(old, "before").until_committed("before");

        s.transfer(old, heir);
        s.within(election_timeouts(1)).until_leads(heir);

        s.propose(heir, "after").until_committed("after");
        s.until_converged();
        s.expect_committed(&["before", "after"]);
    }
];
