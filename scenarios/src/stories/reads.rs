//! Reads: a leader confirms that it still leads before the leader answers a read.

use super::plan_tweaks::slow_state_machines;
use crate::dsl::{Cluster, election_timeouts};
use wavetank_raft::ReadPath;

stories![
    /// A leader answers a read after a majority has confirmed that the leader still leads.
    fn a_read_waits_for_a_majority(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        cluster.propose(leader, "kept").until_committed("kept");

        let read = cluster.read(leader, ReadPath::Index);
        cluster.expect_pending(read);

        cluster.until_granted(read);
        cluster.expect_readable(leader, "kept");
    }

    /// A deposed leader that does not know of the new leader answers no read.
    fn a_deposed_leader_answers_no_read(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.isolate(old);
        let reads = [ReadPath::Index, ReadPath::Verify].map(|path| cluster.read(old, path));

        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "new leader's command").until_committed("new leader's command");

        cluster.heal();
        for read in reads {
            cluster.until_refused(read);
        }
    }

    /// A leader with a lease answers a read immediately. After a pause, the lease has expired.
    fn a_lease_expires_during_a_pause(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        cluster.propose(leader, "kept").until_converged();
        let read = cluster.read(leader, ReadPath::Lease);
        cluster.within(election_timeouts(0)).until_granted(read);

        cluster.pause(leader);
        cluster.until_leader_other_than(leader);
        let read = cluster.read(leader, ReadPath::Lease);
        cluster.resume(leader);

        cluster.until_refused(read);
    }

    /// A new leader answers a read only after the leader has committed an entry of its own term. Therefore
    /// the read returns every acknowledged command.
    fn a_new_leader_reads_what_its_predecessor_committed(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.propose(old, "kept").until_acknowledged("kept");
        cluster.crash(old);

        let new = cluster.until_elected();
        let read = cluster.read(new, ReadPath::Index);

        cluster.until_granted(read);
        cluster.expect_readable(new, "kept");
    }

    /// A follower refuses every kind of linearizable read.
    fn a_follower_answers_no_linearizable_read(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [follower, _] = cluster.followers_of(leader);

        for path in [ReadPath::Index, ReadPath::Lease, ReadPath::Verify] {
            let read = cluster.read(follower, path);
            cluster.until_refused(read);
        }
    }

    /// If a leader sends a request before a read begins, the response to this request does not confirm the
    /// read.
    fn a_read_waits_for_answers_to_later_calls(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [a, b] = cluster.followers_of(old);
        cluster.propose(old, "kept").until_converged();
        cluster.propose(old, "asked before");
        cluster.until_being_written(a, "asked before");
        cluster.mute(old);

        let read = cluster.read(old, ReadPath::Index);
        cluster.until_knows_stored(old, a, "asked before");
        cluster.expect_pending(read);

        cluster.until_refused(read);
        cluster.until_leader_among(&[a, b]);
    }

    /// A nonvoter cannot confirm that a leader still leads.
    #[cluster(servers = 2, spares = 1)]
    fn a_nonvoter_confirms_no_read(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [voter] = cluster.followers_of(leader);
        let [nonvoter] = cluster.spares();
        let joining = cluster.add_nonvoter(leader, nonvoter);
        cluster.until_granted(joining);
        cluster.propose(leader, "kept").until_converged();
        cluster.crash(voter);

        let reads = [ReadPath::Index, ReadPath::Verify].map(|path| cluster.read(leader, path));
        for read in reads {
            cluster.until_refused(read);
        }

        cluster.restart(voter);
        let leader = cluster.until_leader();
        let read = cluster.read(leader, ReadPath::Index);
        cluster.until_granted(read);
        cluster.expect_readable(leader, "kept");
    }

    /// While the configuration is joint, a read needs a majority of the old voters and a majority of the new
    /// voters.
    #[cluster(spares = 2)]
    fn a_read_while_joint_needs_both_majorities(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [a, b] = cluster.followers_of(old);
        let new_servers: [_; 2] = cluster.spares();
        cluster.propose(old, "kept").until_converged();
        cluster.partition(&new_servers, &[old, a, b]);
        cluster.change_members(old, &[old, new_servers[0], new_servers[1]]);

        let read = cluster.read(old, ReadPath::Index);
        cluster.until_joint(a).until_joint(b);
        cluster.until_refused(read);

        cluster.heal();
        let leader = cluster.until_leader_among(&[old, new_servers[0], new_servers[1]]);
        cluster.until_converged();
        let read = cluster.read(leader, ReadPath::Index);
        cluster.until_granted(read);
        cluster.expect_readable(leader, "kept");
    }

    /// A read of the local state of an isolated server may be stale.
    fn a_local_read_may_be_stale(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [alone, _] = cluster.followers_of(leader);
        cluster.propose(leader, "old").until_converged();
        cluster.isolate(alone);

        cluster.propose(leader, "new").until_acknowledged("new");

        cluster.expect_readable(alone, "old");
        cluster.expect_unreadable(alone, "new");
        cluster.heal();
        cluster.until_converged();
        cluster.expect_readable(alone, "new");
    }

    /// A read is answered only after the state machine has caught up, even if the state machine is far
    /// behind.
    #[cluster(plan_tweak = slow_state_machines)]
    fn a_read_waits_for_the_state_machine(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [a, b] = cluster.followers_of(old);
        cluster.propose_many(old, &["one", "two"]).until_stored(a, "two").until_stored(b, "two");
        cluster.crash(old);

        let new = cluster.until_elected();
        let read = cluster.read(new, ReadPath::Index);
        cluster.until_leads(new);
        cluster.expect_unreadable(new, "two");
        cluster.expect_pending(read);

        cluster.until_granted(read);
        cluster.expect_readable(new, "two");
    }

    /// A leader is verified when a majority of the servers confirms that the leader still leads. Two of three
    /// servers are a majority; one server is no majority.
    fn a_leader_is_verified_by_a_majority(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [one, another] = cluster.followers_of(leader);
        let question = cluster.read(leader, ReadPath::Verify);
        cluster.until_granted(question);
        cluster.isolate(one);
        let question = cluster.read(leader, ReadPath::Verify);
        cluster.until_granted(question);

        cluster.crash(another);
        let question = cluster.read(leader, ReadPath::Verify);
        cluster.until_refused(question);

        cluster.heal();
        let leader = cluster.until_leader();
        let question = cluster.read(leader, ReadPath::Verify);
        cluster.until_granted(question);
    }
];
