//! What may be read: stories of leaders that must show that they lead before they answer.

use super::plan_tweaks::slow_machines;
use crate::dsl::{Stage, election_timeouts};
use wavetank_raft::ReadPath;

stories![
    /// A leader answers a read after a majority has confirmed that it still leads.
    fn a_read_waits_for_a_majority(s: &mut Stage) {
        let leader = s.until_leader();
        s.propose(leader, "kept").until_committed("kept");

        let read = s.read(leader, ReadPath::Index);
        s.expect_open(read);

        s.until_granted(read);
        s.expect_readable(leader, "kept");
    }

    /// A leader that was deposed and does not know it yet answers no read.
    fn a_deposed_leader_answers_no_read(s: &mut Stage) {
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

    /// A leader with a lease answers a read at once; after a pause its lease has expired.
    fn a_lease_expires_during_a_pause(s: &mut Stage) {
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

    /// A new leader answers no read before it has committed an entry of its own term, and so reads
    /// everything that was acknowledged.
    fn a_new_leader_reads_what_its_predecessor_committed(s: &mut Stage) {
        let old = s.until_leader();
        s.propose(old, "kept").until_acknowledged("kept");
        s.crash(old);

        let new = s.until_elected();
        let read = s.read(new, ReadPath::Index);

        s.until_granted(read);
        s.expect_readable(new, "kept");
    }

    /// A follower refuses every kind of linearizable read.
    fn a_follower_answers_no_linearizable_read(s: &mut Stage) {
        let leader = s.until_leader();
        let [follower, _] = s.followers_of(leader);

        for path in [ReadPath::Index, ReadPath::Lease, ReadPath::Verify] {
            let read = s.read(follower, path);
            s.until_refused(read);
        }
    }

    /// A response to a request that was sent before a read does not confirm that read.
    fn a_read_waits_for_answers_to_later_calls(s: &mut Stage) {
        let old = s.until_leader();
        let [a, b] = s.followers_of(old);
        s.propose(old, "kept").until_converged();
        s.propose(old, "asked before");
        s.until_being_written(a, "asked before");
        s.mute(old);

        let read = s.read(old, ReadPath::Index);
        s.until_knows_stored(old, a, "asked before");
        s.expect_open(read);

        s.until_refused(read);
        s.until_leader_among(&[a, b]);
    }

    /// A nonvoter cannot confirm that a leader still leads.
    #[cluster(servers = 2, spares = 1)]
    fn a_nonvoter_confirms_no_read(s: &mut Stage) {
        let leader = s.until_leader();
        let [voter] = s.followers_of(leader);
        let [listener] = s.spares();
        let listening = s.add_nonvoter(leader, listener);
        s.until_granted(listening);
        s.propose(leader, "kept").until_converged();
        s.crash(voter);

        let reads = [ReadPath::Index, ReadPath::Verify].map(|path| s.read(leader, path));
        for read in reads {
            s.until_refused(read);
        }

        s.restart(voter);
        let leader = s.until_leader();
        let read = s.read(leader, ReadPath::Index);
        s.until_granted(read);
        s.expect_readable(leader, "kept");
    }

    /// While the configuration is joint, a read needs both majorities.
    #[cluster(spares = 2)]
    fn a_read_while_joint_needs_both_majorities(s: &mut Stage) {
        let old = s.until_leader();
        let [a, b] = s.followers_of(old);
        let newcomers: [_; 2] = s.spares();
        s.propose(old, "kept").until_converged();
        s.part(&newcomers, &[old, a, b]);
        s.change_members(old, &[old, newcomers[0], newcomers[1]]);

        let read = s.read(old, ReadPath::Index);
        s.until_joint(a).until_joint(b);
        s.until_refused(read);

        s.heal();
        let leader = s.until_leader_among(&[old, newcomers[0], newcomers[1]]);
        s.until_converged();
        let read = s.read(leader, ReadPath::Index);
        s.until_granted(read);
        s.expect_readable(leader, "kept");
    }

    /// A read of a server's local state may be stale, as long as that server is isolated.
    fn a_local_read_may_be_stale(s: &mut Stage) {
        let leader = s.until_leader();
        let [alone, _] = s.followers_of(leader);
        s.propose(leader, "old").until_converged();
        s.isolate(alone);

        s.propose(leader, "new").until_acknowledged("new");

        s.expect_readable(alone, "old");
        s.expect_unreadable(alone, "new");
        s.heal();
        s.until_converged();
        s.expect_readable(alone, "new");
    }

    /// A read is answered after the state machine has caught up, however far behind it was.
    #[cluster(plan_tweak = slow_machines)]
    fn a_read_waits_for_the_state_machine(s: &mut Stage) {
        let old = s.until_leader();
        let [a, b] = s.followers_of(old);
        s.propose_many(old, &["one", "two"]).until_stored(a, "two").until_stored(b, "two");
        s.crash(old);

        let new = s.until_elected();
        let read = s.read(new, ReadPath::Index);
        s.until_leads(new);
        s.expect_unreadable(new, "two");
        s.expect_open(read);

        s.until_granted(read);
        s.expect_readable(new, "two");
    }

    /// A leader is verified after a majority has confirmed it: two servers left of three can do so, a
    /// single one cannot.
    fn a_leader_is_verified_by_a_majority(s: &mut Stage) {
        let leader = s.until_leader();
        let [one, another] = s.followers_of(leader);
        let question = s.read(leader, ReadPath::Verify);
        s.until_granted(question);
        s.isolate(one);
        let question = s.read(leader, ReadPath::Verify);
        s.until_granted(question);

        s.crash(another);
        let question = s.read(leader, ReadPath::Verify);
        s.until_refused(question);

        s.heal();
        let leader = s.until_leader();
        let question = s.read(leader, ReadPath::Verify);
        s.until_granted(question);
    }
];
