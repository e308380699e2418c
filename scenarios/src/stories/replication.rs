//! What is kept: stories of entries that are copied, overtaken, contradicted and committed.

use super::plan_tweaks::{nothing_in_memory, one_entry_at_a_time, overtaking, snapshots_soon, twice};
use crate::dsl::{Stage, election_timeouts};

stories![
    /// A follower that missed twenty words gets them all when it is back.
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

    /// What only a minority has is not committed, and gives way to what the majority agrees on.
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

    /// Two of four are no majority, neither for a word nor for a leader.
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

    /// A word said to a follower is refused with the name of the leader, and is never kept.
    fn a_follower_names_the_leader(s: &mut Stage) {
        let leader = s.until_leader();
        let [follower, _] = s.followers_of(leader);
        s.propose(leader, "kept").until_converged();

        s.propose(follower, "to the wrong one");

        s.until_refused_in_favour_of("to the wrong one", leader);
        s.propose(leader, "also kept").until_converged();
        s.expect_committed(&["kept", "also kept"]);
    }

    /// A long tail that nobody else has is replaced by the little that was committed meanwhile.
    fn a_long_tail_gives_way(s: &mut Stage) {
        let old = s.until_leader();
        s.isolate(old);
        s.propose_many(old, TWENTY).until_stored(old, TWENTY[19]);

        let new = s.until_leader_other_than(old);
        s.propose(new, "kept").until_committed("kept");

        s.heal();
        s.until_converged();
        s.expect_committed(&["kept"]);
    }

    /// Figure 8 of the Raft paper: an old entry is not committed by being counted on a majority, since
    /// a rival with a newer one may still replace it.
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

    /// An entry of an old term is committed together with the first entry of the new one.
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

    /// Messages that overtake one another neither lose a word nor turn two around.
    #[cluster(plan_tweak = overtaking)]
    fn appends_that_overtake_one_another(s: &mut Stage) {
        let leader = s.until_leader();
        for word in TWENTY {
            s.propose(leader, word);
        }

        s.until_converged();
        s.expect_committed(TWENTY);
    }

    /// Where everything arrives twice, everything happens once.
    #[cluster(plan_tweak = twice)]
    fn everything_arrives_twice(s: &mut Stage) {
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

    /// A server that is too far behind for the log gets a snapshot in its place.
    #[cluster(plan_tweak = snapshots_soon)]
    fn a_snapshot_stands_for_the_log(s: &mut Stage) {
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

    /// Entries that a leader has no room for in memory are read from its disk, for whoever needs them.
    #[cluster(plan_tweak = nothing_in_memory)]
    fn entries_that_left_memory_are_fetched(s: &mut Stage) {
        let leader = s.until_leader();
        let [the_absent_one, _] = s.followers_of(leader);
        s.crash(the_absent_one);
        s.propose_many(leader, TWENTY).until_acknowledged(TWENTY[19]);

        s.restart(the_absent_one);

        s.until_converged();
        s.expect_committed(TWENTY);
        s.expect_leads(leader);
    }

    /// What a leader reads too late, when its entries were overwritten and it leads once more, is sent to
    /// nobody.
    #[cluster(servers = 5, plan_tweak = nothing_in_memory)]
    fn what_is_read_in_an_older_reign_is_not_sent(s: &mut Stage) {
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
