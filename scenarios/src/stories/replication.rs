//! Replication: entries that are copied, reordered, replaced and committed.

use super::plan_tweaks::{
    duplicating, one_entry_at_a_time, reads_longer_than_a_heartbeat, reordering, smallest_cache,
    snapshots_soon,
};
use crate::dsl::{Cluster, election_timeouts};

stories![
    /// A follower that missed twenty commands receives all these commands when the follower is back.
    fn a_follower_catches_up(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [absent, _] = cluster.followers_of(leader);
        cluster.isolate(absent);
        cluster.propose_many(leader, TWENTY).until_committed(TWENTY[19]);

        cluster.heal();

        cluster.until_converged();
        cluster.expect_committed(TWENTY);
        cluster.expect_leads(leader);
    }

    /// An entry in only a minority of the logs is not committed. The entries that the majority commits replace
    /// this entry.
    #[cluster(servers = 5)]
    fn a_minority_commits_nothing(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [with_it, a, b, c] = cluster.followers_of(old);
        cluster.partition(&[old, with_it], &[a, b, c]);
        cluster.propose(old, "lost").until_stored(with_it, "lost");

        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "kept").until_committed("kept");
        cluster.expect_not_committed("lost");

        cluster.heal();
        cluster.until_converged();
        cluster.expect_committed(&["kept"]);
    }

    /// Two servers of four are not a majority: the two servers commit no command and elect no leader.
    #[cluster(servers = 4)]
    fn half_of_four_is_no_majority(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [with_it, a, b] = cluster.followers_of(old);
        cluster.partition(&[old, with_it], &[a, b]);
        cluster.propose(old, "undecided").until_stored(with_it, "undecided");

        cluster.until_steps_down(old);
        cluster.expect_no_leader_for(election_timeouts(10));
        cluster.expect_not_committed("undecided");

        cluster.heal();
        cluster.until_leader();
        cluster.until_converged();
    }

    /// A follower refuses a command and names the leader. The command is never committed.
    fn a_follower_names_the_leader(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [follower, _] = cluster.followers_of(leader);
        cluster.propose(leader, "kept").until_converged();

        cluster.propose(follower, "follower's command");

        cluster.until_refused_in_favour_of("follower's command", leader);
        cluster.propose(leader, "also kept").until_converged();
        cluster.expect_committed(&["kept", "also kept"]);
    }

    /// An isolated leader has a long log suffix that is not committed. Meanwhile, the other servers commit a
    /// few entries. These entries replace the suffix.
    fn a_long_uncommitted_suffix_is_replaced(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.isolate(old);
        cluster.propose_many(old, TWENTY).until_stored(old, TWENTY[19]);

        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "kept").until_committed("kept");

        cluster.heal();
        cluster.until_converged();
        cluster.expect_committed(&["kept"]);
    }

    /// Figure 8 of the Raft paper: a leader does not commit an entry of an older term by counting copies,
    /// because a candidate with a newer entry can still replace the older entry.
    #[cluster(servers = 5, plan_tweak = one_entry_at_a_time)]
    fn figure_8(cluster: &mut Cluster) {
        let first = cluster.until_leader();
        let [witness, others @ ..] = cluster.followers_of::<4>(first);
        cluster.partition(&[first, witness], &others);
        cluster.propose(first, "old").until_stored(witness, "old");
        cluster.crash(first);
        cluster.crash(witness);

        let rival = cluster.until_all_vote_for_one_of(&others);
        let [third, fourth] = cluster.others_among(&others, rival);
        cluster.mute(rival);
        cluster.until_elected();
        cluster.propose(rival, "newer").until_stored(rival, "newer");
        cluster.crash(rival);

        cluster.heal();
        cluster.isolate(fourth);
        cluster.restart(first);
        cluster.restart(witness);
        cluster.until_stored(third, "old");
        let elected = cluster.until_elected();
        cluster.cut_one_way(elected, third);
        cluster.until_knows_stored(elected, third, "old");
        cluster.expect_not_committed("old");

        cluster.crash(first);
        cluster.crash(witness);
        cluster.heal();
        cluster.restart(rival);
        cluster.until_leads(rival);
        cluster.restart_all();
        cluster.until_converged();
        cluster.expect_committed(&["newer"]);
    }

    /// An entry of an older term is committed together with the first entry of the new term.
    fn an_old_entry_is_committed_with_a_newer_one(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [witness, _] = cluster.followers_of(old);
        cluster.deafen(old);
        cluster.propose(old, "old").until_stored(witness, "old");
        cluster.expect_not_committed("old");
        cluster.crash(old);

        cluster.heal();
        cluster.until_leader();

        cluster.until_committed("old");
        cluster.restart(old);
        cluster.until_converged();
        cluster.expect_committed(&["old"]);
    }

    /// When messages overtake one another, no command is lost and the order of the commands does not
    /// change.
    #[cluster(plan_tweak = reordering)]
    fn reordered_appends_keep_the_order_of_commands(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        for command in TWENTY {
            cluster.propose(leader, command);
        }

        cluster.until_converged();
        cluster.expect_committed(TWENTY);
    }

    /// When every message arrives twice, each command takes effect once.
    #[cluster(plan_tweak = duplicating)]
    fn duplicated_messages_take_effect_once(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.propose(old, "before").until_committed("before");
        cluster.crash(old);

        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "after").until_committed("after");

        cluster.restart(old);
        cluster.until_converged();
        cluster.expect_committed(&["before", "after"]);
    }

    /// When the leader's own disk is slow, the leader still commits: two followers are a majority without the
    /// leader.
    fn followers_commit_without_the_leaders_disk(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        cluster.propose(leader, "before").until_converged();
        cluster.slow_disk(leader);

        cluster.propose(leader, "during").until_committed("during");
        cluster.expect_not_stored(leader, "during");

        cluster.until_converged();
        cluster.expect_committed(&["before", "during"]);
    }

    /// A server lags so far that the leader no longer has the missing entries. The server receives a snapshot
    /// instead of the entries.
    #[cluster(plan_tweak = snapshots_soon)]
    fn a_snapshot_replaces_the_log(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [absent, the_other] = cluster.followers_of(leader);
        cluster.isolate(absent);
        cluster.propose_many(leader, TWENTY).until_committed(TWENTY[19]);
        cluster.until_compacted_beyond(leader, absent);
        cluster.until_compacted_beyond(the_other, absent);

        cluster.heal();

        cluster.until_converged();
        cluster.expect_installed(absent);
        cluster.expect_committed(TWENTY);
    }

    /// When a follower needs entries that are no longer in the leader's cache, the leader reads the entries
    /// from disk.
    #[cluster(plan_tweak = smallest_cache)]
    fn entries_outside_the_cache_are_read_from_disk(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [absent, _] = cluster.followers_of(leader);
        cluster.crash(absent);
        cluster.propose_many(leader, TWENTY).until_acknowledged(TWENTY[19]);

        cluster.restart(absent);

        cluster.until_converged();
        cluster.expect_committed(TWENTY);
        cluster.expect_leads(leader);
    }

    /// While the leader's disk reads entries for two crashed followers, heartbeats do not begin these reads
    /// again. Repeated reads would delay the leader's own writes.
    #[cluster(servers = 5, plan_tweak = reads_longer_than_a_heartbeat)]
    fn heartbeats_do_not_repeat_a_read_under_way(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [dead, also_dead, _, _] = cluster.followers_of(leader);
        cluster.crash(dead);
        cluster.crash(also_dead);
        cluster.propose_many(leader, TWENTY).until_acknowledged(TWENTY[19]);

        cluster.until_passed(election_timeouts(10));

        cluster.propose(leader, "late").until_acknowledged("late");
        cluster.expect_leads(leader);
    }

    /// A leader reads entries from its slow disk. Before the read ends, other entries replace these entries,
    /// and the server leads again in a later term. The server does not send the entries of the old read.
    #[cluster(servers = 5, plan_tweak = smallest_cache)]
    fn entries_read_in_an_older_term_are_not_sent(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [behind, _, _, _] = cluster.followers_of(leader);
        cluster.propose(leader, "agreed").until_converged();
        cluster.isolate(behind);
        cluster.isolate(leader);
        cluster.propose_many(leader, &["lost", "also lost"]).until_stored(leader, "also lost");
        cluster.delay_reads(leader, election_timeouts(10));
        cluster.reconnect(leader, behind);
        cluster.until_reads(leader);
        cluster.cut(leader, behind);
        cluster.restore_disk(leader);

        let other = cluster.until_leader_other_than(leader);
        cluster.propose(other, "kept").until_acknowledged("kept");
        cluster.heal();
        cluster.isolate(behind);
        cluster.until_readable(leader, "kept");
        let handed_over = cluster.transfer(other, leader);
        cluster.until_granted(handed_over);
        cluster.until_leads(leader);

        cluster.delay_reads(leader, election_timeouts(10));
        cluster.heal();
        cluster.until_reads(leader);
        cluster.until_converged();
        cluster.expect_committed(&["agreed", "kept"]);
    }
];

/// Twenty commands. If a leader sends each command in a message of its own, it sends only 16 commands before
/// the first response (`max_inflight`).
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
