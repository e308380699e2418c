//! Crashes: stopped servers, slow disks, stalled disks and torn writes.

use crate::dsl::{Cluster, ElectionTimeouts, election_timeouts};

stories![
    /// When all servers crash and restart at the same moment, the servers elect a leader, and no committed
    /// command is lost.
    fn all_servers_restart_at_once(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.propose(old, "kept").until_committed("kept");

        cluster.crash_all();
        cluster.restart_all();

        let leader = cluster.until_leader();
        cluster.propose(leader, "also kept").until_committed("also kept");
        cluster.until_converged();
        cluster.expect_committed(&["kept", "also kept"]);
    }

    /// When the power fails on all servers in the middle of a write, no acknowledged command is lost.
    fn the_power_fails_everywhere(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        cluster.propose(leader, "acknowledged").until_acknowledged("acknowledged");
        cluster.propose_many(leader, &["in flight 1", "in flight 2", "in flight 3"]);
        cluster.until_being_written(leader, "in flight 1");

        cluster.crash_all();
        cluster.restart_all();

        cluster.until_leader();
        cluster.until_converged();
        cluster.expect_committed_first(&["acknowledged"]);
    }

    /// After a crash in the middle of a write, a server drops the incomplete part of the write. The leader
    /// sends the entries again.
    fn a_torn_write_is_cut_off_and_sent_again(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [torn, _] = cluster.followers_of(leader);
        cluster.propose_many(leader, &["one", "two", "three", "four", "five"]);
        cluster.until_being_written(torn, "five");
        cluster.crash(torn);
        cluster.until_committed("five");

        cluster.restart(torn);

        cluster.until_converged();
        cluster.expect_committed(&["one", "two", "three", "four", "five"]);
        cluster.expect_leads(leader);
    }

    /// When the disk of a leader fails, the leader stops. The other servers keep the entries that the leader
    /// had already sent.
    fn a_leader_with_a_dead_disk_stops(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.propose(old, "kept").until_converged();

        cluster.break_disk(old);
        cluster.propose(old, "dead disk's command");
        cluster.until_halted(old);

        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "also kept").until_committed("also kept");
        cluster.until_converged();
        cluster.expect_committed(&["kept", "dead disk's command", "also kept"]);
    }

    /// When the disk of a leader no longer answers, the leader steps down, although the leader's heartbeats
    /// still reach every other server.
    fn a_leader_with_a_stalled_disk_steps_down(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.propose(old, "kept").until_converged();

        cluster.stall_disk(old);
        cluster.propose(old, "stalled disk's command");
        cluster.until_steps_down(old);

        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "also kept").until_committed("also kept");
        cluster.expect_leads(new);
    }

    /// If the disk writes of a voter take longer than an election, the voter does not delay the election.
    #[cluster(servers = 5)]
    fn a_slow_voter_does_not_delay_an_election(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [slow, _, _, _] = cluster.followers_of(old);
        cluster.slow_disk(slow);
        cluster.crash(old);

        let new = cluster.within(election_timeouts(5)).until_leader_other_than(old);
        cluster.propose(new, "kept").until_committed("kept");

        cluster.restart(old);
        cluster.until_converged();
        cluster.expect_committed(&["kept"]);
    }

    /// A crashed follower causes no election, and commands are committed without the follower.
    fn a_crashed_follower_causes_no_election(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [crashed, _] = cluster.followers_of(leader);
        let term = cluster.term_of(leader);

        cluster.crash(crashed);
        cluster.propose(leader, "without it").until_committed("without it");
        cluster.until_passed(election_timeouts(10));

        cluster.expect_leads(leader);
        cluster.expect_term(leader, term);
        cluster.restart(crashed);
        cluster.until_converged();
    }

    /// A follower crashes again and again while a leader replicates commands. In the end, the follower has all
    /// commands.
    fn a_follower_that_keeps_crashing_catches_up(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [crashing, _] = cluster.followers_of(leader);
        let commands = ["one", "two", "three", "four", "five", "six"];
        for command in commands {
            cluster.propose(leader, command).until_being_written(crashing, command);
            cluster.crash(crashing);
            cluster.until_committed(command);
            cluster.restart(crashing);
        }

        cluster.until_converged();
        cluster.expect_committed(&commands);
    }

    /// When the disk of a leader stalls, the leader steps down after the disk timeout, even if the other
    /// servers answer the heartbeats. No command that the other servers have is lost.
    fn a_leader_tolerates_a_stalled_disk_for_a_limited_time(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.propose(old, "kept").until_converged();
        cluster.stall_disk(old);
        cluster.propose(old, "held by two").until_committed("held by two");
        cluster.expect_leads(old);

        cluster.within(DISK_TIMEOUT).until_steps_down(old);

        let new = cluster.within(election_timeouts(5)).until_leader_other_than(old);
        cluster.propose(new, "also kept").until_acknowledged("also kept");
        cluster.expect_not_led_by(old, election_timeouts(10));
        cluster.expect_committed_on(new, &["kept", "held by two", "also kept"]);
    }

    /// A leader refuses to transfer its leadership to a server whose disk has stalled, because that server
    /// cannot even vote for itself.
    fn a_server_with_a_stalled_disk_is_no_transfer_target(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [stalled, other] = cluster.followers_of(leader);
        cluster.stall_disk(stalled);
        cluster.propose(leader, "held by two").until_acknowledged("held by two");
        cluster.until_passed(DISK_TIMEOUT);

        let transfer = cluster.transfer(leader, stalled);
        cluster.until_refused(transfer);
        cluster.crash(leader);

        cluster.expect_not_led_by(stalled, election_timeouts(10));
        cluster.restart(leader);
        cluster.until_leader_among(&[leader, other]);
        cluster.until_committed("held by two");
    }
];

/// A span of time that is a little longer than the disk timeout of one second. A leader whose disk has stalled
/// steps down after the disk timeout.
const DISK_TIMEOUT: ElectionTimeouts = election_timeouts(4);
