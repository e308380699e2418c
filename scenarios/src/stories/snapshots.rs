//! Snapshots that are taken, sent, interrupted, installed and restored.

use super::plan_tweaks::{
    four_entries_in_line, small_chunks, small_chunks_reordered_and_duplicated, snapshots_soon,
    two_entries_at_a_time, without_trailing_logs,
};
use crate::dsl::{Cluster, election_timeouts};
use wavetank_sim::ServerIdx;

stories![
    /// A server crashes while it receives a snapshot. After the restart, the server has either the old state
    /// or the new state.
    #[cluster(plan_tweak = small_chunks)]
    fn a_crash_during_a_snapshot_install_loses_nothing(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [crashing, other] = cluster.followers_of(leader);
        let mut proposed = Vec::new();
        for pieces in 1..=4 {
            leave_behind(cluster, leader, other, crashing, &mut proposed);
            cluster.heal();
            cluster.until_receives(crashing, pieces);
            cluster.crash(crashing);
            cluster.restart(crashing);
            cluster.until_converged();
            expect_all(cluster, &proposed);
        }

        cluster.expect_installed(crashing);
        cluster.expect_leads(leader);
    }

    /// When a leader crashes while it sends a snapshot, the next leader sends its own snapshot from the
    /// beginning.
    #[cluster(plan_tweak = small_chunks)]
    fn a_leader_crashes_while_it_sends_a_snapshot(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [behind, successor] = cluster.followers_of(old);
        let mut proposed = Vec::new();
        leave_behind(cluster, old, successor, behind, &mut proposed);
        cluster.heal();
        cluster.until_receives(behind, 2);

        cluster.crash(old);

        cluster.until_leads(successor);
        cluster.until_installed(behind);
        cluster.until_converged();
        expect_all(cluster, &proposed);
    }

    /// When the link to a follower fails while the leader sends a snapshot, the leader completes the snapshot
    /// after the link works again.
    #[cluster(plan_tweak = small_chunks)]
    fn an_interrupted_snapshot_is_completed(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [behind, other] = cluster.followers_of(leader);
        let mut proposed = Vec::new();
        leave_behind(cluster, leader, other, behind, &mut proposed);
        cluster.heal();
        cluster.until_receives(behind, 3);

        cluster.cut(leader, behind);
        cluster.until_passed(election_timeouts(3));
        cluster.expect_unreadable(behind, &proposed[0]);

        cluster.heal();
        cluster.until_installed(behind);
        cluster.until_converged();
        expect_all(cluster, &proposed);
    }

    /// A newer snapshot arrives while a slow state machine loads an older snapshot. The store keeps the older
    /// snapshot until the load ends.
    #[cluster(plan_tweak = without_trailing_logs)]
    fn a_snapshot_is_kept_while_it_is_loaded(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [slow, other] = cluster.followers_of(leader);
        let mut proposed = Vec::new();
        leave_behind(cluster, leader, other, slow, &mut proposed);
        cluster.stall_machine(slow, election_timeouts(12));
        cluster.heal();
        cluster.until_receives(slow, 1);
        cluster.until_passed(election_timeouts(1));

        leave_behind(cluster, leader, other, slow, &mut proposed);
        cluster.heal();
        cluster.until_passed(election_timeouts(5));
        cluster.expect_unreadable(slow, &proposed[0]);

        cluster.until_installed(slow);
        cluster.until_converged();
        expect_all(cluster, &proposed);
    }

    /// Snapshot pieces that arrive twice and out of order still form one complete snapshot.
    #[cluster(plan_tweak = small_chunks_reordered_and_duplicated)]
    fn duplicated_pieces_make_one_snapshot(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [behind, other] = cluster.followers_of(leader);
        let mut proposed = Vec::new();
        leave_behind(cluster, leader, other, behind, &mut proposed);

        cluster.heal();

        cluster.until_installed(behind);
        cluster.until_leader();
        cluster.until_converged();
        expect_all(cluster, &proposed);
    }

    /// A newer snapshot follows an interrupted snapshot. A late piece of the older snapshot does not become
    /// part of the newer snapshot.
    #[cluster(servers = 7, plan_tweak = small_chunks)]
    fn pieces_of_two_snapshots_do_not_mix(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [behind, second, third, _, _, _] = cluster.followers_of(leader);
        cluster.isolate(behind);
        cluster.isolate(second);
        cluster.isolate(third);
        cluster.propose_many(leader, &["first of old", "other of old", "third of old"]);
        cluster.until_acknowledged("third of old");
        let old = cluster.snapshot(leader);
        cluster.until_granted(old);
        cluster.reconnect(leader, behind);
        cluster.until_receives(behind, 1);
        cluster.cut(leader, behind);

        let news = ["first of new", "other of new", "third of new"];
        let restored = cluster.restore(leader, &news);
        cluster.until_granted(restored);
        let newer = cluster.snapshot(leader);
        cluster.until_granted(newer);
        cluster.reconnect(leader, second);
        cluster.until_receives(second, 1);

        cluster.propose(leader, "last of new").until_acknowledged("last of new");
        let newest = cluster.snapshot(leader);
        cluster.until_granted(newest);
        cluster.reconnect(leader, third);
        cluster.until_receives(third, 1);

        cluster.reconnect(leader, behind);
        cluster.until_sent(leader, behind, 2);
        cluster.repeat_first_piece(behind);
        cluster.until_installed(behind);
        cluster.until_converged();
        cluster.expect_committed(&["first of new", "other of new", "third of new", "last of new"]);
    }

    /// A snapshot replaces a long log suffix that was never committed, although the snapshot ends before the
    /// end of the suffix.
    #[cluster(plan_tweak = without_trailing_logs)]
    fn a_conflicting_suffix_is_replaced_by_a_snapshot(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [a, b] = cluster.followers_of(old);
        cluster.isolate(old);
        for number in 1..=40 {
            cluster.propose(old, &format!("lost {number}"));
        }
        cluster.until_stored(old, "lost 40");

        let new = cluster.until_leader_other_than(old);
        let [other] = cluster.others_among(&[a, b], new);
        let mut proposed = Vec::new();
        propose_twenty(cluster, new, &mut proposed);
        compact(cluster, &[new, other], &proposed);

        cluster.heal();
        cluster.until_failed("lost 40");
        cluster.until_installed(old);
        proposed.push("afterwards".to_owned());
        cluster.propose(new, "afterwards").until_stored(old, "afterwards").until_converged();
        cluster.expect_not_stored(old, "lost 40");
        expect_all(cluster, &proposed);
    }

    /// The leader sends a snapshot to a follower whose responses are lost. The follower keeps its entries
    /// after the end of the snapshot.
    #[cluster(plan_tweak = two_entries_at_a_time)]
    fn entries_after_a_snapshot_are_kept(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [ahead, other] = cluster.followers_of(leader);
        cluster.isolate(other);
        cluster.propose(leader, "before").until_readable(ahead, "before");
        cluster.isolate(ahead);
        cluster.propose_many(leader, &["in the snapshot", "behind it"]);

        cluster.reconnect(leader, ahead);
        cluster.until_being_written(ahead, "behind it");
        cluster.cut_one_way(ahead, leader);
        cluster.reconnect(leader, other);
        cluster.until_acknowledged("in the snapshot");
        let taken = cluster.snapshot(leader);
        cluster.until_granted(taken);
        cluster.until_installed(ahead);

        cluster.crash(leader);
        cluster.heal();
        cluster.until_leader_other_than(leader);
        cluster.until_converged();
        cluster.expect_committed(&["before", "in the snapshot", "behind it"]);
    }

    /// When a snapshot overtakes commands that wait for the state machine, the callers of these commands get
    /// an error. No caller gets the answer of another command.
    #[cluster(plan_tweak = four_entries_in_line)]
    fn calls_overtaken_by_a_snapshot_fail(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [a, b] = cluster.followers_of(old);
        cluster.until_converged();
        cluster.stall_machine(old, election_timeouts(10));
        let waiting = ["one", "two", "three", "four", "five", "six"];
        cluster.propose_many(old, &waiting).until_committed("six");
        cluster.isolate(old);

        let new = cluster.until_leader_other_than(old);
        let [other] = cluster.others_among(&[a, b], new);
        let mut proposed = waiting.map(str::to_owned).to_vec();
        propose_twenty(cluster, new, &mut proposed);
        compact(cluster, &[new, other], &proposed);

        cluster.heal();
        cluster.until_installed(old);
        cluster.propose(new, "afterwards").until_readable(old, "afterwards");
        proposed.push("afterwards".to_owned());
        for command in waiting {
            cluster.until_failed(command);
        }
        cluster.until_converged();
        expect_all(cluster, &proposed);
    }

    /// A server that missed several membership changes learns all these changes from one snapshot.
    #[cluster(spares = 2, plan_tweak = without_trailing_logs)]
    fn a_snapshot_carries_the_configuration(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [away, other] = cluster.followers_of(leader);
        let [comes, nonvoter] = cluster.spares();
        cluster.isolate(away);
        let changes: [fn(&mut Cluster, ServerIdx, ServerIdx) -> _; 4] =
            [Cluster::add_voter, Cluster::demote, Cluster::remove, Cluster::add_voter_staged];
        for change in changes {
            let asked = change(cluster, leader, comes);
            cluster.until_granted(asked);
        }
        let joining = cluster.add_nonvoter(leader, nonvoter);
        cluster.until_granted(joining);
        let mut proposed = Vec::new();
        propose_twenty(cluster, leader, &mut proposed);
        compact(cluster, &[leader, other], &proposed);

        cluster.heal();
        cluster.until_installed(away);
        cluster.expect_voters(away, &[leader, away, other, comes]);
        cluster.expect_nonvoters(away, &[nonvoter]);
        cluster.until_converged();
        expect_all(cluster, &proposed);
    }

    /// A server that was demoted during an isolation learns of the demotion from a snapshot, and does not
    /// campaign.
    #[cluster(plan_tweak = without_trailing_logs)]
    fn a_demotion_is_learnt_from_a_snapshot(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [away, other] = cluster.followers_of(leader);
        cluster.isolate(away);
        let demotion = cluster.demote(leader, away);
        cluster.until_granted(demotion);
        let mut proposed = Vec::new();
        propose_twenty(cluster, leader, &mut proposed);
        compact(cluster, &[leader, other], &proposed);
        cluster.expect_voters(away, &[leader, away, other]);

        cluster.heal();
        cluster.until_installed(away);
        cluster.expect_voters(away, &[leader, other]);

        cluster.crash(leader);
        cluster.crash(other);
        cluster.expect_no_leader_for(election_timeouts(10));
        cluster.restart_all();
        cluster.until_leader();
        cluster.until_converged();
        expect_all(cluster, &proposed);
    }

    /// A snapshot has only the committed configuration. An uncommitted change is not in the snapshot, and can
    /// be undone.
    #[cluster(spares = 1, plan_tweak = without_trailing_logs)]
    fn a_snapshot_excludes_an_uncommitted_change(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [a, b] = cluster.followers_of(old);
        let [new_server] = cluster.spares();
        cluster.propose(old, "in the snapshot").until_acknowledged("in the snapshot");
        cluster.isolate(old);
        cluster.add_voter(old, new_server);
        let taken = cluster.snapshot(old);
        cluster.until_granted(taken);
        cluster.until_voters(old, &[old, a, b, new_server]);
        cluster.crash(old);

        cluster.restart(old);
        cluster.expect_readable(old, "in the snapshot");
        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "instead").until_committed("instead");

        cluster.heal();
        cluster.until_converged();
        cluster.expect_voters(old, &[old, a, b]);
        cluster.expect_committed(&["in the snapshot", "instead"]);
    }

    /// An idle leader whose whole log is in a snapshot still brings a new server up to date.
    #[cluster(spares = 1, plan_tweak = snapshots_soon)]
    fn an_idle_leader_adds_a_new_server(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [new_server] = cluster.spares();
        let mut proposed = Vec::new();
        propose_twenty(cluster, leader, &mut proposed);
        cluster.until_snapshotted(leader);
        cluster.until_passed(election_timeouts(5));

        let joining = cluster.add_voter_staged(leader, new_server);
        cluster.until_granted(joining);

        cluster.until_converged();
        cluster.expect_installed(new_server);
        cluster.expect_leads(leader);
        expect_all(cluster, &proposed);
    }

    /// While a leader sends a snapshot to a follower, the leader takes newer snapshots and compacts its log
    /// again and again. The follower still catches up.
    #[cluster(plan_tweak = small_chunks)]
    fn a_follower_catches_up_despite_repeated_compaction(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [behind, other] = cluster.followers_of(leader);
        let mut proposed = Vec::new();
        leave_behind(cluster, leader, other, behind, &mut proposed);

        cluster.heal();
        for pieces in [1, 4, 8] {
            cluster.until_receives(behind, pieces);
            propose_twenty(cluster, leader, &mut proposed);
            let taken = cluster.snapshot(leader);
            cluster.until_granted(taken);
        }

        cluster.until_converged();
        cluster.expect_installed(behind);
        cluster.expect_leads(leader);
        expect_all(cluster, &proposed);
    }

    /// After a power failure on all servers, each server restores its state from its snapshot. The servers
    /// need no log entries.
    #[cluster(plan_tweak = without_trailing_logs)]
    fn servers_start_from_their_snapshots(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let mut proposed = Vec::new();
        propose_twenty(cluster, leader, &mut proposed);
        let all: [_; 3] = cluster.initial_members();
        compact(cluster, &all, &proposed);

        cluster.crash_all();
        cluster.restart_all();
        for idx in all {
            cluster.expect_readable(idx, &proposed[proposed.len() - 1]);
        }

        let leader = cluster.until_leader();
        cluster.propose(leader, "afterwards").until_converged();
        proposed.push("afterwards".to_owned());
        expect_all(cluster, &proposed);
    }

    /// A restore has a position in the log, like a command. The restore replaces the effects of all earlier
    /// commands, and no later command is lost.
    fn a_restore_is_ordered_with_the_commands(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [away, _] = cluster.followers_of(leader);
        cluster.propose(leader, "long before").until_committed("long before");
        cluster.isolate(away);

        cluster.propose(leader, "just before");
        let restored = cluster.restore(leader, &["from outside", "in two words"]);
        cluster.propose(leader, "just after");
        cluster.until_granted(restored);
        cluster.until_acknowledged("just after");
        cluster.crash_all();

        cluster.heal();
        cluster.restart_all();
        cluster.until_leader();
        cluster.until_converged();
        cluster.expect_committed(&["from outside", "in two words", "just after"]);
    }

    /// If only a minority stores a restore, the restore replaces the state of no server.
    fn a_restore_needs_a_majority(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.propose(old, "kept").until_converged();
        cluster.isolate(old);
        let restored = cluster.restore(old, &["from outside"]);

        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "also kept").until_committed("also kept");
        cluster.expect_readable(old, "kept");
        cluster.expect_unreadable(old, "from outside");

        cluster.heal();
        cluster.until_refused(restored);
        cluster.until_converged();
        cluster.expect_committed(&["kept", "also kept"]);
    }
];

