//! Bootstrapping: the servers that may bootstrap a cluster, and the time at which a bootstrap is allowed.

use crate::dsl::{Cluster, election_timeouts};
use wavetank_raft::RequestError;

stories![
    /// A cluster is bootstrapped only once: a member refuses a second bootstrap.
    fn a_cluster_is_bootstrapped_once(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let all: [_; 3] = cluster.initial_members();
        cluster.propose(leader, "kept").until_converged();

        for member in all {
            let again = cluster.bootstrap(member, &[member]);
            cluster.until_refused_because(again, &RequestError::CantBootstrap);
        }

        cluster.crash_all();
        cluster.restart_all();
        let again = cluster.bootstrap(all[0], &all);
        cluster.until_refused_because(again, &RequestError::CantBootstrap);
        cluster.until_leader();
        cluster.until_converged();
        cluster.expect_committed(&["kept"]);
    }

    /// A server that is not a member of a configuration refuses to bootstrap the configuration, and stays
    /// blank.
    #[cluster(spares = 1)]
    fn a_server_outside_the_cluster_cannot_bootstrap_it(cluster: &mut Cluster) {
        let leader = cluster.until_leader();
        let all: [_; 3] = cluster.initial_members();
        let [nonmember] = cluster.spares();

        let bootstrap = cluster.bootstrap(nonmember, &all);

        cluster.until_refused_because(bootstrap, &RequestError::NotVoter);
        cluster.expect_not_led_by(nonmember, election_timeouts(10));
        let joining = cluster.add_voter(leader, nonmember);
        cluster.until_granted(joining);
        cluster.propose(leader, "with it").until_converged();
        cluster.expect_committed(&["with it"]);
    }
];
