//! What a dead process and its disk leave behind: stories of crashes, slow disks and torn writes.

use crate::dsl::{ElectionTimeouts, Stage, election_timeouts};

stories![
    /// When all servers stop and start at once, one of them is elected, and nothing is lost.
    fn all_servers_restart_at_once(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_committed("kept");

        s.crash_all();
        s.restart_all();

        let leader = s.until_leader();
        s.propose(leader, "also kept").until_committed("also kept");
        s.until_converged();
        s.expect_committed(&["kept", "also kept"]);
    }

    /// When the power fails on all servers in the middle of a write, everything that was acknowledged
    /// is there afterwards.
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

    /// A server cuts off a write that a crash tore apart, and the leader sends the entries again.
    fn a_torn_write_is_cut_off_and_sent_again(s: &mut Stage) {
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

    /// A leader whose disk is dead stops; the others keep the entries that it had sent by then.
    fn a_leader_with_a_dead_disk_stops(s: &mut Stage) {
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

    /// A leader whose disk no longer answers steps down, although everybody still hears it.
    fn a_leader_with_a_stalled_disk_steps_down(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_converged();

        s.stall_disk(old);
        s.propose(old, "said to a stalled disk");
        s.until_steps_down(old);

        let new = s.until_leader_other_than(old);
        s.propose(new, "also kept").until_committed("also kept");
        s.expect_leads(new);
    }

    /// A voter whose disk takes longer than an election does not delay the election.
    #[cluster(servers = 5)]
    fn a_slow_voter_does_not_delay_an_election(s: &mut Stage) {
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

    /// A crashed follower causes no election, and commands are committed without it.
    fn a_crashed_follower_causes_no_election(s: &mut Stage) {
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

    /// A server that crashed again and again while commands came in has all of them in the end.
    fn a_follower_that_keeps_crashing_catches_up(s: &mut Stage) {
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

    /// A leader whose disk has stalled steps down within the disk timeout, even if its heartbeats are
    /// answered, and the commands that the others have are kept.
    fn a_leader_tolerates_a_stalled_disk_for_a_limited_time(s: &mut Stage) {
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

    /// A server whose disk has stalled is refused as a transfer target: it could not even vote for
    /// itself.
    fn a_server_with_a_stalled_disk_is_no_transfer_target(s: &mut Stage) {
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
