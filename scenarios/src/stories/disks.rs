//! What a disk does that loses, changes or mislays what was synced: stories of servers that stop, and
//! of those that take their place.

use super::plan_tweaks::{flipping, snapshots_soon};
use crate::dsl::{Stage, election_timeouts};
use wavetank_raft::Index;
use wavetank_sim::disk::harm::Place;

stories![
    /// A server that finds a synced entry changed does not start, and another server takes its place.
    #[cluster(spares = 1)]
    fn a_server_with_a_damaged_entry_does_not_start(s: &mut Stage) {
        let leader = s.until_leader();
        let [rotten, sound] = s.followers_of(leader);
        let [newcomer] = s.spares();
        s.propose_many(leader, &["one", "two", "three"]).until_converged();

        s.rot(rotten, Place::Entry(Index(3)));
        s.crash(rotten);
        s.restart(rotten);
        s.until_refused_to_start(rotten, "entry i3: checksum mismatch: damaged");
        s.propose(leader, "without it").until_committed("without it");

        let leaving = s.remove(leader, rotten);
        s.until_granted(leaving);
        let joining = s.add_voter_staged(leader, newcomer);
        s.until_granted(joining);
        s.until_committed("without it");
        s.expect_voters(leader, &[leader, sound, newcomer]);
    }

    /// A server that cannot read its own vote does not start, and so cannot vote twice.
    fn a_server_with_a_damaged_vote_does_not_start(s: &mut Stage) {
        let old = s.until_leader();
        let [rotten, other] = s.followers_of(old);
        s.propose(old, "kept").until_converged();

        s.rot(rotten, Place::Record);
        s.crash(rotten);
        s.crash(old);
        s.restart(rotten);
        s.until_refused_to_start(rotten, "vote record: checksum mismatch: damaged");
        s.expect_no_leader_for(election_timeouts(5));

        s.restart(old);
        let new = s.until_leader();
        s.propose(new, "also kept").until_converged();
        s.expect_committed(&["kept", "also kept"]);
        s.expect_voters(new, &[old, rotten, other]);
    }

    /// When an entry was written in the wrong place, the server misses it in the right place and does
    /// not start.
    fn a_misdirected_write_is_detected(s: &mut Stage) {
        let leader = s.until_leader();
        let [misled, _] = s.followers_of(leader);
        s.propose(leader, "one").until_converged();

        s.misdirect(misled);
        s.propose(leader, "two").until_stored(misled, "two");
        s.crash(misled);
        s.restart(misled);
        s.until_refused_to_start(misled, "entry i1: ");
        s.propose(leader, "three").until_committed("three");
        s.expect_committed_on(leader, &["one", "two", "three"]);
    }

    /// After a failed sync the server does not trust the next one: it stops, and starts again with what
    /// is on disk.
    fn a_failed_sync_is_not_retried(s: &mut Stage) {
        let leader = s.until_leader();
        let [failed, _] = s.followers_of(leader);
        s.propose(leader, "kept").until_converged();

        s.drop_pages(failed);
        s.propose(leader, "dropped there");
        s.until_halted(failed);
        s.expect_not_stored(failed, "dropped there");

        s.restart(failed);
        s.until_converged();
        s.expect_committed(&["kept", "dropped there"]);
    }

    /// A server that cannot read its disk does not start; when it can read the disk again, nothing is
    /// lost.
    fn a_failed_read_is_not_taken_for_an_empty_disk(s: &mut Stage) {
        let leader = s.until_leader();
        let [unread, _] = s.followers_of(leader);
        s.propose(leader, "kept").until_converged();

        s.crash(unread);
        s.fail_read(unread);
        s.restart(unread);
        s.until_refused_to_start(unread, "the disk: i/o error");

        s.restart(unread);
        s.until_converged();
        s.expect_committed(&["kept"]);
    }

    /// A leader whose disk is full stops and is replaced, and comes back when there is space.
    fn a_leader_with_a_full_disk_is_replaced(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_converged();

        s.fill_disk(old);
        s.propose(old, "said to a full disk");
        s.until_halted(old);
        let new = s.until_leader_other_than(old);
        s.propose(new, "also kept").until_committed("also kept");

        s.make_room(old);
        s.restart(old);
        s.until_converged();
        s.expect_committed_first(&["kept"]);
        s.expect_readable(old, "also kept");
    }

    /// A leader that cannot read its snapshot stops, and a leader that can read its own brings the new
    /// server up to date.
    #[cluster(spares = 1, plan_tweak = snapshots_soon)]
    fn a_leader_with_a_damaged_snapshot_is_replaced(s: &mut Stage) {
        let old = s.until_leader();
        let [newcomer] = s.spares();
        s.propose_many(old, &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]).until_committed("10");
        s.until_compacted_beyond(old, newcomer);
        s.until_passed(election_timeouts(2));

        s.rot_snapshot(old);
        let joining = s.add_voter_staged(old, newcomer);
        s.until_refused(joining);
        s.until_halted(old);

        let new = s.until_leader_other_than(old);
        let joining = s.add_voter_staged(new, newcomer);
        s.until_granted(joining);
        s.propose(new, "kept by all").until_stored(newcomer, "kept by all");
    }

    /// A server that is lost with its disk is removed, and a server with another name takes its place.
    #[cluster(spares = 1)]
    fn a_lost_server_is_replaced(s: &mut Stage) {
        let leader = s.until_leader();
        let [lost, stays] = s.followers_of(leader);
        let [newcomer] = s.spares();
        s.propose(leader, "kept").until_converged();

        s.lose(lost);
        let leaving = s.remove(leader, lost);
        s.until_granted(leaving);
        let joining = s.add_voter_staged(leader, newcomer);
        s.until_granted(joining);
        s.expect_voters(leader, &[leader, stays, newcomer]);

        s.crash(stays);
        s.propose(leader, "kept by the new one").until_committed("kept by the new one");
    }

    /// Servers drop messages with flipped bits, and the senders send them again.
    #[cluster(plan_tweak = flipping)]
    fn corrupted_messages_are_dropped(s: &mut Stage) {
        let leader = s.within(election_timeouts(40)).until_leader();
        for word in ["one", "two", "three"] {
            s.within(election_timeouts(40)).propose(leader, word);
        }
        s.within(election_timeouts(40)).until_converged();
        s.expect_committed(&["one", "two", "three"]);
    }
];
