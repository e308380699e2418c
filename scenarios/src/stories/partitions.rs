//! Partitions: links that fail in both directions, in one direction, and repeatedly.

use crate::dsl::{Cluster, election_timeouts};

stories![
    /// An isolated leader cannot commit a new entry. When the isolation ends, the old leader drops this entry.
    fn an_isolated_leader_loses_its_uncommitted_entry(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.propose(old, "kept").until_committed("kept");

        cluster.isolate(old);
        cluster.propose(old, "lost");

        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "also kept").until_committed("also kept");

        cluster.heal();
        cluster.until_failed("lost");
        cluster.until_converged();
        cluster.expect_committed(&["kept", "also kept"]);
    }

    /// When no other server hears the leader, another server becomes the leader. The old leader hears the new
    /// leader, and follows the new leader.
    fn a_leader_that_nobody_hears_is_replaced(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.propose(old, "kept").until_committed("kept");
        cluster.mute(old);

        let new = cluster.until_leader_other_than(old);
        cluster.until_follows(old, new);
        cluster.propose(new, "also kept").until_committed("also kept");

        cluster.heal();
        cluster.until_converged();
        cluster.expect_committed(&["kept", "also kept"]);
    }

    /// When a leader hears no other server, the leader steps down, although every other server hears the
    /// leader.
    fn a_leader_that_hears_nobody_steps_down(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.propose(old, "kept").until_committed("kept");
        cluster.deafen(old);

        cluster.until_steps_down(old);
        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "also kept").until_committed("also kept");

        cluster.heal();
        cluster.until_converged();
        cluster.expect_committed(&["kept", "also kept"]);
    }

    /// When a link fails and recovers again and again, no command is lost, and all servers agree in the end.
    fn a_flapping_link_loses_nothing(cluster: &mut Cluster) {
        let commands = ["one", "two", "three", "four", "five", "six", "seven", "eight"];
        for command in commands {
            let leader = cluster.until_leader();
            let [one, _] = cluster.followers_of(leader);
            cluster.cut(leader, one);
            cluster.propose(leader, command).until_committed(command);
            cluster.until_passed(election_timeouts(1));
            cluster.reconnect(leader, one);
        }

        cluster.until_converged();
        cluster.expect_committed(&commands);
    }

    /// A leader that reaches only one of four followers is replaced by a server that reaches a
    /// majority.
    #[cluster(servers = 5)]
    fn a_leader_that_reaches_one_of_four_is_replaced(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [reached, a, b, c] = cluster.followers_of(old);
        for unreachable in [a, b, c] {
            cluster.cut(old, unreachable);
        }

        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "kept").until_committed("kept");
        cluster.until_follows(reached, new);

        cluster.heal();
        cluster.until_converged();
        cluster.expect_committed(&["kept"]);
    }

    /// When servers hear only their neighbours in a chain, only the servers in the middle reach a majority.
    /// One of these servers leads.
    #[cluster(servers = 5)]
    fn a_chain_is_led_from_its_middle(cluster: &mut Cluster) {
        let [a, b, c, d, e] = cluster.initial_members();
        cluster.chain(&[d, b, a, c, e]);

        let leader = cluster.until_leader();
        cluster.expect([a, b, c].contains(&leader), "the leader has two neighbours");
        cluster.propose(leader, "kept").until_committed("kept");

        cluster.heal();
        cluster.until_converged();
        cluster.expect_committed(&["kept"]);
    }

    /// Several partitions follow one another, and a command is committed before each partition. All commands
    /// are kept in order.
    #[cluster(servers = 5)]
    fn repeated_partitions_lose_nothing(cluster: &mut Cluster) {
        let commands = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
        for command in commands {
            let leader = cluster.until_leader();
            let [with_it, a, b, c] = cluster.followers_of(leader);
            cluster.propose(leader, command).until_committed(command);

            cluster.partition(&[leader, with_it], &[a, b, c]);
            cluster.until_leader_other_than(leader);
            cluster.heal();
        }

        cluster.until_converged();
        cluster.expect_committed(&commands);
    }
];
