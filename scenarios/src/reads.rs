//! What may be read: stories of leaders that must show that they lead before they answer.

use crate::words::{Stage, election_timeouts};
use wavetank_raft::ReadPath;

/// A leader answers a read once a majority has said that it still leads.
pub fn a_read_waits_for_a_majority(s: &mut Stage) {
    let leader = s.until_leader();
    s.propose(leader, "kept").until_committed("kept");

    let read = s.read(leader, ReadPath::Index);
    s.expect_open(read);

    s.until_granted(read);
    s.expect_readable(leader, "kept");
}

/// A deposed leader that does not know it yet answers no read.
pub fn a_deposed_leader_answers_no_read(s: &mut Stage) {
    let old = s.until_leader();
    s.isolate(old);
    let reads = [ReadPath::Index, ReadPath::Verify].map(|path| s.read(old, path));

    let new = s.until_leader_other_than(old);
    s.propose(new, "unknown to the old one").until_committed("unknown to the old one");

    s.heal();
    for read in reads {
        s.until_refused(read);
    }
}

/// A leader under its lease answers at once; when it has slept, the lease has run out.
pub fn a_lease_does_not_outlast_sleep(s: &mut Stage) {
    let leader = s.until_leader();
    s.propose(leader, "kept").until_converged();
    let read = s.read(leader, ReadPath::Lease);
    s.within(election_timeouts(0)).until_granted(read);

    s.pause(leader);
    s.until_leader_other_than(leader);
    let read = s.read(leader, ReadPath::Lease);
    s.resume(leader);

    s.until_refused(read);
}

/// A new leader answers no read before it has committed something of its own, and so knows all.
pub fn a_new_leader_reads_what_the_old_one_kept(s: &mut Stage) {
    let old = s.until_leader();
    s.propose(old, "kept").until_acknowledged("kept");
    s.crash(old);

    let new = s.until_elected();
    let read = s.read(new, ReadPath::Index);

    s.until_granted(read);
    s.expect_readable(new, "kept");
}

/// A follower answers no read that must be up to date.
pub fn a_follower_answers_no_read(s: &mut Stage) {
    let leader = s.until_leader();
    let [follower, _] = s.followers_of(leader);

    for path in [ReadPath::Index, ReadPath::Lease, ReadPath::Verify] {
        let read = s.read(follower, path);
        s.until_refused(read);
    }
}
