//! Elections: votes that are granted, split, refused and remembered.

use super::plan_tweaks::without_pre_vote;
use crate::dsl::{Cluster, election_timeouts};

stories![
    /// Three new servers elect one leader, and a command that is proposed to the leader is committed on all
    /// three servers.
    fn three_servers_elect_a_leader(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        cluster.propose(leader, "first").until_committed("first");

        cluster.until_converged();
        cluster.expect_committed(&["first"]);
        cluster.expect_leads(leader);
    }

    /// A single server is a majority: the server leads, and after a crash the server leads again in a new
    /// term.
    #[cluster(servers = 1)]
    fn a_single_server_leads_alone(cluster: &mut Cluster) {
        let only = cluster.until_leader();
        cluster.propose(only, "before").until_committed("before");
        let term = cluster.term_of(only);

        cluster.crash(only);
        cluster.restart(only);

        cluster.until_leader();
        cluster.expect_later_term(only, term);
        cluster.propose(only, "after").until_committed("after");
        cluster.expect_committed(&["before", "after"]);
    }

    /// When all servers campaign at the same moment, no server wins. Because of random timeouts, one server
    /// wins a later election.
    #[cluster(plan_tweak = without_pre_vote)]
    fn a_split_vote_is_tried_again(cluster: &mut Cluster) {
        cluster.pause_all();
        cluster.until_passed(election_timeouts(1));
        cluster.resume_all();

        cluster.until_all_are_candidates();

        let leader = cluster.until_leader();
        cluster.propose(leader, "settled").until_committed("settled");
        cluster.until_converged();
    }

    /// A server that missed a committed entry can raise the term, but cannot lead in the new term.
    #[cluster(plan_tweak = without_pre_vote)]
    fn a_stale_candidate_only_raises_the_term(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [stale, the_other] = cluster.followers_of(old);
        cluster.isolate(stale);
        cluster.propose(old, "missed").until_committed("missed");
        cluster.until_term_above(stale, cluster.term_of(old));

        cluster.crash(old);
        cluster.heal();

        let new = cluster.until_leader_other_than(old);
        cluster.expect(new == the_other, "the leader is the server that has the entry");
        cluster.until_converged();
        cluster.expect_committed(&["missed"]);
    }

    /// In an election, a server with one entry of a newer term wins against a server with many entries of an
    /// older term.
    fn a_longer_but_older_log_loses(cluster: &mut Cluster) {
        let longer = cluster.until_leader();
        cluster.isolate(longer);
        cluster.propose_many(longer, &["lost 1", "lost 2", "lost 3", "lost 4", "lost 5"]);
        cluster.until_stored(longer, "lost 5");

        let newer = cluster.until_leader_other_than(longer);
        cluster.propose(newer, "kept").until_committed("kept");
        cluster.crash_all();

        cluster.heal();
        cluster.restart(longer);
        cluster.restart(newer);
        let leader = cluster.until_leader();
        cluster.expect(leader == newer, "the server with the newer log leads");
        cluster.until_converged();
        cluster.expect_committed(&["kept"]);
    }

    /// When two logs end in the same term, the server with the longer log leads.
    fn with_equal_terms_the_longer_log_wins(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [the_shorter, the_longer] = cluster.followers_of(old);
        cluster.propose(old, "shared").until_converged();
        cluster.cut(old, the_shorter);
        cluster.propose(old, "kept by two").until_stored(the_longer, "kept by two");
        cluster.crash(old);

        cluster.until_leads(the_longer);
        cluster.until_follows(the_shorter, the_longer);
        cluster.until_converged();
        cluster.expect_committed(&["shared", "kept by two"]);
    }

    /// A voter crashes after its vote is on disk, but before another server receives the vote. The voter does
    /// not vote again in this term.
    fn a_vote_survives_a_crash(cluster: &mut Cluster) {
        let (voter, candidate, term) = cluster.until_a_vote_is_on_disk();
        cluster.crash(voter);
        cluster.crash(candidate);

        cluster.restart(voter);

        let leader = cluster.until_leader();
        cluster.expect_later_term(leader, term);
        cluster.restart(candidate);
        cluster.until_converged();
    }

    /// A crashed leader is replaced. After the restart, the old leader has every acknowledged command.
    fn a_crashed_leader_is_replaced(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.propose(old, "kept").until_committed("kept");
        cluster.crash(old);

        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "also kept").until_committed("also kept");

        cluster.restart(old);
        cluster.until_converged();
        cluster.expect_committed(&["kept", "also kept"]);
        cluster.expect_leads(new);
    }

    /// A paused leader is deposed. After the pause, the old leader refuses the command that a client sent
    /// during the pause.
    fn a_paused_leader_wakes_up_deposed(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.propose(old, "kept").until_committed("kept");
        cluster.pause(old);

        let new = cluster.until_leader_other_than(old);
        cluster.propose(new, "also kept").until_committed("also kept");
        cluster.propose(old, "command during pause");

        cluster.resume(old);
        cluster.until_failed("command during pause");
        cluster.until_converged();
        cluster.expect_committed(&["kept", "also kept"]);
    }

    /// A leader restarts before another server starts an election. The restarted server does not continue as
    /// the leader of its old term.
    fn a_restarted_leader_does_not_keep_its_term(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.propose(old, "kept").until_committed("kept");
        let term = cluster.term_of(old);

        cluster.crash(old);
        cluster.restart(old);

        let leader = cluster.until_leader();
        cluster.expect_later_term(leader, term);
        cluster.until_converged();
        cluster.expect_committed(&["kept"]);
    }

    /// With pre-vote, the return of a server that was isolated for a long time causes no election.
    fn with_pre_vote_a_return_costs_no_election(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [isolated, _] = cluster.followers_of(leader);
        let term = cluster.term_of(leader);
        cluster.isolate(isolated);
        cluster.until_passed(election_timeouts(20));
        cluster.propose(leader, "meanwhile").until_committed("meanwhile");

        cluster.heal();

        cluster.until_converged();
        cluster.expect_leads(leader);
        cluster.expect_term(leader, term);
    }

    /// Without pre-vote, a server that was isolated for a long time returns with a high term and deposes the
    /// leader. No committed command is lost.
    #[cluster(plan_tweak = without_pre_vote)]
    fn without_pre_vote_a_return_costs_an_election(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [isolated, _] = cluster.followers_of(old);
        let term = cluster.term_of(old);
        cluster.isolate(isolated);
        cluster.until_passed(election_timeouts(20));
        cluster.propose(old, "meanwhile").until_committed("meanwhile");

        cluster.heal();

        cluster.until_term_above(old, term);
        cluster.until_leader();
        cluster.until_converged();
        cluster.expect_committed(&["meanwhile"]);
    }

    /// When two of three servers are down, the third server cannot lead, even after many attempts. With
    /// pre-vote, the term of this server does not grow.
    fn a_minority_never_leads(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let [last, the_other] = cluster.followers_of(leader);
        let term = cluster.term_of(leader);
        cluster.crash(leader);
        cluster.crash(the_other);

        cluster.expect_no_leader_for(election_timeouts(20));
        cluster.expect_term(last, term);

        cluster.restart(the_other);
        cluster.until_leader();
        cluster.until_converged();
    }

    /// When the two servers of a cluster cannot hear each other, no server leads. The old leader steps down soon.
    #[cluster(servers = 2)]
    fn two_partitioned_servers_have_no_leader(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        cluster.propose(old, "kept").until_committed("kept");
        cluster.isolate(old);

        cluster.until_steps_down(old);
        cluster.expect_no_leader_for(election_timeouts(10));

        cluster.heal();
        let leader = cluster.until_leader();
        cluster.propose(leader, "also kept").until_committed("also kept");
        cluster.until_converged();
        cluster.expect_committed(&["kept", "also kept"]);
    }

    /// Ten leaders follow one another. Each leader is isolated after its first command, and no command is
    /// lost.
    fn no_command_is_lost_among_ten_leaders(cluster: &mut Cluster) {
        let commands = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
        for command in commands {
            let leader = cluster.until_leader();
            cluster.propose(leader, command).until_committed(command);

            cluster.isolate(leader);
            cluster.until_leader_other_than(leader);
            cluster.heal();
        }

        cluster.until_converged();
        cluster.expect_committed(&commands);
    }

    /// A leader transfers its leadership to the server that the caller named. No election timeout expires.
    fn a_leader_transfers_its_leadership(cluster: &mut Cluster) {
        let old = cluster.until_leader();
        let [target, _] = cluster.followers_of(old);
        cluster.propose(old, "before").until_committed("before");

        cluster.transfer(old, target);
        cluster.within(election_timeouts(1)).until_leads(target);

        cluster.propose(target, "after").until_committed("after");
        cluster.until_converged();
        cluster.expect_committed(&["before", "after"]);
    }
];
