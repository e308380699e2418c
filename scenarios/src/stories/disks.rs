//! What a disk does that loses, changes or mislays what was synced: stories of servers that stop, and
//! of those that take their place.

use super::plan_tweaks::{flipping, snapshots_soon};
use crate::dsl::{Stage, election_timeouts};
use wavetank_raft::Index;
use wavetank_sim::disk::harm::Place;

stories![
    /// A server that finds a synced entry changed does not start, and another one takes its place.
    #[cluster(spares = 1)]
    fn a_rotten_entry_keeps_its_server_out(s: &mut Stage) {
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

    /// A server that cannot read for whom it voted votes for nobody: it does not start.
    fn a_rotten_vote_is_not_given_again(s: &mut Stage) {
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

    /// An entry that landed in another place is missed where it should be, and its server does not start.
    fn a_write_that_landed_elsewhere_is_missed(s: &mut Stage) {
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

    /// Where a sync has failed, the next one is not believed: the server stops, and starts with less.
    fn a_sync_that_failed_is_not_tried_again(s: &mut Stage) {
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

    /// A server that cannot read its disk does not start; when it can, nothing was lost.
    fn a_read_that_fails_is_no_empty_disk(s: &mut Stage) {
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

    /// A leader whose disk is full makes way for another, and comes back when there is room.
    fn a_full_disk_makes_way(s: &mut Stage) {
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

    /// A leader that cannot send its snapshot stops, and one that can brings the newcomer up to date.
    #[cluster(spares = 1, plan_tweak = snapshots_soon)]
    fn a_rotten_snapshot_deposes_its_leader(s: &mut Stage) {
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

    /// A server that is gone with its disk is removed, and one of another name is put in its place.
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

    /// Messages whose bits flip are dropped by whoever receives them, and sent again.
    #[cluster(plan_tweak = flipping)]
    fn flipped_bits_are_never_read(s: &mut Stage) {
        let leader = s.within(election_timeouts(40)).until_leader();
        for word in ["one", "two", "three"] {
            s.within(election_timeouts(40)).propose(leader, word);
        }
        s.within(election_timeouts(40)).until_converged();
        s.expect_committed(&["one", "two", "three"]);
    }
];
