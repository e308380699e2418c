//! What a dead process and its disk leave behind: stories of crashes, slow disks and torn writes.

use crate::words::{Stage, election_timeouts};

/// All stop and start at once; chance finds one that leads, and nothing is lost.
pub fn all_restart_at_once(s: &mut Stage) {
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
pub fn the_power_fails_everywhere(s: &mut Stage) {
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
pub fn a_torn_tail_is_written_again(s: &mut Stage) {
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
pub fn a_dead_disk_ends_its_leader(s: &mut Stage) {
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
pub fn a_stalled_disk_deposes_its_leader(s: &mut Stage) {
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
pub fn a_slow_voter_holds_nobody_up(s: &mut Stage) {
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
pub fn a_silent_follower_is_not_missed(s: &mut Stage) {
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
pub fn a_follower_that_keeps_dying_catches_up(s: &mut Stage) {
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
