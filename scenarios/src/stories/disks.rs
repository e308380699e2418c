//! Damage: disks that lose, change or misplace synced data, and links that corrupt messages.

use super::plan_tweaks::{corrupting, snapshots_soon};
use crate::dsl::{Cluster, election_timeouts};
use wavetank_raft::Index;
use wavetank_sim::disk::fault::Location;

stories![
    /// A server that finds a damaged entry on its disk does not start. A new server replaces the damaged
    /// server.
    #[cluster(spares = 1)]
    fn a_server_with_a_damaged_entry_does_not_start(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [damaged, sound] = cluster.followers_of(leader);
        let [new_server] = cluster.spares();
        cluster.propose_many(leader, &["one", "two", "three"]).until_converged();

        cluster.rot(damaged, Location::Entry(Index(3)));
        cluster.crash(damaged);
        cluster.restart(damaged);
        cluster.until_refused_to_start(damaged, "entry i3: checksum mismatch: damaged");
        cluster.propose(leader, "without it").until_committed("without it");

        let leaving = cluster.remove(leader, damaged);
        cluster.until_granted(leaving);
        let joining = cluster.add_voter_staged(leader, new_server);
        cluster.until_granted(joining);
        cluster.until_committed("without it");
        cluster.expect_voters(leader, &[leader, sound, new_server]);
    }

    /// A server that cannot read its own vote does not start. Therefore the server cannot vote twice.
    fn a_server_with_a_damaged_vote_does_not_start(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [damaged, other] = cluster.followers_of(old);
        cluster.propose(old, "kept").until_converged();

        cluster.rot(damaged, Location::Record);
        cluster.crash(damaged);
        cluster.crash(old);
        cluster.restart(damaged);
        cluster.until_refused_to_start(damaged, "vote record: checksum mismatch: damaged");
        cluster.expect_no_leader_for(election_timeouts(5));

        cluster.restart(old);
        let new = cluster.until_leader();
        cluster.propose(new, "also kept").until_converged();
        cluster.expect_committed(&["kept", "also kept"]);
        cluster.expect_voters(new, &[old, damaged, other]);
    }

    /// A disk stores an entry in the wrong place. When the server is started again, it detects the damage and
    /// refuses to start.
    fn a_misdirected_write_is_detected(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [misled, _] = cluster.followers_of(leader);
        cluster.propose(leader, "one").until_converged();

        cluster.misdirect(misled);
        cluster.propose(leader, "two").until_stored(misled, "two");
        cluster.crash(misled);
        cluster.restart(misled);
        cluster.until_refused_to_start(misled, "entry i1: ");
        cluster.propose(leader, "three").until_committed("three");
        cluster.expect_committed_on(leader, &["one", "two", "three"]);
    }

    /// After a failed sync, a server does not try the sync again. The server stops, and later starts with the
    /// data on its disk.
    fn a_failed_sync_is_not_retried(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [failed, _] = cluster.followers_of(leader);
        cluster.propose(leader, "kept").until_converged();

        cluster.drop_pages(failed);
        cluster.propose(leader, "dropped there");
        cluster.until_halted(failed);
        cluster.expect_not_stored(failed, "dropped there");

        cluster.restart(failed);
        cluster.until_converged();
        cluster.expect_committed(&["kept", "dropped there"]);
    }

    /// A server that cannot read its disk does not start. When the server can read the disk again, the server
    /// starts with all its data.
    fn a_failed_read_is_not_taken_for_an_empty_disk(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [unread, _] = cluster.followers_of(leader);
        cluster.propose(leader, "kept").until_converged();

        cluster.crash(unread);
        cluster.fail_read(unread);
        cluster.restart(unread);
        cluster.until_refused_to_start(unread, "the disk: i/o error");

        cluster.restart(unread);
        cluster.until_converged();
        cluster.expect_committed(&["kept"]);
    }

    /// When the disk of a leader is full, the leader stops, and another server becomes the leader. The old
    /// leader starts again when the disk has space.
    fn a_leader_with_a_full_disk_is_replaced(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.propose(old, "kept").until_converged();

        cluster.fill_disk(old);
        cluster.propose(old, "full disk's command");
        cluster.until_halted(old);
        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "also kept").until_committed("also kept");

        cluster.free_disk_space(old);
        cluster.restart(old);
        cluster.until_converged();
        cluster.expect_committed_first(&["kept"]);
        cluster.expect_readable(old, "also kept");
    }

    /// When a leader cannot read its snapshot, the leader stops. The next leader can read its own snapshot, and
    /// brings a new server up to date.
    #[cluster(spares = 1, plan_tweak = snapshots_soon)]
    fn a_leader_with_a_damaged_snapshot_is_replaced(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [new_server] = cluster.spares();
        cluster.propose_many(old, &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]).until_committed("10");
        cluster.until_compacted_beyond(old, new_server);
        cluster.until_passed(election_timeouts(2));

        cluster.rot_snapshot(old);
        let joining = cluster.add_voter_staged(old, new_server);
        cluster.until_refused(joining);
        cluster.until_halted(old);

        let new = cluster.until_leader_other_than(old);
        let joining = cluster.add_voter_staged(new, new_server);
        cluster.until_granted(joining);
        cluster.propose(new, "kept by all").until_stored(new_server, "kept by all");
    }

    /// A server and its disk are lost, and the server is removed. A server with another id replaces the lost
    /// server.
    #[cluster(spares = 1)]
    fn a_lost_server_is_replaced(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [lost, stays] = cluster.followers_of(leader);
        let [new_server] = cluster.spares();
        cluster.propose(leader, "kept").until_converged();

        cluster.lose(lost);
        let leaving = cluster.remove(leader, lost);
        cluster.until_granted(leaving);
        let joining = cluster.add_voter_staged(leader, new_server);
        cluster.until_granted(joining);
        cluster.expect_voters(leader, &[leader, stays, new_server]);

        cluster.crash(stays);
        cluster.propose(leader, "replacement command").until_committed("replacement command");
    }

    /// Servers drop messages with flipped bits, and the senders send the messages again.
    #[cluster(plan_tweak = corrupting)]
    fn corrupted_messages_are_dropped(cluster: &mut Cluster) {
        let leader = cluster.within(election_timeouts(40)).until_leader();
        for command in ["one", "two", "three"] {
            cluster.within(election_timeouts(40)).propose(leader, command);
        }
        cluster.within(election_timeouts(40)).until_converged();
        cluster.expect_committed(&["one", "two", "three"]);
    }
];