/// Proposes twenty more commands, and waits until the last command is acknowledged.
fn propose_twenty(cluster: &mut Cluster, leader: ServerIdx, proposed: &mut Vec<String>) {
    for _ in 0..20 {
        let command = format!("word {}", proposed.len() + 1);
        cluster.propose(leader, &command);
        proposed.push(command);
    }
    cluster.until_acknowledged(&proposed[proposed.len() - 1]);
}

/// On each of these servers, takes a snapshot that contains all proposed commands.
fn compact(cluster: &mut Cluster, servers: &[ServerIdx], proposed: &[String]) {
    for &idx in servers {
        cluster.until_readable(idx, &proposed[proposed.len() - 1]);
    }
    for &idx in servers {
        let taken = cluster.snapshot(idx);
        cluster.until_granted(taken);
    }
}

/// Isolates a server. Then commits and compacts twenty commands that the isolated server misses.
fn leave_behind(
    cluster: &mut Cluster,
    leader: ServerIdx,
    other: ServerIdx,
    behind: ServerIdx,
    proposed: &mut Vec<String>,
) {
    cluster.isolate(behind);
    propose_twenty(cluster, leader, proposed);
    compact(cluster, &[leader, other], proposed);
    cluster.until_compacted_beyond(leader, behind).until_compacted_beyond(other, behind);
}

fn expect_all(cluster: &mut Cluster, proposed: &[String]) {
    cluster.expect_committed(&proposed.iter().map(String::as_str).collect::<Vec<_>>());
}
