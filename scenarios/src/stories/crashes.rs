//! What a dead process and its disk leave behind: stories of crashes, slow disks and torn writes.

use crate::dsl::{ElectionTimeouts, Stage, election_timeouts};

stories![
    /// All stop and start at once; chance finds one that leads, and nothing is lost.
    fn all_restart_at_once(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_committed("kept");

        s.crash_all();
        s.restart_all();

        let leader = s.until_leader();
        s.propose(leader, "also kept").until_committed("also kept");
        s.until_converged();
        s.expect_committed(&["kept", "also kept"]);
    }

    /// The power fails everywhere in the middle of a write: what was acknowledged is there afterwards.
    fn the_power_fails_everywhere(s: &mut Stage) {
        let leader = s.until_leader();
        s.propose(leader, "acknowledged").until_acknowledged("acknowledged");
        s.propose_many(leader, &["in flight 1", "in flight 2", "in flight 3"]);
        s.until_being_written(leader, "in flight 1");

        s.crash_all();
        s.restart_all();

        s.until_leader();
        s.until_converged();
        s.expect_committed_first(&["acknowledged"]);
    }

    /// A write that was torn by a crash is cut back, and the leader sends it again.
    fn a_torn_tail_is_written_again(s: &mut Stage) {
        let leader = s.until_leader();
        let [the_torn_one, _] = s.followers_of(leader);
        s.propose_many(leader, &["one", "two", "three", "four", "five"]);
        s.until_being_written(the_torn_one, "five");
        s.crash(the_torn_one);
        s.until_committed("five");

        s.restart(the_torn_one);

        s.until_converged();
        s.expect_committed(&["one", "two", "three", "four", "five"]);
        s.expect_leads(leader);
    }

    /// A leader whose disk is dead stops; what it had sent by then is kept by the others.
    fn a_dead_disk_ends_its_leader(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_converged();

        s.break_disk(old);
        s.propose(old, "said to a dead disk");
        s.until_halted(old);

        let new = s.until_leader_other_than(old);
        s.propose(new, "also kept").until_committed("also kept");
        s.until_converged();
        s.expect_committed(&["kept", "said to a dead disk", "also kept"]);
    }

    /// A leader whose disk has stopped answering gives up, although everybody still hears it.
    fn a_stalled_disk_deposes_its_leader(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_converged();

        s.stall_disk(old);
        s.propose(old, "said to a stalled disk");
        s.until_steps_down(old);

        let new = s.until_leader_other_than(old);
        s.propose(new, "also kept").until_committed("also kept");
        s.expect_leads(new);
    }

    /// A voter whose disk takes longer than an election holds nobody up.
    #[cluster(servers = 5)]
    fn a_slow_voter_holds_nobody_up(s: &mut Stage) {
        let old = s.until_leader();
        let [the_slow_one, _, _, _] = s.followers_of(old);
        s.slow_disk(the_slow_one);
        s.crash(old);

        let new = s.within(election_timeouts(5)).until_leader_other_than(old);
        s.propose(new, "kept").until_committed("kept");

        s.restart(old);
        s.until_converged();
        s.expect_committed(&["kept"]);
    }

    /// A silent follower is missed by nobody: no election, and words are committed without it.
    fn a_silent_follower_is_not_missed(s: &mut Stage) {
        let leader = s.until_leader();
        let [the_silent_one, _] = s.followers_of(leader);
        let term = s.term_of(leader);

        s.crash(the_silent_one);
        s.propose(leader, "without it").until_committed("without it");
        s.until_passed(election_timeouts(10));

        s.expect_leads(leader);
        s.expect_term(leader, term);
        s.restart(the_silent_one);
        s.until_converged();
    }

    /// A server that died over and over while words came in has them all in the end.
    fn a_follower_that_keeps_dying_catches_up(s: &mut Stage) {
        let leader = s.until_leader();
        let [the_frail_one, _] = s.followers_of(leader);
        let words = ["one", "two", "three", "four", "five", "six"];
        for word in words {
            s.propose(leader, word).until_being_written(the_frail_one, word);
            s.crash(the_frail_one);
            s.until_committed(word);
            s.restart(the_frail_one);
        }

        s.until_converged();
        s.expect_committed(&words);
    }

    /// A leader whose disk has stalled gives up within the time that a disk is given, whatever its
    /// heartbeats say, and the words that the others have are kept.
    fn a_stalled_disk_is_borne_for_its_time_and_no_longer(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_converged();
        s.stall_disk(old);
        s.propose(old, "held by two").until_committed("held by two");
        s.expect_leads(old);

        s.within(DISK_PATIENCE).until_steps_down(old);

        let new = s.within(election_timeouts(5)).until_leader_other_than(old);
        s.propose(new, "also kept").until_acknowledged("also kept");
        s.expect_not_led_by(old, election_timeouts(10));
        s.expect_committed_on(new, &["kept", "held by two", "also kept"]);
    }

    /// A server whose disk has stalled is no heir: it could not even vote for itself.
    fn a_stalled_disk_makes_no_heir(s: &mut Stage) {
        let leader = s.until_leader();
        let [stalled, other] = s.followers_of(leader);
        s.stall_disk(stalled);
        s.propose(leader, "held by two").until_acknowledged("held by two");
        s.until_passed(DISK_PATIENCE);

        let transfer = s.transfer(leader, stalled);
        s.until_refused(transfer);
        s.crash(leader);

        s.expect_not_led_by(stalled, election_timeouts(10));
        s.restart(leader);
        s.until_leader_among(&[leader, other]);
        s.until_committed("held by two");
    }
];

/// A disk is given a second, and four of these are a little more.
const DISK_PATIENCE: ElectionTimeouts = election_timeouts(4);
