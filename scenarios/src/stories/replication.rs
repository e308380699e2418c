//! What is kept: stories of entries that are copied, overtaken, contradicted and committed.

use super::plan_tweaks::{nothing_in_memory, one_entry_at_a_time, overtaking, snapshots_soon, twice};
use crate::dsl::{Stage, election_timeouts};

stories![
    /// A follower that missed twenty commands receives all of them when it is back.
    fn a_follower_catches_up(s: &mut Stage) {
        let leader = s.until_leader();
        let [the_absent_one, _] = s.followers_of(leader);
        s.isolate(the_absent_one);
        s.propose_many(leader, TWENTY).until_committed(TWENTY[19]);

        s.heal();

        s.until_converged();
        s.expect_committed(TWENTY);
        s.expect_leads(leader);
    }

    /// An entry that only a minority has is not committed, and is replaced by the entries that the
    /// majority commits.
    #[cluster(servers = 5)]
    fn a_minority_commits_nothing(s: &mut Stage) {
        let old = s.until_leader();
        let [with_it, a, b, c] = s.followers_of(old);
        s.part(&[old, with_it], &[a, b, c]);
        s.propose(old, "lost").until_stored(with_it, "lost");

        let new = s.until_leader_other_than(old);
        s.propose(new, "kept").until_committed("kept");
        s.expect_not_committed("lost");

        s.heal();
        s.until_converged();
        s.expect_committed(&["kept"]);
    }

    /// Two servers of four are no majority: they neither commit a command nor elect a leader.
    #[cluster(servers = 4)]
    fn half_of_four_is_no_majority(s: &mut Stage) {
        let old = s.until_leader();
        let [with_it, a, b] = s.followers_of(old);
        s.part(&[old, with_it], &[a, b]);
        s.propose(old, "undecided").until_stored(with_it, "undecided");

        s.until_steps_down(old);
        s.expect_no_leader_for(election_timeouts(10));
        s.expect_not_committed("undecided");

        s.heal();
        s.until_leader();
        s.until_converged();
    }

    /// A follower refuses a command, names the leader, and the command is never committed.
    fn a_follower_names_the_leader(s: &mut Stage) {
        let leader = s.until_leader();
        let [follower, _] = s.followers_of(leader);
        s.propose(leader, "kept").until_converged();

        s.propose(follower, "to the wrong one");

        s.until_refused_in_favour_of("to the wrong one", leader);
        s.propose(leader, "also kept").until_converged();
        s.expect_committed(&["kept", "also kept"]);
    }

    /// A long log suffix that only one server has is replaced by the few entries that were committed
    /// meanwhile.
    fn a_long_uncommitted_suffix_is_replaced(s: &mut Stage) {
        let old = s.until_leader();
        s.isolate(old);
        s.propose_many(old, TWENTY).until_stored(old, TWENTY[19]);

        let new = s.until_leader_other_than(old);
        s.propose(new, "kept").until_committed("kept");

        s.heal();
        s.until_converged();
        s.expect_committed(&["kept"]);
    }

    /// Figure 8 of the Raft paper: a leader does not commit an entry of an older term by counting
    /// copies, because a rival with a newer entry can still replace it.
    #[cluster(servers = 5, plan_tweak = one_entry_at_a_time)]
    fn figure_8(s: &mut Stage) {
        let first = s.until_leader();
        let [witness, others @ ..] = s.followers_of::<4>(first);
        s.part(&[first, witness], &others);
        s.propose(first, "old").until_stored(witness, "old");
        s.crash(first);
        s.crash(witness);

        let rival = s.until_all_vote_for_one_of(&others);
        let [third, fourth] = s.others_among(&others, rival);
        s.mute(rival);
        s.until_elected();
        s.propose(rival, "newer").until_stored(rival, "newer");
        s.crash(rival);

        s.heal();
        s.isolate(fourth);
        s.restart(first);
        s.restart(witness);
        s.until_stored(third, "old");
        let heir = s.until_elected();
        s.cut_one_way(heir, third);
        s.until_knows_stored(heir, third, "old");
        s.expect_not_committed("old");

        s.crash(first);
        s.crash(witness);
        s.heal();
        s.restart(rival);
        s.until_leads(rival);
        s.restart_all();
        s.until_converged();
        s.expect_committed(&["newer"]);
    }

    /// An entry of an older term is committed together with the first entry of the new term.
    fn an_old_entry_is_committed_with_a_newer_one(s: &mut Stage) {
        let old = s.until_leader();
        let [witness, _] = s.followers_of(old);
        s.deafen(old);
        s.propose(old, "old").until_stored(witness, "old");
        s.expect_not_committed("old");
        s.crash(old);

        s.heal();
        s.until_leader();

        s.until_committed("old");
        s.restart(old);
        s.until_converged();
        s.expect_committed(&["old"]);
    }

    /// When messages overtake one another, no command is lost and no two commands change places.
    #[cluster(plan_tweak = overtaking)]
    fn reordered_appends_keep_the_order_of_commands(s: &mut Stage) {
        let leader = s.until_leader();
        for word in TWENTY {
            s.propose(leader, word);
        }

        s.until_converged();
        s.expect_committed(TWENTY);
    }

    /// When every message arrives twice, each command takes effect once.
    #[cluster(plan_tweak = twice)]
    fn duplicated_messages_take_effect_once(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "before").until_committed("before");
        s.crash(old);

        let new = s.until_leader_other_than(old);
        s.propose(new, "after").until_committed("after");

        s.restart(old);
        s.until_converged();
        s.expect_committed(&["before", "after"]);
    }

    /// A leader whose own disk is slow still commits: two followers are a majority without it.
    fn followers_commit_without_the_leaders_disk(s: &mut Stage) {
        let leader = s.until_leader();
        s.propose(leader, "before").until_converged();
        s.slow_disk(leader);

        s.propose(leader, "during").until_committed("during");
        s.expect_not_stored(leader, "during");

        s.until_converged();
        s.expect_committed(&["before", "during"]);
    }

    /// A server that lags so far that the leader no longer has the entries receives a snapshot in their
    /// place.
    #[cluster(plan_tweak = snapshots_soon)]
    fn a_snapshot_replaces_the_log(s: &mut Stage) {
        let leader = s.until_leader();
        let [the_absent_one, the_other] = s.followers_of(leader);
        s.isolate(the_absent_one);
        s.propose_many(leader, TWENTY).until_committed(TWENTY[19]);
        s.until_compacted_beyond(leader, the_absent_one);
        s.until_compacted_beyond(the_other, the_absent_one);

        s.heal();

        s.until_converged();
        s.expect_installed(the_absent_one);
        s.expect_committed(TWENTY);
    }

    /// A leader reads entries that are no longer in its cache from its disk, for the follower that
    /// needs them.
    #[cluster(plan_tweak = nothing_in_memory)]
    fn entries_outside_the_cache_are_read_from_disk(s: &mut Stage) {
        let leader = s.until_leader();
        let [the_absent_one, _] = s.followers_of(leader);
        s.crash(the_absent_one);
        s.propose_many(leader, TWENTY).until_acknowledged(TWENTY[19]);

        s.restart(the_absent_one);

        s.until_converged();
        s.expect_committed(TWENTY);
        s.expect_leads(leader);
    }

    /// When a disk read takes so long that the entries were overwritten and the leader leads again in a
    /// later term, what was read is sent to nobody.
    #[cluster(servers = 5, plan_tweak = nothing_in_memory)]
    fn entries_read_in_an_older_term_are_not_sent(s: &mut Stage) {
        let leader = s.until_leader();
        let [behind, _, _, _] = s.followers_of(leader);
        s.propose(leader, "agreed").until_converged();
        s.isolate(behind);
        s.isolate(leader);
        s.propose_many(leader, &["lost", "also lost"]).until_stored(leader, "also lost");
        s.delay_reads(leader, election_timeouts(10));
        s.mend(leader, behind);
        s.until_reads(leader);
        s.cut(leader, behind);
        s.mend_disk(leader);

        let other = s.until_leader_other_than(leader);
        s.propose(other, "kept").until_acknowledged("kept");
        s.heal();
        s.isolate(behind);
        s.until_readable(leader, "kept");
        let handed_over = s.transfer(other, leader);
        s.until_granted(handed_over);
        s.until_leads(leader);

        s.delay_reads(leader, election_timeouts(10));
        s.heal();
        s.until_reads(leader);
        s.until_converged();
        s.expect_committed(&["agreed", "kept"]);
    }
];

/// More words than a leader sends without an answer.
const TWENTY: &[&str] = &[
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];
